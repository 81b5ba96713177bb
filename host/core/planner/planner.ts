/** Plans for one class of nodes, each situation worked out once. */
import type { NodeClass } from '../classes.ts';
import type { Graph } from '../graph.ts';
import type { Knowledge } from '../knowledge.ts';
import { type Scene, whyExhausted, whyUnreachable } from './blockers.ts';
import { type Action, type Atom, COST_UNIT, Model } from './model.ts';
import { ordered, type Touches } from './order.ts';
import type { Blocker, Branch, Plan, PlanStep, Steps } from './plan.ts';
import { search } from './search.ts';
import { starOf } from './star.ts';
import { Reach, tasksOf } from './task.ts';

/** A class of nodes is rarely in more situations; the oldest is forgotten first. */
const MAX_PLANS = 4096;

export class Planner {
  readonly #graph: Graph;
  readonly #class: NodeClass;
  readonly #knowledge: Knowledge;
  readonly #plans = new Map<string, Plan>();
  readonly #mutable: readonly number[];
  readonly #fixed: readonly number[];
  readonly #touches = new Map<Action, Touches>();
  /** Built at the first plan: most classes of a large graph never need one. */
  #model: Model | undefined;

  constructor(graph: Graph, cls: NodeClass, knowledge: Knowledge) {
    this.#graph = graph;
    this.#class = cls;
    this.#knowledge = knowledge;
    const indices = graph.variables.map((variable) => variable.index);
    this.#mutable = indices.filter((index) => graph.variables[index]?.isMutable);
    this.#fixed = indices.filter((index) => !graph.variables[index]?.isMutable);
  }

  plan(view: Uint16Array, goal: Uint16Array): Plan {
    const key = this.#keyOf(view, goal);
    const known = this.#plans.get(key);
    if (known) return known;
    const plan = this.#make(view, goal);
    if (this.#plans.size >= MAX_PLANS) for (const oldest of this.#plans.keys()) if (this.#plans.delete(oldest)) break;
    this.#plans.set(key, plan);
    return plan;
  }

  /** Everything that a plan depends on; goals on what nothing mutates only where there are any. */
  #keyOf(view: Uint16Array, goal: Uint16Array): string {
    let key = '';
    for (const index of this.#mutable) key += String.fromCharCode(view[index] ?? 0, goal[index] ?? 0);
    for (const index of this.#fixed) if (goal[index]) key += String.fromCharCode(index, view[index] ?? 0, goal[index] ?? 0);
    return key;
  }

  #make(view: Uint16Array, goal: Uint16Array): Plan {
    this.#model ??= new Model(this.#class.transitions);
    const moot = this.#knowledge.moot(goal);
    const left = goal.slice();
    for (const variable of moot) left[variable] = 0;
    const reach = new Reach(this.#model, this.#model.stateOf(view));
    const scene = { graph: this.#graph, cls: this.#class, model: this.#model, view, reach };
    const reasons: Blocker[] = [];
    for (;;) {
      const found = solve(scene, left);
      if (found.blockers.length === 0) {
        const steps = ordered(this.#graph, found.actions, (action) => this.#touchesOf(scene.model, action));
        const seen = view.slice();
        const plan = new LazySteps(steps, found.cost / COST_UNIT, moot, (plan) => this.#branches(plan, seen, left));
        return reasons.length === 0 ? plan : { kind: 'blocked', moot, reasons, rest: plan };
      }
      reasons.push(...found.blockers);
      for (const blocker of found.blockers) left[blocker.goal] = 0;
    }
  }

  /** What a step changes or could fail to, and what it relies on: its conditions, and what its own change is known by. */
  #touchesOf(model: Model, action: Action): Touches {
    const known = this.#touches.get(action);
    if (known) return known;
    const graphIndex = ({ variable }: Atom): number => model.variables[variable] ?? 0;
    const failures = Object.keys(action.mutation.failTo).flatMap((path) => this.#graph.variable(path)?.index ?? []);
    const changes = Object.keys(action.mutation.mutates).flatMap((path) => this.#graph.variable(path)?.index ?? []);
    const knownBy = changes.flatMap((variable) => this.#knowledge.knownWhile(variable).map((fact) => fact.variable));
    const touches = {
      writes: [...new Set([...action.eff.map(graphIndex), ...changes, ...failures])],
      reads: [...new Set([...action.pre.map(graphIndex), ...action.neg.map(graphIndex), ...knownBy])],
    };
    this.#touches.set(action, touches);
    return touches;
  }

  /** For every ask that may run now, what follows each other answer. */
  #branches(plan: Steps, view: Uint16Array, goal: Uint16Array): Branch[] {
    const branches: Branch[] = [];
    for (const { mutation, after } of plan.steps) {
      const ask = this.#graph.askOf(mutation.id);
      const variable = ask && this.#graph.variable(ask.path);
      if (!variable || after.length > 0) continue;
      const expected = mutation.mutates[variable.path]?.[1];
      for (const value of variable.declared?.values ?? []) {
        const code = variable.code(value);
        if (code === 0 || value === expected) continue;
        const answered = view.slice();
        answered[variable.index] = code;
        for (const broken of this.#knowledge.brokenBy([{ variable: variable.index, code }])) answered[broken] = 0;
        branches.push({ variable: variable.index, code, plan: this.plan(answered, goal) });
      }
    }
    return branches;
  }
}

interface Solved {
  readonly actions: readonly Action[];
  readonly cost: number;
  /** One at least for every goal that is found to be blocked; none = the actions lead to all goals. */
  readonly blockers: readonly Blocker[];
}

/** The cheapest actions from the scene's view to these goals, each part that shares nothing with the others by itself. */
function solve(scene: Scene, goal: Uint16Array): Solved {
  const { model, view, reach } = scene;
  const goals: Atom[] = [];
  const blockers: Blocker[] = [];
  for (let index = 0; index < goal.length; index++) {
    const code = goal[index] ?? 0;
    if (code === 0) continue;
    const variable = model.local(index);
    const atom = { variable: variable ?? 0, value: model.valueOf(index, code) };
    if (view[index] !== code && (atom.value === 0 || !reach.has(atom))) blockers.push(...whyUnreachable(scene, index, code));
    else if (variable !== undefined) goals.push(atom);
  }
  const actions: Action[] = [];
  let cost = 0;
  for (const task of tasksOf(model, model.stateOf(view), goals, reach)) {
    const found = search(starOf(task));
    switch (found.kind) {
      case 'found':
        actions.push(...found.actions.map(({ index }) => model.actions[index] as Action));
        cost += found.cost;
        break;
      case 'none':
        blockers.push(...whyExhausted(scene, task));
        break;
      case 'tooLarge':
        for (const { variable } of task.goals) {
          blockers.push({ kind: 'tooLarge', goal: model.variables[variable] ?? 0, expanded: found.expanded });
        }
        break;
      default:
        found satisfies never;
    }
  }
  return { actions, cost, blockers };
}

/** A plan whose branches are worked out when somebody reads them: asks upon asks would make a tree of plans. */
class LazySteps implements Steps {
  readonly kind = 'plan';
  readonly steps: readonly PlanStep[];
  readonly cost: number;
  readonly moot: readonly number[];
  #branches: readonly Branch[] | ((plan: Steps) => readonly Branch[]);

  constructor(steps: readonly PlanStep[], cost: number, moot: readonly number[], branches: (plan: Steps) => readonly Branch[]) {
    this.steps = steps;
    this.cost = cost;
    this.moot = moot;
    this.#branches = branches;
  }

  get branches(): readonly Branch[] {
    if (typeof this.#branches === 'function') this.#branches = this.#branches(this);
    return this.#branches;
  }
}
