import type { Node } from './node.ts';
import { endSession } from './session.ts';
import { BUSY, RUN } from './situation.ts';
import type { World } from './world.ts';

/** A node's host is with another host than before: what it said through the one before is over, and so is its session here. */
export function leave(w: World, node: Node): void {
  if (node.id === w.self) return;
  if (node.live) endSession(w, node, 'moved');
  node.expectBy = undefined;
  node.probing = undefined;
  w.book(node, 'key', undefined);
  for (const [path, fact] of node.facts) {
    const isOfHost = fact.boot !== undefined || (fact.via === undefined && (path === RUN || fact.by === 'core'));
    if (isOfHost && path !== BUSY) w.setFact(node, path, undefined, 'core', { why: 'its host is attached to another host now' });
  }
}
