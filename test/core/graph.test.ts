/** What a graph is made of, what it refuses to be made of, and which nodes are of one class. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORE } from '../../host/core/core-service.ts';
import type { ServiceDeclaration, Variable } from '../../host/core/declaration.ts';
import { buildGraph } from '../../host/core/graph.ts';
import { graphView, wholeGraphView } from '../../host/core/graph-view.ts';
import { classOf, codes, graphOf, planOf, type State } from './in-words.ts';
import { discovery, IMAGES, IPMI, images, LAYERCAKE, mutation, PXE, poller, power, service, VARIABLES, variable } from './layercake.ts';

/** A service named bad with one thing in it. */
function bad(more: Partial<ServiceDeclaration>): ServiceDeclaration {
  return service('bad', more);
}

function badMutation(
  more: Parameters<typeof mutation>[2],
  mutates: Parameters<typeof mutation>[1] = { '/physState': ['POWER_OFF', 'POWER_ON'] },
): ServiceDeclaration {
  return bad({ mutations: [mutation('bad/do', mutates, more)] });
}

const REFUSED: readonly {
  readonly name: string;
  readonly service: ServiceDeclaration;
  readonly says: readonly RegExp[];
  readonly variables?: readonly Variable[];
}[] = [
  {
    name: 'a path both mutated and required',
    service: badMutation({ requires: { '/physState': 'POWER_OFF' } }),
    says: [/bad\/do mutates \/physState from POWER_OFF to POWER_ON and requires it to be POWER_OFF/],
  },
  {
    name: 'a to-value outside the enum',
    service: badMutation({}, { '/physState': ['POWER_OFF', 'ON'] }),
    says: [/bad\/do names \/physState ON, but it can only be PHYS_UNKNOWN, POWER_OFF/],
  },
  {
    name: 'a from-value outside the enum',
    service: badMutation({}, { '/physState': ['OFF', 'POWER_ON'] }),
    says: [/names \/physState OFF/],
  },
  { name: 'a required value outside the enum', service: badMutation({ requires: { '/runState': 'UP' } }), says: [/names \/runState UP/] },
  { name: 'an excluded value outside the enum', service: badMutation({ excludes: { '/runState': 'UP' } }), says: [/names \/runState UP/] },
  {
    name: 'a failTo outside the enum',
    service: badMutation({ failTo: { '/runState': 'UP' } }),
    says: [/fails to \/runState UP, and no mutation/, /names \/runState UP/],
  },
  {
    name: 'a quiet value outside the enum',
    service: bad({ quiet: { '/images/state': 'SILENT' } }),
    says: [/"quiet" of service bad names \/images\/state SILENT/],
  },
  { name: 'a value of another type', service: badMutation({ requires: { '/runState': 1 } }), says: [/names \/runState 1/] },
  {
    name: 'an unknown path mutated',
    service: badMutation({}, { '/nothing': ['a', 'b'] }),
    says: [/\/nothing, which is in no schema/, /\/nothing/],
  },
  {
    name: 'an unknown path required',
    service: badMutation({ requires: { '/images/stat': 'IDLE' } }),
    says: [/bad\/do names \/images\/stat, which is in no schema/],
  },
  {
    name: 'an unknown path discovered',
    service: bad({ discoveries: [discovery('bad/see', ['/images/stat'])] }),
    says: [/discovery bad\/see names \/images\/stat/],
  },
  {
    name: 'an unknown path polled',
    service: bad({ pollers: [poller('bad/see', ['/images/stat'])] }),
    says: [/poller bad\/see names \/images\/stat/],
  },
  { name: 'an unknown subtree', service: bad({ discoveries: [discovery('bad/see', ['/disks/'])] }), says: [/bad\/see names \/disks\//] },
  { name: 'an unknown quiet path', service: bad({ quiet: { '/bad/state': 'IDLE' } }), says: [/\/bad\/state, which is in no schema/] },
  {
    name: 'a failTo without a way out',
    service: badMutation({ failTo: { '/physState': 'PHYS_ERROR' } }),
    says: [/bad\/do fails to \/physState PHYS_ERROR, and no mutation of any loaded service leads out of it/],
  },
  {
    name: 'a weaker discovery',
    service: bad({ discoveries: [discovery('bad/see', ['/runState'])] }),
    says: [/bad\/see discovers \/runState without requiring \/physState POWER_ON, which core/],
  },
  {
    name: 'a weaker discovery of what another one mutates',
    service: bad({ discoveries: [discovery('bad/see', ['/images/state'])] }),
    says: [/bad\/see discovers \/images\/state without requiring \/runState SYNC, which images, whose path it is/],
  },
  {
    name: 'a weaker poller',
    service: bad({ pollers: [poller('bad/see', ['/runState'], { '/physState': 'POWER_OFF' })] }),
    says: [/poller bad\/see discovers \/runState without/],
  },
  { name: 'no time', service: badMutation({ timeout: 0 }), says: [/bad\/do has the timeout 0/] },
  { name: 'endless time', service: badMutation({ timeout: Number.POSITIVE_INFINITY }), says: [/bad\/do has the timeout Infinity/] },
  { name: 'no cost', service: badMutation({ cost: 0 }), says: [/bad\/do has the cost 0/] },
  { name: 'a cost below nothing', service: badMutation({ cost: -1 }), says: [/bad\/do has the cost -1/] },
  { name: 'a cost that is no number', service: badMutation({ cost: Number.NaN }), says: [/bad\/do has the cost NaN/] },
  {
    name: 'a poller that never waits',
    service: bad({ pollers: [{ ...poller('bad/see', ['/physState']), every: 0 }] }),
    says: [/bad\/see has the interval 0/],
  },
  {
    name: 'a mutation twice',
    service: bad({
      mutations: [
        mutation('bad/do', { '/physState': ['POWER_OFF', 'POWER_ON'] }),
        mutation('bad/do', { '/physState': ['POWER_ON', 'POWER_OFF'] }),
      ],
    }),
    says: [/mutation bad\/do is declared twice/],
  },
  {
    name: 'a poller twice',
    service: bad({ pollers: [poller('bad/see', ['/physState']), poller('bad/see', ['/physState'])] }),
    says: [/poller bad\/see is declared twice/],
  },
  {
    name: "somebody else's id",
    service: bad({ mutations: [mutation('ipmi/do', { '/physState': ['POWER_OFF', 'POWER_ON'] })] }),
    says: [/mutation ipmi\/do is not named bad\//],
  },
  { name: 'a mutation of nothing', service: badMutation({}, {}), says: [/bad\/do mutates nothing/] },
  {
    name: 'a path of the core, declared otherwise',
    service: bad({ variables: [variable('/runState', ['UNKNOWN', 'UP'])] }),
    says: [/service bad declares \/runState as .*but the schemas as/],
  },
  {
    name: 'quiet on what the barrier changes',
    service: bad({ quiet: { '/runState': 'INIT' } }),
    says: [/wants \/runState quiet at INIT, but core\/quiesce itself mutates/],
  },
  {
    name: 'a name taken',
    service: service('ipmi', { mutations: [mutation('ipmi/do', { '/runState': ['SYNC', 'INIT'] })] }),
    says: [/two services are named ipmi/, /pxe\/boot fails to/, /pxe\/wait fails to/],
  },
];

for (const { name, service: given, says, variables } of REFUSED) {
  test(`refused by name: ${name}`, () => {
    const orders = [
      [...LAYERCAKE, given],
      [given, ...LAYERCAKE],
    ].map((services) => buildGraph(services, variables ?? VARIABLES));
    for (const { graph, refused } of orders) {
      assert.equal(refused.length, says.length, refused.map((one) => one.text).join('\n'));
      for (const [index, pattern] of says.entries()) assert.match(refused[index]?.text ?? '', pattern);
      for (const { text, service: by } of refused) assert.ok(text.includes(by) && text.length > 40, text);
      assert.ok(!graph.services.includes(given));
    }
    assert.deepEqual(orders[1]?.refused, orders[0]?.refused);
    assert.deepEqual(orders[1]?.graph.mutations, orders[0]?.graph.mutations);
  });
}

const ACCEPTED: readonly { readonly name: string; readonly service: ServiceDeclaration }[] = [
  { name: 'a terminal failTo', service: badMutation({ failTo: { '/images/state': 'FATAL' } }) },
  { name: 'a failTo that another service leads out of', service: badMutation({ failTo: { '/physState': 'PHYS_HANG' } }) },
  { name: 'a failTo of unknown', service: badMutation({ failTo: { '/physState': 'PHYS_UNKNOWN' } }) },
  {
    name: 'a stronger discovery',
    service: bad({ discoveries: [discovery('bad/see', ['/runState'], { '/physState': 'POWER_ON', '/images/state': 'IDLE' })] }),
  },
  { name: 'a discovery for some nodes only', service: bad({ pollers: [poller('bad/see', ['/physState'], { '/platform': 'bad' })] }) },
  {
    name: 'its own state',
    service: bad({ variables: [variable('/bad/state', ['U', 'A'])], mutations: [mutation('bad/do', { '/bad/state': ['U', 'A'] })] }),
  },
  { name: 'a variable that the schemas have too, alike', service: bad({ variables: VARIABLES.slice(0, 2) }) },
  {
    name: 'what a map of the schemas takes in',
    service: bad({ variables: [variable('/disks/')], discoveries: [discovery('bad/see', ['/disks/sda/size', '/disks/'])] }),
  },
  { name: 'a subtree of known paths', service: bad({ discoveries: [discovery('bad/see', ['/pxe/'], { '/physState': 'POWER_ON' })] }) },
];

for (const { name, service: given } of ACCEPTED) {
  test(`not refused: ${name}`, () => {
    assert.deepEqual(buildGraph([...LAYERCAKE, given], VARIABLES).refused, []);
  });
}

test('the core alone is never refused, though what leads out of its failTo comes with others', () => {
  assert.deepEqual(buildGraph([CORE], VARIABLES).refused, []);
  assert.deepEqual(
    buildGraph([CORE, PXE], VARIABLES).refused.map((one) => one.service),
    ['pxe', 'pxe'],
  );
});

test('a declaration that two modules make differently is refused to the later name', () => {
  const a = service('a', { variables: [variable('/x/state', ['U', 'A'])] });
  const b = service('b', { variables: [variable('/x/state', ['U', 'B'])] });
  for (const services of [
    [a, b],
    [b, a],
  ])
    assert.deepEqual(
      buildGraph(services, VARIABLES).refused.map((one) => one.service),
      ['b'],
    );
});

test('an ask is derived from every poller of a mutable path, to the next value of the enum', () => {
  const extra = service('see', {
    pollers: [poller('see/all', ['/pxe/', '/arch', '/images/state'], { '/physState': 'POWER_ON', '/runState': 'SYNC' })],
  });
  const graph = graphOf([...LAYERCAKE, extra]);
  const asks = graph.mutations.filter((one) => graph.askOf(one.id));
  assert.deepEqual(
    asks.map(({ id, mutates, cost, disruptive }) => [id, mutates, cost, disruptive]),
    [
      ['ipmi/ask:power/physState', { '/physState': ['PHYS_UNKNOWN', 'POWER_OFF'] }, 1, false],
      ['see/ask:all/images/state', { '/images/state': ['UNKNOWN', 'IDLE'] }, 1, false],
      ['see/ask:all/pxe/state', { '/pxe/state': ['NONE', 'WAIT'] }, 1, false],
    ],
  );
  assert.deepEqual(asks[0]?.requires, { '/platform': 'ipmi' });
  const own = graphOf([CORE, IPMI, PXE, { ...IMAGES, pollers: [poller('images/see', ['/images/state'], { '/runState': 'SYNC' })] }]);
  assert.equal(own.mutation('images/ask:see/images/state')?.context, 'self');
  assert.equal(own.mutation('ipmi/ask:power/physState')?.context, 'child');
  assert.equal(graph.askOf('see/ask:all/pxe/state')?.poller.id, 'see/all');
  assert.equal(graph.askOf('ipmi/powerOn'), undefined);
  assert.deepEqual(
    graph.pollersOf('/pxe/state').map((one) => one.id),
    ['see/all'],
  );
});

test('codes: 0 is unknown, values stay what they were, and what nothing names shares a code only where nothing mutates it', () => {
  const graph = graphOf(LAYERCAKE);
  const phys = graph.variable('/physState');
  const platform = graph.variable('/platform');
  assert.ok(phys && platform);
  assert.deepEqual(
    [undefined, null, 'PHYS_UNKNOWN', 'POWER_OFF', 'POWER_ON'].map((value) => phys.code(value)),
    [0, 0, 0, 1, 2],
  );
  assert.equal(phys.value(2), 'POWER_ON');
  const strange = phys.code('MELTED');
  assert.deepEqual([phys.value(strange), phys.code('MELTED'), phys.code('POWER_ON')], ['MELTED', strange, 2]);
  assert.equal(platform.code('redfish'), platform.code('libvirt'));
  assert.notEqual(platform.code('redfish'), platform.code('ipmi'));
  assert.notEqual(phys.code({ a: 1 }), 0);
  assert.deepEqual([phys.isMutable, phys.owned, platform.isMutable, platform.owned], [true, true, false, false]);
});

test('a service may observe what it mutates, polls or discovers, and nothing else', () => {
  const graph = graphOf([
    ...LAYERCAKE,
    service('inventory', { variables: [variable('/disks/')], discoveries: [discovery('inventory/see', ['/disks/', '/arch'])] }),
  ]);
  const may = (name: string, path: string): boolean => graph.discoverable(name, path);
  assert.deepEqual(
    [may('ipmi', '/physState'), may('pxe', '/runState'), may('inventory', '/disks/sda/size'), may('inventory', '/arch')],
    [true, true, true, true],
  );
  assert.deepEqual(
    [may('ipmi', '/runState'), may('inventory', '/disk'), may('nobody', '/arch'), may('images', '/pxe/state')],
    [false, false, false, false],
  );
});

test('classes are interned by what serves and what nothing mutates', () => {
  const graph = graphOf(LAYERCAKE);
  const one = classOf(graph);
  assert.equal(classOf(graph), one);
  assert.equal(classOf(graph, undefined, { '/platform': 'ipmi', '/arch': 'x86_64' }), one);
  assert.equal(classOf(graph, undefined, { '/platform': 'ipmi' }, ['/nothing/state']), one);
  assert.notEqual(classOf(graph, undefined, { '/platform': 'redfish' }), one);
  assert.notEqual(classOf(graph, ['core', 'ipmi']), one);
  assert.notEqual(classOf(graph, undefined, { '/platform': 'ipmi' }, ['/images/state']), one);
  assert.equal(classOf(graph, undefined, { '/platform': 'redfish' }), classOf(graph, undefined, { '/platform': 'libvirt' }));
});

test('two services that do the same to one path of a node are told by name, and neither acts', () => {
  const graph = graphOf([...LAYERCAKE, power('redfish', 'ipmi')]);
  const both = classOf(graph);
  assert.equal(both.conflicts.length, 3);
  for (const text of both.conflicts)
    assert.match(text, /services ipmi and redfish serve the same node for \/physState: ipmi\/\w+ and redfish\/\w+ both take it from/);
  assert.deepEqual(
    both.mutations.filter((one) => '/physState' in one.mutates).map((one) => one.id),
    ['ipmi/ask:power/physState', 'redfish/ask:power/physState'],
  );
  assert.deepEqual(classOf(graph, ['core', 'ipmi', 'pxe', 'images']).conflicts, []);
  assert.deepEqual(classOf(graphOf([...LAYERCAKE, power('redfish')])).conflicts, []);
});

test('two services that want one path quiet in two ways are told by name', () => {
  const strange = service('strange', { quiet: { '/images/state': 'ACTIVE' } });
  assert.match(
    classOf(graphOf([...LAYERCAKE, strange])).conflicts.join(),
    /images and strange serve the same node and want \/images\/state quiet at IDLE and at ACTIVE/,
  );
});

/** What is known only while what, by path. */
function knowledge(services: readonly ServiceDeclaration[], statics?: State): Record<string, State> {
  const graph = graphOf(services);
  const cls = classOf(graph, undefined, statics);
  const facts = graph.variables.map(
    ({ index, path }) =>
      [
        path,
        Object.fromEntries(
          cls.knownWhile(index).map((fact) => [graph.variables[fact.variable]!.path, graph.variables[fact.variable]!.value(fact.code)!]),
        ),
      ] as const,
  );
  return Object.fromEntries(facts.filter(([, conditions]) => Object.keys(conditions).length));
}

const LAYERCAKE_KNOWLEDGE = {
  '/images/state': { '/runState': 'SYNC' },
  '/pxe/state': { '/physState': 'POWER_ON' },
  '/runState': { '/physState': 'POWER_ON' },
};

const KNOWN: readonly {
  readonly name: string;
  readonly services: readonly ServiceDeclaration[];
  readonly expect: Record<string, State>;
  readonly statics?: State;
}[] = [
  { name: 'layercake', services: LAYERCAKE, expect: LAYERCAKE_KNOWLEDGE },
  {
    name: 'what nothing mutates is no condition of knowledge',
    services: [...LAYERCAKE, service('see', { discoveries: [discovery('see/see', ['/arch'], { '/platform': 'ipmi' })] })],
    expect: LAYERCAKE_KNOWLEDGE,
  },
  {
    name: 'an inventory plugin that reports arch changes nothing',
    services: [...LAYERCAKE, service('see', { discoveries: [discovery('see/see', ['/arch'], { '/runState': 'SYNC' })] })],
    expect: { ...LAYERCAKE_KNOWLEDGE, '/arch': { '/runState': 'SYNC' } },
  },
  {
    name: 'a new pinger changes nothing',
    services: [...LAYERCAKE, service('ping', { pollers: [poller('ping/ping', ['/physState'])] })],
    expect: LAYERCAKE_KNOWLEDGE,
  },
  {
    name: 'another way with less in common',
    services: [...LAYERCAKE, service('see', { module: 'images', discoveries: [discovery('see/see', ['/images/state'])] })],
    expect: { '/pxe/state': { '/physState': 'POWER_ON' }, '/runState': { '/physState': 'POWER_ON' } },
  },
  {
    name: 'a way for other nodes only does not count',
    services: [
      ...LAYERCAKE,
      service('see', { module: 'images', discoveries: [discovery('see/see', ['/images/state'], { '/platform': 'redfish' })] }),
    ],
    expect: LAYERCAKE_KNOWLEDGE,
  },
  {
    name: 'but does for those',
    services: [
      ...LAYERCAKE,
      service('see', { module: 'images', discoveries: [discovery('see/see', ['/images/state'], { '/platform': 'redfish' })] }),
    ],
    statics: { '/platform': 'redfish' },
    expect: { '/pxe/state': { '/physState': 'POWER_ON' }, '/runState': { '/physState': 'POWER_ON' } },
  },
  {
    name: 'the to-values of what changes along',
    services: [
      service('a', {
        mutations: [
          mutation('a/do', { '/runState': ['UNKNOWN', 'INIT'], '/pxe/state': ['WAIT', 'INIT'] }),
          mutation('a/wait', { '/pxe/state': ['NONE', 'WAIT'] }),
        ],
      }),
    ],
    expect: { '/runState': { '/pxe/state': 'INIT' } },
  },
];

for (const { name, services, expect, statics } of KNOWN) {
  test(`known while: ${name}`, () => {
    assert.deepEqual(knowledge(services, statics), expect);
  });
}

const GOALS: readonly { readonly name: string; readonly goal: State; readonly moot: readonly string[] }[] = [
  { name: 'on, and all of it', goal: { '/physState': 'POWER_ON', '/runState': 'SYNC', '/images/state': 'ACTIVE' }, moot: [] },
  {
    name: 'off',
    goal: { '/physState': 'POWER_OFF', '/runState': 'SYNC', '/images/state': 'ACTIVE' },
    moot: ['/images/state', '/runState'],
  },
  {
    name: 'off, to the fixpoint: nothing said of what is between',
    goal: { '/physState': 'POWER_OFF', '/images/state': 'ACTIVE' },
    moot: ['/images/state'],
  },
  { name: 'not in sync', goal: { '/runState': 'INIT', '/images/state': 'ACTIVE' }, moot: ['/images/state'] },
  { name: 'no goal for what it needs', goal: { '/images/state': 'ACTIVE' }, moot: [] },
  { name: 'nothing', goal: {}, moot: [] },
];

for (const { name, goal, moot } of GOALS) {
  test(`moot: ${name}`, () => {
    const graph = graphOf(LAYERCAKE);
    assert.deepEqual(
      classOf(graph)
        .moot(codes(graph, goal))
        .map((index) => graph.variables[index]?.path),
      moot,
    );
  });
}

test('a search that would never end is given up, and said', () => {
  const bits = 18;
  const paths = Array.from({ length: bits }, (_, index) => `/bit${index}/state`);
  const flips = paths.flatMap((path, index) => {
    const lower = Object.fromEntries(paths.slice(0, index).map((other, at) => [other, at === index - 1 ? 'b' : 'a']));
    return [
      mutation(`count/up${index}`, { [path]: ['a', 'b'] }, { requires: lower }),
      mutation(`count/down${index}`, { [path]: ['b', 'a'] }, { requires: lower }),
    ];
  });
  const counter = service('count', { mutations: flips, variables: paths.map((path) => variable(path, ['u', 'a', 'b'])) });
  const graph = graphOf([counter], []);
  const plan = planOf(classOf(graph), Object.fromEntries(paths.map((path) => [path, 'a'])), { [paths.at(-1) ?? '']: 'b' });
  assert.equal(plan.kind, 'blocked');
  assert.deepEqual(plan.kind === 'blocked' && plan.reasons.map((reason) => reason.kind), ['tooLarge']);
});

test('goals that exclude each other are named together', () => {
  const steps = [
    mutation('s/left', { '/l/state': ['U', 'A'] }, { excludes: { '/r/state': 'A' } }),
    mutation('s/right', { '/r/state': ['U', 'A'] }, { excludes: { '/l/state': 'A' } }),
  ];
  const graph = graphOf(
    [service('s', { mutations: steps, variables: [variable('/l/state', ['U', 'A']), variable('/r/state', ['U', 'A'])] })],
    [],
  );
  const plan = planOf(classOf(graph), {}, { '/l/state': 'A', '/r/state': 'A' });
  assert.deepEqual(plan.kind === 'blocked' && plan.reasons, [
    { kind: 'together', goal: 0, with: [1] },
    { kind: 'together', goal: 1, with: [0] },
  ]);
});

test('the graph of a class: where the node is, the way, the goal, and all else that can be reached', () => {
  const graph = graphOf(LAYERCAKE);
  const cls = classOf(graph);
  const view = { '/physState': 'POWER_OFF' };
  const plan = planOf(cls, view, { '/physState': 'POWER_ON', '/runState': 'SYNC', '/images/state': 'ACTIVE' });
  const shown = graphView(cls, codes(graph, view), plan);
  assert.equal(shown.truncated, false);
  assert.equal(new Set(shown.nodes.map((node) => node.id)).size, shown.nodes.length);
  assert.deepEqual(
    shown.nodes.filter((node) => node.mark !== 'other').map((node) => [node.id, node.mark]),
    [
      ['physState=POWER_OFF', 'current'],
      ['physState=POWER_ON', 'path'],
      ['physState=POWER_ON pxe/state=WAIT', 'path'],
      ['physState=POWER_ON pxe/state=INIT runState=INIT', 'path'],
      ['physState=POWER_ON pxe/state=INIT runState=SYNC', 'path'],
      ['images/state=IDLE physState=POWER_ON pxe/state=INIT runState=SYNC', 'path'],
      ['images/state=ACTIVE physState=POWER_ON pxe/state=INIT runState=SYNC', 'goal'],
    ],
  );
  assert.deepEqual(
    shown.edges.filter((edge) => edge.mark !== 'other').map((edge) => [edge.mutation, edge.mark]),
    [['ipmi/powerOn', 'current'], ...['pxe/wait', 'pxe/boot', 'core/sync', 'images/begin', 'images/start'].map((id) => [id, 'path'])],
  );
  assert.deepEqual(shown.nodes[0]?.state, {
    '/images/state': 'UNKNOWN',
    '/physState': 'POWER_OFF',
    '/pxe/state': 'NONE',
    '/runState': 'UNKNOWN',
  });
  const ids = new Set(shown.nodes.map((node) => node.id));
  for (const edge of shown.edges) assert.ok(ids.has(edge.from) && ids.has(edge.to));
  assert.ok(ids.has('nothing known') && shown.edges.some((edge) => edge.mutation === 'ipmi/powerOff'));
  assert.ok(wholeGraphView(graph).nodes.length >= 7);
});

test('a graph that nobody could look at is cut short, the way never', () => {
  const many = Array.from({ length: 8 }, (_, index) => images(`i${index}`, `/i${index}/state`));
  const graph = graphOf(
    [CORE, IPMI, PXE, ...many],
    [...VARIABLES, ...many.map((_, index) => ({ ...VARIABLES.at(-1)!, path: `/i${index}/state` }))],
  );
  const cls = classOf(graph);
  const goal = {
    '/physState': 'POWER_ON',
    '/runState': 'SYNC',
    ...Object.fromEntries(many.map((_, index) => [`/i${index}/state`, 'ACTIVE'])),
  };
  const shown = graphView(cls, codes(graph, {}), planOf(cls, {}, goal));
  assert.ok(shown.truncated && shown.nodes.length <= 400);
  assert.equal(shown.nodes.filter((node) => node.mark === 'goal').length, 1);
  assert.equal(shown.edges.filter((edge) => edge.mark !== 'other').length, 5 + 2 * 8);
});

test('the order in which services come plays no part', () => {
  const shuffled = [IMAGES, PXE, IPMI, CORE].map((one) => ({ ...one, mutations: [...one.mutations].reverse() }));
  const [a, b] = [graphOf(LAYERCAKE), graphOf(shuffled)];
  assert.deepEqual(
    b.mutations.map((one) => one.id),
    a.mutations.map((one) => one.id),
  );
  for (const [index, one] of a.variables.entries()) {
    const other = b.variables[index];
    assert.equal(other?.path, one.path);
    for (let code = 0; code < one.size; code++) assert.equal(other?.value(code), one.value(code));
  }
});
