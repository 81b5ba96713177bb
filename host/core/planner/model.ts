/** The mutations of one class of nodes in small numbers: the form that the search works on. */
import type { Conditions, Mutation } from '../declaration.ts';
import type { Graph } from '../graph.ts';
import type { Fact, Knowledge } from '../knowledge.ts';

/** Costs are counted in thousandths, as whole numbers, so that equal costs are equal. */
export const COST_UNIT = 1000;

/** A condition or effect on a variable of the model. */
export interface Atom {
  readonly variable: number;
  readonly value: number;
}

export interface Action {
  /** Its place in the model, by mutation id. */
  readonly index: number;
  readonly mutation: Mutation;
  readonly cost: number;
  /** What must hold: from-values and requirements. */
  readonly pre: readonly Atom[];
  /** What must not hold. */
  readonly neg: readonly Atom[];
  /** What then holds: to-values, and unknown (0) for what its own change makes unknown. */
  readonly eff: readonly Atom[];
}

/** Variables: those that the class's mutations name and something mutates. Value 0: every value that they do not name. */
export class Model {
  readonly actions: readonly Action[];
  /** The graph's index of each variable. */
  readonly variables: readonly number[];
  /** How many values each variable has, 0 included. */
  readonly sizes: readonly number[];
  /** Where each variable's values start, counted over all variables; one more than there are variables. */
  readonly offsets: readonly number[];
  readonly #local: ReadonlyMap<number, number>;
  readonly #values: readonly Map<number, number>[];

  constructor(transitions: readonly Transition[]) {
    const named = new Map<number, Map<number, number>>();
    for (const { pre, neg, eff } of transitions) {
      for (const { variable, code } of [...pre, ...neg, ...eff]) {
        const values = named.get(variable) ?? new Map<number, number>();
        if (!values.has(code)) values.set(code, 0);
        named.set(variable, values);
      }
    }
    this.variables = [...named.keys()].sort((a, b) => a - b);
    this.#local = new Map(this.variables.map((variable, index) => [variable, index]));
    this.#values = this.variables.map(
      (variable) => new Map([...(named.get(variable)?.keys() ?? [])].sort((a, b) => a - b).map((code, index) => [code, index + 1])),
    );
    this.sizes = this.#values.map((values) => values.size + 1);
    const offsets = [0];
    for (const size of this.sizes) offsets.push((offsets.at(-1) ?? 0) + size);
    this.offsets = offsets;
    const atom = ({ variable, code }: Fact): Atom => ({ variable: this.local(variable) ?? 0, value: this.valueOf(variable, code) });
    this.actions = transitions.map(({ mutation, pre, neg, eff }, index) => {
      const cost = Math.round(mutation.cost * COST_UNIT);
      return { index, mutation, cost, pre: pre.map(atom), neg: neg.map(atom), eff: eff.map(atom) };
    });
  }

  /** The model's index of one of the graph's variables; undefined for one that no mutation of the class names. */
  local(variable: number): number | undefined {
    return this.#local.get(variable);
  }

  /** The model's value for one of the graph's codes. */
  valueOf(variable: number, code: number): number {
    const local = this.#local.get(variable);
    return (local === undefined ? undefined : this.#values[local]?.get(code)) ?? 0;
  }

  /** The graph's code for one of the model's values; undefined for 0. */
  codeOf(local: number, value: number): number | undefined {
    for (const [code, index] of this.#values[local] ?? []) if (index === value) return code;
    return undefined;
  }

  /** A view by the graph's variables as values of the model. */
  stateOf(view: Uint16Array): Uint16Array {
    const state = new Uint16Array(this.variables.length);
    for (let local = 0; local < state.length; local++) {
      state[local] = this.#values[local]?.get(view[this.variables[local] ?? 0] ?? 0) ?? 0;
    }
    return state;
  }
}

/** What a mutation needs and does, in the graph's variables and codes, as far as something can change it. */
export interface Transition {
  readonly mutation: Mutation;
  readonly pre: readonly Fact[];
  readonly neg: readonly Fact[];
  readonly eff: readonly Fact[];
}

/** What nothing mutates has been decided with the class. */
export function transitionOf(graph: Graph, mutation: Mutation, knowledge: Knowledge): Transition {
  const facts = (conditions: Conditions): Fact[] => {
    const found: Fact[] = [];
    for (const [path, value] of Object.entries(conditions)) {
      const variable = graph.variable(path);
      if (variable?.isMutable) found.push({ variable: variable.index, code: variable.code(value) });
    }
    return found.sort((a, b) => a.variable - b.variable);
  };
  const from = facts(Object.fromEntries(Object.entries(mutation.mutates).map(([path, [value]]) => [path, value])));
  const to = facts(Object.fromEntries(Object.entries(mutation.mutates).map(([path, [, value]]) => [path, value])));
  const changes = to.filter(({ variable, code }) => !from.some((fact) => fact.variable === variable && fact.code === code));
  const broken = knowledge.brokenBy(to).map((variable) => ({ variable, code: 0 }));
  return { mutation, pre: [...from, ...facts(mutation.requires)], neg: facts(mutation.excludes), eff: [...changes, ...broken] };
}
