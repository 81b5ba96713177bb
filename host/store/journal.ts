/**
 * The journal being written: turns in order, grouped. While one fdatasync runs, what comes in waits for the next write, so
 * the cost of a sync is shared by all who wait for it. The only place where "durable" is decided.
 */
import { join } from 'node:path';
import type { Millis, Revision, Turn } from '../core/record.ts';
import type { Disk, DiskFile } from './disk.ts';
import { encodeFrame, FRAME_HEADER } from './frame.ts';
import { notReady, tooLarge, wordsOf } from './refuse.ts';
import { headText, type Segment, segmentName } from './segments.ts';

const SEGMENT_BYTES = 8 * 1024 * 1024;
/** One write goes up to here; more waits for the next. */
const BATCH_BYTES = 16 * 1024 * 1024;
const TURN_BYTES = 64 * 1024 * 1024;
/** So much may wait for a slow disk before it counts as failed. */
const QUEUE_BYTES = 1024 * 1024 * 1024;
/** Turns that nobody waits for are on disk after 100 ms: this, and the write itself. */
const LAG_MS = 80;

export interface JournalOptions {
  readonly disk: Disk;
  readonly dir: string;
  readonly segments: readonly Segment[];
  /** The last turn on disk; its revision and time. */
  readonly last: { readonly seq: number; readonly rev: Revision; readonly at: Millis };
  readonly onDurable: (seq: number) => void;
  readonly onFailed: (error: Error) => void;
  readonly segmentBytes?: number | undefined;
}

interface Queued {
  readonly seq: number;
  readonly rev: Revision;
  readonly at: Millis;
  readonly frame: Buffer;
}

interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Journal {
  /** Oldest first; the last one is being written. */
  readonly segments: Segment[];
  readonly #options: JournalOptions;
  readonly #segmentBytes: number;
  #file: DiskFile;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #waiters: Waiter[] = [];
  /** Somebody waits for what is queued. */
  #urgent = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last: number;
  /** The last turn written: its revision and time head the next segment. */
  #written: { rev: Revision; at: Millis };
  #durable: number;
  /** The highest `durable` that a frame on disk says. */
  #marked: number;
  #failed: Error | undefined;
  #closed = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.segments = [...options.segments];
    this.#file = options.disk.open(this.#newest().path, 'append');
    this.#last = options.last.seq;
    this.#written = options.last;
    this.#durable = options.last.seq;
    this.#marked = 0;
  }

  get lastSeq(): number {
    return this.#last;
  }

  get durableSeq(): number {
    return this.#durable;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get failed(): Error | undefined {
    return this.#failed;
  }

  /** The turn is serialised here and now; the caller may change it afterwards. */
  append(turn: Turn, durable: boolean): void {
    this.#mustBeOpen();
    if (turn.seq !== this.#last + 1)
      throw new Error(`turn ${turn.seq} does not follow turn ${this.#last}: turns are numbered without gaps`);
    const frame = encodeFrame('turn', turn.seq, this.#durable, JSON.stringify(turn));
    if (frame.length - FRAME_HEADER > TURN_BYTES) {
      const size = `${Math.ceil(frame.length / 1_048_576)} MiB`;
      throw tooLarge(
        'one change is too large',
        `turn ${turn.seq}`,
        `it takes ${size}, the limit is ${TURN_BYTES / 1_048_576} MiB`,
        'Nothing of it was stored; send it in several parts',
      );
    }
    if (this.#queuedBytes + frame.length > QUEUE_BYTES) {
      this.#fail(new Error(`${Math.round(this.#queuedBytes / 1_048_576)} MiB wait for the disk`));
      this.#mustBeOpen();
    }
    this.#last = turn.seq;
    this.#queue.push({ seq: turn.seq, rev: turn.rev, at: turn.at, frame });
    this.#queuedBytes += frame.length;
    if (durable) this.#start();
    else this.#arm();
  }

  /** Settles when everything appended so far, or up to `seq`, is on disk. */
  flush(seq = this.#last): Promise<void> {
    if (this.#failed) return Promise.reject(this.#failed);
    if (seq <= this.#durable) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ seq, resolve, reject });
      this.#start();
    });
  }

  /** Begins the next segment: its name proves all turns before it, so that any damage or truncation afterwards is known as such. */
  async close(): Promise<void> {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    try {
      if (!this.#failed) {
        await this.flush();
        await this.#running;
        if (this.#durable >= this.#newest().first) {
          await this.#rotate();
          await this.#file.sync();
          await this.#options.disk.syncDir(this.#options.dir);
        }
      }
    } finally {
      this.#closed = true;
      await this.#file.close();
    }
  }

  #start(): void {
    this.#urgent = true;
    this.#running ??= this.#drain();
  }

  async #drain(): Promise<void> {
    try {
      // What is appended together is written together.
      await undefined;
      while (this.#urgent && !this.#failed) {
        this.#urgent = false;
        while (this.#queue.length > 0 && !this.#failed) await this.#writeBatch();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      // In the same step as the loop's last look at `urgent`: nobody can come in between and not be seen.
      this.#running = undefined;
    }
  }

  async #writeBatch(): Promise<void> {
    const fresh = this.#newest().bytes >= this.#segmentBytes && (await this.#rotate());
    const batch = this.#takeBatch();
    const last = batch.at(-1);
    if (!last) return;
    const frames = batch.map((queued) => queued.frame);
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    // What these frames say to be durable was decided before they were made.
    const says = frames.at(-1)?.readDoubleLE(24) ?? 0;
    await this.#file.write(frames);
    await this.#file.sync();
    if (fresh) await this.#options.disk.syncDir(this.#options.dir);
    if (this.#failed) return;
    this.#newest().bytes += bytes;
    this.#queuedBytes -= bytes;
    this.#marked = Math.max(this.#marked, says);
    this.#written = last;
    this.#durable = last.seq;
    this.#arm();
    this.#tell();
  }

  #takeBatch(): Queued[] {
    let bytes = 0;
    let count = 0;
    for (const { frame } of this.#queue) {
      if (count > 0 && bytes + frame.length > BATCH_BYTES) break;
      bytes += frame.length;
      count += 1;
    }
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }

  #tell(): void {
    this.#options.onDurable(this.#durable);
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => waiter.seq > this.#durable);
    for (const waiter of waiters) if (waiter.seq <= this.#durable) waiter.resolve();
  }

  /** Everything in the old segment is durable before the new one exists. */
  async #rotate(): Promise<true> {
    const { disk, dir } = this.#options;
    const first = this.#durable + 1;
    const path = join(dir, segmentName(first));
    const file = disk.open(path, 'create');
    const head = encodeFrame('head', this.#durable, this.#durable, headText(this.#written));
    await file.write([head]);
    await this.#file.close();
    this.#file = file;
    this.segments.push({ path, first, bytes: head.length, rev: this.#written.rev, at: this.#written.at });
    return true;
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#closed || this.#failed) return;
      if (this.#queue.length > 0) this.#start();
      else if (!this.#running) this.#running = this.#markIdle();
    }, LAG_MS);
  }

  async #markIdle(): Promise<void> {
    try {
      await this.#mark();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = undefined;
      if (this.#urgent) this.#start();
    }
  }

  /** Says in the file that what stands before was acknowledged, when no following turn says so. Written, not synced. */
  async #mark(): Promise<void> {
    if (this.#marked >= this.#durable) return;
    const mark = encodeFrame('mark', this.#durable, this.#durable, '');
    this.#marked = this.#durable;
    await this.#file.write([mark]);
    this.#newest().bytes += mark.length;
  }

  /** After a failed write or sync nobody knows what is on the medium: it is never tried again, and nothing is acknowledged. */
  #fail(error: unknown): void {
    if (this.#failed) return;
    const failure = notReady(
      'the store has failed; nothing is acknowledged any more',
      this.#newest().path,
      wordsOf(error),
      `Everything up to turn ${this.#durable} is on disk. Make room on, or repair, that disk; then restart the host`,
    );
    this.#failed = failure;
    clearTimeout(this.#timer);
    this.#queue = [];
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(failure);
    this.#options.onFailed(failure);
  }

  #mustBeOpen(): void {
    if (this.#failed) throw this.#failed;
    if (this.#closed) throw new Error('the store is closed');
  }

  #newest(): Segment {
    const segment = this.segments.at(-1);
    if (!segment) throw new Error('a journal has at least one segment');
    return segment;
  }
}
