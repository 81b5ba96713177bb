/** One situation made as small as it can be: only what can be reached from the view and matters for the goal, in parts that share nothing. */
import type { Action, Atom, Model } from './model.ts';

/** A problem that shares no variable with the others of its situation. */
export interface Task {
  readonly model: Model;
  /** The variables that its actions change. */
  readonly variables: readonly number[];
  /** Conditions only on its own variables: all others hold, and stay so. */
  readonly actions: readonly Action[];
  /** By variable of the model. */
  readonly state: Uint16Array;
  readonly goals: readonly Atom[];
}

/** Which values each variable could ever come to have, were nothing ever lost; and which actions could then run. */
export class Reach {
  readonly actions: readonly Action[];
  readonly #model: Model;
  readonly #reached: Uint8Array;
  readonly #counts: Uint16Array;

  constructor(model: Model, state: Uint16Array) {
    this.#model = model;
    this.#reached = new Uint8Array(model.offsets.at(-1) ?? 0);
    this.#counts = new Uint16Array(state.length);
    for (let variable = 0; variable < state.length; variable++) this.#reach(variable, state[variable] ?? 0);
    const reached: Action[] = [];
    let waiting: readonly Action[] = model.actions;
    for (let grown = true; grown; ) {
      grown = false;
      const still: Action[] = [];
      for (const action of waiting) {
        if (!this.canRun(action)) {
          still.push(action);
          continue;
        }
        reached.push(action);
        for (const { variable, value } of action.eff) this.#reach(variable, value);
        grown = true;
      }
      waiting = still;
    }
    this.actions = reached.sort((a, b) => a.index - b.index);
  }

  has({ variable, value }: Atom): boolean {
    return this.#reached[(this.#model.offsets[variable] ?? 0) + value] === 1;
  }

  /** Whether the variable can have another value than this one. */
  hasOther(atom: Atom): boolean {
    return (this.#counts[atom.variable] ?? 0) > (this.has(atom) ? 1 : 0);
  }

  canRun(action: Action): boolean {
    for (const atom of action.pre) if (!this.has(atom)) return false;
    for (const atom of action.neg) if (!this.hasOther(atom)) return false;
    return true;
  }

  #reach(variable: number, value: number): void {
    const fact = (this.#model.offsets[variable] ?? 0) + value;
    if (this.#reached[fact] === 1) return;
    this.#reached[fact] = 1;
    this.#counts[variable] = (this.#counts[variable] ?? 0) + 1;
  }
}

/** The tasks of a situation whose goals can all be reached one by one; those that are at their goals are left out. */
export function tasksOf(model: Model, state: Uint16Array, goals: readonly Atom[], reach: Reach): Task[] {
  const actions = relevant(model, goals, reach.actions);
  const changes = new Uint8Array(state.length);
  for (const { eff } of actions) for (const { variable } of eff) changes[variable] = 1;
  const changing = ({ variable }: Atom): boolean => changes[variable] === 1;

  const groups = new Groups(state.length);
  for (const action of actions) {
    const first = action.eff[0]?.variable ?? 0;
    for (const { variable } of action.eff) groups.join(first, variable);
    for (const { variable } of action.pre) if (changes[variable] === 1) groups.join(first, variable);
    for (const { variable } of action.neg) if (changes[variable] === 1) groups.join(first, variable);
  }
  const tasks = new Map<number, { variables: number[]; actions: Action[]; goals: Atom[] }>();
  for (const { variable, value } of goals) {
    if (state[variable] !== value) tasks.set(groups.of(variable), { variables: [], actions: [], goals: [] });
  }
  for (let variable = 0; variable < state.length; variable++)
    if (changes[variable] === 1) tasks.get(groups.of(variable))?.variables.push(variable);
  for (const action of actions) {
    const own = { ...action, pre: action.pre.filter(changing), neg: action.neg.filter(changing) };
    tasks.get(groups.of(action.eff[0]?.variable ?? 0))?.actions.push(own);
  }
  for (const goal of goals) if (changing(goal)) tasks.get(groups.of(goal.variable))?.goals.push(goal);
  return [...tasks.values()].map((task) => ({ model, state, ...task }));
}

/** The actions that lead to a goal, or to what such an action needs: no cheapest plan has another one. */
function relevant(model: Model, goals: readonly Atom[], actions: readonly Action[]): Action[] {
  const wanted = new Uint8Array(model.offsets.at(-1) ?? 0);
  const want = ({ variable, value }: Atom): void => {
    wanted[(model.offsets[variable] ?? 0) + value] = 1;
  };
  const isWanted = ({ variable, value }: Atom): boolean => wanted[(model.offsets[variable] ?? 0) + value] === 1;
  for (const goal of goals) want(goal);
  const kept: Action[] = [];
  let others = actions;
  for (let grown = true; grown; ) {
    grown = false;
    const still: Action[] = [];
    for (const action of others) {
      if (!action.eff.some(isWanted)) {
        still.push(action);
        continue;
      }
      kept.push(action);
      grown = true;
      for (const atom of action.pre) want(atom);
      for (const { variable, value } of action.neg) {
        for (let other = 0; other < (model.sizes[variable] ?? 0); other++) if (other !== value) want({ variable, value: other });
      }
    }
    others = still;
  }
  return kept.sort((a, b) => a.index - b.index);
}

/** Disjoint sets of variables, each named by its smallest member. */
export class Groups {
  readonly #parent: Uint16Array;

  constructor(count: number) {
    this.#parent = Uint16Array.from({ length: count }, (_, index) => index);
  }

  of(variable: number): number {
    let root = variable;
    for (let up = this.#parent[root] ?? root; up !== root; up = this.#parent[root] ?? root) root = up;
    this.#parent[variable] = root;
    return root;
  }

  join(a: number, b: number): void {
    const one = this.of(a);
    const other = this.of(b);
    if (one < other) this.#parent[other] = one;
    else this.#parent[one] = other;
  }
}
