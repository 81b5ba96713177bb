/**
 * One transfer as a machine of states, without sockets, files or clocks: acknowledgements and time go in, what to send next comes out.
 * Block 0 stands for the options (RFC 2347), blocks 1 to the last for the file; the last one is shorter than the others, if need be empty.
 */
import type { Terms } from './terms.ts';

export type Sendable =
  | { readonly kind: 'options' }
  | { readonly kind: 'data'; readonly block: number; readonly offset: number; readonly length: number };

/** Milliseconds. A second until something is known of the way (RFC 1123 4.2.3.2 asks for times that adapt). */
const FIRST_WAIT = 1000;
const SHORTEST_WAIT = 250;
const LONGEST_WAIT = 8000;
/**
 * The options are sent again later than the client's own time, so that a client whose acknowledgement was lost is the first to repeat
 * itself: some (atftp) take options that come a second time for a fault of the server, and give up.
 */
const OPTIONS_WAIT = 1.5;
/** Silence this often in a row, each twice as long as the one before, ends it: 31 s with the times above. */
const MOST_SILENCES = 6;
/**
 * A client that says after every block that the next one is missing has a window sent again each time. So blocks are sent again at once
 * only while there is credit: some to begin with, more for each block that arrives; who has used it up waits for the time to come.
 */
const FIRST_CREDIT = 512;
const CREDIT_A_BLOCK = 4;

export class Transfer {
  readonly size: number;
  readonly terms: Terms;
  readonly #last: number;
  /** Up to here the client has everything; -1 while it has not even accepted the options. */
  #acked: number;
  /** The next block to send. */
  #next: number;
  /** The highest block that was ever sent. */
  #sent: number;
  #silences = 0;
  #credit = FIRST_CREDIT;
  /** When to send again; never, while there is something left to send for the first time. */
  #deadline = Number.POSITIVE_INFINITY;
  /** When the window was complete, unless some of it was sent before: then it is not known which one was acknowledged (Karn). */
  #windowAt: number | undefined;
  #roundTrip: { readonly mean: number; readonly deviation: number } | undefined;
  #state: 'open' | 'done' | 'lost' = 'open';

  constructor(size: number, terms: Terms) {
    this.size = size;
    this.terms = terms;
    this.#last = Math.floor(size / terms.blksize) + 1;
    this.#acked = terms.accepted.size > 0 ? -1 : 0;
    this.#next = this.#acked + 1;
    this.#sent = this.#acked;
  }

  /** `done`: all is acknowledged. `lost`: the client is silent. */
  get state(): 'open' | 'done' | 'lost' {
    return this.#state;
  }

  /** Whether the client has ever answered. */
  get isProven(): boolean {
    return this.#acked >= (this.terms.accepted.size > 0 ? 0 : 1);
  }

  /** Whether all was sent at least once, so that a client that is silent now may have it all. */
  get isSent(): boolean {
    return this.#sent === this.#last;
  }

  /** What is to be sent now, one after the other until undefined. */
  take(now: number): Sendable | undefined {
    const end = this.#windowEnd();
    if (this.#state !== 'open' || this.#next > end) return undefined;
    const block = this.#next++;
    const isAgain = block <= this.#sent;
    if (isAgain) {
      this.#windowAt = undefined;
      this.#credit--;
    } else this.#sent = block;
    if (block === end) {
      this.#deadline = now + this.#wait();
      if (!isAgain) this.#windowAt = now;
    }
    if (block === 0) return { kind: 'options' };
    const offset = (block - 1) * this.terms.blksize;
    return { kind: 'data', block, offset, length: Math.min(this.terms.blksize, this.size - offset) };
  }

  /**
   * The client has all blocks up to this one (its last 16 bits). What it said before is never a reason to send again: answering both
   * copies of a doubled acknowledgement would double all that follows (the sorcerer's apprentice of RFC 1123 4.2.3.1).
   */
  acknowledge(block: number, now: number): void {
    if (this.#state !== 'open') return;
    const news = (block - this.#acked) & 0xffff;
    if (news === 0 || news > this.#sent - this.#acked) return;
    const acked = this.#acked + news;
    if (acked === this.#sent && this.#windowAt !== undefined) this.#learn(now - this.#windowAt);
    this.#acked = acked;
    this.#silences = 0;
    this.#windowAt = undefined;
    this.#credit = Math.min(this.#credit + CREDIT_A_BLOCK * news, FIRST_CREDIT);
    // Not all of the window: a block after it is missing, and the client has dropped what came after that (RFC 7440, 4).
    const isGap = acked < this.#sent;
    const mustWait = isGap && this.#credit <= 0;
    this.#next = mustWait ? Number.POSITIVE_INFINITY : acked + 1;
    this.#deadline = mustWait ? now + this.#wait() : Number.POSITIVE_INFINITY;
    if (acked === this.#last) this.#state = 'done';
  }

  /** Time has come. */
  tick(now: number): void {
    if (this.#state !== 'open' || now < this.#deadline) return;
    this.#silences++;
    this.#deadline = Number.POSITIVE_INFINITY;
    if (this.#silences >= MOST_SILENCES) this.#state = 'lost';
    else this.#next = this.#acked + 1;
  }

  #windowEnd(): number {
    return this.#acked < 0 ? 0 : Math.min(this.#last, this.#acked + this.terms.windowsize);
  }

  /** What the client negotiated holds until the way is known: it is told in whole seconds, and a frame that is lost should not cost that much. */
  #wait(): number {
    const { timeoutMs } = this.terms;
    const first = (timeoutMs ?? FIRST_WAIT) * (this.#acked < 0 ? OPTIONS_WAIT : 1);
    const base = this.#roundTrip === undefined ? first : Math.min(this.#adapted(this.#roundTrip), timeoutMs ?? LONGEST_WAIT);
    return Math.min(base * 2 ** this.#silences, Math.max(base, LONGEST_WAIT));
  }

  /** As TCP does it (RFC 6298). */
  #adapted({ mean, deviation }: { readonly mean: number; readonly deviation: number }): number {
    return Math.min(Math.max(mean + 4 * deviation, SHORTEST_WAIT), LONGEST_WAIT);
  }

  #learn(sample: number): void {
    const old = this.#roundTrip;
    this.#roundTrip =
      old === undefined
        ? { mean: sample, deviation: sample / 2 }
        : { mean: 0.875 * old.mean + 0.125 * sample, deviation: 0.75 * old.deviation + 0.25 * Math.abs(old.mean - sample) };
  }
}
