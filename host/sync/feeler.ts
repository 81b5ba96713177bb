/** Looks, from time to time, whether a better parent is there again: it must have been for a while on end. */
import type { Millis } from '../core/record.ts';
import type { Address, StreamId } from './actions.ts';
import { sameAddress } from './addresses.ts';

/** From one look to the next. */
const EVERY = 10_000;

export class Feeler {
  readonly #open: (to: Address) => StreamId;
  readonly #steady: Millis;
  #to: Address | undefined;
  #since: Millis | undefined;
  #stream: StreamId | undefined;
  #at: Millis = Number.POSITIVE_INFINITY;

  constructor(open: (to: Address) => StreamId, steady: Millis) {
    this.#open = open;
    this.#steady = steady;
  }

  /** `to`: the better parent, if there is one. Gives it back when it is time to move there. */
  tick(to: Address | undefined, now: Millis): Address | undefined {
    if (!to || !sameAddress(to, this.#to)) {
      this.#to = to;
      this.#since = undefined;
      this.#stream = undefined;
      this.#at = now;
    }
    if (!to) return undefined;
    if (this.#since !== undefined && now - this.#since >= this.#steady) {
      this.#since = undefined;
      this.#at = now + EVERY;
      return to;
    }
    if (now >= this.#at) {
      this.#at = now + EVERY;
      this.#stream = this.#open(to);
    }
    return undefined;
  }

  felt(stream: StreamId, listens: boolean, now: Millis): void {
    if (stream !== this.#stream) return;
    this.#stream = undefined;
    this.#since = listens ? (this.#since ?? now) : undefined;
  }

  get wake(): Millis {
    if (!this.#to) return Number.POSITIVE_INFINITY;
    return Math.min(this.#at, (this.#since ?? Number.POSITIVE_INFINITY) + this.#steady);
  }
}
