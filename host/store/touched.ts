/**
 * Which nodes the turns after the snapshot changed. A checkpoint that claims a turn but leaves out a node that it changed
 * would silently lose that change at the next start; so it is refused: the journal keeps the turns, and nothing is lost.
 */
import type { NodeId, Turn } from '../core/record.ts';

/** What one checkpoint must give: each node with the first turn that changed it since the checkpoint before was begun. */
export type Expected = ReadonlyMap<NodeId, number>;

export class Touched {
  /** Since the last checkpoint was begun. */
  #since = new Map<NodeId, number>();
  /** What checkpoints that failed should have given. */
  readonly #owed = new Map<NodeId, number>();
  /** The newest turn that removed each node, whether or not it came back. */
  readonly #removed = new Map<NodeId, number>();

  note(turn: Turn): void {
    for (const { node, view, path, to } of turn.changes) {
      if (view === 'note') continue;
      if (!this.#since.has(node)) this.#since.set(node, turn.seq);
      if (path === '' && to === undefined) this.#removed.set(node, turn.seq);
    }
  }

  /** A checkpoint is asked for: turns from now on belong to the next one. */
  begin(): Expected {
    const expected = this.#since;
    this.#since = new Map();
    return expected;
  }

  /** Throws if a node is missing from what the checkpoint was given. */
  check(expected: Expected, seq: number, given: ReadonlySet<NodeId>): void {
    for (const [id, first] of [...this.#owed, ...expected]) {
      // A removal after `seq` is replayed, and what came after it: a record that could not be pulled meanwhile is not missing.
      if (given.has(id) || first > seq || (this.#removed.get(id) ?? 0) > seq) continue;
      throw new Error(`the checkpoint of turn ${seq} leaves out node ${id}, which was changed or removed by turn ${first} or later`);
    }
  }

  succeeded(expected: Expected, seq: number): void {
    this.#owed.clear();
    for (const [id, first] of expected) if (first > seq) this.#owed.set(id, first);
    for (const [id, removed] of this.#removed) if (removed <= seq) this.#removed.delete(id);
  }

  failed(expected: Expected): void {
    for (const [id, first] of expected) if (!this.#owed.has(id)) this.#owed.set(id, first);
  }
}
