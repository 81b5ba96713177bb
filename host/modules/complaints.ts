import type { Millis } from '../core/record.ts';

const QUIET = 10_000;
const MOST_KINDS = 64;

/** Says each kind of complaint once in 10 s, then how often it came in between: a module cannot flood the host's log through its faults. */
export class Complaints {
  readonly #now: () => Millis;
  readonly #say: (sentence: string) => void;
  readonly #kinds = new Map<string, { at: Millis; silent: number }>();

  constructor(now: () => Millis, say: (sentence: string) => void) {
    this.#now = now;
    this.#say = say;
  }

  complain(kind: string, sentence: string): void {
    const now = this.#now();
    const known = this.#kinds.get(kind);
    if (known && now - known.at < QUIET) {
      known.silent += 1;
      return;
    }
    if (this.#kinds.size >= MOST_KINDS) this.#kinds.clear();
    this.#kinds.set(kind, { at: now, silent: 0 });
    this.#say(known && known.silent > 0 ? `${sentence} (and ${known.silent} more of this kind)` : sentence);
  }
}
