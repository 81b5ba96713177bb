/** Tells the host what was seen, in order: what comes while one report is under way goes out with the next. */
import type { Host } from '@kraken-hpc/sdk';
import type { Log } from './served.ts';

export interface Seen {
  readonly node: string;
  readonly values: Readonly<Record<string, string>>;
  readonly heard?: 'dhcp';
}

type Send = (reports: readonly Seen[]) => ReturnType<Host<unknown, unknown>['discover']>;

/** So many wait at most; then of each node only the last word on each path is kept. */
const MOST = 4096;

export class Reporter {
  readonly #send: Send;
  readonly #log: Log;
  #waiting: Seen[] = [];
  #sending: Promise<void> | undefined;

  constructor(send: Send, log: Log) {
    this.#send = send;
    this.#log = log;
  }

  tell(seen: Seen): void {
    this.#waiting.push(seen);
    if (this.#waiting.length > MOST) this.#waiting = shortened(this.#waiting);
    this.#sending ??= this.#drain();
  }

  /** Resolves when all that was told has been sent. */
  async settled(): Promise<void> {
    await this.#sending;
  }

  async #drain(): Promise<void> {
    // What one packet brings is told together.
    await undefined;
    while (this.#waiting.length > 0) {
      const reports = this.#waiting;
      this.#waiting = [];
      try {
        await this.#send(reports);
      } catch (error) {
        this.#log('warn', `${reports.length} observations were not taken: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.#sending = undefined;
  }
}

function shortened(waiting: readonly Seen[]): Seen[] {
  const last = new Map<string, Seen>();
  for (const one of waiting) {
    const before = last.get(one.node);
    last.delete(one.node);
    last.set(one.node, { ...before, ...one, values: { ...before?.values, ...one.values } });
  }
  return [...last.values()];
}
