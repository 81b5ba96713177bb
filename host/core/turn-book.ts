/** What a turn did and asks for, written down as it happens: nothing changes without being journaled, shown to watchers, kept in the history. */
import type { Json, Path } from './declaration.ts';
import type { Effect, Refusal } from './effect.ts';
import type { RequestId } from './event.ts';
import type { Book, Node } from './node.ts';
import type { Change, Mark, Millis, NodeId, Revision, Turn } from './record.ts';

/** Lines that one turn may log, errors apart. */
const MOST_LOGGED = 50;

export class TurnBook {
  now: Millis = 0;
  revision: Revision = 0;
  seq = 0;
  /** The engine's own record as it stands. */
  kept: Record<string, Json> = {};

  #changes: Change[] = [];
  #records: Record<NodeId, Record<string, Json>> | undefined;
  #engine: Record<string, Json> | undefined;
  /** Members of their books were removed. */
  readonly #thinned = new Set<Node>();
  #effects: Effect[] = [];
  #durable = false;
  #logged = 0;

  changed(change: Change): void {
    this.#changes.push(change);
  }

  note(node: Node, kind: string, to: Json, by: string, why?: string): void {
    this.#changes.push({ rev: ++this.revision, node: node.id, view: 'note', path: kind, to, by, ...(why ? { why } : {}) });
  }

  cfgChanged(node: Node, path: Path, from: Json | undefined, to: Json | undefined, mark: Mark): void {
    this.#changes.push({
      rev: mark.rev,
      node: node.id,
      view: 'cfg',
      path,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      by: mark.by,
      ...(mark.why ? { why: mark.why } : {}),
    });
  }

  /** Sets members of a node's bookkeeping; undefined removes one. */
  book<K extends keyof Book>(node: Node, member: K, value: Book[K] | undefined): void {
    if (value === undefined) {
      if (node.book[member] === undefined) return;
      delete node.book[member];
      this.#thinned.add(node);
    } else {
      if (node.book[member] === value) return;
      node.book[member] = value;
    }
    this.#records ??= {};
    const record = (this.#records[node.id] ??= {});
    record[member] = value === undefined ? null : (value as Json);
  }

  /** Sets a member of the engine's own record; null removes it. */
  keep(member: string, value: Json): void {
    if (value === null) delete this.kept[member];
    else this.kept[member] = value;
    this.#engine ??= {};
    this.#engine[member] = value;
  }

  effect(effect: Effect): void {
    if ((effect.type === 'run' || effect.type === 'answer') && effect.afterDurable) this.#durable = true;
    this.#effects.push(effect);
  }

  /** Many nodes in one trouble are told of by a few lines and a count. */
  log(level: 'info' | 'warn' | 'error', message: string, node?: Node, service?: string): void {
    if (level !== 'error' && ++this.#logged > MOST_LOGGED) return;
    this.effect({ type: 'log', level, message, ...(node ? { node: node.id } : {}), ...(service ? { service } : {}) });
  }

  answer(request: RequestId | undefined, result: Json, afterDurable = true): void {
    if (request !== undefined) this.effect({ type: 'answer', request, result, afterDurable });
  }

  refuse(request: RequestId | undefined, refusal: Refusal): void {
    if (request !== undefined) this.effect({ type: 'refuse', request, refusal });
  }

  /** Ends the turn: its journal record, if anything changed, then its effects in the order of asking. */
  take(): Effect[] {
    if (this.#logged > MOST_LOGGED) {
      this.#effects.push({
        type: 'log',
        level: 'warn',
        message: `… and ${this.#logged - MOST_LOGGED} lines more of this moment; kraken node waiting groups nodes by reason`,
      });
    }
    this.#logged = 0;
    // An object that lost a member is a hash table of half a kilobyte for ever; a copy of it is a plain one.
    for (const node of this.#thinned) node.book = { ...node.book };
    this.#thinned.clear();
    const effects = this.#effects;
    if (this.#changes.length > 0 || this.#records || this.#engine) {
      const turn: Turn = {
        seq: ++this.seq,
        at: this.now,
        rev: this.revision,
        changes: this.#changes,
        ...(this.#records ? { records: this.#records } : {}),
        ...(this.#engine ? { engine: this.#engine } : {}),
      };
      effects.unshift({ type: 'journal', turn, durable: this.#durable });
      this.#changes = [];
      this.#records = undefined;
      this.#engine = undefined;
    }
    this.#effects = [];
    this.#durable = false;
    return effects;
  }
}
