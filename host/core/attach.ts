/** Where a node's own host is attached: the highest admission owns the node, and whoever had it before lets go of it. */
import { joinDomains, noteBack } from './brake.ts';
import type { Heard } from './event.ts';
import type { Attached, Node } from './node.ts';
import type { Millis, NodeId } from './record.ts';
import { inSubtree } from './tell.ts';
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

/** This host is the one to report what is observed of a node: it is in its subtree, or attached in it, and not in session elsewhere. */
export function speaksFor(w: World, node: Node): boolean {
  return !isElsewhere(w, node) && (inSubtree(w, node, w.self) || attachedBelow(w, node));
}

/** The node's place has changed, as this host knows it. What is reported of it, and whose it is to act on, follows. */
export function attach(w: World, node: Node, at: Attached): void {
  const before = node.book.at;
  if (before && sameAttached(before, at)) return;
  const spoke = speaksFor(w, node);
  const moved = before?.host !== at.host || before.live !== at.live;
  w.book(node, 'at', at);
  // Admitted by whichever of its parents: that was the first claim of the window, here too.
  const { window } = node.book;
  if (window && window.claimed === undefined && at.key && at.term > (before?.term ?? 0))
    w.book(node, 'window', { ...window, claimed: at.key });
  w.tree.hang(node);
  if (at.via !== undefined) w.tree.heardThrough(at.via, node);
  w.tree.isStirred = true;
  const speaks = speaksFor(w, node);
  if (at.live) node.heardAt = w.now;
  // Heard by another host, it is none of the lost.
  if (at.live && at.host !== w.self && node.book.lost) noteBack(w, node);
  joinDomains(w, node);
  // All that is reported of it begins or ends with this.
  const facts = spoke === speaks ? {} : { facts: [...node.facts.keys()] };
  if (moved || spoke !== speaks) w.note(node, 'attached', { host: at.host, live: at.live, ...facts }, 'core');
  w.dirty.add(node);
}

/** In session with another host than this one, wherever in the tree. */
export function isWithAnother(w: World, node: Node): boolean {
  const { at } = node.book;
  return at?.live === true && at.host !== w.self;
}

/** Its session here has ended. What hangs on it is not known to be dead: it is stale, and attached nowhere that is heard. */
export function detach(w: World, host: Node): void {
  const { at } = host.book;
  if (at?.live && at.host === w.self) attach(w, host, { ...at, live: false });
  for (const node of w.tree.through(host.id)) {
    if (node === host) continue;
    for (const fact of node.facts.values()) if (fact.via === host.id) fact.stale ??= fact.at;
    const below = node.book.at;
    if (below?.live && below.via === host.id) attach(w, node, { ...below, live: false });
  }
}

/** Journaled no more often than this. */
const HEARD_EVERY = 20_000;

/** A node is heard where nobody acts on it: those who do are told. */
export function noteHeard(w: World, node: Node, kind: Heard, at: Millis, via?: NodeId): void {
  if (!w.tree.hosts || w.isChild(node) || node.id === w.self) return;
  const last = node.book.heard;
  if (last && at - last.at < (last.kind === kind ? HEARD_EVERY : 1_000)) return;
  w.book(node, 'heard', { at, kind, ...(via === undefined ? {} : { via }) });
}

function sameAttached(a: Attached, b: Attached): boolean {
  return a.host === b.host && a.term === b.term && a.live === b.live && a.key === b.key && a.via === b.via;
}
