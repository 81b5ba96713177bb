/**
 * Down: what this host tells a child's host about a node: cfg by top-level member, what operators said, where the node is attached,
 * and what others than that child have observed. Reads only. Its other end is `told.ts`.
 */

import { childPath, get, isObject } from '@kraken-hpc/sdk/state';
import type { Json, Path } from './declaration.ts';
import { type Node, newestMark } from './node.ts';
import type { Change, NodeId } from './record.ts';
import { BUSY, PHYS, RUN } from './situation.ts';
import type { World } from './world.ts';

/** Members that stand for bookkeeping, each with the record members that it is made from. */
const BY_RECORD: Readonly<Record<string, readonly string[]>> = {
  hold: ['@hold'],
  order: ['@order'],
  force: ['@force'],
  retried: ['@retry'],
  admitted: ['@admit'],
  revoked: ['@revoked'],
  token: ['@token'],
  at: ['@at'],
  deaf: ['@deaf'],
  heard: ['@heard'],
};

const ALL_BOOKED = Object.values(BY_RECORD).flat();

/** Everything that the child host `to` is told about this node. (`@sync` is the sync layer's own: the number of a core/sync step.) */
export function tell(w: World, node: Node, to: NodeId): Map<string, Json> {
  const told = new Map<string, Json>();
  const put = (member: string): void => {
    const value = tellOne(w, node, to, member);
    if (value !== undefined) told.set(member, value);
  };
  for (const name in node.cfg) put(childPath('', name));
  for (const member of ['@mark', '@frozen', ...ALL_BOOKED]) put(member);
  for (const path of node.facts.keys()) put(`=${path}`);
  return told;
}

/** One of these members; undefined = there is none. */
export function tellOne(w: World, node: Node, to: NodeId, member: string): Json | undefined {
  if (member.startsWith('/')) return member === '/id' ? undefined : get(node.cfg, member);
  if (member.startsWith('=')) return factFor(node, to, member.slice(1));
  const { book } = node;
  switch (member) {
    case '@mark':
      return newestFor(node);
    case '@frozen': {
      const frozen = w.frozen ?? w.tree.frozenAbove;
      return node.id === to && frozen ? { ...frozen } : undefined;
    }
    case '@hold':
      return book.hold && { ...book.hold };
    case '@order':
      return book.order && { ...book.order };
    case '@force':
      return book.force;
    case '@retry':
      return book.retried && { ...book.retried };
    case '@admit':
      return book.admitted && { ...book.admitted };
    case '@revoked':
      return book.revoked && [...book.revoked];
    case '@token':
      return book.token && { ...book.token };
    case '@at':
      return attachedFor(node);
    case '@deaf':
      return deafFor(node, to);
    case '@heard':
      return book.heard && book.heard.via !== to ? [book.heard.at, Math.max(0, w.now - book.heard.at), book.heard.kind] : undefined;
    default:
      return undefined;
  }
}

/** Which of the members a change in the journal touches. */
export function downMembersOf(change: Change): readonly string[] {
  if (change.view === 'dsc') return [`=${change.path}`];
  if (change.view === 'note') return [];
  if (change.path === '') return isObject(change.to) ? [...Object.keys(change.to).map((name) => childPath('', name)), '@mark'] : [];
  const end = change.path.indexOf('/', 1);
  return [end < 0 ? change.path : change.path.slice(0, end), '@mark'];
}

/** The same for a member of a node's record. */
export function downMembersOfRecord(member: string): readonly string[] {
  return BY_RECORD[member] ?? [];
}

/** What a host knows better itself is not told to it; of its own run state and power it is the witness. */
function factFor(node: Node, to: NodeId, path: Path): Json | undefined {
  const fact = node.facts.get(path);
  if (!fact || fact.via === to || (node.id === to && (path === RUN || path === PHYS))) return undefined;
  if (node.id === to && path !== BUSY && fact.by === 'core') return undefined;
  return [fact.value, fact.by];
}

/** Who set the newest of its values; with its number, so that it goes with every change. */
function newestFor(node: Node): Json | undefined {
  const newest = newestMark(node);
  return newest && { by: newest.by, rev: newest.rev, ...(newest.why ? { why: newest.why } : {}) };
}

function attachedFor(node: Node): Json | undefined {
  const { at } = node.book;
  return at && { host: at.host, term: at.term, live: at.live, ...(at.key ? { key: at.key } : {}) };
}

function deafFor(node: Node, to: NodeId): Json | undefined {
  const deaf = node.book.deaf?.filter((host) => host !== to);
  return deaf && deaf.length > 0 ? deaf : undefined;
}

/** More hosts than lie above any node. */
const MOST_ABOVE = 64;

/** The child hosts of this host that are told of a node: those over which one of its parents, or the host it is attached to, is reached. */
export function holdersOf(w: World, node: Node): readonly NodeId[] {
  const holders: NodeId[] = [];
  for (const host of hostsAbove(w, node)) if (isBelow(w, host) && !holders.includes(host)) holders.push(host);
  return holders;
}

/** The node itself and the hosts that it hangs on, and so on upwards until this host. */
function hostsAbove(w: World, node: Node): ReadonlySet<NodeId> {
  const seen = new Set<NodeId>([node.id]);
  if (node.id === w.self) return NOBODY;
  for (const id of seen) {
    const host = w.nodes.get(id);
    if (!host) continue;
    for (const next of host.hangsOn) if (next !== w.self && seen.size < MOST_ABOVE) seen.add(next);
  }
  return seen;
}

const NOBODY: ReadonlySet<NodeId> = new Set();

/** A host right below this one: by its parents, or as it is attached here. */
function isBelow(w: World, id: NodeId): boolean {
  const host = w.nodes.get(id);
  if (!host || id === w.self) return false;
  return host.hangsOn.includes(w.self) || (w.isRoot && host.parent !== undefined && !w.nodes.has(host.parent));
}

/** The nodes that a child host is told of, without looking at all nodes. */
export function nodesFor(w: World, to: NodeId): Iterable<Node> {
  const own = w.nodes.get(to);
  const found = new Set<Node>(own ? [own] : []);
  for (const node of found) for (const below of w.tree.hanging(node.id)) if (below.id !== w.self) found.add(below);
  return [...found].filter((node) => holdersOf(w, node).includes(to));
}

/** Whether a node is in the subtree of a host by what cfg names as its primary parents. */
export function inSubtree(w: World, node: Node, of: NodeId): boolean {
  let at: Node | undefined = node;
  for (let depth = 0; at && depth < MOST_ABOVE; depth++) {
    if (at.id === of) return true;
    at = at.parent === undefined ? undefined : w.nodes.get(at.parent);
    if (!at) return false;
  }
  return false;
}
