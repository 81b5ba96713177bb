/** Out of reach is not a state: what could not be asked keeps its last observation, said to be stale. */
import type { Node } from './node.ts';
import type { World } from './world.ts';

/** What observes the node's power could not reach it: the last observation stays, marked stale, and the grace starts anew. */
export function unreachable(w: World, node: Node, kind: 'unreachable' | 'busy' | 'login', text: string): void {
  node.unreachableAt = w.now;
  if (!node.unreachable) {
    node.unreachable = { since: w.now, at: w.now, kind, text };
    w.note(node, 'unreachable', text, 'core');
    w.log('warn', `${node.name}: ${text}; its last observations stand, marked stale; it is asked again`, node);
  } else if (node.unreachable.kind !== kind) node.unreachable = { ...node.unreachable, at: w.now, kind, text };
  else {
    node.unreachable.at = w.now;
    node.unreachable.text = text;
  }
}

/** It answers again: what waited for that is tried at once. */
export function reached(w: World, node: Node): void {
  node.unreachable = undefined;
  w.note(node, 'reached', 'answers again', 'core');
  tryAgain(w, node);
  w.dirty.add(node);
}

/** What waited for somebody to answer is tried at once. */
export function tryAgain(w: World, node: Node): void {
  const { backoff } = node.book;
  if (!backoff) return;
  const kept = Object.fromEntries(Object.entries(backoff).filter(([, entry]) => entry.kind === 'failed' || entry.kind === 'later'));
  w.book(node, 'backoff', Object.keys(kept).length > 0 ? kept : undefined);
}
