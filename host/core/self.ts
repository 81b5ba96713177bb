/** This host's own node: what a running host knows of itself. */
import type { Node } from './node.ts';
import type { World } from './world.ts';

/** A running host is on and, being the root, in sync with itself; another one is when its parent says so. */
export function observeSelf(w: World): void {
  const own = w.nodes.get(w.self);
  if (!own) return;
  own.live = true;
  if (own.seen('/physState') !== 'POWER_ON') w.setFact(own, '/physState', 'POWER_ON', 'core');
  const run = own.seen('/runState');
  if (w.isRoot ? run !== 'SYNC' : run === undefined) w.setFact(own, '/runState', w.isRoot ? 'SYNC' : 'INIT', 'core');
}

/** A service here switches this host's own node: its parent need not be imagined to. */
export function hasOwnSwitch(w: World, own: Node): boolean {
  return [...w.services].some(
    ([name, { declaration }]) =>
      name !== 'parent' && declaration.mutations.some(({ mutates }) => '/physState' in mutates) && w.serves(name, own),
  );
}
