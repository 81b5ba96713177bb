/** The planner against a slow and obvious one, on random mutation sets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Mutation, Path } from '../../host/core/declaration.ts';
import { buildGraph, type Graph } from '../../host/core/graph.ts';
import type { Blocked, Blocker, Plan, Steps } from '../../host/core/planner/plan.ts';
import { anyCase, type Case } from './random-mutations.ts';
import { after, canRun, cheapest, moot, type State } from './reference-planner.ts';

/** One case through the planner, in the words of the reference. */
function planned(
  one: Case,
  services = one.services,
  goal = one.goal,
): { graph: Graph; plan: Plan; paths: (indices: readonly number[]) => Path[] } {
  const { graph, refused } = buildGraph(services, one.variables);
  assert.deepEqual(refused, []);
  const cls = graph.classOf(
    () => true,
    (variable) => variable.code(one.view[variable.path]),
  );
  assert.deepEqual(cls.conflicts, []);
  const codes = (state: State): Uint16Array => Uint16Array.from(graph.variables, (variable) => variable.code(state[variable.path]));
  const plan = cls.plan(codes(one.view), codes(goal));
  return { graph, plan, paths: (indices) => indices.map((index) => graph.variables[index]!.path).sort() };
}

/** Runs the steps in this order, and says where it does not work. */
function run(one: Case, steps: readonly Mutation[], goal: State): void {
  let state = one.view;
  for (const step of steps) {
    assert.ok(canRun(one.world, state, step), `${step.id} cannot run in ${JSON.stringify(state)}; plan ${steps.map((other) => other.id)}`);
    state = after(one.world, state, step);
  }
  for (const [path, value] of Object.entries(goal)) assert.equal(state[path], value, `${path} after ${steps.map((step) => step.id)}`);
}

/** One of the orders that keep to `after`, chosen by `random`. */
function linearised(plan: Steps, random: () => number): Mutation[] {
  const done = new Set<number>();
  const order: Mutation[] = [];
  while (order.length < plan.steps.length) {
    const ready = plan.steps.flatMap((step, index) => (!done.has(index) && step.after.every((other) => done.has(other)) ? [index] : []));
    const next = ready[Math.floor(random() * ready.length)];
    assert.ok(next !== undefined, 'the steps wait for each other in a circle');
    done.add(next);
    order.push(plan.steps[next]!.mutation);
  }
  return order;
}

function isTrue(one: Case, graph: Graph, reason: Blocker, goal: State): void {
  const path = (index: number): Path => graph.variables[index]!.path;
  const is = (index: number, code: number): State => ({ [path(index)]: graph.variables[index]!.value(code)! });
  const seen = (index: number): number => graph.variables[index]!.code(one.view[path(index)]);
  assert.ok(path(reason.goal) in goal);
  switch (reason.kind) {
    case 'noMutationTo':
      assert.equal(cheapest(one.world, one.view, is(reason.variable, reason.code)), undefined);
      break;
    case 'requires': {
      const wanted = reason.mutation.requires[path(reason.variable)] ?? reason.mutation.mutates[path(reason.variable)]?.[0];
      assert.equal(graph.variables[reason.variable]!.value(reason.wanted), wanted);
      assert.notEqual(reason.seen, reason.wanted);
      if (!reason.imagined) assert.equal(reason.seen, seen(reason.variable));
      break;
    }
    case 'excluded':
      assert.equal(graph.variables[reason.variable]!.value(reason.code), reason.mutation.excludes[path(reason.variable)]);
      if (!reason.imagined) assert.equal(reason.code, seen(reason.variable));
      break;
    case 'together':
      assert.ok(reason.with.length > 0);
      assert.notEqual(
        cheapest(one.world, one.view, is(reason.goal, graph.variables[reason.goal]!.code(goal[path(reason.goal)]))),
        undefined,
      );
      break;
    case 'tooLarge':
      assert.fail('no case here is too large');
      break;
    default:
      reason satisfies never;
  }
}

/** What can be done is not kept back by what cannot: the rest of the plan is the plan for the other goals, moot or not. */
function checkRest(one: Case, { reasons, rest }: Blocked, graph: Graph, goal: State): void {
  const names = new Set(reasons.map((reason) => graph.variables[reason.goal]!.path));
  const others = Object.fromEntries(Object.entries(goal).filter(([path]) => !names.has(path)));
  assert.ok(names.size > 0);
  assert.equal(rest.cost, cheapest(one.world, one.view, others));
  run(
    one,
    rest.steps.map((step) => step.mutation),
    others,
  );
}

function check(one: Case, seed: number): void {
  const { graph, plan, paths } = planned(one);
  const lost = moot(one.world, one.goal);
  assert.deepEqual(paths(plan.moot), lost);
  const goal = Object.fromEntries(Object.entries(one.goal).filter(([path]) => !lost.includes(path)));
  const cost = cheapest(one.world, one.view, goal);
  if (plan.kind === 'blocked') {
    assert.equal(cost, undefined, `blocked by ${plan.reasons.map((reason) => reason.kind)}, but there is a way`);
    for (const reason of plan.reasons) isTrue(one, graph, reason, goal);
    checkRest(one, plan, graph, goal);
  } else {
    assert.equal(plan.cost, cost);
    assert.equal(
      plan.steps.reduce((sum, step) => sum + step.mutation.cost, 0),
      cost,
    );
    let state = seed;
    const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
    run(
      one,
      plan.steps.map((step) => step.mutation),
      goal,
    );
    for (let round = 0; round < 4; round++) run(one, linearised(plan, random), goal);
    for (const { variable, code, plan: branch } of plan.branches) {
      const answered = planned({ ...one, view: branchView(one, graph, variable, code) }).plan;
      assert.equal(branch.kind, answered.kind);
      if (branch.kind === 'plan' && answered.kind === 'plan') assert.equal(branch.cost, answered.cost);
    }
  }
  const shuffled = [...one.services]
    .reverse()
    .map((service) => ({ ...service, mutations: [...service.mutations].reverse(), pollers: [...service.pollers].reverse() }));
  const again = planned(one, shuffled).plan;
  assert.deepEqual(textOf(again), textOf(plan));
}

/** What is seen once the ask has been answered: the answer, and what it makes unknown. */
function branchView(one: Case, graph: Graph, variable: number, code: number): State {
  const { path } = graph.variables[variable]!;
  const answer = { ...one.world.mutations[0]!, mutates: { [path]: [one.view[path]!, graph.variables[variable]!.value(code)!] as const } };
  return after(one.world, one.view, answer);
}

function textOf(plan: Plan): unknown {
  if (plan.kind === 'blocked')
    return plan.reasons.map((reason) => ({ ...reason, mutation: 'mutation' in reason ? reason.mutation.id : '' }));
  return plan.steps.map((step) => [step.mutation.id, step.after]);
}

const SIZES = [
  { variables: 4, values: 3, mutations: 20, runs: 400 },
  { variables: 5, values: 3, mutations: 36, runs: 300 },
  { variables: 6, values: 3, mutations: 50, runs: 100 },
];

for (const { runs, ...most } of SIZES) {
  test(`plans are cheapest, valid in every order, explained where there is none, and independent of load order (${most.variables} variables)`, () => {
    fc.assert(fc.property(anyCase(most), fc.nat(), check), { numRuns: runs });
  });
}
