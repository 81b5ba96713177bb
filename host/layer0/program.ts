/** Node.js and the shared libraries that it needs: found as its loader would find them, on this machine or in a cross compiler's folders. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { CpioEntry } from './cpio.ts';
import { type Elf, type Machine, readElf, stripElf } from './elf.ts';
import { missing, unfit, wordsOf } from './trouble.ts';

export interface Program {
  readonly machine: Machine;
  readonly version: string;
  readonly entries: readonly CpioEntry[];
}

/** Where the program lies in layer 0. */
const NODE = 'usr/bin/node';
/** In every build of Node.js, its version after it. */
const NAME = 'node.js/';
const LONGEST_VERSION = 32;
const TRIPLETS: Readonly<Record<Machine, string>> = { 'x86-64': 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const HERE: Readonly<Record<string, Machine>> = { x64: 'x86-64', arm64: 'arm64' };
/** By the beginning of a library's name, who has it: for the words of a refusal. */
const PACKAGES: readonly (readonly [name: string, debian: string])[] = [
  ['libstdc++', 'libstdc++6'],
  ['libgcc_s', 'libgcc-s1'],
  ['libatomic', 'libatomic1'],
  ['lib', 'libc6, or that of the library'],
  ['ld-', 'libc6'],
];
const MOST_LIBRARIES = 200;

/** `file`: Node.js; absent = the one that runs this. */
export function readProgram(file: string | undefined): Program {
  const path = file ?? process.execPath;
  const { bytes, elf } = readLinked(path, 'Node.js', 'Name another with --node');
  const entries: CpioEntry[] = [{ kind: 'file', path: NODE, mode: 0o755, bytes: stripElf(bytes) }];
  return { machine: elf.machine, version: versionOf(path, elf.machine, bytes), entries: [...entries, ...librariesOf(path, elf)] };
}

/**
 * The program by which the store is locked (`flock` of util-linux), where busybox does not bring it; with its libraries, which are those
 * of Node.js or more.
 */
export function readFlock(node: string | undefined, machine: Machine): readonly CpioEntry[] {
  const places = [join(dirname(node ?? process.execPath), 'flock'), '/usr/bin/flock', '/bin/flock'];
  const path = places.find((place) => isOf(place, machine));
  if (path === undefined)
    throw missing(
      'there is no flock',
      'layer 0',
      `for ${machine} it is none of ${places.join(', ')}, and no applet of busybox`,
      'Install the Debian package util-linux, or put flock beside the Node.js that you name with --node',
    );
  const { bytes, elf } = readLinked(path, 'flock', 'Install the Debian package util-linux anew');
  return [{ kind: 'file', path: 'usr/bin/flock', mode: 0o755, bytes: stripElf(bytes) }, ...librariesOf(path, elf)];
}

/** All that is needed, directly or not, each once; first the loader, which has its name in the program. */
function librariesOf(program: string, elf: Elf): readonly CpioEntry[] {
  const entries = new Map<string, CpioEntry>();
  const found = new Map<string, { readonly path: string; readonly elf: Elf }>();
  const queue: { readonly name: string; readonly by: string; readonly elf: Elf }[] = [];
  const want = (by: string, of: Elf): void => {
    queue.push(...of.needed.map((name) => ({ name, by, elf: of })));
  };
  if (elf.interpreter !== undefined) {
    const loader = findLibrary(elf.interpreter, program, elf, elf.machine);
    entries.set(elf.interpreter, libraryEntry(elf.interpreter, readFileSync(loader)));
    found.set(elf.interpreter.split('/').at(-1) ?? '', { path: loader, elf });
  }
  want(program, elf);
  for (let next = queue.shift(); next; next = queue.shift()) {
    if (found.has(next.name)) continue;
    if (found.size > MOST_LIBRARIES)
      throw unfit('it needs too many libraries', program, `more than ${MOST_LIBRARIES}`, 'Name another with --node');
    const path = findLibrary(next.name, next.by, next.elf, elf.machine);
    const library = readLinked(path, `the library ${next.name}`, 'Install it anew');
    found.set(next.name, { path, elf: library.elf });
    const place = placeOf(path, next.name, elf.machine);
    entries.set(place, libraryEntry(place, stripElf(library.bytes)));
    want(path, library.elf);
  }
  return [...entries.values()];
}

const libraryEntry = (place: string, bytes: Buffer): CpioEntry => ({ kind: 'file', path: place.replace(/^\/+/, ''), mode: 0o755, bytes });

/** Those of a cross compiler lie in layer 0 where the machine itself has them; all others where they are here. */
function placeOf(path: string, name: string, machine: Machine): string {
  const triplet = TRIPLETS[machine];
  return path.startsWith(`/usr/${triplet}/`) ? `/lib/${triplet}/${name}` : join(dirname(path), name);
}

/** In the order of ld.so(8), without its cache: the folders that the cache knows beyond these are in a runpath where it matters. */
function findLibrary(name: string, by: string, elf: Elf, machine: Machine): string {
  const triplet = TRIPLETS[machine];
  const cross = `/usr/${triplet}/lib`;
  const asked = elf.runpath.map((path) => normalize(path.replaceAll(/\$\{?ORIGIN\}?/g, dirname(realpathSync(by)))));
  const usual = [`/lib/${triplet}`, `/usr/lib/${triplet}`, '/lib64', '/usr/lib64', '/lib', '/usr/lib', '/usr/local/lib', cross];
  const places = name.startsWith('/')
    ? [name, join(cross, name.split('/').at(-1) ?? '')]
    : [...asked, ...usual].map((dir) => join(dir, name));
  const path = places.find((place) => isOf(place, machine));
  if (path !== undefined) return path;
  const base = name.split('/').at(-1) ?? name;
  const debian = PACKAGES.find(([start]) => base.startsWith(start))?.[1] ?? 'that of the library';
  throw missing(
    `the shared library ${base} is missing`,
    by,
    `for ${machine} it is none of ${places.join(', ')}`,
    `Install the Debian package ${debian}`,
  );
}

/** A library of the same name for another machine is passed by, as the loader does. */
function isOf(path: string, machine: Machine): boolean {
  if (!existsSync(path)) return false;
  try {
    return readElf(readFileSync(path)).machine === machine;
  } catch {
    return false;
  }
}

function readLinked(path: string, what: string, todo: string): { readonly bytes: Buffer; readonly elf: Elf } {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw missing(`${what} cannot be read`, path, wordsOf(error), todo);
  }
  try {
    return { bytes, elf: readElf(bytes) };
  } catch (error) {
    throw unfit(`${what} cannot be taken into layer 0`, path, wordsOf(error), todo);
  }
}

/** One for this machine is asked; one for another says so in its bytes, as the name under which it would speak of itself. */
function versionOf(path: string, machine: Machine, bytes: Buffer): string {
  const version = /^v(\d+)\.(\d+)\.\d+\S*/.exec(HERE[process.arch] === machine ? said(path) : written(bytes));
  if (!version) throw unfit('this is no Node.js', path, 'it does not tell its version as Node.js does', 'Name another with --node');
  const [text, major, minor] = [version[0], Number(version[1]), Number(version[2])];
  if (major < 20 || (major === 20 && minor < 19))
    throw unfit('this Node.js is too old', path, `it is ${text}`, 'Name one of 20.19 or newer with --node');
  return text.slice(1);
}

function said(path: string): string {
  const { stdout, status } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000, env: {} });
  return status === 0 ? (stdout ?? '') : '';
}

function written(bytes: Buffer): string {
  const at = bytes.indexOf(`${NAME}v`);
  return at < 0 ? '' : bytes.toString('latin1', at + NAME.length, at + NAME.length + LONGEST_VERSION).replace(/[^\w.-].*/s, '');
}
