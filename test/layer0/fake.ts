/** Programs, kernels and modules that are just enough for layer 0 to be built of them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface FakeElf {
  /** 62: x86-64, 183: arm64. */
  readonly machine?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly runpath?: string;
  /** `NAME=VALUE` each. */
  readonly modinfo?: readonly string[];
  /** Within what is loaded. */
  readonly text?: string;
  /** Behind what is loaded: what strip takes away. */
  readonly symbols?: string;
}

const BASE = 0x10000;

/** One loaded segment of all but the symbols; the addresses begin at BASE, so that an offset taken for an address is noticed. */
export function fakeElf({ machine = 183, interpreter, needed = [], runpath, modinfo, text = '', symbols = 'symbols' }: FakeElf): Buffer {
  const pieces: Buffer[] = [Buffer.alloc(64 + 3 * 56)];
  const size = (): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
  const add = (piece: Buffer): number => {
    const at = size();
    pieces.push(piece);
    return at;
  };
  const strings = ['', ...needed, runpath ?? ''].map((name) => Buffer.from(`${name}\0`));
  const offsetOf = (index: number): number => strings.slice(0, index).reduce((sum, one) => sum + one.length, 0);
  const interpreterAt = add(Buffer.from(`${interpreter ?? ''}\0`));
  const stringsAt = add(Buffer.concat(strings));
  add(Buffer.from(text));
  const tags: [number, number][] = needed.map((_, index) => [1, offsetOf(index + 1)]);
  if (runpath !== undefined) tags.push([29, offsetOf(needed.length + 1)]);
  tags.push([5, BASE + stringsAt], [0, 0]);
  const dynamicAt = add(Buffer.from(BigUint64Array.from(tags.flat(), BigInt).buffer));
  const end = size();
  const infoAt = add(Buffer.from((modinfo ?? []).map((word) => `${word}\0`).join('')));
  const infoEnd = size();
  add(Buffer.from(symbols));
  const namesAt = add(Buffer.from('\0.modinfo\0'));
  const sectionsAt = add(sections(infoAt, infoEnd - infoAt, namesAt));
  const bytes = Buffer.concat(pieces);
  bytes.write('\x7fELF\x02\x01\x01', 'latin1');
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeBigUInt64LE(BigInt(sectionsAt), 40);
  for (const [value, at] of [
    [56, 54],
    [3, 56],
    [64, 58],
    [3, 60],
    [2, 62],
  ] as const)
    bytes.writeUInt16LE(value, at);
  segment(bytes, 0, 1, 0, end);
  segment(bytes, 1, needed.length > 0 || runpath !== undefined ? 2 : 0, dynamicAt, 16 * tags.length);
  segment(bytes, 2, interpreter === undefined ? 0 : 3, interpreterAt, (interpreter ?? '').length + 1);
  return bytes;
}

/** None, .modinfo, and their names. */
function sections(infoAt: number, infoSize: number, namesAt: number): Buffer {
  const table = Buffer.alloc(3 * 64);
  table.writeUInt32LE(1, 64);
  table.writeBigUInt64LE(BigInt(infoAt), 64 + 24);
  table.writeBigUInt64LE(BigInt(infoSize), 64 + 32);
  table.writeBigUInt64LE(BigInt(namesAt), 128 + 24);
  return table;
}

function segment(bytes: Buffer, index: number, type: number, offset: number, size: number): void {
  const at = 64 + 56 * index;
  bytes.writeUInt32LE(type, at);
  bytes.writeBigUInt64LE(BigInt(offset), at + 8);
  bytes.writeBigUInt64LE(BigInt(BASE + offset), at + 16);
  bytes.writeBigUInt64LE(BigInt(size), at + 32);
}

export const APPLETS = [
  '[',
  '[[',
  'busybox',
  'cat',
  'cut',
  'find',
  'flock',
  'hostname',
  'ip',
  'kill',
  'mkdir',
  'modprobe',
  'mount',
  'poweroff',
  'reboot',
].concat(...['setsid', 'sh', 'sleep', 'sort', 'stty', 'sync', 'tr', 'uname']);

export function fakeBusybox(applets: readonly string[] = APPLETS, more: FakeElf = {}): Buffer {
  return fakeElf({ text: `BusyBox v1.35.0 (fake)\0${applets.map((name) => `${name}\0`).join('')}\0`, ...more });
}

/** As a bzImage says its version. */
export function fakeKernel(version: string): Buffer {
  const bytes = Buffer.alloc(0x400);
  bytes.write('HdrS', 0x202, 'latin1');
  bytes.writeUInt16LE(0x100, 0x20e);
  bytes.write(`${version} (somebody@somewhere) #1 SMP\0`, 0x300, 'latin1');
  return bytes;
}

export function fakeModule(depends: string, ...more: readonly string[]): Buffer {
  return fakeElf({ modinfo: ['license=GPL', `depends=${depends}`, ...more] });
}

/** Files by their paths below `dir`. */
export function plant(dir: string, files: Readonly<Record<string, Buffer | string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
}
