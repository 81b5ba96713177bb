/** What the virtual cluster has to say, gathered and sent in batches: one request under way at a time, the rest waits and is merged. */
import type { Hearing, Seen } from './virtual-node.ts';

export interface NodeReport extends Hearing {
  readonly node: string;
  readonly values: Seen;
}

/** How long reports are gathered, in milliseconds. */
const GATHER = 10;

export class Reporter {
  readonly #send: (reports: readonly NodeReport[]) => Promise<void>;
  readonly #refused: (error: unknown, count: number) => void;
  #waiting: NodeReport[] = [];
  /** Where the last report of a node stands in `waiting`. */
  #last = new Map<string, number>();
  #busy = false;

  constructor(send: (reports: readonly NodeReport[]) => Promise<void>, refused: (error: unknown, count: number) => void) {
    this.#send = send;
    this.#refused = refused;
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

  #start(): void {
    if (this.#busy) return;
    this.#busy = true;
    setTimeout(() => void this.#flush(), GATHER);
  }

  async #flush(): Promise<void> {
    const reports = this.#waiting;
    this.#waiting = [];
    this.#last = new Map();
    try {
      await this.#send(reports);
    } catch (error) {
      this.#refused(error, reports.length);
    }
    this.#busy = false;
    if (this.#waiting.length > 0) this.#start();
  }
}

/** Two reports of which only the last values matter. */
function isSameVoice(before: NodeReport, now: Hearing): boolean {
  return before.heard === now.heard && before.session?.boot === now.session?.boot && before.session?.live === now.session?.live;
}
