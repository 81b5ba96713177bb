/**
 * What goes wrong, told to a person without letting clients write the log: each thing once a minute, few of one client, and so many of
 * all clients. What is the server's own trouble is told however loud the clients are.
 */
import type { Log } from '../served.ts';

const MINUTE_MS = 60_000;
const MOST_OF_ONE = 6;
const MOST_OF_ALL = 60;

export class Complaints {
  readonly #log: Log;
  readonly #told = new Map<string, Set<string>>();
  #count = 0;
  #since = Number.NEGATIVE_INFINITY;
  #untold = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** `whose`: a client's address, or `server`; `about` is what makes it the same complaint; `now` in milliseconds. */
  tell(whose: 'server' | (string & {}), about: string, message: string, now: number, level: 'warn' | 'error' = 'warn'): void {
    if (now - this.#since >= MINUTE_MS) this.#startMinute(now);
    const told = this.#told.get(whose) ?? new Set<string>();
    if (told.has(about) || (whose !== 'server' && (told.size >= MOST_OF_ONE || this.#count >= MOST_OF_ALL))) {
      this.#untold++;
      return;
    }
    this.#told.set(whose, told.add(about));
    if (whose !== 'server') this.#count++;
    this.#log(level, message);
  }

  #startMinute(now: number): void {
    if (this.#untold > 0) this.#log('warn', `${this.#untold} more troubles of these or other clients were not logged in the minute before`);
    this.#told.clear();
    this.#count = 0;
    this.#untold = 0;
    this.#since = now;
  }
}
