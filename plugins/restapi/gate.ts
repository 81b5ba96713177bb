/** So many at once; more wait for their turn, and beyond that they are sent away. */
import type { Host } from '@kraken-hpc/sdk';
import { Refused } from './problem.ts';

export class Gate {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #where: string;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  /** `where`: what it is the gate of, for who is sent away. */
  constructor(most: number, mostWaiting: number, where: string) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
    this.#where = where;
  }

  /** Rejects with Refused (503) where too many wait. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside < this.#most) this.#inside++;
    else if (this.#waiting.length < this.#mostWaiting) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    else throw this.#full();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inside--;
    }
  }

  #full(): Refused {
    const why = `${this.#most} requests are under way there, and ${this.#mostWaiting} wait`;
    return new Refused(503, { what: 'it is not asked', where: this.#where, why, todo: 'Try again in a second' }, { retryAfter: 1 });
  }
}

/** What the host takes of a module at once is 256; the rest is for what this service asks of itself. */
const MOST_REQUESTS = 200;
const MOST_WAITING = 4_096;

/** The operator methods of the host, for however many requests of others. */
export class Operator implements Pick<Host<never, never>, 'operate'> {
  readonly #host: Pick<Host<never, never>, 'operate'>;
  readonly #gate = new Gate(MOST_REQUESTS, MOST_WAITING, 'the host');

  constructor(host: Pick<Host<never, never>, 'operate'>) {
    this.#host = host;
  }

  readonly operate: Host<never, never>['operate'] = (method, params) => this.#gate.run(() => this.#host.operate(method, params));
}
