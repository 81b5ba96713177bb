/** Where a node stands for the planner: its class, its goal, its plan. */
import type { NodeClass } from './classes.ts';
import type { Mutation, Path } from './declaration.ts';
import type { Node } from './node.ts';
import type { Plan } from './planner/plan.ts';
import type { World } from './world.ts';

export const PHYS = '/physState';
export const RUN = '/runState';
export const BUSY = '/busy';

export function classOf(w: World, node: Node): NodeClass {
  if (node.cls) return node.cls;
  const forced = node.book.force ? forcedPaths(w, node) : undefined;
  const cls = w.graph.classOf(
    (service) => w.serves(service, node),
    (variable) => node.view[variable.index] ?? 0,
    forced,
  );
  if (!forced) node.cls = cls;
  return cls;
}

/** The barriers that an operator's force may skip: what is broken for good, or whose service is not running. */
function forcedPaths(w: World, node: Node): ReadonlySet<Path> {
  const paths = new Set<Path>();
  for (const service of w.services.values()) {
    for (const path of Object.keys(service.declaration.quiet)) {
      const seen = node.seen(path);
      const terminal = w.graph.variable(path)?.declared?.terminal ?? [];
      if (service.state !== 'ready' || (seen !== undefined && terminal.some((value) => value === seen))) paths.add(path);
    }
  }
  return paths;
}

let orderGoal = new Uint16Array(0);

/** What the planner aims at: cfg, or while an order has not been seen switched off, POWER_OFF alone. */
export function goalOf(w: World, node: Node): Uint16Array {
  if (!node.book.order || node.book.order.off) return node.goal;
  const phys = w.graph.variable(PHYS);
  if (!phys) return node.goal;
  if (orderGoal.length !== node.goal.length) orderGoal = new Uint16Array(node.goal.length);
  orderGoal.fill(0);
  orderGoal[phys.index] = phys.code('POWER_OFF');
  return orderGoal;
}

export function planOf(w: World, node: Node): Plan {
  return classOf(w, node).plan(node.view, goalOf(w, node));
}

/** Whether a mutation's from-values (0) or to-values (1) are what is seen. */
export function stands(w: World, node: Node, mutation: Mutation, side: 0 | 1): boolean {
  for (const path in mutation.mutates) {
    const variable = w.graph.variable(path);
    if (!variable || node.view[variable.index] !== variable.code(mutation.mutates[path]?.[side])) return false;
  }
  return true;
}
