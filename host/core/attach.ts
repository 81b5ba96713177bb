/** Where a node's own host is attached: the highest admission owns the node, and whoever had it before lets go of it. */
import { joinDomains, noteBack } from './brake.ts';
import type { Attached, Node } from './node.ts';
import type { World } from './world.ts';

/** It is in session with a host that is neither this one nor below it. */
export function isElsewhere(w: World, node: Node): boolean {
  const { at } = node.book;
  return at?.live === true && at.host !== w.self && at.via === undefined;
}

/** It is, or was last, attached to this host or to one below it. */
export function attachedBelow(w: World, node: Node): boolean {
  const { at } = node.book;
  return at !== undefined && (at.host === w.self || at.via !== undefined);
}

/** The node's place has changed, as this host knows it. What is reported of it, and whose it is to act on, follows. */
export function attach(w: World, node: Node, at: Attached): void {
  const before = node.book.at;
  if (before && sameAttached(before, at)) return;
  const wasElsewhere = isElsewhere(w, node);
  const moved = before?.host !== at.host || before.live !== at.live;
  w.book(node, 'at', at);
  w.tree.hang(node);
  if (at.via !== undefined) w.tree.heardThrough(at.via, node);
  w.tree.isStirred = true;
  const isGone = isElsewhere(w, node);
  // Heard by another host, it is none of the lost.
  if (isGone && node.book.lost) noteBack(w, node);
  joinDomains(w, node);
  if (moved || wasElsewhere !== isGone)
    w.note(
      node,
      'attached',
      { host: at.host, live: at.live, ...(wasElsewhere === isGone ? {} : { facts: [...node.facts.keys()] }) },
      'core',
    );
  w.dirty.add(node);
}

function sameAttached(a: Attached, b: Attached): boolean {
  return a.host === b.host && a.term === b.term && a.live === b.live && a.key === b.key && a.via === b.via;
}
