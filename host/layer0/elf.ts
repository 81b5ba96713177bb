/** What must be known of programs, libraries and kernel modules: ELF-64, little endian (System V ABI, "Object Files"). */

export type Machine = 'x86-64' | 'arm64';

export interface Elf {
  readonly machine: Machine;
  /** The loader (PT_INTERP) of a program that is linked dynamically. */
  readonly interpreter?: string;
  /** Names of shared libraries (DT_NEEDED), in their order. */
  readonly needed: readonly string[];
  /** Where it wants them looked for first (DT_RUNPATH, else DT_RPATH), as written. */
  readonly runpath: readonly string[];
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

const MACHINES: Readonly<Record<number, Machine>> = { 62: 'x86-64', 183: 'arm64' };
const HEADER = 64;
const PT = { load: 1, dynamic: 2, interpreter: 3 } as const;
const DT = { end: 0, needed: 1, strings: 5, rpath: 15, runpath: 29 } as const;
const MOST = 10_000;

function isElf(bytes: Buffer): boolean {
  return bytes.length >= HEADER && bytes.toString('latin1', 0, 4) === '\x7fELF';
}

/** Throws an Error that says what is wrong with it. */
export function readElf(bytes: Buffer): Elf {
  const machine = machineOf(bytes);
  const segments = readSegments(bytes);
  const interpreter = segments.find(({ type }) => type === PT.interpreter);
  const dynamic = segments.find(({ type }) => type === PT.dynamic);
  const tags = dynamic ? readDynamic(bytes, dynamic) : [];
  const strings = tags.find(([tag]) => tag === DT.strings)?.[1];
  const text = (offset: number): string => textAt(bytes, offsetOf(segments, (strings ?? 0) + offset));
  const all = (wanted: number): string[] => tags.filter(([tag]) => tag === wanted).map(([, value]) => text(value));
  const runpath = all(DT.runpath).length > 0 ? all(DT.runpath) : all(DT.rpath);
  return {
    machine,
    ...(interpreter && { interpreter: textAt(bytes, interpreter.offset) }),
    needed: all(DT.needed),
    runpath: runpath.flatMap((paths) => paths.split(':')).filter((path) => path !== ''),
  };
}

/**
 * Without what only debuggers and linkers read: all that lies behind the last loaded byte. What the kernel and the loader read are the
 * segments; they stay as they are, so this needs no program of the machine that builds, and gives the same bytes everywhere.
 */
export function stripElf(bytes: Buffer): Buffer {
  machineOf(bytes);
  const end = Math.max(HEADER, ...readSegments(bytes).map(({ offset, size }) => offset + size));
  if (end > bytes.length) throw new Error('it is cut off');
  const kept = Buffer.from(bytes.subarray(0, end));
  kept.writeBigUInt64LE(0n, 40); // e_shoff
  kept.writeUInt16LE(0, 60); // e_shnum
  kept.writeUInt16LE(0, 62); // e_shstrndx
  return kept;
}

/** `NAME=VALUE` of a kernel module's section .modinfo; a name may stand there often. Throws an Error for what is no module. */
export function readModinfo(bytes: Buffer): readonly (readonly [name: string, value: string])[] {
  machineOf(bytes);
  const [table, size, count, names] = [
    Number(bytes.readBigUInt64LE(40)),
    bytes.readUInt16LE(58),
    bytes.readUInt16LE(60),
    bytes.readUInt16LE(62),
  ];
  if (size < HEADER || table + size * count > bytes.length || names >= count) throw new Error('its sections are broken');
  const section = (index: number): { readonly name: number; readonly offset: number; readonly size: number } => {
    const at = table + size * index;
    return { name: bytes.readUInt32LE(at), offset: Number(bytes.readBigUInt64LE(at + 24)), size: Number(bytes.readBigUInt64LE(at + 32)) };
  };
  const { offset: strings } = section(names);
  for (let index = 0; index < count; index++) {
    const { name, offset, size: length } = section(index);
    if (textAt(bytes, strings + name) !== '.modinfo') continue;
    if (offset + length > bytes.length) throw new Error('its section .modinfo is cut off');
    const words = bytes.toString('utf8', offset, offset + length).split('\0');
    return words.flatMap((word) => {
      const [, key, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value] as const];
    });
  }
  throw new Error('it has no section .modinfo, so it is no kernel module');
}

function machineOf(bytes: Buffer): Machine {
  if (!isElf(bytes)) throw new Error('it is no ELF file');
  if (bytes[4] !== 2 || bytes[5] !== 1) throw new Error('it is not of 64 bits, little endian');
  const number = bytes.readUInt16LE(18);
  const machine = MACHINES[number];
  if (!machine) throw new Error(`it is for the ELF machine ${number}, and only x86-64 (62) and arm64 (183) are known`);
  return machine;
}

function readSegments(bytes: Buffer): Segment[] {
  const [table, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  if (count === 0) return [];
  if (size < 56 || table + size * count > bytes.length) throw new Error('its program headers are cut off');
  return Array.from({ length: count }, (_, index) => {
    const at = table + size * index;
    const word = (offset: number): number => Number(bytes.readBigUInt64LE(at + offset));
    return { type: bytes.readUInt32LE(at), offset: word(8), address: word(16), size: word(32) };
  });
}

function readDynamic(bytes: Buffer, { offset, size }: Segment): [tag: number, value: number][] {
  const tags: [number, number][] = [];
  for (let at = offset; at + 16 <= Math.min(offset + size, bytes.length) && tags.length < MOST; at += 16) {
    const tag = Number(bytes.readBigInt64LE(at));
    if (tag === DT.end) break;
    tags.push([tag, Number(bytes.readBigUInt64LE(at + 8))]);
  }
  return tags;
}

function offsetOf(segments: readonly Segment[], address: number): number {
  const holds = segments.find((one) => one.type === PT.load && address >= one.address && address < one.address + one.size);
  if (!holds) throw new Error(`nothing is loaded at its address ${address.toString(16)}`);
  return address - holds.address + holds.offset;
}

function textAt(bytes: Buffer, offset: number): string {
  const end = bytes.indexOf(0, offset);
  if (offset >= bytes.length || end < 0) throw new Error('a name in it is cut off');
  return bytes.toString('utf8', offset, end);
}
