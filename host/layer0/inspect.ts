/** `kraken layer0 inspect`: what is in an initramfs, ours or another. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Layer0Facts } from './build.ts';
import { type Compression, compressionOf, decompress } from './compress.ts';
import { type CpioFound, readCpio } from './cpio.ts';
import { type Part, partsOf } from './parts.ts';
import { missing, unfit, wordsOf } from './trouble.ts';

export interface Layer0Inspection {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly compression: Compression;
  readonly unpacked: number;
  readonly entries: number;
  /** Absent: kraken layer0 build did not make it. */
  readonly facts?: Omit<Layer0Facts, 'parts'>;
  readonly parts: readonly Part[];
  readonly biggest: readonly { readonly path: string; readonly bytes: number }[];
}

const LARGEST = 1 << 30;
const BIGGEST = 12;

/** Rejects with a RefusalError. */
export async function inspectLayer0(file: string): Promise<Layer0Inspection> {
  const bytes = readWhole(file);
  const { entries, compression, unpacked } = await unpack(bytes, file);
  const files = entries.filter(({ kind }) => kind === 'file');
  const facts = factsOf(files, file);
  return {
    file,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    compression,
    unpacked,
    entries: entries.length,
    ...(facts && { facts }),
    parts: partsOf(entries),
    biggest: files
      .map(({ path, bytes: content }) => ({ path, bytes: content.length }))
      .sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1))
      .slice(0, BIGGEST),
  };
}

function readWhole(file: string): Buffer {
  try {
    const { size } = statSync(file);
    if (size <= LARGEST) return readFileSync(file);
  } catch (error) {
    throw missing('it cannot be read', file, wordsOf(error), 'Name an initramfs; kraken layer0 build --out DIR makes DIR/initramfs');
  }
  throw unfit('it is no initramfs', file, 'it is larger than 1 GiB', 'Name another file');
}

/** Archives may follow each other, the last of them compressed: so distributions put microcode before theirs. */
async function unpack(bytes: Buffer, file: string): Promise<{ entries: CpioFound[]; compression: Compression; unpacked: number }> {
  const entries: CpioFound[] = [];
  let compression: Compression = 'none';
  let unpacked = 0;
  let rest = bytes;
  while (rest.length > 0) {
    const found = compressionOf(rest);
    if (found === undefined)
      throw unfit('it is no initramfs', file, 'it begins neither as cpio (newc) nor as zstd nor as gzip', 'Name another file');
    if (found !== 'none') {
      compression = found;
      rest = await decompress(rest, found, file);
      if (compressionOf(rest) !== 'none')
        throw unfit('it is no initramfs', file, `what is compressed with ${found} is no cpio (newc)`, 'Name another file');
    }
    const archive = read(rest, file);
    entries.push(...archive.entries);
    unpacked += archive.end;
    rest = afterZeros(rest.subarray(archive.end));
  }
  if (entries.length === 0) throw unfit('it is no initramfs', file, 'it is empty', 'Name another file');
  return { entries, compression, unpacked };
}

function read(bytes: Buffer, file: string): ReturnType<typeof readCpio> {
  try {
    return readCpio(bytes);
  } catch (error) {
    throw unfit('it cannot be read', file, wordsOf(error), 'Build it anew, or fetch it again');
  }
}

function afterZeros(bytes: Buffer): Buffer {
  let at = 0;
  while (at < bytes.length && bytes[at] === 0) at += 1;
  return bytes.subarray(at);
}

function factsOf(files: readonly CpioFound[], file: string): Omit<Layer0Facts, 'parts'> | undefined {
  const found = files.find(({ path }) => path === 'etc/kraken/layer0.json');
  if (!found) return undefined;
  try {
    const { parts: _, ...facts } = JSON.parse(found.bytes.toString()) as Layer0Facts;
    if (facts.format === 1 && typeof facts.id === 'string') return facts;
  } catch {
    // As below.
  }
  throw unfit(
    'its etc/kraken/layer0.json cannot be read',
    file,
    'it is of another format',
    'Read it with the version of Kraken that built it',
  );
}
