/** One update on its way: over which path, in how many parts, and when it goes again. */
import type { Millis } from '../core/record.ts';
import type { Way } from './greeting.ts';
import type { Built } from './outgoing.ts';
import { Cut } from './parts.ts';

/** A stream loses nothing while it lives: patience for the other end's work, and for the bytes (ms each, 100 kB/s). */
const STREAM_PATIENCE = 10_000;
const STREAM_PER_BYTE = 0.01;

export class Flight {
  readonly number: number;
  readonly snapshot: boolean;
  readonly sentFirst: Millis;
  /** Undefined: no path that is there is wide enough. */
  way: Way | undefined;
  /** When it goes again if nothing is heard. */
  due: Millis = Number.POSITIVE_INFINITY;
  /** When it goes as a datagram beside the stream, if nothing is heard. */
  besideDue: Millis = Number.POSITIVE_INFINITY;
  /** How often nothing was heard in time, on this way. */
  timeouts = 0;
  /** All of it, sent once: its acknowledgement tells the round trip. */
  isClean = true;
  readonly #run: number;
  readonly #bytes: Uint8Array;
  #cut: Cut | undefined;
  #seen = 0;
  #asked = false;
  #besidePause: Millis = 0;

  constructor(run: number, built: Built, now: Millis) {
    this.#run = run;
    this.number = built.number;
    this.snapshot = built.snapshot;
    this.#bytes = built.bytes;
    this.sentFirst = now;
  }

  get length(): number {
    return this.#bytes.length;
  }

  get wake(): Millis {
    return Math.min(this.due, this.besideDue);
  }

  /** All of it, over a path that takes messages of at most `size` bytes. */
  start(way: Way, size: number, now: Millis, patience: Millis): readonly Uint8Array[] {
    if (this.way !== undefined) this.isClean = false;
    this.way = way;
    this.timeouts = 0;
    this.besideDue = Number.POSITIVE_INFINITY;
    this.#seen = 0;
    this.#cut = new Cut(this.#run, this.number, this.#bytes, size);
    return this.#send(this.#cut.missing(0), now, patience);
  }

  /** There is no path any more: it waits for the next. */
  stop(): void {
    this.way = undefined;
    this.isClean = false;
    this.due = Number.POSITIVE_INFINITY;
    this.besideDue = Number.POSITIVE_INFINITY;
  }

  /** Nothing was heard: what is missing, or where that is not known one part, whose answer tells. */
  again(now: Millis, patience: Millis): readonly Uint8Array[] {
    if (!this.#cut) return [];
    this.timeouts++;
    this.isClean = false;
    const missing = this.#cut.missing(this.#seen);
    const isKnown = missing.length > 0 && missing.length < this.#cut.count;
    return this.#send(isKnown || this.way === 'stream' ? missing : [this.#cut.count - 1], now, patience);
  }

  /** It fits in a datagram, and those may overtake the stream while that waits for what was lost: after so long, and then twice as long. */
  goesBeside(now: Millis, patience: Millis): void {
    this.#besidePause = patience;
    this.besideDue = now + patience;
  }

  beside(now: Millis, most: Millis): readonly Uint8Array[] {
    this.#besidePause = Math.min(most, this.#besidePause * 2);
    this.besideDue = now + this.#besidePause;
    return [this.#bytes];
  }

  /** The other end tells which parts it has: the others go again, once for each time that we asked. */
  seen(mask: number, now: Millis, patience: Millis): readonly Uint8Array[] {
    if (!this.#cut || this.way !== 'udp' || this.#cut.count === 1) return [];
    this.#seen |= mask;
    this.timeouts = 0;
    const missing = this.#cut.missing(this.#seen);
    if (missing.length === 0) this.due = now + patience;
    if (missing.length === 0 || !this.#asked) return [];
    this.isClean = false;
    return this.#send(missing, now, patience);
  }

  #send(indices: readonly number[], now: Millis, patience: Millis): readonly Uint8Array[] {
    this.#asked = true;
    this.due =
      now + (this.way === 'stream' ? (STREAM_PATIENCE + this.length * STREAM_PER_BYTE) * 2 ** Math.min(this.timeouts, 4) : patience);
    return this.#cut?.messages(indices) ?? [];
  }
}
