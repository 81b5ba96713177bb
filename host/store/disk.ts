/** All that the store asks of a disk, so that tests can put a simulated one under it and take its power away. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';

export interface DiskFile {
  /** Appends. Written is not yet durable. */
  write(chunks: readonly Buffer[]): Promise<void>;
  /** Everything written, and the length, is on the medium (fdatasync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** With its parents, 0700. An existing one is left as it is. */
  makeDir(path: string): void;
  /** Names in order; none if the directory is not there. */
  list(path: string): string[];
  /** Bytes; undefined = not there. A directory has some. */
  size(path: string): number | undefined;
  /** Fewer bytes than asked for only at the end of the file. */
  read(path: string, offset: number, length: number): Buffer;
  /** `create`: must not exist, 0600. `append`: must exist. */
  open(path: string, mode: 'create' | 'append'): DiskFile;
  truncate(path: string, size: number): Promise<void>;
  rename(from: string, to: string): void;
  /** A file, or a directory with all that is in it. Not there: nothing happens. */
  remove(path: string): void;
  /** Names created, renamed and removed in this directory are on the medium. */
  syncDir(path: string): Promise<void>;
  /** Takes a directory away from all others than its owner; says so if it was open to them. */
  tighten(path: string): string[];
  /** Exclusive, gone with the process. Undefined: somebody else holds it. */
  lock(path: string): { release(): void } | undefined;
}

/** Up to here a write goes to the page cache faster than a trip to the thread pool takes. */
const INLINE_WRITE = 64 * 1024;

export const nodeDisk: Disk = {
  makeDir,
  list: (path) => {
    try {
      return fs.readdirSync(path).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  size: (path) => fs.statSync(path, { throwIfNoEntry: false })?.size,
  read: readAt,
  open: (path, mode) => openFile(fs.openSync(path, mode === 'create' ? 'ax' : fs.constants.O_WRONLY | fs.constants.O_APPEND, 0o600)),
  truncate: async (path, size) => {
    const fd = fs.openSync(path, 'r+');
    try {
      fs.ftruncateSync(fd, size);
      await synced(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.rmSync(path, { recursive: true, force: true }),
  syncDir: async (path) => {
    const fd = fs.openSync(path, 'r');
    try {
      await new Promise<void>((resolve, reject) => fs.fsync(fd, (error) => (error ? reject(error) : resolve())));
    } finally {
      fs.closeSync(fd);
    }
  },
  tighten: (path) => {
    const mode = fs.statSync(path).mode & 0o777;
    // To pass is no harm: services without bubblewrap get to their own directories so.
    if ((mode & 0o066) === 0) return [];
    fs.chmodSync(path, 0o700);
    return [`${path}: others could enter it (mode ${mode.toString(8)}); it is now 700`];
  },
  lock: lockFile,
};

const SLICE_BYTES = 1024 * 1024;

/** Writes a whole new file and makes it durable under its name; what stood there is replaced in one step. */
export async function writeWhole(disk: Disk, path: string, chunks: Iterable<Buffer>): Promise<void> {
  const part = `${path}.tmp`;
  disk.remove(part);
  const file = disk.open(part, 'create');
  try {
    let slice: Buffer[] = [];
    let bytes = 0;
    for (const chunk of chunks) {
      slice.push(chunk);
      bytes += chunk.length;
      if (bytes < SLICE_BYTES) continue;
      await file.write(slice);
      slice = [];
      bytes = 0;
    }
    await file.write(slice);
    await file.sync();
  } finally {
    await file.close();
  }
  disk.rename(part, path);
  await disk.syncDir(dirname(path));
}

/** At most so many quarantined files are kept beside the store, the newest. */
const LOST_KEPT = 8;

/** Puts a copy of damaged bytes beside the store, for people; says where. */
export async function quarantine(disk: Disk, lostDir: string, name: string, bytes: Buffer): Promise<string> {
  disk.makeDir(lostDir);
  const numbers = disk.list(lostDir).map((entry) => Number.parseInt(entry, 10) || 0);
  const path = join(lostDir, `${String(Math.max(0, ...numbers) + 1).padStart(6, '0')}-${name}`);
  await writeWhole(disk, path, [bytes]);
  const entries = disk.list(lostDir);
  for (const old of entries.slice(0, Math.max(0, entries.length - LOST_KEPT))) disk.remove(join(lostDir, old));
  return path;
}

/**
 * flock(2) belongs to the open file, which the short-lived `flock` command shares with us: the lock stays with our
 * descriptor and goes when this process goes, however it goes. It holds across network and pid namespaces, and no child
 * inherits it (Node opens files close-on-exec). The file itself stays: removing it would let two hold "the" lock.
 */
function lockFile(path: string): { release(): void } | undefined {
  const fd = fs.openSync(path, 'a', 0o600);
  const { status, error } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (status === 0) return { release: () => fs.closeSync(fd) };
  fs.closeSync(fd);
  if (error) throw error;
  return undefined;
}

function openFile(fd: number): DiskFile {
  return {
    write: async (chunks) => {
      let rest = chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);
      while (rest.length > 0) rest = rest.subarray(await written(fd, rest));
    },
    sync: () => synced(fd),
    close: () => new Promise((resolve, reject) => fs.close(fd, (error) => (error ? reject(error) : resolve()))),
  };
}

function written(fd: number, bytes: Buffer): number | Promise<number> {
  if (bytes.length <= INLINE_WRITE) return fs.writeSync(fd, bytes);
  return new Promise((resolve, reject) => fs.write(fd, bytes, (error, count) => (error ? reject(error) : resolve(count))));
}

function synced(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fs.fdatasync(fd, (error) => (error ? reject(error) : resolve())));
}

function readAt(path: string, offset: number, length: number): Buffer {
  const fd = fs.openSync(path, 'r');
  try {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const count = fs.readSync(fd, bytes, done, length - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  } finally {
    fs.closeSync(fd);
  }
}

/** Not mkdirSync's `recursive`, which never returns where a parent is there but takes no directory (/proc). */
function makeDir(path: string): void {
  try {
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    if (!isMissing(error) || fs.existsSync(dirname(path))) throw error;
    makeDir(dirname(path));
    fs.mkdirSync(path, { mode: 0o700 });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
