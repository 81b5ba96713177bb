/** Why there is no plan, in facts that a person can act on. */
import type { NodeClass } from '../classes.ts';
import type { Graph } from '../graph.ts';
import type { Action, Atom, Model } from './model.ts';
import type { Blocker } from './plan.ts';
import type { Reach, Task } from './task.ts';

/** More reasons for one goal than a person reads. */
const MAX_REASONS = 16;
/** How many states are looked at to say what stands in the way. */
const MAX_STATES = 2000;

/** The situation that has no plan. */
export interface Scene {
  readonly graph: Graph;
  readonly cls: NodeClass;
  readonly model: Model;
  readonly view: Uint16Array;
  readonly reach: Reach;
}

/** Why one goal, a code of one of the graph's variables, cannot be reached whatever else is wanted: followed back to what nothing can change. */
export function whyUnreachable(scene: Scene, goal: number, code: number): Blocker[] {
  const variable = scene.model.local(goal);
  const value = scene.model.valueOf(goal, code);
  const reasons =
    variable === undefined || value === 0 ? ofInapplicable(scene, goal, goal, code) : whyNever(scene, goal, { variable, value }, new Map());
  if (reasons.length === 0) return [{ kind: 'noMutationTo', goal, variable: goal, code }];
  return distinct(reasons).slice(0, MAX_REASONS);
}

/**
 * What keeps a variable from coming to a value: the unmet conditions of the mutations that would take it on from what it can be.
 * Empty where no mutations lead there from any such value. `visited`: true while it is being worked out, false after.
 */
function whyNever(scene: Scene, goal: number, atom: Atom, visited: Map<string, boolean>): Blocker[] {
  const { model } = scene;
  const reasons = unmetOf(scene, goal, `${atom.variable}=${atom.value}`, nextTowards(scene, atom), visited);
  return [...reasons, ...ofInapplicable(scene, goal, model.variables[atom.variable] ?? 0, model.codeOf(atom.variable, atom.value) ?? 0)];
}

/** The same for a variable that should leave the only value that it can have, by what was made for it: not by becoming unknown. */
function whyAlways(scene: Scene, goal: number, { variable, value }: Atom, visited: Map<string, boolean>): Blocker[] {
  const leading = scene.model.actions.filter(
    ({ pre, eff }) =>
      pre.some((one) => one.variable === variable && one.value === value) &&
      eff.some((one) => one.variable === variable && one.value !== value),
  );
  return unmetOf(scene, goal, `${variable}≠${value}`, leading, visited);
}

/** The conditions of these actions that can never be met, each followed to what keeps it so. */
function unmetOf(scene: Scene, goal: number, why: string, actions: readonly Action[], visited: Map<string, boolean>): Blocker[] {
  visited.set(why, true);
  const reasons: Blocker[] = [];
  const follow = (key: string, explain: typeof whyNever, atom: Atom, itself: Blocker): void => {
    const before = visited.get(key);
    if (before === false) return;
    const deeper = before ? [] : explain(scene, goal, atom, visited);
    reasons.push(...(deeper.length ? deeper : [itself]));
  };
  for (const action of actions) {
    if (reasons.length >= MAX_REASONS) break;
    for (const pre of action.pre)
      if (!scene.reach.has(pre)) follow(`${pre.variable}=${pre.value}`, whyNever, pre, requires(scene, goal, action, pre, undefined));
    for (const neg of action.neg)
      if (!scene.reach.hasOther(neg)) follow(`${neg.variable}≠${neg.value}`, whyAlways, neg, excluded(scene, goal, action, neg, false));
  }
  visited.set(why, false);
  return reasons;
}

/**
 * The actions that start where the variable can be and from whose to-value others could lead it to the wanted one. What only
 * makes it unknown counts where unknown itself is wanted: nobody is helped by "it could be forgotten first".
 */
function nextTowards({ model, reach }: Scene, { variable, value }: Atom): Action[] {
  const fromOf = (action: Action): Atom | undefined => action.pre.find((pre) => pre.variable === variable);
  const next = new Set<Action>();
  const values = [value];
  for (const wanted of values) {
    for (const action of model.actions) {
      if (!action.eff.some((eff) => eff.variable === variable && eff.value === wanted)) continue;
      const from = fromOf(action);
      if (from ? reach.has(from) : wanted === value) next.add(action);
      else if (from && !values.includes(from.value)) values.push(from.value);
    }
  }
  return [...next].sort((a, b) => a.index - b.index);
}

/** Mutations that would lead there, but not for a node of this kind. */
function ofInapplicable({ graph, cls, view }: Scene, goal: number, index: number, code: number): Blocker[] {
  const variable = graph.variables[index];
  const reasons: Blocker[] = [];
  for (const { mutation, unmet, excluded } of cls.inapplicable) {
    const to = variable && mutation.mutates[variable.path]?.[1];
    if (to === undefined || variable?.code(to) !== code) continue;
    for (const fact of unmet)
      reasons.push({
        kind: 'requires',
        goal,
        mutation,
        variable: fact.variable,
        wanted: fact.code,
        seen: view[fact.variable] ?? 0,
        imagined: false,
      });
    for (const fact of excluded)
      reasons.push({ kind: 'excluded', goal, mutation, variable: fact.variable, code: fact.code, imagined: false });
  }
  return reasons;
}

/** Why the goals of a task, each of which looked reachable, cannot be had: what is lost on the way, or which of them exclude each other. */
export function whyExhausted(scene: Scene, task: Task): Blocker[] {
  const states = explore(task);
  const open = task.goals.filter(({ variable, value }) => task.state[variable] !== value);
  const never = open.filter(({ variable, value }) => !states.some((state) => state[variable] === value));
  const reasons: Blocker[] = [];
  for (const atom of never) {
    const goal = scene.model.variables[atom.variable] ?? 0;
    const found = task.actions
      .filter((action) => action.eff.some((eff) => isSame(eff, atom)))
      .flatMap((action) => whyNotRun(scene, goal, action, states));
    reasons.push(...distinct(found).slice(0, MAX_REASONS));
  }
  if (reasons.length) return reasons;
  for (const atom of open) {
    let missing = task.goals.filter((other) => other !== atom);
    for (const state of states) {
      if (state[atom.variable] !== atom.value) continue;
      const unmet = task.goals.filter(({ variable, value }) => state[variable] !== value);
      if (unmet.length < missing.length) missing = unmet;
    }
    const others = missing.map(({ variable }) => scene.model.variables[variable] ?? 0);
    reasons.push({ kind: 'together', goal: scene.model.variables[atom.variable] ?? 0, with: others });
  }
  return reasons;
}

/** What keeps an action from running in the state in which least does. */
function whyNotRun(scene: Scene, goal: number, action: Action, states: readonly Uint16Array[]): Blocker[] {
  let least: { state: Uint16Array; pre: Atom[]; neg: Atom[] } | undefined;
  for (const state of states) {
    const pre = action.pre.filter(({ variable, value }) => state[variable] !== value);
    const neg = action.neg.filter(({ variable, value }) => state[variable] === value);
    if (!least || pre.length + neg.length < least.pre.length + least.neg.length) least = { state, pre, neg };
  }
  if (!least) return [];
  const { state, pre, neg } = least;
  return [
    ...pre.map((atom) => requires(scene, goal, action, atom, state)),
    ...neg.map((atom) =>
      excluded(
        scene,
        goal,
        action,
        atom,
        scene.view[scene.model.variables[atom.variable] ?? 0] !== scene.model.codeOf(atom.variable, atom.value),
      ),
    ),
  ];
}

/** States of a task, nearest first, as far as they are looked at. */
function explore(task: Task): Uint16Array[] {
  const states = [task.state];
  const seen = new Set([task.state.join()]);
  for (let index = 0; index < states.length && states.length < MAX_STATES; index++) {
    const state = states[index] as Uint16Array;
    for (const { pre, neg, eff } of task.actions) {
      if (pre.some(({ variable, value }) => state[variable] !== value) || neg.some(({ variable, value }) => state[variable] === value))
        continue;
      const next = state.slice();
      for (const { variable, value } of eff) next[variable] = value;
      const key = next.join();
      if (seen.has(key)) continue;
      seen.add(key);
      states.push(next);
    }
  }
  return states;
}

/** `state`: the imagined one in which it is so; what is seen now goes first. */
function requires({ model, view }: Scene, goal: number, { mutation }: Action, atom: Atom, state: Uint16Array | undefined): Blocker {
  const variable = model.variables[atom.variable] ?? 0;
  const wanted = model.codeOf(atom.variable, atom.value) ?? 0;
  const now = view[variable] ?? 0;
  if (now !== wanted || !state) return { kind: 'requires', goal, mutation, variable, wanted, seen: now, imagined: false };
  return {
    kind: 'requires',
    goal,
    mutation,
    variable,
    wanted,
    seen: model.codeOf(atom.variable, state[atom.variable] ?? 0) ?? 0,
    imagined: true,
  };
}

function excluded({ model }: Scene, goal: number, { mutation }: Action, atom: Atom, imagined: boolean): Blocker {
  return {
    kind: 'excluded',
    goal,
    mutation,
    variable: model.variables[atom.variable] ?? 0,
    code: model.codeOf(atom.variable, atom.value) ?? 0,
    imagined,
  };
}

function isSame(a: Atom, b: Atom): boolean {
  return a.variable === b.variable && a.value === b.value;
}

function distinct(reasons: readonly Blocker[]): Blocker[] {
  const byText = new Map(
    reasons.map((reason) => [JSON.stringify({ ...reason, mutation: 'mutation' in reason ? reason.mutation.id : '' }), reason]),
  );
  return [...byText.values()];
}
