/** A Source over a folder of its own and bytes in memory, which remembers what it was asked. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Protocol, Served, Source } from '../../served.ts';

export class TestSource implements Source {
  readonly folder: string;
  readonly opened: string[] = [];
  readonly finished: { name: string; from: string; by: Protocol; bytes: number }[] = [];
  readonly logged: string[] = [];
  /** While it is set, nothing is answered. */
  gate: Promise<void> | undefined;
  readonly #bytes = new Map<string, Buffer>();

  constructor(folder = mkdtempSync(join(tmpdir(), 'kraken-served-'))) {
    this.folder = folder;
  }

  /** In memory. */
  bytes(name: string, bytes: Buffer | string): Buffer {
    const buffer = Buffer.from(bytes);
    this.#bytes.set(name, buffer);
    return buffer;
  }

  /** On disk. */
  file(name: string, bytes: Buffer): string {
    writeFileSync(join(this.folder, name), bytes);
    return join(this.folder, name);
  }

  async open(name: string, from: string, by: Protocol): Promise<Served> {
    this.opened.push(`${by} ${from} ${name}`);
    await this.gate;
    if (name === 'forbidden') return { kind: 'refused', status: 403, why: 'it is not for you' };
    if (name === 'later') return { kind: 'refused', status: 503, why: 'it is not built yet' };
    if (name === 'fault') throw new Error('the source is out of order');
    const bytes = this.#bytes.get(name);
    if (bytes !== undefined) return { kind: 'bytes', type: 'text/plain', bytes, etag: `"${name}"` };
    const path = join(this.folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return { kind: 'refused', status: 404, why: `there is no file ${name} for this node` };
    const { size, mtimeMs } = stat;
    return { kind: 'file', type: 'application/octet-stream', path, size, mtimeMs, etag: `"${size}-${mtimeMs}"` };
  }

  done(name: string, from: string, by: Protocol, bytes: number): void {
    this.finished.push({ name, from, by, bytes });
  }

  readonly log = (level: string, message: string): void => {
    this.logged.push(`${level} ${message}`);
  };

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Bytes that tell where they are from: no two places look the same. */
export function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32BE((at * 2654435761) >>> 0, at);
  return bytes;
}

/** Until it is so; fails with the words after 5 s. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 5000; !isSo(); await sleep(5))
    if (performance.now() > end) throw new Error(`waited 5 s in vain: ${what}`);
}
