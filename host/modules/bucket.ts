import type { Millis } from '../core/record.ts';

/** So many a second, and as many at once. Time is an argument. */
export class Bucket {
  readonly #perSecond: number;
  #level: number;
  #at: Millis;

  constructor(perSecond: number, now: Millis) {
    this.#perSecond = perSecond;
    this.#level = perSecond;
    this.#at = now;
  }

  /** Takes `amount` if it is there; one larger than the whole bucket passes when the bucket is full, and is owed. */
  take(amount: number, now: Millis): boolean {
    this.#level = Math.min(this.#perSecond, this.#level + (Math.max(0, now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
    if (this.#level < Math.min(amount, this.#perSecond)) return false;
    this.#level -= amount;
    return true;
  }

  /** Milliseconds until `amount` would pass. */
  wait(amount: number): number {
    const missing = Math.min(amount, this.#perSecond) - this.#level;
    return missing <= 0 ? 0 : Math.ceil((missing * 1000) / this.#perSecond);
  }
}
