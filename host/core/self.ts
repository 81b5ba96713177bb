/** This host's own node: what a running host knows of itself. */
import type { Refusal } from './effect.ts';
import { CODES } from './failures.ts';
import type { Node } from './node.ts';
import type { World } from './world.ts';

/** What its machine was booted with, as a host sees it itself: members of `/booted`. */
export interface Booted {
  /** One for a kernel, an initramfs and arguments: who booted it knows which. */
  readonly id?: string;
  /** The kernel's release. */
  readonly kernel?: string;
  /** The id of the layer 0 that it runs in. */
  readonly layer0?: string;
  /** The kernel command line without what is ours. */
  readonly args?: string;
}

const BOOTED = ['id', 'kernel', 'layer0', 'args'] as const;

function observeBooted(w: World, own: Node): void {
  if (!w.booted) return;
  for (const name of BOOTED) {
    const value = w.booted[name];
    const path = `/booted/${name}`;
    if (own.seen(path) !== value) w.setFact(own, path, value, 'core');
  }
}

/** A running host is on and, being the root, in sync with itself; another one is when its parent says so. */
export function observeSelf(w: World): void {
  const own = w.nodes.get(w.self);
  if (!own) return;
  own.live = true;
  if (own.seen('/physState') !== 'POWER_ON') w.setFact(own, '/physState', 'POWER_ON', 'core');
  // A host that holds no lease is free, and only it can say so.
  if (!w.isRoot && own.seen('/busy') === undefined) w.setFact(own, '/busy', 'FREE', 'core');
  const run = own.seen('/runState');
  if (w.isRoot ? run !== 'SYNC' : run === undefined) w.setFact(own, '/runState', w.isRoot ? 'SYNC' : 'INIT', 'core');
  observeBooted(w, own);
}

/** A service here switches this node on or off; its own host: its parent need not be imagined to. */
export function hasSwitch(w: World, node: Node): boolean {
  return [...w.services].some(
    ([name, { declaration }]) =>
      name !== 'parent' && declaration.mutations.some(({ mutates }) => '/physState' in mutates) && w.serves(name, node),
  );
}

/** Why cfg and orders are not taken here: this host runs what its parent tells it. Undefined at the root. */
export function atParent(w: World, what: string): Refusal | undefined {
  if (w.isRoot) return undefined;
  const own = w.nodes.get(w.self);
  const { above, parent } = w.tree;
  const root = above.at(-1) ?? parent;
  return {
    code: CODES.notPermitted,
    what,
    where: `this host, ${own?.name || w.self}`,
    why: 'it has a parent, and runs what that tells it',
    todo: root === undefined ? 'Say it at the root of the cluster.' : `Say it at the root of the cluster, the host of node ${root}.`,
  };
}

/** Its id was given by a person, or another host knows it by that: this host never takes another identity. */
export function fixSelf(w: World): void {
  if (w.kept['fixed'] !== true) w.keep('fixed', true);
}

/** This host's own node was made by itself and stands alone: a file may still give it another identity. */
export function isNew(w: World): boolean {
  if (w.kept['fixed'] === true) return false;
  const own = w.nodes.get(w.self);
  return !own || (w.nodes.size === 1 && own.marks.get('')?.by === 'core');
}
