/** The virtual cluster in this process: given a clock, its own record on disk, and a voice. */
import { isTrouble, type Trouble } from './bmc.ts';
import { Cluster, type Done } from './cluster.ts';
import { Ledger, readLedger } from './ledger.ts';
import type { Profile } from './profile.ts';
import { type NodeReport, Reporter } from './reporter.ts';
import type { Seen } from './seen.ts';

export interface SimulationOptions {
  readonly profile: Profile;
  /** Where the machines are kept; absent = they end with this process. */
  readonly folder?: string;
  send(reports: readonly NodeReport[]): Promise<void>;
  log(level: 'info' | 'warn', message: string): void;
}

/** A task as far as the simulation needs to know it. */
export interface Batch {
  readonly nodes: readonly { readonly id: string }[];
  observed(node: string, values: Seen): void;
  failed(node: string, error: unknown): void;
}

/** One thing to do for one node. */
export type Act = (cluster: Cluster, node: string, now: number, done: Done) => void;

export class Simulation {
  readonly profile: Profile;
  readonly #cluster: Cluster;
  readonly #reporter: Reporter;
  readonly #ledger: Ledger | undefined;
  /** Our clock never jumps, and goes on from where the process before left it. */
  readonly #epoch = Date.now() - performance.now();
  #timer: NodeJS.Timeout | undefined;
  #wake = Number.POSITIVE_INFINITY;
  #isOver = false;

  constructor({ profile, folder, send, log }: SimulationOptions) {
    this.profile = profile;
    this.#reporter = new Reporter({
      send,
      refused: (error, count) => log('warn', `${count} reports were refused: ${error instanceof Error ? error.message : String(error)}`),
    });
    this.#cluster = new Cluster({ report: (node, values, hearing) => this.#reporter.add(node, values, hearing) }, profile);
    if (folder === undefined) return;
    const saved = readLedger(folder);
    this.#cluster.restore(saved, this.now());
    this.#ledger = new Ledger(folder, () => this.#cluster.all());
    if (saved.length > 0) log('info', `${saved.length} virtual machines are as the process before left them`);
    this.#settle();
  }

  now(): number {
    return this.#epoch + performance.now();
  }

  /** Does something now, and whatever follows from it. */
  touch<T>(act: (cluster: Cluster, now: number) => T): T {
    const result = act(this.#cluster, this.now());
    this.#settle();
    return result;
  }

  /**
   * Does it for every node of the task. Each is answered when its machine has answered; resolves when all have. What a node's own
   * host says goes the way of all its reports, in order: in the answer it would count as older than a report that overtook it.
   */
  async each(batch: Batch, act: Act, errorOf: (trouble: Trouble) => Error): Promise<void> {
    if (batch.nodes.length === 0) return;
    const troubles = new Map<string, Error>();
    await new Promise<void>((resolve) => {
      let open = batch.nodes.length;
      this.touch((cluster, now) => {
        for (const { id } of batch.nodes)
          act(cluster, id, now, (answer) => {
            const seen = isTrouble(answer) ? answer.seen : answer;
            if (seen !== undefined && isOfHost(seen)) this.#reporter.add(id, seen, cluster.voice(id, now));
            else if (seen !== undefined) batch.observed(id, seen);
            if (isTrouble(answer)) troubles.set(id, errorOf(answer));
            open--;
            if (open === 0) resolve();
          });
      });
    });
    await this.#reporter.said();
    for (const [id, trouble] of troubles) batch.failed(id, trouble);
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#reporter.end();
    this.#keep();
    this.#ledger?.close();
  }

  /** What has changed is on disk before anybody can be told: nothing is sent before this turn of the event loop is over. */
  #settle(): void {
    this.#keep();
    const { next } = this.#cluster;
    if (this.#isOver || next === undefined || next >= this.#wake) return;
    clearTimeout(this.#timer);
    this.#wake = next;
    this.#timer = setTimeout(
      () => {
        this.#wake = Number.POSITIVE_INFINITY;
        this.#cluster.advance(this.now());
        this.#settle();
      },
      Math.max(1, next - this.now()),
    );
  }

  #keep(): void {
    const changed = this.#cluster.takeChanged();
    this.#ledger?.append(changed, this.#cluster.size);
  }
}

/** Said by the node's own host, in its session. */
const isOfHost = (seen: Seen): boolean => '/runState' in seen || '/images/state' in seen;
