/** The planner asked and read in paths and values, as the tests tell their stories. */
import assert from 'node:assert/strict';
import type { NodeClass } from '../../host/core/classes.ts';
import type { Scalar, ServiceDeclaration, Variable } from '../../host/core/declaration.ts';
import { buildGraph, type Graph } from '../../host/core/graph.ts';
import type { Blocker, Plan } from '../../host/core/planner/plan.ts';
import { VARIABLES } from './layercake.ts';

export type State = Readonly<Record<string, Scalar>>;

export function graphOf(services: readonly ServiceDeclaration[], variables: readonly Variable[] = VARIABLES): Graph {
  const { graph, refused } = buildGraph(services, variables);
  assert.deepEqual(refused, []);
  return graph;
}

/** The class of a node that `serving` services serve (all, if not given), on the platform ipmi. */
export function classOf(
  graph: Graph,
  serving?: readonly string[],
  statics: State = { '/platform': 'ipmi' },
  forced?: readonly string[],
): NodeClass {
  return graph.classOf(
    (service) => serving?.includes(service) ?? true,
    (variable) => variable.code(statics[variable.path]),
    forced && new Set(forced),
  );
}

export function codes(graph: Graph, state: State): Uint16Array {
  return Uint16Array.from(graph.variables, (variable) => variable.code(state[variable.path]));
}

export function planOf(cls: NodeClass, view: State, goal: State): Plan {
  return cls.plan(codes(cls.graph, { '/platform': 'ipmi', ...view }), codes(cls.graph, goal));
}

/** The names of the steps in order; for no plan, what blocks, in words. */
export function stepsOf(graph: Graph, plan: Plan): string[] {
  return plan.kind === 'plan' ? plan.steps.map((step) => step.mutation.id) : plan.reasons.map((reason) => inWords(graph, reason));
}

export function inWords(graph: Graph, reason: Blocker): string {
  const path = (index: number): string => graph.variables[index]!.path;
  const value = (index: number, code: number): string => String(graph.variables[index]!.value(code) ?? '?');
  const goal = `${path(reason.goal)}:`;
  switch (reason.kind) {
    case 'noMutationTo':
      return `${goal} nothing leads ${path(reason.variable)} to ${value(reason.variable, reason.code)}`;
    case 'requires': {
      const seen = `${reason.imagined ? 'comes to be' : 'is'} ${value(reason.variable, reason.seen)}`;
      return `${goal} ${reason.mutation.id} requires ${path(reason.variable)} ${value(reason.variable, reason.wanted)}, it ${seen}`;
    }
    case 'excluded':
      return `${goal} ${reason.mutation.id} is excluded by ${path(reason.variable)} ${value(reason.variable, reason.code)}`;
    case 'together':
      return `${goal} not together with ${reason.with.map(path)}`;
    case 'tooLarge':
      return `${goal} too large`;
    default:
      return reason satisfies never;
  }
}
