/**
 * Watches of state: what a turn changed, filtered and serialised once for all who watch the same. One that reads slower than things
 * change is told the latest state of the nodes that it missed; one that missed too many gets everything anew. Both cost ids only.
 */

import { matches, type NodeSet } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json, Path } from '../core/declaration.ts';
import type { NodeView, Queries } from '../core/queries.ts';
import type { Change, NodeId, Revision, Turn } from '../core/record.ts';
import { changeText, narrow, showChange } from './changes.ts';
import { isTooLarge, packLines } from './lines.ts';
import { type ApiSession, refusal } from './session.ts';
import { nodeInParts, page, showNode, type View } from './view.ts';

export interface Filter {
  /** Absent = all nodes. */
  readonly set: NodeSet | undefined;
  /** Only these, where the watch names them. */
  readonly nodes: ReadonlySet<NodeId> | undefined;
  /** Absent = all paths. */
  readonly paths: readonly Path[] | undefined;
  readonly view: View;
}

interface Feed {
  readonly id: number;
  readonly key: string;
  readonly filter: Filter;
  /** The nodes that are in its set now. */
  readonly members: Set<NodeId>;
  readonly watchers: Set<Watcher>;
}

interface Watcher {
  readonly session: ApiSession;
  readonly feed: Feed;
  /** Nodes that it was not told of while it was slow; `all`: too many of them, or nothing that it was told holds any more. */
  missed: Set<NodeId> | 'all' | undefined;
}

/** A watcher that has not read this much is told no more until it has. */
const SLOW_BYTES = 1_000_000;
const MOST_MISSED = 10_000;
/** Nodes of which it is remembered when they last changed, so that a watch can go on where it was. */
const MOST_REMEMBERED = 200_000;
const PAGE_NODES = 2_000;
const MOST_WATCHES = 64;

export class Feeds {
  readonly #engine: () => Queries;
  readonly #feeds = new Map<string, Feed>();
  readonly #bySession = new Map<ApiSession, Map<number, Watcher>>();
  /** When each node last changed, in that order. */
  readonly #changedAt = new Map<NodeId, Revision>();
  /** What changed after this revision is remembered. */
  #since: Revision;
  #next = 1;

  constructor(engine: () => Queries) {
    this.#engine = engine;
    this.#since = engine().revision;
  }

  turn(turn: Turn): void {
    const touched = new Set<NodeId>();
    for (const { node, view } of turn.changes) if (view !== 'note') touched.add(node);
    if (touched.size === 0) return;
    this.#remember(touched, turn.rev);
    for (const feed of this.#feeds.values()) this.#feed(feed, turn, touched);
  }

  /** The first page; the rest follows by itself. Throws a RefusalError: Gone where `from` is too far back, TooMany. */
  watch(session: ApiSession, filter: Filter, key: string, from: Revision | undefined): Json {
    const own = this.#watchesOf(session);
    const { revision } = this.#engine();
    const missed = from === undefined ? undefined : this.#changedAfter(from, revision);
    const known = [...own.values()].find(({ feed }) => feed.key === key);
    if (!known && own.size >= MOST_WATCHES)
      throw refusal(
        CODES.TooMany,
        'the watch is refused',
        session.author.user,
        `${MOST_WATCHES} watches are open`,
        'End some with state/unwatch',
      );
    const feed = known?.feed ?? this.#feeds.get(key) ?? this.#open(key, filter);
    const watcher = known ?? { session, feed, missed: undefined };
    feed.watchers.add(watcher);
    own.set(feed.id, watcher);
    if (missed) {
      if (missed.length > 0) watcher.missed = new Set(missed);
      if (missed.length > 0) setImmediate(() => void this.#catchUp(watcher));
      return { watch: feed.id, revision, nodes: [], more: false };
    }
    const ids = [...feed.members];
    const first = page(this.#engine(), ids, 0, filter.view, filter.paths, PAGE_NODES, true);
    const more = first.next !== undefined || first.large !== undefined;
    if (more) setImmediate(() => void this.#pages(watcher, ids, first.large ? 0 : first.taken));
    return { watch: feed.id, revision, nodes: first.nodes, more };
  }

  /** False: the session has no such watch. */
  unwatch(session: ApiSession, watch: number): boolean {
    const own = this.#bySession.get(session);
    const watcher = own?.get(watch);
    if (!own || !watcher) return false;
    own.delete(watch);
    this.#drop(watcher);
    return true;
  }

  /** Another engine stands behind: nothing that was told holds any more. */
  resyncAll(): void {
    this.#changedAt.clear();
    this.#since = this.#engine().revision;
    for (const feed of this.#feeds.values()) {
      this.#fill(feed);
      for (const watcher of feed.watchers) {
        const waits = watcher.missed !== undefined;
        watcher.missed = 'all';
        if (!waits) void this.#catchUp(watcher);
      }
    }
  }

  #watchesOf(session: ApiSession): Map<number, Watcher> {
    let own = this.#bySession.get(session);
    if (!own) {
      own = new Map();
      this.#bySession.set(session, own);
      session.onClose(() => {
        for (const watcher of this.#bySession.get(session)?.values() ?? []) this.#drop(watcher);
        this.#bySession.delete(session);
      });
    }
    return own;
  }

  #open(key: string, filter: Filter): Feed {
    const feed: Feed = { id: this.#next++, key, filter, members: new Set(), watchers: new Set() };
    this.#fill(feed);
    this.#feeds.set(key, feed);
    return feed;
  }

  #drop(watcher: Watcher): void {
    watcher.feed.watchers.delete(watcher);
    if (watcher.feed.watchers.size === 0) this.#feeds.delete(watcher.feed.key);
  }

  #fill(feed: Feed): void {
    feed.members.clear();
    for (const id of this.#engine().ids()) if (this.#belongs(feed, id)) feed.members.add(id);
  }

  #belongs({ filter }: Feed, id: NodeId): boolean {
    const node = this.#engine().node(id);
    if (!node || (filter.nodes && !filter.nodes.has(id))) return false;
    return filter.set === undefined || matches(filter.set, this.#engine().subject(id));
  }

  /** The feed's part of a turn. Nodes that came into its set are shown whole; those that left it are told as gone. */
  #feed(feed: Feed, turn: Turn, touched: ReadonlySet<NodeId>): void {
    const came: NodeId[] = [];
    const left: NodeId[] = [];
    for (const id of touched) {
      const is = this.#belongs(feed, id);
      if (is === feed.members.has(id)) continue;
      if (is) came.push(id);
      else left.push(id);
    }
    const { view, paths } = feed.filter;
    const changes: string[] = [];
    const concerned = new Set([...came, ...left]);
    for (const id of came) feed.members.add(id);
    const entered = new Set(came);
    for (const change of turn.changes) {
      if (change.view === 'note' || change.path === '' || (view !== 'both' && change.view !== view)) continue;
      if (!feed.members.has(change.node) || entered.has(change.node)) continue;
      for (const part of narrow(change, paths)) changes.push(changeText(showChange(part, turn.at)));
      concerned.add(change.node);
    }
    for (const id of left) {
      feed.members.delete(id);
      changes.push(JSON.stringify(this.#gone(id)));
    }
    if (changes.length === 0 && came.length === 0) return;
    const lines = [
      ...this.#states(feed, came, turn.rev),
      ...packLines('state/changed', { watch: feed.id, revision: turn.rev }, 'changes', changes),
    ];
    for (const watcher of feed.watchers) this.#give(watcher, lines, concerned);
  }

  #gone(id: NodeId): Partial<Change> {
    const why = this.#engine().node(id) ? 'it is not in the watched set any more' : 'it was deleted';
    return { rev: this.#engine().revision, node: id, view: 'cfg', path: '', by: 'core', why };
  }

  #states(feed: Feed, ids: readonly NodeId[], revision: Revision): string[] {
    const { view, paths } = feed.filter;
    const engine = this.#engine();
    const large: string[] = [];
    const nodes = ids.flatMap((id) => {
      const node = engine.node(id);
      if (!node) return [];
      const text = JSON.stringify(showNode(engine, node, view, paths, true));
      if (!isTooLarge(text)) return [text];
      large.push(...this.#inParts(feed, node, revision));
      return [];
    });
    return [...packLines('state/changed', { watch: feed.id, revision, changes: [] }, 'nodes', nodes), ...large];
  }

  /** What fits into no line comes without its values, and these after it. */
  #inParts(feed: Feed, of: NodeView, revision: Revision): string[] {
    const { node, values } = nodeInParts(of, feed.filter.view, feed.filter.paths);
    const head = { watch: feed.id, revision };
    return [encode({ ...head, changes: [], nodes: [node] }), ...packLines('state/changed', head, 'changes', values.map(changeText))];
  }

  #give(watcher: Watcher, lines: readonly string[], concerned: ReadonlySet<NodeId>): void {
    if (watcher.missed === undefined && watcher.session.pendingBytes <= SLOW_BYTES) {
      for (const line of lines) watcher.session.sendRaw(line);
      return;
    }
    if (watcher.missed === undefined) {
      watcher.missed = new Set();
      void this.#catchUp(watcher);
    }
    if (watcher.missed === 'all') return;
    for (const id of concerned) watcher.missed.add(id);
    if (watcher.missed.size > MOST_MISSED) watcher.missed = 'all';
  }

  /** When it has read what it was sent: the nodes that it missed as they are now, or everything anew. */
  async #catchUp(watcher: Watcher): Promise<void> {
    await watcher.session.drained();
    const { missed, feed, session } = watcher;
    watcher.missed = undefined;
    if (!feed.watchers.has(watcher) || missed === undefined) return;
    const { revision } = this.#engine();
    if (missed === 'all') {
      session.sendRaw(encode({ watch: feed.id, revision, changes: [], resync: true, nodes: [], more: feed.members.size > 0 }));
      await this.#pages(watcher, [...feed.members], 0);
      return;
    }
    const gone = [...missed].filter((id) => !feed.members.has(id)).map((id) => JSON.stringify(this.#gone(id)));
    const here = [...missed].filter((id) => feed.members.has(id));
    for (const line of this.#states(feed, here, revision)) session.sendRaw(line);
    for (const line of packLines('state/changed', { watch: feed.id, revision }, 'changes', gone)) session.sendRaw(line);
  }

  /** The rest of a snapshot, a page at a time, as fast as it is read; each page is as new as its revision. */
  async #pages(watcher: Watcher, ids: readonly NodeId[], from: number): Promise<void> {
    const { feed, session } = watcher;
    const { view, paths } = feed.filter;
    for (let at = from, more = true; more && feed.watchers.has(watcher); ) {
      const part = page(this.#engine(), ids, at, view, paths, PAGE_NODES, true);
      at = part.taken;
      more = part.next !== undefined;
      const { revision } = this.#engine();
      if (part.large) for (const line of this.#inParts(feed, part.large, revision)) session.sendRaw(line);
      session.sendRaw(encode({ watch: feed.id, revision, changes: [], nodes: part.nodes, more }));
      await session.drained();
    }
  }

  #remember(touched: ReadonlySet<NodeId>, rev: Revision): void {
    for (const id of touched) {
      this.#changedAt.delete(id);
      this.#changedAt.set(id, rev);
    }
    for (const [id, changed] of this.#changedAt) {
      if (this.#changedAt.size <= MOST_REMEMBERED) break;
      this.#changedAt.delete(id);
      this.#since = changed;
    }
  }

  #changedAfter(from: Revision, revision: Revision): NodeId[] {
    if (from < this.#since || from > revision) {
      const why = from > revision ? `this host is at revision ${revision}` : `changes are remembered from revision ${this.#since} on`;
      throw refusal(CODES.Gone, 'the watch cannot go on', `from ${from}`, why, 'Watch without from: a snapshot comes first');
    }
    return [...this.#changedAt].filter(([, changed]) => changed > from).map(([id]) => id);
  }
}

function encode(params: object): string {
  return `${JSON.stringify({ jsonrpc: '2.0', method: 'state/changed', params })}\n`;
}
