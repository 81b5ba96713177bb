/**
 * A disk in memory with a page cache, whose power can be cut at any operation. What survives: what was synced; of the rest,
 * by seed, any subset of sectors (the others read as zeros or as old garbage), any length up to the written one, and of the
 * names changed in a directory since its last sync the first few.
 */
import { basename, dirname } from 'node:path';
import { seededRandom } from '../../host/core/random.ts';
import type { Disk, DiskFile } from '../../host/store/disk.ts';

const SECTOR = 512;

export class PowerOff extends Error {}

interface File {
  kind: 'file';
  data: Buffer;
  size: number;
  /** Bytes from the start that are on the medium. */
  synced: number;
}

interface Dir {
  kind: 'dir';
  now: Map<string, Entry>;
  kept: Map<string, Entry>;
  pending: ((names: Map<string, Entry>) => void)[];
}

type Entry = File | Dir;

export interface Faults {
  /** The power goes at this operation; 0 = never. */
  powerOffAt?: number;
  /** Syncs of files, of directories, do nothing (and say that they did). */
  flushFiles?: boolean;
  flushDirs?: boolean;
  /** Writes and syncs fail from this operation on, with this code. */
  failAt?: number;
  code?: 'ENOSPC' | 'EIO';
}

export class SimDisk implements Disk {
  operations = 0;
  readonly faults: Faults;
  /** Settles when the power has gone. */
  readonly off: Promise<void>;
  readonly #root: Dir;
  readonly #random: () => number;
  readonly #locks = new Set<string>();
  #down = false;
  #cut: () => void = () => {};

  constructor(seed: number, faults: Faults = {}, root: Dir = emptyDir()) {
    this.#random = seededRandom(seed);
    this.faults = faults;
    this.#root = root;
    this.off = new Promise((resolve) => {
      this.#cut = resolve;
    });
  }

  get isOff(): boolean {
    return this.#down;
  }

  cutPower(): void {
    this.#down = true;
    this.#cut();
  }

  /** The disk as it is found when the power is back. */
  afterPowerLoss(seed: number, faults: Faults = {}): SimDisk {
    const random = seededRandom(seed);
    return new SimDisk(seed, faults, survive(this.#root, random) as Dir);
  }

  /** As after kill -9: the page cache is still there. */
  afterKill(seed: number, faults: Faults = {}): SimDisk {
    return new SimDisk(seed, faults, this.#root);
  }

  /** Every file with its path, for tests that damage one. */
  files(): { path: string; flip(offset: number, mask: number): void; size: number }[] {
    const found: { path: string; flip(offset: number, mask: number): void; size: number }[] = [];
    const visit = (entry: Entry, path: string) => {
      if (entry.kind === 'dir') for (const [name, child] of entry.now) visit(child, `${path}/${name}`);
      else found.push({ path, size: entry.size, flip: (offset, mask) => (entry.data[offset] = (entry.data[offset] ?? 0) ^ mask) });
    };
    visit(this.#root, '');
    return found;
  }

  makeDir(path: string): void {
    this.#step();
    let dir = this.#root;
    for (const name of path.split('/').filter(Boolean)) {
      let next = dir.now.get(name);
      if (!next) {
        next = emptyDir();
        change(dir, (names) => names.set(name, next as Dir));
      }
      if (next.kind !== 'dir') throw new Error(`ENOTDIR ${path}`);
      dir = next;
    }
  }

  list(path: string): string[] {
    const entry = this.#find(path);
    return entry?.kind === 'dir' ? [...entry.now.keys()].sort() : [];
  }

  size(path: string): number | undefined {
    const entry = this.#find(path);
    return entry?.kind === 'file' ? entry.size : entry ? 4096 : undefined;
  }

  read(path: string, offset: number, length: number): Buffer {
    const file = this.#file(path);
    return Buffer.from(file.data.subarray(offset, Math.min(file.size, offset + length)));
  }

  open(path: string, mode: 'create' | 'append'): DiskFile {
    this.#step();
    if (mode === 'create') {
      if (this.#find(path)) throw new Error(`EEXIST ${path}`);
      const fresh: File = { kind: 'file', data: Buffer.alloc(0), size: 0, synced: 0 };
      change(this.#dir(dirname(path)), (names) => names.set(basename(path), fresh));
    }
    const file = this.#file(path);
    return {
      write: async (chunks) => {
        const bytes = Buffer.concat([...chunks]);
        const failure = this.#failure();
        // A crash or a full disk may come in the middle of a write.
        if (failure || (this.faults.powerOffAt && this.operations + 1 >= this.faults.powerOffAt))
          extend(file, bytes.subarray(0, Math.floor(this.#random() * bytes.length)));
        if (failure) throw failure;
        await this.#pass();
        if (this.#down) await never();
        extend(file, bytes);
      },
      sync: async () => {
        const size = file.size;
        const failure = this.#failure();
        if (failure) throw failure;
        await this.#pass();
        if (this.#down) await never();
        if (this.faults.flushFiles !== false) file.synced = Math.max(file.synced, size);
      },
      close: () => (this.#down ? never() : Promise.resolve()),
    };
  }

  async truncate(path: string, size: number): Promise<void> {
    await this.#pass();
    const file = this.#file(path);
    file.size = size;
    file.synced = Math.min(file.synced, size);
    file.data = Buffer.from(file.data.subarray(0, size));
  }

  rename(from: string, to: string): void {
    this.#step();
    const entry = this.#find(from);
    if (!entry) throw new Error(`ENOENT ${from}`);
    const [source, target] = [this.#dir(dirname(from)), this.#dir(dirname(to))];
    if (source !== target) throw new Error('the simulated disk renames in one directory only');
    change(source, (names) => {
      names.delete(basename(from));
      names.set(basename(to), entry);
    });
  }

  remove(path: string): void {
    this.#step();
    if (this.#find(path)) change(this.#dir(dirname(path)), (names) => names.delete(basename(path)));
  }

  async syncDir(path: string): Promise<void> {
    const dir = this.#dir(path);
    const count = dir.pending.length;
    await this.#pass();
    if (this.#down) await never();
    if (this.faults.flushDirs === false) return;
    for (const apply of dir.pending.splice(0, count)) apply(dir.kept);
  }

  tighten(): string[] {
    return [];
  }

  lock(path: string): { release(): void } | undefined {
    this.#step();
    if (this.#locks.has(path)) return undefined;
    this.#locks.add(path);
    if (!this.#find(path)) this.open(path, 'create');
    return { release: () => this.#locks.delete(path) };
  }

  #step(): void {
    this.operations += 1;
    if (this.faults.powerOffAt && this.operations >= this.faults.powerOffAt) this.cutPower();
    if (this.#down) throw new PowerOff();
  }

  /** An operation that takes a while; after the power has gone it never ends. */
  async #pass(): Promise<void> {
    this.operations += 1;
    if (this.faults.powerOffAt && this.operations >= this.faults.powerOffAt) this.cutPower();
    for (let wait = Math.floor(this.#random() * 4); wait > 0 && !this.#down; wait -= 1)
      await new Promise((resolve) => setImmediate(resolve));
    if (this.#down) await never();
  }

  #failure(): Error | undefined {
    if (!this.faults.failAt || this.operations < this.faults.failAt) return undefined;
    const { code = 'EIO' } = this.faults;
    return Object.assign(new Error(code === 'EIO' ? 'EIO: i/o error, write' : 'ENOSPC: no space left on device, write'), { code });
  }

  #find(path: string): Entry | undefined {
    let entry: Entry | undefined = this.#root;
    for (const name of path.split('/').filter(Boolean)) entry = entry?.kind === 'dir' ? entry.now.get(name) : undefined;
    return entry;
  }

  #file(path: string): File {
    const entry = this.#find(path);
    if (entry?.kind !== 'file') throw new Error(`ENOENT ${path}`);
    return entry;
  }

  #dir(path: string): Dir {
    const entry = this.#find(path);
    if (entry?.kind !== 'dir') throw new Error(`ENOENT ${path}`);
    return entry;
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function emptyDir(): Dir {
  return { kind: 'dir', now: new Map(), kept: new Map(), pending: [] };
}

function change(dir: Dir, apply: (names: Map<string, Entry>) => void): void {
  apply(dir.now);
  dir.pending.push(apply);
}

function extend(file: File, bytes: Buffer): void {
  file.data = Buffer.concat([file.data.subarray(0, file.size), bytes]);
  file.size = file.data.length;
}

function survive(entry: Entry, random: () => number): Entry {
  if (entry.kind === 'file') return surviveFile(entry, random);
  const names = new Map(entry.kept);
  const some = entry.pending.slice(0, Math.floor(random() * (entry.pending.length + 1)));
  for (const apply of some) apply(names);
  const left = new Map([...names].map(([name, child]) => [name, survive(child, random)]));
  return { kind: 'dir', now: left, kept: new Map(left), pending: [] };
}

function surviveFile(file: File, random: () => number): File {
  const loose = file.size - file.synced;
  const size = file.synced + (random() < 0.5 ? loose : Math.floor(random() * (loose + 1)));
  const data = Buffer.from(file.data.subarray(0, size));
  const share = [0, 0.5, 0.9, 1][Math.floor(random() * 4)] ?? 1;
  const garbage = random() < 0.3;
  for (let at = file.synced; at < size; at = (Math.floor(at / SECTOR) + 1) * SECTOR) {
    if (random() < share) continue;
    const end = Math.min(size, (Math.floor(at / SECTOR) + 1) * SECTOR);
    for (let offset = at; offset < end; offset += 1) data[offset] = garbage ? Math.floor(random() * 256) : 0;
  }
  return { kind: 'file', data, size, synced: size };
}
