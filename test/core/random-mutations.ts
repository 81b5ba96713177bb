/** Random mutation sets with everything in them that makes planning hard: shared requirements, exclusions, steps on several paths, knowledge. */
import fc from 'fast-check';
import type { Mutation, Path, Scalar, ServiceDeclaration, Variable } from '../../host/core/declaration.ts';
import { discovery, mutation, poller, service, variable } from './layercake.ts';
import type { State, World } from './reference-planner.ts';

export interface Case {
  readonly variables: readonly Variable[];
  readonly services: readonly ServiceDeclaration[];
  readonly world: World;
  readonly view: State;
  readonly goal: State;
}

interface Draft {
  readonly owner: number;
  readonly changes: readonly (readonly [number, number, number])[];
  readonly requires: readonly (readonly [number, number])[];
  readonly excludes: readonly (readonly [number, number])[];
  readonly cost: number;
  readonly disruptive: boolean;
  readonly failTo: readonly (readonly [number, number])[];
}

/** `/s` is what nothing mutates; the others are `/v0` … with values `u`, `a`, `b` …, u = unknown. */
export function anyCase(most: { readonly variables: number; readonly values: number; readonly mutations: number }): fc.Arbitrary<Case> {
  const place = fc.nat({ max: most.variables - 1 });
  const value = fc.nat({ max: 3 });
  const pair = fc.tuple(place, value);
  /** Mostly what can change: conditions on the rest only rule mutations out. */
  const changing = fc.nat({ max: most.variables - 2 });
  const condition = fc.oneof({ weight: 12, arbitrary: fc.tuple(changing, value) }, { weight: 1, arbitrary: pair });
  const change = fc.tuple(changing, value, value);
  const draft: fc.Arbitrary<Draft> = fc.record({
    owner: fc.nat({ max: 2 }),
    changes: fc.oneof({ weight: 4, arbitrary: fc.tuple(change) }, { weight: 1, arbitrary: fc.tuple(change, change) }),
    requires: fc.oneof(fc.constant([]), fc.tuple(condition), fc.tuple(condition), fc.tuple(condition, condition)),
    excludes: fc.oneof(fc.constant([]), fc.constant([]), fc.tuple(condition)),
    cost: fc.constantFrom(1, 1, 1, 2, 0.5, 3),
    disruptive: fc.boolean(),
    failTo: fc.array(pair, { maxLength: 1 }),
  });
  const way = fc.record({
    owner: fc.nat({ max: 2 }),
    polls: fc.boolean(),
    discovers: place,
    requires: fc.array(condition, { maxLength: 2 }),
  });
  return fc
    .noBias(
      fc.record({
        sizes: fc.array(fc.integer({ min: 2, max: most.values }), { minLength: most.variables, maxLength: most.variables }),
        drafts: fc.array(draft, { minLength: Math.ceil(most.mutations / 2), maxLength: most.mutations, size: 'max' }),
        ways: fc.array(way, { maxLength: 4 }),
        view: fc.array(value, { minLength: most.variables, maxLength: most.variables }),
        goal: fc.array(fc.option(value, { freq: 3 }), { minLength: most.variables, maxLength: most.variables }),
        static: fc.constantFrom('x', 'y'),
      }),
    )
    .map(({ sizes, drafts, ways, view, goal, static: fixed }) => {
      const path = (index: number): Path => (index === most.variables - 1 ? '/s' : `/v${index}`);
      const valuesOf = (index: number): Scalar[] => (path(index) === '/s' ? ['x', 'y'] : ['u', 'a', 'b', 'c'].slice(0, sizes[index]));
      const pick = (index: number, at: number): Scalar => valuesOf(index)[at % valuesOf(index).length]!;
      const conditions = (pairs: readonly (readonly [number, number])[]): Record<Path, Scalar> =>
        Object.fromEntries(pairs.map(([index, at]) => [path(index), pick(index, at)]));
      const taken = new Map<string, number>();
      const mutations = drafts.flatMap((one, index) => toMutation(one, index, path, pick, conditions, taken));
      const services = [0, 1, 2].map((owner) =>
        service(`s${owner}`, {
          module: 'one',
          mutations: mutations.filter((one) => one.service === `s${owner}`),
          pollers: ways.flatMap((one, index) =>
            one.owner === owner && one.polls ? poller(`s${owner}/p${index}`, [path(one.discovers)], conditions(one.requires)) : [],
          ),
          discoveries: ways.flatMap((one, index) =>
            one.owner === owner && !one.polls ? discovery(`s${owner}/d${index}`, [path(one.discovers)], conditions(one.requires)) : [],
          ),
        }),
      );
      const variables = sizes.map((_, index) => variable(path(index), path(index) === '/s' ? undefined : valuesOf(index)));
      const unknown = Object.fromEntries(variables.flatMap((one) => (one.unknown === undefined ? [] : [[one.path, one.unknown]])));
      const state = Object.fromEntries(view.map((at, index) => [path(index), path(index) === '/s' ? fixed : pick(index, at)]));
      const mutable = new Set(mutations.flatMap((one) => Object.keys(one.mutates)));
      const statics = Object.fromEntries(Object.entries(state).filter(([name]) => !mutable.has(name)));
      const wanted = goal.flatMap((at, index) =>
        at === null || !mutable.has(path(index)) || pick(index, at) === 'u' ? [] : [[path(index), pick(index, at)]],
      );
      const world = { services, mutations: [...mutations, ...asks(services, mutable, variables)], unknown, statics };
      return { variables, services, world, view: state, goal: Object.fromEntries(wanted) };
    });
}

/** None for what a graph would refuse or contest: the tests of refusals have those. */
function toMutation(
  one: Draft,
  index: number,
  path: (index: number) => Path,
  pick: (index: number, at: number) => Scalar,
  conditions: (pairs: readonly (readonly [number, number])[]) => Record<Path, Scalar>,
  taken: Map<string, number>,
): Mutation[] {
  const mutates = Object.fromEntries(
    one.changes.filter(([at]) => path(at) !== '/s').map(([at, from, to]) => [path(at), [pick(at, from), pick(at, to)] as const]),
  );
  const isMoot = Object.values(mutates).every(([from, to]) => from === to);
  const contested = Object.entries(mutates).some((change) => (taken.get(JSON.stringify(change)) ?? one.owner) !== one.owner);
  if (isMoot || contested) return [];
  for (const change of Object.entries(mutates)) taken.set(JSON.stringify(change), one.owner);
  const requires = Object.fromEntries(Object.entries(conditions(one.requires)).filter(([name]) => !(name in mutates)));
  return [
    mutation(`s${one.owner}/m${index}`, mutates, {
      requires,
      excludes: conditions(one.excludes),
      cost: one.cost,
      disruptive: one.disruptive,
    }),
  ];
}

function asks(services: readonly ServiceDeclaration[], mutable: ReadonlySet<Path>, variables: readonly Variable[]): Mutation[] {
  return services.flatMap((owner) =>
    owner.pollers.flatMap(({ name, discovers, requires }) =>
      discovers.flatMap((path) => {
        const values = variables.find((one) => one.path === path)?.values;
        if (!values || !mutable.has(path) || path in requires) return [];
        return [
          {
            ...mutation(`${owner.service}/ask`, { [path]: [values[0]!, values[1]!] }, { requires }),
            id: `${owner.service}/ask:${name}${path}`,
          },
        ];
      }),
    ),
  );
}
