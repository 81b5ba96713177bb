/** The stories of a node's life, as the planner finds them in the bundled plugins' declarations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORE } from '../../host/core/core-service.ts';
import type { ServiceDeclaration } from '../../host/core/declaration.ts';
import { classOf, graphOf, planOf, type State, stepsOf } from './in-words.ts';
import { IMAGES, IPMI, images, imagesState, LAYERCAKE, mutation, PXE, poller, service, VARIABLES, variable } from './layercake.ts';

const SECOND = images('other', '/other/state');
const TWO = [...LAYERCAKE, SECOND];
const BOTH = [...VARIABLES, imagesState('/other/state')];
const NO_IMAGES = [CORE, IPMI, PXE];

const WORK: State = { '/physState': 'POWER_ON', '/runState': 'SYNC', '/images/state': 'ACTIVE' };
const OFF: State = { ...WORK, '/physState': 'POWER_OFF' };
const WORKING: State = { ...WORK, '/pxe/state': 'INIT' };
const BOOT = ['pxe/wait', 'pxe/boot', 'core/sync', 'images/begin', 'images/start'];

interface Story {
  readonly name: string;
  readonly services?: readonly ServiceDeclaration[];
  readonly serving?: readonly string[];
  readonly statics?: State;
  readonly forced?: readonly string[];
  readonly view: State;
  readonly goal: State;
  readonly expect: readonly string[];
}

const STORIES: readonly Story[] = [
  { name: 'cold metal to work', view: {}, goal: WORK, expect: ['ipmi/ask:power/physState', 'ipmi/powerOn', ...BOOT] },
  { name: 'off to work', view: { '/physState': 'POWER_OFF' }, goal: WORK, expect: ['ipmi/powerOn', ...BOOT] },
  { name: 'hanging to work', view: { '/physState': 'PHYS_HANG' }, goal: WORK, expect: ['ipmi/unhang', 'ipmi/powerOn', ...BOOT] },
  { name: 'work to off: images idle, quiesce, off', view: WORKING, goal: OFF, expect: ['images/stop', 'core/quiesce', 'ipmi/powerOff'] },
  { name: 'an unknown power state that is wanted off is asked for', view: {}, goal: OFF, expect: ['ipmi/ask:power/physState'] },
  { name: 'at goal', view: WORKING, goal: WORK, expect: [] },
  { name: 'a lost note of the boot never reboots anybody', view: WORK, goal: WORK, expect: [] },
  { name: 'nor does a strange one', view: { ...WORK, '/pxe/state': 'COMP' }, goal: WORK, expect: [] },
  {
    name: 'only the images are missing',
    view: { ...WORKING, '/images/state': 'UNKNOWN' },
    goal: WORK,
    expect: ['images/begin', 'images/start'],
  },
  { name: 'a changed image', view: { ...WORKING, '/images/state': 'UPDATE' }, goal: WORK, expect: ['images/update'] },
  { name: 'a failed image', view: { ...WORKING, '/images/state': 'ERROR' }, goal: WORK, expect: ['images/mend'] },
  { name: 'phoned home', view: { ...WORKING, '/runState': 'INIT', '/images/state': 'UNKNOWN' }, goal: WORK, expect: BOOT.slice(2) },
  { name: 'SYNC, no image module at all', services: NO_IMAGES, view: WORKING, goal: OFF, expect: ['core/quiesce', 'ipmi/powerOff'] },
  {
    name: 'SYNC, no image module for this node',
    serving: ['core', 'ipmi', 'pxe'],
    view: WORKING,
    goal: OFF,
    expect: ['core/quiesce', 'ipmi/powerOff'],
  },
  {
    name: 'two image modules: neither barrier is bypassed',
    services: TWO,
    view: { ...WORKING, '/other/state': 'ACTIVE' },
    goal: OFF,
    expect: ['images/stop', 'other/stop', 'core/quiesce', 'ipmi/powerOff'],
  },
  {
    name: 'two image modules, one of which nothing is known',
    services: TWO,
    view: { ...WORKING, '/images/state': 'IDLE' },
    goal: OFF,
    expect: ['other/begin', 'core/quiesce', 'ipmi/powerOff'],
  },
  {
    name: 'images that failed for good keep the node on',
    view: { ...WORKING, '/images/state': 'FATAL' },
    goal: OFF,
    expect: ['/physState: core/quiesce requires /images/state IDLE, it is FATAL'],
  },
  {
    name: 'unless forced',
    view: { ...WORKING, '/images/state': 'FATAL' },
    goal: OFF,
    forced: ['/images/state'],
    expect: ['core/quiesce', 'ipmi/powerOff'],
  },
  {
    name: 'an image that failed for good, wanted running',
    view: { ...WORKING, '/images/state': 'FATAL' },
    goal: WORK,
    expect: ['/images/state: nothing leads /images/state to ACTIVE'],
  },
  {
    name: 'no power plugin for this node',
    serving: ['core', 'pxe', 'images'],
    view: { '/physState': 'POWER_OFF' },
    goal: WORK,
    expect: [
      '/images/state: pxe/wait requires /physState POWER_ON, it is POWER_OFF',
      '/physState: nothing leads /physState to POWER_ON',
      '/runState: pxe/wait requires /physState POWER_ON, it is POWER_OFF',
    ],
  },
  {
    name: 'a power plugin for another platform',
    statics: { '/platform': 'redfish' },
    view: { '/physState': 'POWER_OFF', '/platform': 'redfish' },
    goal: { '/physState': 'POWER_ON' },
    expect: ['/physState: ipmi/powerOn requires /platform ipmi, it is ?'],
  },
  {
    name: 'a power state that nothing leads out of',
    view: { '/physState': 'PHYS_ERROR' },
    goal: { '/physState': 'POWER_ON', '/runState': 'SYNC' },
    expect: ['/physState: nothing leads /physState to POWER_ON', '/runState: pxe/wait requires /physState POWER_ON, it is PHYS_ERROR'],
  },
];

for (const story of STORIES) {
  test(`layercake: ${story.name}`, () => {
    const graph = graphOf(story.services ?? LAYERCAKE, story.services === TWO ? BOTH : VARIABLES);
    const cls = classOf(graph, story.serving, story.statics, story.forced);
    assert.deepEqual(stepsOf(graph, planOf(cls, story.view, story.goal)), story.expect);
  });
}

test('what could not be known when off is moot, and said', () => {
  const graph = graphOf(LAYERCAKE);
  const plan = planOf(classOf(graph), WORKING, OFF);
  assert.deepEqual(
    plan.moot.map((index) => graph.variables[index]?.path),
    ['/images/state', '/runState'],
  );
});

test('what can be done is not kept back by an image that failed for good', () => {
  const graph = graphOf(TWO, BOTH);
  const plan = planOf(classOf(graph), { ...WORKING, '/images/state': 'FATAL' }, { ...WORK, '/other/state': 'ACTIVE' });
  assert.equal(plan.kind, 'blocked');
  assert.deepEqual(plan.kind === 'blocked' && stepsOf(graph, plan.rest), ['other/begin', 'other/start']);
});

test('a power-off that cannot be had does not bring back the goals that it made moot', () => {
  const graph = graphOf(TWO, BOTH);
  const view = { ...WORKING, '/images/state': 'FATAL', '/other/state': 'IDLE' };
  const plan = planOf(classOf(graph), view, { ...OFF, '/other/state': 'ACTIVE' });
  assert.equal(plan.kind, 'blocked');
  assert.deepEqual(plan.kind === 'blocked' && stepsOf(graph, plan.rest), []);
});

test('a plan from unknown says what depends on the answer', () => {
  const graph = graphOf(LAYERCAKE);
  const plan = planOf(classOf(graph), {}, WORK);
  assert.equal(plan.kind, 'plan');
  const branches = plan.kind === 'plan' ? plan.branches : [];
  const answers = branches.map(({ variable, code, plan: branch }) => [
    graph.variables[variable]?.value(code),
    branch.kind,
    stepsOf(graph, branch).length,
  ]);
  assert.deepEqual(answers, [
    ['POWER_ON', 'plan', 5],
    ['POWER_CYCLE', 'blocked', 3],
    ['PHYS_HANG', 'plan', 7],
    ['PHYS_ERROR', 'blocked', 3],
  ]);
});

test('a plan without an ask at its beginning has no branches', () => {
  const plan = planOf(classOf(graphOf(LAYERCAKE)), { '/physState': 'POWER_OFF' }, WORK);
  assert.deepEqual(plan.kind === 'plan' && plan.branches, []);
});

test('image modules start side by side, and the barrier waits for both', () => {
  const graph = graphOf(TWO, BOTH);
  const after = (view: State, goal: State): (readonly [string, readonly number[]])[] => {
    const plan = planOf(classOf(graph), view, goal);
    return plan.kind === 'plan' ? plan.steps.map((step) => [step.mutation.id, step.after] as const) : [];
  };
  assert.deepEqual(after(WORKING_INIT, { ...WORK, '/other/state': 'ACTIVE' }), [
    ['core/sync', []],
    ['images/begin', [0]],
    ['images/start', [0, 1]],
    ['other/begin', [0]],
    ['other/start', [0, 3]],
  ]);
  assert.deepEqual(after({ ...WORKING, '/other/state': 'ACTIVE' }, OFF), [
    ['images/stop', []],
    ['other/stop', []],
    ['core/quiesce', [0, 1]],
    ['ipmi/powerOff', [2]],
  ]);
});

const WORKING_INIT: State = { '/physState': 'POWER_ON', '/pxe/state': 'INIT', '/runState': 'INIT' };

test('a step that has no part in a power-off neither waits for it nor holds it up', () => {
  const lamp = service('lamp', {
    variables: [variable('/lamp/state', ['U', 'ON'])],
    mutations: [mutation('lamp/on', { '/lamp/state': ['U', 'ON'] })],
  });
  const graph = graphOf([...LAYERCAKE, lamp]);
  const plan = planOf(
    classOf(graph),
    { ...WORKING, '/runState': 'INIT', '/images/state': 'UNKNOWN' },
    { '/physState': 'POWER_OFF', '/lamp/state': 'ON' },
  );
  assert.deepEqual(plan.kind === 'plan' && plan.steps.map((step) => [step.mutation.id, step.after]), [
    ['lamp/on', []],
    ['ipmi/powerOff', []],
  ]);
});

test('of two ways at one cost the same is taken whatever the load order; a second poller of a path is no conflict', () => {
  const pinger = service('aping', { pollers: [poller('aping/ping', ['/physState'])] });
  const plans = [
    [pinger, ...LAYERCAKE],
    [IMAGES, PXE, IPMI, pinger, CORE],
  ].map((services) => {
    const graph = graphOf(services);
    const cls = classOf(graph);
    assert.deepEqual(cls.conflicts, []);
    return stepsOf(graph, planOf(cls, {}, WORK));
  });
  assert.deepEqual(plans[0], ['aping/ask:ping/physState', 'ipmi/powerOn', ...BOOT]);
  assert.deepEqual(plans[1], plans[0]);
});

test('the cheaper way is taken, not the shorter', () => {
  const dear = service('dear', {
    mutations: [mutation('dear/all', { '/runState': ['UNKNOWN', 'SYNC'] }, { requires: { '/physState': 'POWER_ON' }, cost: 10 })],
  });
  const cheap = { ...dear, mutations: dear.mutations.map((one) => ({ ...one, cost: 2.5 })) };
  const view = { '/physState': 'POWER_ON' };
  const steps = [dear, cheap].map((extra) => {
    const graph = graphOf([...LAYERCAKE, extra]);
    return stepsOf(graph, planOf(classOf(graph), view, { '/runState': 'SYNC' }));
  });
  assert.deepEqual(steps, [['pxe/wait', 'pxe/boot', 'core/sync'], ['dear/all']]);
});

test('one situation is planned once', () => {
  const cls = classOf(graphOf(LAYERCAKE));
  assert.equal(planOf(cls, {}, WORK), planOf(cls, {}, WORK));
  assert.notEqual(planOf(cls, {}, WORK), planOf(cls, {}, OFF));
});

test('a plan outlives the buffers that it was asked with', () => {
  const graph = graphOf(LAYERCAKE);
  const cls = classOf(graph);
  const view = Uint16Array.from(graph.variables, (variable) => variable.code(variable.path === '/platform' ? 'ipmi' : undefined));
  const goal = Uint16Array.from(graph.variables, (variable) => variable.code(WORK[variable.path]));
  const plan = cls.plan(view, goal);
  goal.fill(0);
  view.fill(3);
  assert.equal(plan.kind === 'plan' && plan.branches.length, 4);
});
