/** However a task is split into centre and leaves, its cheapest plan costs the same, and runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildGraph } from '../../host/core/graph.ts';
import { type Action, COST_UNIT, Model } from '../../host/core/planner/model.ts';
import { search } from '../../host/core/planner/search.ts';
import { type Split, starOf } from '../../host/core/planner/star.ts';
import { Reach, type Task, tasksOf } from '../../host/core/planner/task.ts';
import { anyCase, type Case } from './random-mutations.ts';

const SPLITS: readonly Split[] = [
  { smallTask: Number.POSITIVE_INFINITY, largeLeaf: 1 },
  { smallTask: 0, largeLeaf: 1 },
  { smallTask: 0, largeLeaf: 9 },
  { smallTask: 0, largeLeaf: 27 },
  { smallTask: 0, largeLeaf: Number.POSITIVE_INFINITY },
];

/** The tasks of a case, as far as their goals look reachable: only splitting is tried here. */
function tasks(one: Case): Task[] {
  const { graph } = buildGraph(one.services, one.variables);
  const cls = graph.classOf(
    () => true,
    (variable) => variable.code(one.view[variable.path]),
  );
  const model = new Model(cls.transitions);
  const state = model.stateOf(Uint16Array.from(graph.variables, (variable) => variable.code(one.view[variable.path])));
  const reach = new Reach(model, state);
  const goals = Object.entries(one.goal).flatMap(([path, value]) => {
    const { index, code } = { index: graph.variable(path)!.index, code: graph.variable(path)!.code(value) };
    const atom = { variable: model.local(index) ?? -1, value: model.valueOf(index, code) };
    return atom.variable >= 0 && atom.value > 0 && reach.has(atom) ? [atom] : [];
  });
  return tasksOf(model, state, goals, reach);
}

function run(task: Task, actions: readonly Action[]): void {
  const state = task.state.slice();
  for (const { mutation, pre, neg, eff } of actions) {
    assert.ok(
      pre.every(({ variable, value }) => state[variable] === value) && neg.every(({ variable, value }) => state[variable] !== value),
      mutation.id,
    );
    for (const { variable, value } of eff) state[variable] = value;
  }
  for (const { variable, value } of task.goals) assert.equal(state[variable], value);
}

function check(one: Case): void {
  for (const task of tasks(one)) {
    const costs = SPLITS.map((split) => {
      const found = search(starOf(task, split));
      if (found.kind !== 'found') return found.kind;
      run(task, found.actions);
      assert.equal(
        found.actions.reduce((sum, action) => sum + action.mutation.cost * COST_UNIT, 0),
        found.cost,
      );
      return found.cost;
    });
    assert.deepEqual(
      costs,
      SPLITS.map(() => costs[0]),
    );
  }
}

for (const { runs, ...most } of [
  { variables: 4, values: 3, mutations: 20, runs: 400 },
  { variables: 6, values: 4, mutations: 50, runs: 150 },
  { variables: 8, values: 3, mutations: 70, runs: 100 },
]) {
  test(`every split of a task finds equally cheap plans (${most.variables} variables)`, () => {
    fc.assert(fc.property(anyCase(most), check), { numRuns: runs });
  });
}
