/** Nodes that the same mutations apply to, in one place: what applies, what is known while, and their plans. */

import { covers } from '@kraken-hpc/sdk/state';
import { QUIESCE } from './contradictions.ts';
import type { Conditions, Mutation, Path, Scalar, ServiceDeclaration } from './declaration.ts';
import type { Graph } from './graph.ts';
import { type Fact, Knowledge, type Way } from './knowledge.ts';
import { type Transition, transitionOf } from './planner/model.ts';
import type { Plan } from './planner/plan.ts';
import { Planner } from './planner/planner.ts';

/** A mutation of a service that serves the node, kept out by a value that nothing mutates. */
interface Inapplicable {
  readonly mutation: Mutation;
  /** The unmet requirement; for an exclusion, the value that is excluded. */
  readonly unmet: readonly Fact[];
  readonly excluded: readonly Fact[];
}

export class NodeClass {
  readonly id: number;
  readonly graph: Graph;
  /** Applicable, by id. The core's quiesce with every `quiet` that applies. */
  readonly mutations: readonly Mutation[];
  readonly inapplicable: readonly Inapplicable[];
  /** Two services that would both do the same to one path, by name: a sentence each. Neither may act on that path. */
  readonly conflicts: readonly string[];
  readonly services: readonly string[];
  readonly #knowledge: Knowledge;
  readonly #planner: Planner;
  #transitions: readonly Transition[] | undefined;

  constructor(
    graph: Graph,
    id: number,
    serving: readonly ServiceDeclaration[],
    statics: ReadonlyMap<number, number>,
    forced: ReadonlySet<Path>,
  ) {
    this.id = id;
    this.graph = graph;
    this.services = serving.map((service) => service.service);
    const named = new Set(this.services);
    const conflicts: string[] = [];
    const quiet = quietOf(serving, forced, conflicts);
    const applicable: Mutation[] = [];
    const inapplicable: Inapplicable[] = [];
    for (const declared of graph.mutations) {
      if (!named.has(declared.service)) continue;
      const mutation = withQuiet(declared, quiet);
      const unmet = onStatics(graph, statics, mutation.requires, (seen, code) => seen !== code);
      const excluded = onStatics(graph, statics, mutation.excludes, (seen, code) => seen === code);
      if (unmet.length || excluded.length) inapplicable.push({ mutation, unmet, excluded });
      else applicable.push(mutation);
    }
    const contested = contestedIn(
      applicable.filter((mutation) => !graph.askOf(mutation.id)),
      conflicts,
    );
    this.mutations = applicable.filter((mutation) => !contested.has(mutation));
    this.inapplicable = inapplicable;
    this.conflicts = conflicts;
    this.#knowledge = knowledgeOf(graph, waysOf(graph, serving, statics, this.mutations));
    this.#planner = new Planner(graph, this, this.#knowledge);
  }

  /** What must hold for a variable to be known, as far as the planner imagines: when it ends, the variable is unknown again. */
  knownWhile(variable: number): readonly Fact[] {
    return this.#knowledge.knownWhile(variable);
  }

  /** The goals that another goal makes unknowable. */
  moot(goal: Uint16Array): readonly number[] {
    return this.#knowledge.moot(goal);
  }

  /** What each of its mutations needs and does; worked out when first asked for. */
  get transitions(): readonly Transition[] {
    this.#transitions ??= this.mutations.map((mutation) => transitionOf(this.graph, mutation, this.#knowledge));
    return this.#transitions;
  }

  /**
   * The cheapest way from view to goal, both by the graph's variables; a goal of 0 is none.
   * The same situation gets the same object: do not change it.
   */
  plan(view: Uint16Array, goal: Uint16Array): Plan {
    return this.#planner.plan(view, goal);
  }
}

/** What every mutation of the graph needs and does, for whichever nodes it is meant. */
export function allTransitions(graph: Graph): Transition[] {
  const quiet = quietOf(graph.services, new Set(), []);
  const mutations = graph.mutations.map((mutation) => withQuiet(mutation, quiet));
  const knowledge = knowledgeOf(graph, waysOf(graph, graph.services, undefined, mutations));
  return mutations.map((mutation) => transitionOf(graph, mutation, knowledge));
}

function knowledgeOf(graph: Graph, ways: readonly Way[]): Knowledge {
  return new Knowledge(graph.variables.length, ways, (index) => graph.variables[index]?.isMutable === true);
}

/** The core's quiesce waits for every `quiet` that applies. */
function withQuiet(mutation: Mutation, quiet: Conditions): Mutation {
  return mutation.id === QUIESCE ? { ...mutation, requires: { ...quiet, ...mutation.requires } } : mutation;
}

/** What is seen of what nothing mutates, by variable; absent = whatever it may be. */
type Statics = ReadonlyMap<number, number> | undefined;

/** The conditions on paths that nothing mutates for which `fails` says so. */
function onStatics(graph: Graph, statics: Statics, conditions: Conditions, fails: (seen: number, code: number) => boolean): Fact[] {
  const failing: Fact[] = [];
  for (const [path, value] of Object.entries(conditions)) {
    const variable = graph.variable(path);
    if (!variable || variable.isMutable || !statics) continue;
    const code = variable.code(value);
    if (fails(statics.get(variable.index) ?? 0, code)) failing.push({ variable: variable.index, code });
  }
  return failing;
}

/** What must be quiet before the barrier opens; two services that want one path quiet in two ways contradict each other. */
function quietOf(serving: readonly ServiceDeclaration[], forced: ReadonlySet<Path>, conflicts: string[]): Conditions {
  const quiet: Record<Path, Scalar> = {};
  const owners = new Map<Path, string>();
  for (const service of serving) {
    for (const [path, value] of Object.entries(service.quiet).sort()) {
      if (forced.has(path)) continue;
      if (path in quiet && quiet[path] !== value) {
        conflicts.push(
          `services ${owners.get(path)} and ${service.service} serve the same node and want ${path} quiet at ${quiet[path]} and at ${value}; let one of them serve other nodes`,
        );
        continue;
      }
      quiet[path] = value;
      owners.set(path, service.service);
    }
  }
  return quiet;
}

/** Mutations of two services that do the same to one path: nobody can say which shall act. (Any number of services may ask.) */
function contestedIn(mutations: readonly Mutation[], conflicts: string[]): Set<Mutation> {
  const contested = new Set<Mutation>();
  const doers = new Map<string, Mutation>();
  for (const mutation of mutations) {
    for (const [path, [from, to]] of Object.entries(mutation.mutates).sort()) {
      const change = JSON.stringify([path, from, to]);
      const other = doers.get(change);
      if (!other) doers.set(change, mutation);
      else if (other.service !== mutation.service) {
        contested.add(other).add(mutation);
        conflicts.push(
          `services ${other.service} and ${mutation.service} serve the same node for ${path}: ${other.id} and ${mutation.id} both take it from ${from} to ${to}; change the "serves" of one of them`,
        );
      }
    }
  }
  return contested;
}

/** The ways to come to know something that apply to this class: their conditions on what nothing mutates hold. */
function waysOf(graph: Graph, serving: readonly ServiceDeclaration[], statics: Statics, mutations: readonly Mutation[]): Way[] {
  const facts = (conditions: Conditions): Fact[] =>
    Object.entries(conditions).flatMap(([path, value]) => {
      const variable = graph.variable(path);
      return variable ? [{ variable: variable.index, code: variable.code(value) }] : [];
    });
  const ways: Way[] = [];
  for (const mutation of mutations) {
    if (graph.askOf(mutation.id)) continue;
    const changes = Object.entries(mutation.mutates);
    const fromUnknown = changes.filter(([path, [from]]) => graph.variable(path)?.code(from) === 0);
    const to = Object.fromEntries(changes.map(([path, [, value]]) => [path, value]));
    if (fromUnknown.length)
      ways.push({
        discovers: fromUnknown.flatMap(([path]) => graph.variable(path)?.index ?? []),
        holds: [...facts(mutation.requires), ...facts(to)],
      });
  }
  for (const service of serving) {
    for (const way of [...service.pollers, ...service.discoveries]) {
      if (onStatics(graph, statics, way.requires, (seen, code) => seen !== code).length) continue;
      const discovers = graph.variables
        .filter((variable) => way.discovers.some((path) => covers(path, variable.path)))
        .map((variable) => variable.index);
      ways.push({ discovers, holds: facts(way.requires) });
    }
  }
  return ways;
}
