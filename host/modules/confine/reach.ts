/** Where a program and what belongs to it lie, and whether a user gets there. */
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isSystem } from './places.ts';
import { realOf } from './system.ts';

const SHEBANG = 256;
const SHARED = ['/', '/root', '/home', '/tmp', '/var/tmp', '/etc', '/var', '/run'];

/** The folders that a command's programs are installed in: the program itself, and what its first line names. */
export function prefixesOf(command: readonly string[], path: string | undefined): readonly string[] {
  const found = programOf(command[0] ?? '', path);
  if (found === undefined) return [];
  const [first = '', second = ''] = shebangOf(found);
  const interpreters = [first, basename(first) === 'env' ? second : ''].flatMap((name) => programOf(name, path) ?? []);
  const all = [found, ...interpreters].flatMap((one) => [one, realOf(one) ?? one]);
  return [...new Set(all.filter((one) => !isSystem(one)).map(prefixOf))];
}

function programOf(name: string, path: string | undefined): string | undefined {
  if (name === '') return undefined;
  if (isAbsolute(name)) return existsSync(name) ? name : undefined;
  return (path ?? '/usr/bin:/bin')
    .split(delimiter)
    .map((place) => join(place, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isAbsolute(path) && statSync(path).isFile();
  } catch {
    return false;
  }
}

/** A Node.js unpacked in somebody's home has its libraries beside its bin; a program that lies in a home directory itself is seen alone. */
function prefixOf(program: string): string {
  const above = dirname(dirname(program));
  const isInstalled = ['bin', 'sbin', 'shims', 'libexec'].includes(basename(dirname(program)));
  return isInstalled && !isHome(above) ? above : program;
}

/** What lies in it is of many: a home, a place for all. Never seen whole because a program lies in it. */
const isHome = (path: string): boolean => SHARED.includes(path) || path === homedir() || dirname(path) === '/home';

function shebangOf(file: string): readonly string[] {
  try {
    const fd = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(SHEBANG);
      const text = bytes.toString('latin1', 0, readSync(fd, bytes));
      const words = /^#!\s*(.+)/.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
      return words.filter((word, index) => index === 0 || !word.startsWith('-'));
    } finally {
      closeSync(fd);
    }
  } catch {
    return [];
  }
}

/** Files that the words of a command name: scripts, and what Node.js is to import. */
export function filesOf(command: readonly string[]): readonly string[] {
  const words = command.slice(1).map((word) => (word.startsWith('file:') ? pathOfUrl(word) : word));
  return [...(isAbsolute(command[0] ?? '') ? command.slice(0, 1) : []), ...words].filter((word) => isAbsolute(word) && existsSync(word));
}

function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}

/**
 * What code in this folder may import: its own package, the node_modules of it and of all folders above it, and the whole of a
 * workspace, whose packages import each other.
 */
export function importsOf(dir: string): readonly string[] {
  const found: string[] = [dir];
  for (let above = dir; above !== dirname(above); above = dirname(above)) {
    if (isWorkspace(above) && !isHome(above)) found.push(above);
    const packages = join(above, 'node_modules');
    if (basename(above) !== 'node_modules' && existsSync(packages)) found.push(packages);
  }
  return found;
}

function isWorkspace(dir: string): boolean {
  try {
    return 'workspaces' in JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  } catch {
    return false;
  }
}

/** The nearest folder of a file that is a package; else the folder that it lies in; in a home or a place for all the file alone. */
export function packageOf(file: string): string {
  if (isHome(dirname(file))) return file;
  for (let dir = dirname(file); !isHome(dir); dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json')) || existsSync(join(dir, 'module.json'))) return dir;
  }
  return dirname(file);
}

/**
 * The first on the way to `path` (a real one) that a user in no group may not use, by its mode; `from` is where its sight begins.
 * `passing`: it is enough to get to what lies in it.
 */
export function obstacle(path: string, uid: number, from = '/', passing = false): string | undefined {
  const steps: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    steps.unshift(at);
    if (at === from || at === dirname(at)) break;
  }
  return steps.find((step) => {
    const found = statSync(step, { throwIfNoEntry: false });
    if (!found) return true;
    const bits = found.uid === uid ? found.mode >> 6 : found.mode;
    const last = found.isSocket() ? 2 : 4;
    const needs = (found.isDirectory() ? 1 : 0) | (step === path && !passing ? last : 0);
    return (bits & needs) !== needs;
  });
}
