/** The compression of an initramfs. zstd is the program, which every Node.js can run and every version of which reads the others. */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { execa } from 'execa';
import { missing, unfit, wordsOf } from './trouble.ts';

export type Compression = 'zstd' | 'gzip' | 'none';

/** The highest level that each has, and the one for what is kept; zstd beyond 19 would make nodes need 128 MB to unpack it. */
export const LEVELS: Readonly<Record<Compression, { readonly most: number; readonly release: number }>> = {
  zstd: { most: 19, release: 19 },
  gzip: { most: 9, release: 9 },
  none: { most: 0, release: 0 },
};

const LARGEST = 1 << 30;

/** The same bytes for the same bytes, whatever the machine's cores; another version of zstd may give others. */
export async function compress(bytes: Buffer, as: Compression, level: number): Promise<Buffer> {
  switch (as) {
    case 'zstd':
      return zstd([`-${level}`, '-T0'], bytes, 'initramfs');
    case 'gzip':
      return promisify(gzip)(bytes, { level });
    case 'none':
      return bytes;
    default:
      return as satisfies never;
  }
}

/** How a part of an initramfs begins; undefined = as nothing that we know. */
export function compressionOf(bytes: Buffer, at = 0): Compression | undefined {
  const start = bytes.toString('latin1', at, at + 6);
  if (start.startsWith('\x28\xb5\x2f\xfd')) return 'zstd';
  if (start.startsWith('\x1f\x8b')) return 'gzip';
  return /^07070[12]$/.test(start) ? 'none' : undefined;
}

export async function decompress(bytes: Buffer, from: Compression, where: string): Promise<Buffer> {
  switch (from) {
    case 'zstd':
      return zstd(['-d'], bytes, where);
    case 'gzip':
      return promisify(gunzip)(bytes, { maxOutputLength: LARGEST }).catch((error: unknown) => {
        throw unfit('it cannot be unpacked', where, wordsOf(error), 'Build it anew, or fetch it again');
      });
    case 'none':
      return bytes;
    default:
      return from satisfies never;
  }
}

async function zstd(args: readonly string[], input: Buffer, where: string): Promise<Buffer> {
  const result = await execa('zstd', ['-q', '-c', ...args], { input, encoding: 'buffer', maxBuffer: LARGEST, reject: false });
  if (result.code === 'ENOENT')
    throw missing('zstd is not installed', where, 'no program of this name is in PATH', 'apt install zstd; or take gzip or none');
  if (result.failed)
    throw unfit(
      'zstd failed',
      where,
      Buffer.from(result.stderr).toString().trim() || (result.shortMessage ?? ''),
      'Build it anew, or fetch it again',
    );
  return Buffer.from(result.stdout.buffer, result.stdout.byteOffset, result.stdout.byteLength);
}
