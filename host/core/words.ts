import type { Json, Mutation, Path } from './declaration.ts';
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

/** `physState POWER_OFF → POWER_ON`; a derived ask is named for what it is. */
export function stepText(mutation: Mutation): string {
  const changes = Object.entries(mutation.mutates);
  if (mutation.name.startsWith('ask:')) return `asking for ${changes.map(([path]) => path.slice(1)).join(', ')}`;
  return changes.map(([path, [from, to]]) => `${path.slice(1)} ${String(from)} → ${String(to)}`).join(', ');
}

/** A failure domain as people name it. */
export function domainText(w: World, domain: string): string {
  if (domain === 'all children') return "this host's children";
  const parent = /^parent=(.*)$/.exec(domain)?.[1];
  return parent === undefined ? domain : `the children of ${w.nodes.get(parent)?.name || parent}`;
}

/** What blocks a goal, as a sentence; `valueAt` says a node's own values where the graph has no name for them. */
export function blockerText(w: World, blocker: Blocker, valueAt: (path: Path) => Json | undefined): string {
  const path = (variable: number): string => w.graph.variables[variable]?.path.slice(1) ?? '?';
  const value = (variable: number, code: number): string => {
    if (code === 0) return 'not known';
    const known = w.graph.variables[variable];
    return String(known?.value(code) ?? (known && valueAt(known.path)) ?? 'something else');
  };
  const goal = path(blocker.goal);
  switch (blocker.kind) {
    case 'noMutationTo':
      return `${goal}: no mutation of a service that serves this node leads ${path(blocker.variable)} to ${value(blocker.variable, blocker.code)}`;
    case 'requires':
      return `${goal}: ${blocker.mutation.id} requires that ${path(blocker.variable)} is ${value(blocker.variable, blocker.wanted)}, but it is ${value(blocker.variable, blocker.seen)}, and nothing can change that`;
    case 'excluded':
      return `${goal}: ${blocker.mutation.id} must not run while ${path(blocker.variable)} is ${value(blocker.variable, blocker.code)}, and nothing can change that`;
    case 'together':
      return `${goal}: it cannot be had together with ${blocker.with.map(path).join(', ')}`;
    case 'tooLarge':
      return `${goal}: the search was given up after ${blocker.expanded} states; the mutation graph is too entangled`;
    default:
      return blocker satisfies never;
  }
}
