/** Hosts that are not connected may hear nodes of which nobody here knows: whoever acts on such a node must know that. */
import { attachedBelow } from './attach.ts';
import type { Node } from './node.ts';
import type { NodeId } from './record.ts';
import { PHYS } from './situation.ts';
import { inSubtree } from './tell.ts';
import { parentsOf } from './tree.ts';
import type { World } from './world.ts';

/** Hosts came or went, or nodes have other parents: finds out anew who is deaf, and notes it where it matters. */
export function stir(w: World): void {
  const { tree } = w;
  tree.isStirred = false;
  if (!tree.hosts) {
    tree.rehung.clear();
    return;
  }
  const touched = new Set(tree.rehung);
  tree.rehung.clear();
  for (const id of [...tree.hostIds, ...tree.deaf]) {
    const isDeaf = isSilent(w, id);
    if (isDeaf === tree.deaf.has(id)) continue;
    if (isDeaf) tree.deaf.add(id);
    else tree.deaf.delete(id);
    for (const node of tree.hanging(id)) touched.add(node);
  }
  for (const node of touched) noteDeaf(w, node);
}

/** Of those that are not connected, the ones that this node names as parents. */
export function noteDeaf(w: World, node: Node): void {
  if (!w.nodes.has(node.id) || node.id === w.self) return;
  const deaf = parentsOf(node).filter((host) => w.tree.deaf.has(host) || (node.deafAbove.includes(host) && !isOurs(w, host)));
  if (deaf.join() === (node.book.deaf ?? []).join()) return;
  w.book(node, 'deaf', deaf.length > 0 ? deaf : undefined);
  w.dirty.add(node);
}

/** It was a host once, is not known to be off, and is in session with nobody. */
function isSilent(w: World, id: NodeId): boolean {
  const host = w.nodes.get(id);
  if (!host || id === w.self || !isOurs(w, id)) return false;
  return host.book.everSync === true && !host.live && host.book.at?.live !== true && host.seen(PHYS) !== 'POWER_OFF';
}

/** This host is told of it first, and not by its parent. */
function isOurs(w: World, id: NodeId): boolean {
  const host = w.nodes.get(id);
  return host !== undefined && (w.isRoot || inSubtree(w, host, w.self) || attachedBelow(w, host));
}
