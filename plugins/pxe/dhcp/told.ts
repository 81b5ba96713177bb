/** What is told of packets, so that whoever sends many does not fill a log or a memory: the same thing once in a while, so many a second in all. */

const AGAIN_MS = 10_000;
const MOST_A_SECOND = 10;
const MOST_KEYS = 1024;

export class Told {
  /** When it was last told, the oldest first. */
  readonly #last = new Map<string, number>();
  #second = Number.NEGATIVE_INFINITY;
  #inSecond = 0;

  /** Whether this is to be told now; `now` in milliseconds. */
  may(key: string, now: number): boolean {
    const last = this.#last.get(key);
    if (last !== undefined && now - last < AGAIN_MS) return false;
    if (now - this.#second >= 1000) {
      this.#second = now;
      this.#inSecond = 0;
    }
    if (this.#inSecond >= MOST_A_SECOND) return false;
    this.#inSecond++;
    this.#last.delete(key);
    this.#last.set(key, now);
    if (this.#last.size > MOST_KEYS) for (const oldest of this.#last.keys()) return this.#last.delete(oldest);
    return true;
  }
}
