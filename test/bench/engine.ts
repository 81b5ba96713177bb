/**
 * The planner's figures: loading declarations into a graph, plans for new and for seen situations, and graphs of k modules that
 * share nothing (independent 4-state dimensions) or only runState SYNC, as real ones do.
 */
import { CORE } from '../../host/core/core-service.ts';
import type { ServiceDeclaration, Variable } from '../../host/core/declaration.ts';
import { buildGraph, type Graph } from '../../host/core/graph.ts';
import type { Plan } from '../../host/core/planner/plan.ts';
import { discovery, IPMI, LAYERCAKE, mutation, PXE, service, VARIABLES, variable } from '../core/layercake.ts';

type State = Readonly<Record<string, string>>;
type Planned = (view: State, goal: State) => Plan;

/** Rounds of each figure; the first third only warms up, the median of the others counts. */
const ROUNDS = 90;
const RUN_STATES = ['UNKNOWN', 'INIT', 'SYNC'];
const PHYS_STATES = ['PHYS_UNKNOWN', 'POWER_OFF', 'POWER_ON', 'PHYS_HANG'];

export async function run(options: { readonly rounds?: number } = {}): Promise<Record<string, number>> {
  const rounds = options.rounds ?? ROUNDS;
  return {
    planNewUs: median(4 * rounds, planNew) * 1000,
    planSeenUs: median(rounds, planSeen) * 1000,
    dimensions8Ms: median(rounds, () => planDimensions(8)),
    dimensions50Ms: median(rounds, () => planDimensions(50)),
    sharedDims8Ms: median(rounds, () => planShared(8)),
    sharedDims50Ms: median(rounds, () => planShared(50)),
    loadMs: median(rounds, () => timed(() => graphOf(LAYERCAKE, VARIABLES))),
  };
}

function median(rounds: number, measure: () => number): number {
  const times = Array.from({ length: rounds }, measure);
  const warm = times.slice(Math.floor(rounds / 3)).sort((a, b) => a - b);
  return warm[Math.floor(warm.length / 2)] ?? Number.NaN;
}

/** Milliseconds. */
function timed(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function graphOf(services: readonly ServiceDeclaration[], variables: readonly Variable[]): Graph {
  const { graph, refused } = buildGraph(services, variables);
  if (refused.length) throw new Error(refused.map((one) => one.text).join('\n'));
  return graph;
}

function codes(graph: Graph, state: State): Uint16Array {
  return Uint16Array.from(graph.variables, (one) => one.code(one.path === '/platform' ? 'ipmi' : state[one.path]));
}

/** Plans for a new class of nodes. */
function planner(graph: Graph): Planned {
  const cls = graph.classOf(
    () => true,
    (one) => one.code(one.path === '/platform' ? 'ipmi' : undefined),
  );
  return (view, goal) => {
    const plan = cls.plan(codes(graph, view), codes(graph, goal));
    if (plan.kind === 'blocked') throw new Error(`blocked: ${JSON.stringify(plan.reasons)}`);
    return plan;
  };
}

/** One plan of the layercake graph, over many situations that its class was never in. */
function planNew(): number {
  const graph = graphOf(LAYERCAKE, VARIABLES);
  const cls = graph.classOf(
    () => true,
    (one) => one.code(one.path === '/platform' ? 'ipmi' : undefined),
  );
  const goal = { '/physState': 'POWER_ON', '/runState': 'SYNC', '/images/state': 'ACTIVE' };
  const goals = [goal, { ...goal, '/physState': 'POWER_OFF' }].map((state) => codes(graph, state));
  const views = PHYS_STATES.flatMap((phys) =>
    RUN_STATES.flatMap((run) => ['UNKNOWN', 'IDLE', 'UPDATE', 'ERROR'].map((image) => [phys, run, image] as const)),
  ).map(([phys, run, image]) => codes(graph, { '/physState': phys, '/runState': run, '/images/state': image }));
  const time = timed(() => {
    for (const view of views) for (const wanted of goals) cls.plan(view, wanted);
  });
  return time / (views.length * goals.length);
}

function planSeen(): number {
  const graph = graphOf(LAYERCAKE, VARIABLES);
  const cls = graph.classOf(
    () => true,
    (one) => one.code(one.path === '/platform' ? 'ipmi' : undefined),
  );
  const view = codes(graph, {});
  const goal = codes(graph, { '/physState': 'POWER_ON', '/runState': 'SYNC', '/images/state': 'ACTIVE' });
  cls.plan(view, goal);
  const times = 2000;
  return (
    timed(() => {
      for (let time = 0; time < times; time++) cls.plan(view, goal);
    }) / times
  );
}

/** The first plan with k dimensions of 4 states that share nothing, each from one end to the other. */
function planDimensions(k: number): number {
  const states = ['U', 'A', 'B', 'C'];
  const paths = Array.from({ length: k }, (_, index) => `/d${index}/state`);
  const services = paths.map((path, index) => {
    const steps = states.flatMap((from) =>
      states.flatMap((to) => (Math.abs(states.indexOf(from) - states.indexOf(to)) === 1 ? [[from, to] as const] : [])),
    );
    return service(`d${index}`, { mutations: steps.map(([from, to]) => mutation(`d${index}/${from}${to}`, { [path]: [from, to] })) });
  });
  const plan = planner(
    graphOf(
      services,
      paths.map((path) => variable(path, states)),
    ),
  );
  const all = (value: string): State => Object.fromEntries(paths.map((path) => [path, value]));
  return timed(() => expectSteps(plan(all('U'), all('C')), 3 * k));
}

/** k modules that all need runState SYNC: from cold to all ACTIVE, and back to off. */
function planShared(k: number): number {
  const names = Array.from({ length: k }, (_, index) => `m${index}`);
  const modules = names.map((name) => {
    const step = (from: string, to: string) =>
      mutation(`${name}/${from}-${to}`, { [`/${name}/state`]: [from, to] }, { requires: { '/runState': 'SYNC' } });
    return service(name, {
      mutations: [step('UNKNOWN', 'IDLE'), step('IDLE', 'ACTIVE'), step('ACTIVE', 'IDLE')],
      discoveries: [discovery(`${name}/state`, [`/${name}/state`], { '/runState': 'SYNC' })],
      quiet: { [`/${name}/state`]: 'IDLE' },
    });
  });
  const variables = names.map((name) => variable(`/${name}/state`, ['UNKNOWN', 'IDLE', 'ACTIVE']));
  const plan = planner(graphOf([CORE, IPMI, PXE, ...modules], [...VARIABLES, ...variables]));
  const active = { '/runState': 'SYNC', ...Object.fromEntries(names.map((name) => [`/${name}/state`, 'ACTIVE'])) };
  const on = { ...active, '/physState': 'POWER_ON' };
  return timed(() => {
    expectSteps(plan({}, on), 5 + 2 * k);
    expectSteps(plan({ ...on, '/pxe/state': 'INIT' }, { ...on, '/physState': 'POWER_OFF' }), k + 2);
  });
}

function expectSteps(plan: Plan, steps: number): void {
  if (plan.kind === 'blocked' || plan.steps.length !== steps) throw new Error(`a plan of ${steps} steps was expected`);
}
