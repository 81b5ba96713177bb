/** What the virtual cluster has to say, gathered and sent in batches: one request under way at a time, the rest waits and is merged. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hearing, Seen } from './seen.ts';

export interface NodeReport extends Hearing {
  readonly node: string;
  readonly values: Seen;
}

export interface ReporterOptions {
  send(reports: readonly NodeReport[]): Promise<void>;
  /** These were refused for good. */
  refused(error: unknown, count: number): void;
  /** Between two tries, in milliseconds. */
  readonly pause?: number;
}

/** How long reports are gathered, in milliseconds. */
const GATHER = 10;
/** Reports in one request. */
const AT_ONCE = 1000;
/** A host that has too much to do must not hear of us for a second, or it takes us for a flood that never ends. */
const PAUSE = 1100;
/** TryLater, TooMany, NotReady of schemas/errors.json: what was said is right, and comes again. */
const LATER: readonly unknown[] = [-32004, -32017, -32019];

export class Reporter {
  readonly #options: ReporterOptions;
  #waiting: NodeReport[] = [];
  /** Where the last report of a node stands in `waiting`. */
  #last = new Map<string, number>();
  #isBusy = false;
  #listeners: (() => void)[] = [];
  readonly #over = new AbortController();

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  add(node: string, values: Seen, hearing: Hearing): void {
    const index = this.#last.get(node);
    const before = index === undefined ? undefined : this.#waiting[index];
    if (index !== undefined && before !== undefined && isSameVoice(before, hearing)) {
      this.#waiting[index] = { ...before, values: { ...before.values, ...values } };
    } else {
      this.#last.set(node, this.#waiting.push({ node, values, ...hearing }) - 1);
    }
    this.#start();
  }

  /** Resolves when all that was added until now has been said. */
  said(): Promise<void> {
    return this.#isBusy ? new Promise((resolve) => this.#listeners.push(resolve)) : Promise.resolve();
  }

  /** Says nothing more. */
  end(): void {
    this.#over.abort();
  }

  #start(): void {
    if (this.#isBusy || this.#over.signal.aborted) return;
    this.#isBusy = true;
    setTimeout(() => void this.#flush(), GATHER);
  }

  async #flush(): Promise<void> {
    const reports = this.#waiting;
    const listeners = this.#listeners;
    this.#waiting = [];
    this.#listeners = [];
    this.#last = new Map();
    for (let from = 0; from < reports.length; from += AT_ONCE) await this.#deliver(reports.slice(from, from + AT_ONCE));
    for (const tell of listeners) tell();
    this.#isBusy = false;
    if (this.#waiting.length > 0 || this.#listeners.length > 0) this.#start();
  }

  /** In order, so nothing overtakes a report that has to wait. */
  async #deliver(reports: readonly NodeReport[]): Promise<void> {
    const { send, refused, pause = PAUSE } = this.#options;
    while (!this.#over.signal.aborted) {
      try {
        return await send(reports);
      } catch (error) {
        if (this.#over.signal.aborted) return;
        if (!LATER.includes((error as { code?: unknown }).code)) return refused(error, reports.length);
      }
      await sleep(pause, undefined, { signal: this.#over.signal }).catch(() => {});
    }
  }
}

/** Two reports of which only the last values matter. */
function isSameVoice(before: NodeReport, now: Hearing): boolean {
  return before.heard === now.heard && before.session?.boot === now.session?.boot && before.session?.live === now.session?.live;
}
