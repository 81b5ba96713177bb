/** `kraken layer0 build`: the initramfs that a node boots, and beside it the kernel and iPXE, as the pxe service serves them. */
import { createHash, randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBusybox } from './busybox.ts';
import { readCode, readInit } from './code.ts';
import { type Compression, compress, LEVELS } from './compress.ts';
import { type CpioEntry, packCpio } from './cpio.ts';
import type { Machine } from './elf.ts';
import { readKernel } from './kernel.ts';
import { moduleTables, type PickedModule } from './modules.ts';
import { type Part, partsOf } from './parts.ts';
import { readFlock, readProgram } from './program.ts';
import { unfit, wordsOf } from './trouble.ts';

export interface Layer0Options {
  /** A folder, made where it is not there: kernel, initramfs, iPXE. */
  readonly out: string;
  /** A file, or `none` for an initramfs without kernel and modules; absent = that of `modules`, or the newest in /boot. */
  readonly kernel?: string;
  /** lib/modules/VERSION, or the .deb of a kernel, which then has the kernel too. */
  readonly modules?: string;
  readonly busybox?: string;
  /** Node.js; absent = the one that runs this. */
  readonly node?: string;
  /** Beside those of network cards; these are loaded at every boot. */
  readonly addModules?: readonly string[];
  /** Modules of Kraken that run on the node, each as a service of its name. */
  readonly plugins?: readonly string[];
  readonly compress?: Compression;
  readonly level?: number;
}

/** What is in /etc/kraken/layer0.json. */
export interface Layer0Facts {
  readonly format: 1;
  /** 16 hexadecimal digits: of all that is in it. */
  readonly id: string;
  readonly machine: Machine;
  readonly kraken: string;
  readonly node: string;
  readonly busybox: string;
  readonly kernel?: { readonly version: string; readonly sha256: string };
  readonly plugins: readonly string[];
  readonly packages: readonly string[];
  /** In the order of loading. */
  readonly modules: readonly string[];
  readonly parts: readonly Part[];
}

export interface Layer0Report extends Layer0Facts {
  readonly out: string;
  /** Names in `out`. */
  readonly written: readonly string[];
  readonly bytes: { readonly initramfs: number; readonly unpacked: number; readonly kernel?: number };
  readonly sha256: string;
  readonly seconds: number;
}

/** Where Debian's package ipxe has them. */
const IPXE = '/usr/lib/ipxe';
const LOADERS: Readonly<Record<Machine, readonly string[]>> = {
  'x86-64': ['undionly.kpxe', 'snponly.efi'],
  arm64: ['snponly-arm64.efi'],
};

/** Rejects with a RefusalError that says what is missing, where it was looked for, and who has it. */
export async function buildLayer0(options: Layer0Options): Promise<Layer0Report> {
  const started = performance.now();
  const { out, plugins = [], addModules = [], compress: as = 'zstd', level = LEVELS[as].release } = options;
  const program = readProgram(options.node);
  const kernel = await readKernel({ ...only(options, 'kernel'), ...only(options, 'modules'), addModules });
  const busybox = readBusybox(options.busybox, program.machine);
  const code = readCode(plugins);
  const hasFlock = busybox.entries.some(({ path }) => path === 'bin/flock');
  const entries = once([
    ...program.entries,
    ...(hasFlock ? [] : readFlock(options.node, program.machine)),
    ...busybox.entries,
    ...code.entries,
    ...(kernel ? moduleEntries(kernel.version, kernel.modules, addModules) : []),
    ...frame(plugins),
  ]);
  const sha256 = kernel ? digest(kernel.bytes) : undefined;
  const facts: Layer0Facts = {
    format: 1,
    id: idOf(entries, sha256),
    machine: program.machine,
    kraken: code.version,
    node: program.version,
    busybox: busybox.version,
    ...(kernel && sha256 !== undefined && { kernel: { version: kernel.version, sha256 } }),
    plugins: [...new Set(plugins)].sort(),
    packages: code.packages,
    modules: kernel?.modules.map(({ name }) => name) ?? [],
    parts: partsOf(entries),
  };
  const archive = packCpio(withFolders([...entries, text('etc/kraken/layer0.json', `${JSON.stringify(facts, null, 1)}\n`)]));
  const initramfs = await compress(archive, as, level);
  const written = write(out, { initramfs, ...(kernel && { kernel: kernel.bytes }), ...loaders(program.machine) });
  return {
    ...facts,
    out,
    written,
    bytes: { initramfs: initramfs.length, unpacked: archive.length, ...(kernel && { kernel: kernel.bytes.length }) },
    sha256: digest(initramfs),
    seconds: (performance.now() - started) / 1000,
  };
}

/** What is not made of other things: /init, configuration, places for file systems, a console for the kernel to open. */
function frame(plugins: readonly string[]): CpioEntry[] {
  const services = Object.fromEntries([...new Set(plugins)].sort().map((name) => [name, { module: name }]));
  const config = `sync: { selfReboot: true }\nservices: ${JSON.stringify(services)}\nsettings: {}\n`;
  const places = ['dev', 'proc', 'sys', 'run', 'tmp', 'root', 'mnt', 'var/lib'].map(
    (path): CpioEntry => ({ kind: 'folder', path, mode: MODES[path] ?? 0o755 }),
  );
  return [
    { kind: 'file', path: 'init', mode: 0o755, bytes: readInit() },
    text('etc/kraken/kraken.yaml', config),
    text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
    text('etc/group', 'root:x:0:\n'),
    text('etc/hosts', '127.0.0.1 localhost\n::1 localhost\n'),
    { kind: 'link', path: 'sbin', target: 'bin' },
    { kind: 'link', path: 'usr/sbin', target: '../bin' },
    { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { kind: 'device', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
    { kind: 'link', path: 'usr/bin/kraken', target: '../../kraken/kraken' },
    { kind: 'file', path: 'kraken/kraken', mode: 0o755, bytes: Buffer.from('#!/bin/sh\nexec /usr/bin/node /kraken/kraken.js "$@"\n') },
    ...places,
  ];
}

const MODES: Readonly<Record<string, number>> = { tmp: 0o1777, root: 0o700 };

function text(path: string, content: string): CpioEntry {
  return { kind: 'file', path, mode: 0o644, bytes: Buffer.from(content) };
}

/** All in one folder, whatever the kernel's own order of folders: modprobe goes by its tables. */
function moduleEntries(version: string, modules: readonly PickedModule[], always: readonly string[]): CpioEntry[] {
  const dir = `lib/modules/${version}`;
  const tables = moduleTables(modules);
  return [
    ...modules.map(({ name, bytes }): CpioEntry => ({ kind: 'file', path: `${dir}/${name}.ko`, mode: 0o644, bytes })),
    text(`${dir}/modules.dep`, tables.dep),
    text(`${dir}/modules.alias`, tables.alias),
    text('etc/kraken/modules', always.map((name) => `${name}\n`).join('')),
  ];
}

/** Programs share libraries. */
function once(entries: readonly CpioEntry[]): readonly CpioEntry[] {
  return [...new Map(entries.map((entry) => [entry.path, entry])).values()];
}

/** The folders above everything, which the kernel does not make by itself. */
function withFolders(entries: readonly CpioEntry[]): CpioEntry[] {
  const all = new Map<string, CpioEntry>(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries)
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at);
      if (!all.has(folder)) all.set(folder, { kind: 'folder', path: folder, mode: 0o755 });
    }
  return [...all.values()];
}

/** The same for the same contents, whatever they are compressed with. */
function idOf(entries: readonly CpioEntry[], kernel: string | undefined): string {
  const lines = entries.map((entry) => JSON.stringify([entry.path, entry.kind, ...wordsOfEntry(entry)]));
  return digest(Buffer.from([...lines.sort(), kernel ?? ''].join('\n'))).slice(0, 16);
}

function wordsOfEntry(entry: CpioEntry): readonly (string | number)[] {
  switch (entry.kind) {
    case 'file':
      return [entry.mode, digest(entry.bytes)];
    case 'link':
      return [entry.target];
    case 'folder':
      return [entry.mode];
    case 'device':
      return [entry.mode, entry.major, entry.minor];
    default:
      return entry satisfies never;
  }
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function loaders(machine: Machine): Record<string, Buffer> {
  const found = LOADERS[machine].filter((name) => existsSync(join(IPXE, name)));
  return Object.fromEntries(found.map((name) => [name, readFileSync(join(IPXE, name))]));
}

/** Each whole or not at all: a node may be fetching them now. Readable by all, whatever the umask, as they hold no secret. */
function write(out: string, files: Readonly<Record<string, Buffer>>): readonly string[] {
  try {
    mkdirSync(out, { recursive: true });
    for (const [name, bytes] of Object.entries(files)) {
      const beside = join(out, `.${name}.${randomUUID()}`);
      try {
        writeFileSync(beside, bytes);
        chmodSync(beside, 0o644);
        renameSync(beside, join(out, name));
      } finally {
        rmSync(beside, { force: true });
      }
    }
  } catch (error) {
    throw unfit('it cannot be written', out, wordsOf(error), 'Name another folder with --out');
  }
  return Object.keys(files);
}

/** The member, where it is there. */
function only<O extends object, K extends keyof O>(options: O, name: K): Partial<Pick<O, K>> {
  return options[name] === undefined ? {} : ({ [name]: options[name] } as Partial<Pick<O, K>>);
}
