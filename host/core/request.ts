/** Whether a disruptive step was asked for by somebody, or is a repair that the engine came upon itself. */

import { get } from '@kraken-hpc/sdk/state';
import type { Mutation } from './declaration.ts';
import type { Node } from './node.ts';
import type { Plan } from './planner/plan.ts';
import { PHYS } from './situation.ts';
import { isPowerOff } from './steps.ts';
import type { World } from './world.ts';

/**
 * Requested: it moves a path to the value that cfg names, stands on the way to a power-off that cfg or an open order names, or came
 * into the plan with somebody's change of goal that has not been reached since. A way out of PHYS_HANG towards a wanted POWER_ON is
 * a repair always, unless an order asked for it.
 */
export function isRequested(node: Node, mutation: Mutation): boolean {
  const { order, granted } = node.book;
  if ((order && !order.off) || get(node.cfg, PHYS) === 'POWER_OFF') return true;
  for (const path in mutation.mutates) if (get(node.cfg, path) === mutation.mutates[path]?.[1]) return true;
  if (mutation.mutates[PHYS]?.[0] === 'PHYS_HANG' && get(node.cfg, PHYS) === 'POWER_ON') return false;
  return (granted?.[mutation.id] ?? 0) > 0;
}

/** The disruptive steps of a plan, its branches included, with the most times that one way through it has each. */
export function disruptiveSteps(plan: Plan): ReadonlyMap<string, number> {
  let counts = counted.get(plan);
  if (!counts) {
    counts = countDisruptive(plan);
    counted.set(plan, counts);
  }
  return counts;
}

/** Plans are shared by all nodes in one situation. */
const counted = new WeakMap<Plan, ReadonlyMap<string, number>>();

function countDisruptive(plan: Plan): Map<string, number> {
  const counts = new Map<string, number>();
  if (plan.kind !== 'plan') return counts;
  for (const { mutation } of plan.steps) if (mutation.disruptive) counts.set(mutation.id, (counts.get(mutation.id) ?? 0) + 1);
  for (const branch of plan.branches) {
    for (const [id, count] of disruptiveSteps(branch.plan)) counts.set(id, Math.max(count, counts.get(id) ?? 0));
  }
  return counts;
}

/** A change of goal came between these two plans: what is new and disruptive in the second was asked for, as often as it stands there. */
export function grant(w: World, node: Node, before: Plan, after: Plan): void {
  const now = disruptiveSteps(after);
  if (now.size === 0) {
    w.book(node, 'granted', undefined);
    return;
  }
  const earlier = disruptiveSteps(before);
  const granted: Record<string, number> = {};
  for (const [id, count] of now) {
    if (!earlier.has(id)) granted[id] = count;
    else if (node.book.granted?.[id]) granted[id] = Math.min(count, node.book.granted[id]);
  }
  w.book(node, 'granted', Object.keys(granted).length > 0 ? granted : undefined);
}

/** A granted step is sent: once less. */
export function spend(w: World, node: Node, mutation: Mutation): void {
  const count = node.book.granted?.[mutation.id];
  if (!count) return;
  const { [mutation.id]: _, ...rest } = node.book.granted ?? {};
  w.book(node, 'granted', count > 1 ? { ...rest, [mutation.id]: count - 1 } : rest);
}

/** Seen switched off: whatever power-off was granted, it has happened. */
export function spendPowerOffs(w: World, node: Node): void {
  const { granted } = node.book;
  if (!granted) return;
  const left = Object.entries(granted).filter(([id]) => {
    const mutation = w.graph.mutation(id);
    return mutation === undefined || !isPowerOff(mutation);
  });
  w.book(node, 'granted', left.length > 0 ? Object.fromEntries(left) : undefined);
}
