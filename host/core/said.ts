/**
 * What the hosts below have said of a node that is not their own, each kept by itself. Two may speak of one node, as it moves; whose word
 * is taken follows from where the node is, and what was not taken is there when that changes: nobody says it a second time.
 */

import { sameJson } from '@kraken-hpc/sdk/state';
import type { Json, Path } from './declaration.ts';
import type { Node } from './node.ts';
import { seenSync } from './observe.ts';
import type { Fact, NodeId } from './record.ts';
import { BUSY, RUN } from './situation.ts';
import { inSubtree } from './tell.ts';
import type { World } from './world.ts';

/** Kept, and not believed yet. `value`: `[value, by, boot?, over?]`; undefined = it says nothing of it any more. */
export function say(w: World, node: Node, host: NodeId, path: Path, value: readonly Json[] | undefined): void {
  const paths = node.said?.get(host);
  if (value) {
    if (paths) paths.set(path, value);
    else {
      node.said ??= new Map();
      node.said.set(host, new Map([[path, value]]));
    }
    w.tree.heardThrough(host, node);
    return;
  }
  paths?.delete(path);
  if (paths?.size === 0) node.said?.delete(host);
  const fact = node.facts.get(path);
  // Whether it is busy is forgotten with nobody's word.
  if (fact?.via === host && path !== BUSY) w.setFact(node, path, undefined, fact.by, { via: host });
}

/** Something new was said of these; `all`: the node is elsewhere than before, and others may be believed now. */
export function settleSaid(w: World, node: Node, news: Iterable<Path>, all: boolean): void {
  const paths = new Set<Path>(news);
  if (all) for (const said of node.said?.values() ?? []) for (const path of said.keys()) paths.add(path);
  for (const path of paths) settle(w, node, path);
}

function settle(w: World, node: Node, path: Path): void {
  const host = speakerOf(w, node, path);
  const said = host === undefined ? undefined : node.said?.get(host)?.get(path);
  if (host === undefined || !said) return;
  const [seen, by, boot, over] = said as readonly [Json, string, Json?, Json?];
  const fact = node.facts.get(path);
  if (fact?.via === host && sameJson(fact.value, seen)) {
    fact.at = w.now;
    delete fact.stale;
    return;
  }
  if (fact && seesItself(w, node, host, fact)) {
    w.dropped.second++;
    return;
  }
  // A lease that this host or a person has set is not ended by the word of another.
  if (path === BUSY && fact && fact.value !== 'FREE' && fact.via === undefined && fact.boot === undefined) {
    w.dropped.second++;
    return;
  }
  w.setFact(node, path, seen, by, { via: host, ...(typeof boot === 'string' ? { boot } : {}), ...(over === undefined ? {} : { over }) });
  if (path === RUN && seen === 'SYNC') seenSync(w, node);
}

/** A service here that reaches the node says it, and the node is not that host's: its word would have this host act on what it sees not. */
function seesItself(w: World, node: Node, host: NodeId, { via, by, boot, stale }: Fact): boolean {
  if (via !== undefined || boot !== undefined || stale !== undefined || node.unreachable) return false;
  const isIts = inSubtree(w, node, host) || (node.book.at?.live === true && node.book.at.via === host);
  return !isIts && by !== 'core' && w.services.get(by)?.state === 'ready';
}

/** Through which of them this is believed: the one that the node is in session below; without a session, the one that acts on it. */
function speakerOf(w: World, node: Node, path: Path): NodeId | undefined {
  const { at } = node.book;
  let best: NodeId | undefined;
  let bestRank = 0;
  for (const [host, paths] of node.said ?? []) {
    const said = paths.get(path);
    if (!said || !w.nodes.has(host)) continue;
    const rank = rankOf(w, node, host, typeof said[2] === 'string');
    if (rank > bestRank) {
      best = host;
      bestRank = rank;
    }
  }
  if (best === undefined && at) w.dropped.authority++;
  return best;
}

/** What the node's own host has said (`isOwn`) counts through the host that it was with last, whether it is still there or not. */
function rankOf(w: World, node: Node, host: NodeId, isOwn: boolean): number {
  const { at } = node.book;
  const isThere = at === undefined || at.via === host;
  if (at?.live || isOwn) return isThere ? 3 : 0;
  if (inSubtree(w, node, host)) return 2;
  return isThere ? 1.5 : 1;
}
