/**
 * A slow, obvious planner to hold the real one against: Dijkstra over whole states, everything in plain objects, nothing shared
 * with the planner that it checks except the declarations themselves.
 */
import type { Mutation, Path, Scalar, ServiceDeclaration } from '../../host/core/declaration.ts';

/** By path; absent = unknown (or nothing). */
export type State = Readonly<Record<Path, Scalar>>;

export interface World {
  readonly services: readonly ServiceDeclaration[];
  /** All mutations, asks included. */
  readonly mutations: readonly Mutation[];
  readonly unknown: Readonly<Record<Path, Scalar>>;
  /** What nothing mutates. */
  readonly statics: State;
}

/** What nothing mutates is no condition of knowledge. */
function mutableOf(world: World): Set<Path> {
  return new Set(world.services.flatMap((service) => service.mutations.flatMap((mutation) => Object.keys(mutation.mutates))));
}

/** The conditions that all ways to learn `path` have in common. */
export function knownWhile(world: World, path: Path): Readonly<Record<Path, Scalar>> {
  const mutable = mutableOf(world);
  const isStatic = (other: Path): boolean => !mutable.has(other);
  const applies = (requires: State): boolean =>
    Object.entries(requires).every(([other, value]) => !isStatic(other) || world.statics[other] === value);
  const excluded = ([other, value]: [Path, Scalar]): boolean => isStatic(other) && world.statics[other] === value;
  const ways: Record<Path, Scalar>[] = [];
  for (const service of world.services) {
    for (const { mutates, requires, excludes } of service.mutations) {
      if (mutates[path]?.[0] !== world.unknown[path] || !applies(requires) || Object.entries(excludes).some(excluded)) continue;
      const way: Record<Path, Scalar> = { ...requires };
      for (const [other, [, to]] of Object.entries(mutates)) way[other] = to;
      ways.push(way);
    }
    for (const way of [...service.pollers, ...service.discoveries])
      if (way.discovers.includes(path) && applies(way.requires)) ways.push({ ...way.requires });
  }
  const common: Record<Path, Scalar> = {};
  for (const [other, value] of Object.entries(ways[0] ?? {})) {
    if (other !== path && mutable.has(other) && ways.every((way) => way[other] === value)) common[other] = value;
  }
  return common;
}

/** The state after a step: its to-values, and unknown what they make unknown, until nothing more does. */
export function after(world: World, state: State, mutation: Mutation): State {
  const next: Record<Path, Scalar> = { ...state };
  const changed: Record<Path, Scalar> = {};
  for (const [path, [, to]] of Object.entries(mutation.mutates)) changed[path] = to;
  for (let grown = true; grown; ) {
    grown = false;
    for (const path of mutableOf(world)) {
      if (path in changed) continue;
      if (Object.entries(knownWhile(world, path)).every(([other, value]) => !(other in changed) || changed[other] === value)) continue;
      changed[path] = world.unknown[path]!;
      grown = true;
    }
  }
  return Object.assign(next, changed);
}

export function canRun(world: World, state: State, mutation: Mutation): boolean {
  const value = (path: Path): Scalar | undefined => state[path] ?? world.unknown[path];
  return (
    Object.entries(mutation.mutates).every(([path, [from]]) => value(path) === from) &&
    Object.entries(mutation.requires).every(([path, wanted]) => value(path) === wanted) &&
    Object.entries(mutation.excludes).every(([path, not]) => value(path) !== not)
  );
}

export function moot(world: World, goal: State): Path[] {
  const lost = new Set<Path>();
  for (let grown = true; grown; ) {
    grown = false;
    for (const path of mutableOf(world)) {
      if (lost.has(path)) continue;
      const gone = Object.entries(knownWhile(world, path)).some(
        ([other, value]) => (other in goal && goal[other] !== value) || (lost.has(other) && world.unknown[other] !== value),
      );
      if (!gone) continue;
      lost.add(path);
      grown = true;
    }
  }
  return [...lost].filter((path) => path in goal).sort();
}

/** The cost of the cheapest way, undefined where there is none. `goal` without what is moot. */
export function cheapest(world: World, view: State, goal: State): number | undefined {
  const keyOf = (state: State): string => JSON.stringify(Object.entries(state).sort());
  const open = new Map([[keyOf(view), { state: view, cost: 0 }]]);
  const done = new Set<string>();
  for (;;) {
    let best: [string, { state: State; cost: number }] | undefined;
    for (const entry of open) if (!best || entry[1].cost < best[1].cost) best = entry;
    if (!best) return undefined;
    const [key, { state, cost }] = best;
    open.delete(key);
    done.add(key);
    if (Object.entries(goal).every(([path, value]) => state[path] === value)) return cost;
    for (const mutation of world.mutations) {
      if (!canRun(world, state, mutation)) continue;
      const next = after(world, state, mutation);
      const nextKey = keyOf(next);
      if (done.has(nextKey) || (open.get(nextKey)?.cost ?? Number.POSITIVE_INFINITY) <= cost + mutation.cost) continue;
      open.set(nextKey, { state: next, cost: cost + mutation.cost });
    }
  }
}
