/**
 * Files that many clients read at once: one descriptor each however many they are, and their pages in one cache that is bounded in bytes.
 * A page is one Buffer that is handed to all sockets, never copied and never written again.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Bytes of a page; the last one of a file is shorter. */
export const PAGE = 64 * 1024;
/** A file that nobody reads stays open so long: the next client of a rack that boots comes soon. */
const IDLE_MS = 10_000;

/** A file as it is meant to be: the one that was looked at when it was decided to serve it. */
export interface FileVersion {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** One client's view. `page` is at hand or rejects with FileChanged or an error of the disk; to be released exactly when no longer read. */
export interface Reader {
  readonly size: number;
  page(index: number): Buffer | Promise<Buffer>;
  release(): void;
}

/** It is not what was promised any more; who asks again gets the new one. */
export class FileChanged extends Error {
  constructor(path: string) {
    super(`${path} was changed while it was read; replace files by renaming a new one over them`);
  }
}

/** Bytes in memory, read as a file is. */
export const bytesReader = (bytes: Buffer): Reader => ({
  size: bytes.length,
  page: (index) => bytes.subarray(index * PAGE, (index + 1) * PAGE),
  release: () => {},
});

interface Page {
  readonly file: SharedFile;
  readonly index: number;
  readonly bytes: Buffer;
}

export class FileTable {
  readonly #files = new Map<string, SharedFile>();
  readonly #cache: PageCache;

  constructor(cacheBytes: number) {
    this.#cache = new PageCache(cacheBytes);
  }

  /** Rejects with FileChanged where it is another one by now, and with the errors of the system. */
  async open(version: FileVersion): Promise<Reader> {
    const key = `${version.size} ${version.mtimeMs} ${version.path}`;
    let file = this.#files.get(key);
    if (file === undefined) {
      const opened = new SharedFile(version, this.#cache, () => {
        if (this.#files.get(key) === opened) this.#files.delete(key);
      });
      file = opened;
      this.#files.set(key, opened);
    }
    return file.reader();
  }

  /** Descriptors that are open, and bytes that are kept. */
  get held(): { readonly files: number; readonly bytes: number } {
    return { files: this.#files.size, bytes: this.#cache.bytes };
  }

  /** Readers that are still there fail from now on. */
  close(): void {
    for (const file of [...this.#files.values()]) file.close(new Error('the service is stopping'));
  }
}

/** Pages by when they were last asked for. */
class PageCache {
  readonly #most: number;
  readonly #pages = new Set<Page>();
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(page: Page): void {
    this.#pages.add(page);
    this.#bytes += page.bytes.length;
    for (const oldest of this.#pages) {
      if (this.#bytes <= this.#most) return;
      oldest.file.forget(oldest.index);
    }
  }

  touch(page: Page): void {
    this.#pages.delete(page);
    this.#pages.add(page);
  }

  remove(page: Page): void {
    if (this.#pages.delete(page)) this.#bytes -= page.bytes.length;
  }
}

class SharedFile {
  readonly #version: FileVersion;
  readonly #cache: PageCache;
  readonly #onClosed: () => void;
  readonly #handle: Promise<FileHandle>;
  readonly #pages = new Map<number, Page>();
  /** Pages on their way, so that two hundred who want one wait for one read. */
  readonly #loading = new Map<number, Promise<Buffer>>();
  #readers = 0;
  #idle: NodeJS.Timeout | undefined;
  #fault: Error | undefined;

  constructor(version: FileVersion, cache: PageCache, onClosed: () => void) {
    this.#version = version;
    this.#cache = cache;
    this.#onClosed = onClosed;
    this.#handle = this.#open();
    this.#handle.catch((error: Error) => this.close(error));
  }

  async reader(): Promise<Reader> {
    this.#readers++;
    clearTimeout(this.#idle);
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#release();
    };
    try {
      await this.#handle;
    } catch (error) {
      release();
      throw error;
    }
    return { size: this.#version.size, page: (index) => this.#page(index), release };
  }

  /** By the cache, which needs the room. */
  forget(index: number): void {
    const page = this.#pages.get(index);
    if (page === undefined) return;
    this.#pages.delete(index);
    this.#cache.remove(page);
  }

  close(why: Error): void {
    if (this.#fault !== undefined) return;
    this.#fault = why;
    clearTimeout(this.#idle);
    for (const page of this.#pages.values()) this.#cache.remove(page);
    this.#pages.clear();
    this.#onClosed();
    // Waits for the reads that are under way; nobody can do anything about a descriptor that does not close.
    this.#handle.then((handle) => handle.close()).catch(() => {});
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#version;
    // Where a pipe was put in its place, opening must not wait for a writer.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      await this.#check(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return handle;
  }

  #release(): void {
    this.#readers--;
    if (this.#readers > 0 || this.#fault !== undefined) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.close(new Error('closed')), IDLE_MS);
    this.#idle.unref();
  }

  #page(index: number): Buffer | Promise<Buffer> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    const page = this.#pages.get(index);
    if (page !== undefined) {
      this.#cache.touch(page);
      return page.bytes;
    }
    let loading = this.#loading.get(index);
    if (loading === undefined) {
      loading = this.#load(index).finally(() => this.#loading.delete(index));
      this.#loading.set(index, loading);
    }
    return loading;
  }

  async #load(index: number): Promise<Buffer> {
    const handle = await this.#handle;
    const bytes = Buffer.allocUnsafeSlow(Math.min(PAGE, this.#version.size - index * PAGE));
    try {
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, index * PAGE + filled);
        if (bytesRead === 0) throw new FileChanged(this.#version.path);
        filled += bytesRead;
      }
      // After the read: what was written into the file before it shows here, so no client gets a mixture of two versions.
      await this.#check(handle);
    } catch (error) {
      this.close(error as Error);
      throw error;
    }
    if (this.#fault !== undefined) throw this.#fault;
    const page = { file: this, index, bytes };
    this.#pages.set(index, page);
    this.#cache.add(page);
    return bytes;
  }

  /** A file that was replaced by renaming is still the old one behind its descriptor, and is read to its end. */
  async #check(handle: FileHandle): Promise<void> {
    const { size, mtimeMs } = this.#version;
    const found = await handle.stat();
    if (!found.isFile()) throw new Error(`${this.#version.path} is not a regular file`);
    if (found.size !== size || found.mtimeMs !== mtimeMs) throw new FileChanged(this.#version.path);
  }
}
