/** Node records follow the journal lazily: what turns touched is stored in the background, a few seconds later. */
import type { Engine } from './core/engine.ts';
import type { NodeId, NodeRecord, Turn } from './core/record.ts';
import { engineRecord, nodeRecord } from './core/snapshot.ts';
import type { Loop } from './loop.ts';
import type { Store } from './store/store.ts';

const EVERY = 5_000;
/** Sooner where so many turns' journal would have to be replayed. */
const TURNS = 20_000;

class Checkpoints {
  readonly #engine: Engine;
  readonly #store: Store;
  readonly #log: (message: string) => void;
  #dirty = new Set<NodeId>();
  #removed = new Set<NodeId>();
  #turns = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(engine: Engine, store: Store, log: (message: string) => void) {
    this.#engine = engine;
    this.#store = store;
    this.#log = log;
  }

  note(turn: Turn): void {
    for (const change of turn.changes) {
      if (change.view === 'cfg' && change.path === '' && change.to === undefined) {
        this.#removed.add(change.node);
        this.#dirty.delete(change.node);
      } else if (change.view !== 'note') {
        this.#dirty.add(change.node);
        this.#removed.delete(change.node);
      }
    }
    for (const id in turn.records) if (!this.#removed.has(id)) this.#dirty.add(id);
    this.#turns++;
    if (this.#timer || this.#running) return;
    this.#timer = setTimeout(() => void this.run(), this.#turns > TURNS ? 0 : EVERY);
  }

  /** Stores what is dirty now. If it fails it stays dirty, and is tried again with the next turns. */
  async run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#running) return this.#running;
    if (this.#dirty.size === 0 && this.#removed.size === 0 && this.#turns === 0) return;
    const dirty = this.#dirty;
    const removed = this.#removed;
    this.#dirty = new Set();
    this.#removed = new Set();
    this.#turns = 0;
    this.#running = this.#store
      .checkpoint({ seq: this.#store.lastSeq, engine: engineRecord(this.#engine.world), nodes: this.#records(dirty), removed })
      .catch((error: unknown) => {
        for (const id of dirty) if (!this.#removed.has(id)) this.#dirty.add(id);
        for (const id of removed) if (!this.#dirty.has(id)) this.#removed.add(id);
        this.#log(
          `the snapshot could not be written: ${error instanceof Error ? error.message : String(error)}; the journal keeps everything`,
        );
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async stop(): Promise<void> {
    await this.#running;
    await this.run();
    clearTimeout(this.#timer);
  }

  *#records(ids: Iterable<NodeId>): Iterable<NodeRecord> {
    for (const id of ids) {
      const node = this.#engine.world.nodes.get(id);
      if (node) yield nodeRecord(node);
    }
  }
}

/** Follows the loop's turns, beginning with those that were replayed; returns how to stop, everything stored. */
export function checkpointing(
  loop: Loop,
  engine: Engine,
  store: Store,
  replayed: readonly Turn[],
  log: (message: string) => void,
): () => Promise<void> {
  const checkpoints = new Checkpoints(engine, store, log);
  for (const turn of replayed) checkpoints.note(turn);
  const unfollow = loop.onTurn((turn) => checkpoints.note(turn));
  return () => {
    unfollow();
    return checkpoints.stop();
  };
}
