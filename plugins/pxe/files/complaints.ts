/** What goes wrong with clients, told to a person without letting clients write the log: once a minute for each thing, so many in all. */
import type { Log } from '../served.ts';

const MINUTE_MS = 60_000;
const MOST_A_MINUTE = 60;

export class Complaints {
  readonly #log: Log;
  readonly #told = new Set<string>();
  #since = Number.NEGATIVE_INFINITY;
  #untold = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** `about` is what makes it the same complaint; `now` in milliseconds. */
  tell(about: string, message: string, now: number, level: 'warn' | 'error' = 'warn'): void {
    if (now - this.#since >= MINUTE_MS) this.#startMinute(now);
    if (this.#told.has(about) || this.#told.size >= MOST_A_MINUTE) {
      this.#untold++;
      return;
    }
    this.#told.add(about);
    this.#log(level, message);
  }

  #startMinute(now: number): void {
    if (this.#untold > 0) this.#log('warn', `${this.#untold} more troubles of these or other clients were not logged in the minute before`);
    this.#told.clear();
    this.#untold = 0;
    this.#since = now;
  }
}
