/** This host as one of the tree: its own node at a start, its connection to its parent. */
import { expectHosts } from './probe.ts';
import type { NodeId } from './record.ts';
import { observeSelf } from './self.ts';
import { BUSY, RUN } from './situation.ts';
import type { World } from './world.ts';

/** After what was stored has been read: what a new boot of this host's machine ends, and which sessions are expected to go on. */
export function begin(w: World, boot: string | undefined): void {
  const own = w.nodes.get(w.self);
  if (boot !== undefined && w.kept['boot'] !== boot) {
    if (own && w.kept['boot'] !== undefined) {
      const why = 'this host has booted anew';
      for (const [path, fact] of own.facts) if (fact.via === undefined && path !== BUSY) w.setFact(own, path, undefined, 'core', { why });
      if (own.seen(BUSY) !== 'FREE') w.setFact(own, BUSY, 'FREE', 'core', { why });
      w.book(own, 'synced', undefined);
    }
    w.keep('boot', boot);
  }
  observeSelf(w);
  const core = w.services.get('core');
  if (core && w.tree.hosts) expectHosts(w, core);
  // A call is never taken for one of before a restart: the nodes' hosts know their steps by these numbers.
  w.nextId = Math.max(w.nextId, w.now);
}

/** The session with this host's parent: without it, no silent node is judged. */
export function uplink(w: World, connected: boolean, above: readonly NodeId[] | undefined): void {
  w.connectedSince = connected ? (w.connectedSince ?? w.now) : undefined;
  if (above && above.join() !== w.tree.above.join()) {
    w.tree.above = above;
    w.keep('above', [...above]);
    const own = w.nodes.get(w.self);
    if (own?.seen(RUN) !== undefined) w.dirty.add(own);
  }
}
