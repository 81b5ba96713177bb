/** How much a module reports: so many observations a second, so many waiting for the engine; what goes on being too much for long ends it. */
import { CODES, RpcError } from '@kraken-hpc/sdk/wire';
import type { Millis } from '../core/record.ts';
import { Bucket } from './bucket.ts';
import type { Limits } from './limits.ts';

/** Without a refusal for so long, a flood is over. */
const PAUSE = 1000;

export class FloodGate {
  readonly #limits: Limits;
  readonly #bucket: Bucket;
  #waiting = 0;
  #since = 0;
  #last = Number.NEGATIVE_INFINITY;
  #refused = 0;

  constructor(limits: Limits, now: Millis) {
    this.#limits = limits;
    this.#bucket = new Bucket(limits.eventsPerSecond, now);
  }

  /** Takes `count` observations in; call `leave` when the engine has them. Throws TooMany with `retryAfter`. */
  enter(count: number, now: Millis): void {
    const { eventsQueued, eventsPerSecond } = this.#limits;
    if (this.#waiting > 0 && this.#waiting + count > eventsQueued)
      throw this.#refuse(`${this.#waiting} observations wait for the engine, the limit is ${eventsQueued}`, 100, count, now);
    if (!this.#bucket.take(count, now))
      throw this.#refuse(`more than ${eventsPerSecond} observations a second`, this.#bucket.wait(count), count, now);
    this.#waiting += count;
  }

  leave(count: number): void {
    this.#waiting -= count;
  }

  /** Why it must go, if it has been too much for too long. */
  tooLong(now: Millis): string | undefined {
    const lasted = now - this.#since;
    if (now - this.#last > PAUSE || lasted < this.#limits.floodTolerated) return undefined;
    return `it went on sending too many observations for ${Math.round(lasted / 1000)} s after it was told (${this.#refused} refused)`;
  }

  #refuse(why: string, retryAfter: number, count: number, now: Millis): RpcError {
    if (now - this.#last > PAUSE) {
      this.#since = now;
      this.#refused = 0;
    }
    this.#last = now;
    this.#refused += count;
    return new RpcError(CODES.TooMany, why, { retryAfter });
  }
}
