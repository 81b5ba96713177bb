import type { Mutation } from './declaration.ts';
import type { Blocker } from './planner/plan.ts';
import type { Millis } from './record.ts';
import type { World } from './world.ts';

/** A duration as people say it. */
export function seconds(time: Millis): string {
  if (time >= 7_200_000) return `${Math.round(time / 3_600_000)} h`;
  if (time >= 120_000) return `${Math.round(time / 60_000)} min`;
  return time >= 10_000 || time % 1000 === 0 ? `${Math.round(time / 1000)} s` : `${(time / 1000).toFixed(1)} s`;
}

export function ago(w: World, time: Millis | undefined): string {
  return time === undefined ? 'an unknown time' : seconds(Math.max(0, w.now - time));
}

/** `physState POWER_OFF → POWER_ON` */
export function stepText(mutation: Mutation): string {
  return Object.entries(mutation.mutates)
    .map(([path, [from, to]]) => `${path.slice(1)} ${String(from)} → ${String(to)}`)
    .join(', ');
}

/** What blocks a goal, as a sentence. */
export function blockerText(w: World, blocker: Blocker): string {
  const path = (variable: number): string => w.graph.variables[variable]?.path.slice(1) ?? '?';
  const value = (variable: number, code: number): string => String(w.graph.variables[variable]?.value(code) ?? 'unknown');
  const goal = path(blocker.goal);
  switch (blocker.kind) {
    case 'noMutationTo':
      return `${goal}: no mutation of a service that serves this node leads ${path(blocker.variable)} to ${value(blocker.variable, blocker.code)}`;
    case 'requires':
      return `${goal}: ${blocker.mutation.id} requires ${path(blocker.variable)} ${value(blocker.variable, blocker.wanted)}, but it is ${value(blocker.variable, blocker.seen)}, and nothing can change that`;
    case 'excluded':
      return `${goal}: ${blocker.mutation.id} is excluded by ${path(blocker.variable)} ${value(blocker.variable, blocker.code)}, and nothing can change that`;
    case 'together':
      return `${goal}: it cannot be had together with ${blocker.with.map(path).join(', ')}`;
    case 'tooLarge':
      return `${goal}: the search was given up after ${blocker.expanded} states; the mutation graph is too entangled`;
    default:
      return blocker satisfies never;
  }
}
