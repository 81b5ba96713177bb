/** How every node stands: whether it could be booted now, and whether it runs what it would be given. Kept by changes, and by a look at the disk every minute. */
import { setImmediate as breathe } from 'node:timers/promises';
import type { Nodes } from '../nodes/nodes.ts';
import type { Look } from './files.ts';
import type { Plan, Plans } from './plan.ts';

/** Nodes after which others get their turn: a packet must not wait for a look at ten thousand nodes. */
const AT_ONCE = 64;

interface Stand {
  readonly ready: boolean;
  readonly boot: string | undefined;
}

export type BootWord = 'UNKNOWN' | 'CURRENT' | 'OLD';

export interface StandTold {
  /** It runs what it would be given, or something else now. */
  boot(node: string, word: BootWord): void;
  /** It can be booted, and could not before. */
  ready(node: string): void;
}

export class Standing {
  readonly #plans: Plans;
  readonly #nodes: Nodes;
  readonly #told: StandTold;
  readonly #stands = new Map<string, Stand>();
  #waiting = new Set<string>();
  #working: Promise<void> | undefined;

  constructor(plans: Plans, nodes: Nodes, told: StandTold) {
    this.#plans = plans;
    this.#nodes = nodes;
    this.#told = told;
  }

  isReady(node: string): boolean {
    return this.#stands.get(node)?.ready === true;
  }

  /** Its document has become another. */
  changed(node: string): void {
    this.#waiting.add(node);
    this.#working ??= this.#work();
  }

  /** All of them: files may have become others. */
  look(): void {
    for (const node of this.#nodes.ids()) this.changed(node);
  }

  /** What it would be given was looked at by somebody. */
  note(node: string, plan: Plan): void {
    const before = this.#stands.get(node);
    this.#take(node, plan);
    if (before !== undefined && before.boot !== plan.boot) this.look();
  }

  /** What its own host says that it was booted with has changed, or what is known of how that compares. */
  booted(node: string): void {
    const known = this.#nodes.get(node);
    if (known === undefined) return;
    const word = this.wordOf(known.dsc['/booted/id'], this.#stands.get(node)?.boot);
    if ((known.dsc['/pxe/boot'] ?? 'UNKNOWN') !== word) this.#told.boot(node, word);
  }

  wordOf(booted: unknown, boot: string | undefined): BootWord {
    if (typeof booted !== 'string' || boot === undefined) return 'UNKNOWN';
    return booted === boot ? 'CURRENT' : 'OLD';
  }

  /** Resolves when nothing is left to be looked at. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    await breathe();
    while (this.#waiting.size > 0) {
      const look = this.#plans.files.look();
      const nodes = this.#waiting;
      this.#waiting = new Set();
      let done = 0;
      for (const node of nodes) {
        await this.#one(node, look);
        if (++done % AT_ONCE === 0) await breathe();
      }
    }
    this.#working = undefined;
  }

  async #one(id: string, look: Look): Promise<void> {
    const node = this.#nodes.get(id);
    if (node === undefined) this.#stands.delete(id);
    else this.#take(id, await this.#plans.of(node, look));
  }

  #take(node: string, { missing, boot }: Plan): void {
    const before = this.#stands.get(node);
    const ready = missing.length === 0;
    this.#stands.set(node, { ready, boot });
    this.booted(node);
    if (ready && before?.ready !== true) this.#told.ready(node);
  }
}
