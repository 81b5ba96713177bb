/** The order of a plan's steps: which must wait for which, and which of those that need not comes first. */
import type { Graph } from '../graph.ts';
import { Heap } from './heap.ts';
import type { Action } from './model.ts';
import type { PlanStep } from './plan.ts';

/**
 * The steps of a plan with what each waits for. Two steps wait for each other (the earlier first) where one changes, makes
 * unknown or could fail to what the other changes, needs, excludes or is known by. Any order that keeps to `after` is as good
 * as the one given. First come asks, last what is disruptive, but it waits for nothing that it has no part in: the step of a
 * module that is dead, or a guard that says no, never holds up another step.
 */
export function ordered(graph: Graph, actions: readonly Action[], touches: (action: Action) => Touches): PlanStep[] {
  const waits = dependencies(actions.map(touches));
  const followers = waits.map((): number[] => []);
  for (const [index, others] of waits.entries()) for (const other of others) followers[other]?.push(index);
  const missing = waits.map((others) => others.length);
  const ready = new Heap<number>();
  const offer = (index: number): void => {
    const mutation = actions[index]?.mutation;
    const rank = mutation?.disruptive ? 2 : mutation && graph.askOf(mutation.id) ? 0 : 1;
    ready.push(rank * actions.length + index, index);
  };
  for (const [index, count] of missing.entries()) if (count === 0) offer(index);
  const order: number[] = [];
  const placed = new Map<number, number>();
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    placed.set(next, order.length);
    order.push(next);
    for (const follower of followers[next] ?? []) {
      const left = (missing[follower] ?? 0) - 1;
      missing[follower] = left;
      if (left === 0) offer(follower);
    }
  }
  const steps: PlanStep[] = [];
  for (const index of order) {
    const action = actions[index];
    if (!action) continue;
    const after = (waits[index] ?? []).map((other) => placed.get(other) ?? 0);
    steps.push({ mutation: action.mutation, after: after.sort((a, b) => a - b) });
  }
  return steps;
}

/** The variables that a step may change, and those that it relies on. */
export interface Touches {
  readonly writes: readonly number[];
  readonly reads: readonly number[];
}

/** For each step the nearest earlier ones that it must follow. */
function dependencies(steps: readonly Touches[]): number[][] {
  const writer = new Map<number, number>();
  const readers = new Map<number, number[]>();
  return steps.map(({ writes, reads }, index) => {
    const waits = new Set<number>();
    for (const variable of [...reads, ...writes]) {
      const before = writer.get(variable);
      if (before !== undefined) waits.add(before);
    }
    for (const variable of writes) for (const reader of readers.get(variable) ?? []) waits.add(reader);
    for (const variable of writes) {
      writer.set(variable, index);
      readers.set(variable, []);
    }
    for (const variable of reads) {
      if (writes.includes(variable)) continue;
      const known = readers.get(variable);
      if (known) known.push(index);
      else readers.set(variable, [index]);
    }
    waits.delete(index);
    return [...waits].sort((a, b) => a - b);
  });
}
