/** How long to wait for an acknowledgement before sending again: RFC 6298, with least and most of our own. */
import type { Millis } from '../core/record.ts';

/** Before anything was measured: so many times the least. */
const UNKNOWN = 8;

export class Rto {
  readonly #least: Millis;
  readonly #most: Millis;
  #smoothed: number | undefined;
  #varies = 0;
  #value: Millis;
  #isSeed = false;

  constructor(least: Millis, most: Millis) {
    this.#least = least;
    this.#most = most;
    this.#value = Math.min(most, least * UNKNOWN);
  }

  get value(): Millis {
    return this.#value;
  }

  /** The time from sending once to the answer; of what was sent twice there is none (Karn). */
  sample(time: Millis): void {
    if (this.#smoothed === undefined || this.#isSeed) {
      this.#smoothed = time;
      this.#varies = time / 2;
    } else {
      this.#varies += (Math.abs(this.#smoothed - time) - this.#varies) / 4;
      this.#smoothed += (time - this.#smoothed) / 8;
    }
    this.#isSeed = false;
    this.#value = Math.min(this.#most, Math.max(this.#least, this.#smoothed + 4 * this.#varies));
  }

  /** A round trip that nobody's work was part of: better than nothing, until there is a sample. */
  seed(time: Millis): void {
    if (this.#smoothed !== undefined) return;
    this.sample(time);
    this.#isSeed = true;
  }

  /** No answer came: twice as long, up to `most`, until a sample says otherwise. */
  double(most: Millis): void {
    this.#value = Math.max(this.#value, Math.min(most, this.#value * 2));
  }
}
