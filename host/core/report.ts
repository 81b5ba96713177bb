/**
 * Up: what this host reports to its parent about its own node and those below it: what was observed, where nodes are attached, when
 * they were heard, which orders are done. Reads only. Its other end is `reported.ts`.
 */

import { isObject } from '@kraken-hpc/sdk/state';
import { attachedBelow, speaksFor } from './attach.ts';
import type { Json, Path } from './declaration.ts';
import type { Node } from './node.ts';
import type { Change } from './record.ts';
import { PHYS, RUN } from './situation.ts';
import type { World } from './world.ts';

/** Members that stand for bookkeeping, each with the record members that it is made from. */
const BY_RECORD: Readonly<Record<string, readonly string[]>> = {
  at: ['@session'],
  key: ['@session'],
  boot: ['@session'],
  heard: ['@heard'],
  doneOrder: ['@done'],
  order: ['@off'],
  refused: ['@refused'],
  revoked: ['@revoked'],
  tokenUsed: ['@used'],
  waits: ['@waits'],
  synced: [RUN],
};

const ALL_BOOKED = [...new Set(Object.values(BY_RECORD).flat())].filter((member) => member.startsWith('@'));

/** Everything that this host reports about a node. */
export function report(w: World, node: Node): Map<string, Json> {
  const reported = new Map<string, Json>();
  for (const member of [...ALL_BOOKED, ...node.facts.keys()]) {
    const value = reportOne(w, node, member);
    if (value !== undefined) reported.set(member, value);
  }
  return reported;
}

/** One of these members; undefined = there is none. */
export function reportOne(w: World, node: Node, member: string): Json | undefined {
  if (member.startsWith('/')) return factOf(w, node, member);
  const { book } = node;
  switch (member) {
    case '@session':
      return sessionOf(w, node);
    case '@heard':
      return book.heard && !isParent(w, book.heard.via) ? [book.heard.at, Math.max(0, w.now - book.heard.at), book.heard.kind] : undefined;
    case '@done':
      return book.doneOrder;
    case '@off':
      return book.order?.off ? book.order.id : undefined;
    case '@refused':
      return book.refused && { ...book.refused };
    case '@revoked':
      return book.revoked && book.revoked.length > 0 ? [...book.revoked] : undefined;
    case '@waits':
      return book.waits && { ...book.waits };
    case '@used':
      return book.tokenUsed;
    default:
      return undefined;
  }
}

/** Which of the members a change in the journal touches. */
export function upMembersOf(change: Change): readonly string[] {
  if (change.view === 'dsc') return [change.path];
  if (change.view === 'note' && change.path === 'attached' && isObject(change.to)) {
    const facts = change.to['facts'];
    return ['@session', ...(Array.isArray(facts) ? facts.filter((path): path is string => typeof path === 'string') : [])];
  }
  return [];
}

/** The same for a member of a node's record. */
export function upMembersOfRecord(member: string): readonly string[] {
  return BY_RECORD[member] ?? [];
}

/** What came from the parent is not told back; of its power the parent is the witness, of its run state once the parent has led it there. */
function factOf(w: World, node: Node, path: Path): Json | undefined {
  const fact = node.facts.get(path);
  if (!fact || isParent(w, fact.via)) return undefined;
  if (node.id === w.self) {
    if (path === PHYS || (path === RUN && node.book.synced?.parent !== (w.tree.above[0] ?? w.tree.parent))) return undefined;
  } else if (!speaksFor(w, node)) return undefined;
  const { value, by, boot, over } = fact;
  return over === undefined ? (boot === undefined ? [value, by] : [value, by, boot]) : [value, by, boot ?? null, over];
}

/** The neighbours below are all known here, and the parent is not. */
function isParent(w: World, via: string | undefined): boolean {
  return via !== undefined && !w.nodes.has(via);
}

/** Of a node that is attached to this host or below it. */
function sessionOf(w: World, node: Node): Json | undefined {
  const { at, boot } = node.book;
  if (!at || node.id === w.self || !attachedBelow(w, node)) return undefined;
  return { host: at.host, term: at.term, live: at.live, ...(boot ? { boot } : {}), ...(at.key ? { key: at.key } : {}) };
}
