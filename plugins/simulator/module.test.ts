/** The simulator as a module, through the protocol: what it declares, what it answers, what it says by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ModuleUnderTest, type TestOptions, testModule } from '@kraken-hpc/sdk/testing';
import { RpcError } from '@kraken-hpc/sdk/wire';
import { simulator } from './module.ts';

const nodeId = (index: number): string => `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;
const A = nodeId(0);
const cfg = { '/platform': 'sim' };
const INSTANT = { scale: 0, persist: false };

const cluster = (count: number): TestOptions['nodes'] =>
  Object.fromEntries([...Array(count).keys()].map((index) => [nodeId(index), { cfg }]));

async function within(milliseconds: number, what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + milliseconds; !holds(); ) {
    assert.ok(performance.now() < end, `${what}, within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until this node was heard in a session that lives. */
const home = (module: ModuleUnderTest, node: string, from = 0): Promise<void> =>
  within(5000, `${node} phones home`, () =>
    module.discovered.slice(from).some((one) => one.node === node && one.heard === 'session' && one.session?.live === true),
  );

test('what it declares is what it plays: everything, or the parts that its config names', async () => {
  const full = simulator().declaration;
  assert.deepEqual(Object.keys(full.mutations ?? {}).sort(), [
    'begin',
    'boot',
    'clear',
    'drop',
    'mend',
    'powerOff',
    'powerOn',
    'start',
    'stop',
    'unhang',
    'update',
    'wait',
  ]);
  assert.equal(full.playsHosts, true);
  assert.deepEqual(full.permissions, ['sessions']);
  const check = (parts: string[], mutations: string[], playsHosts: boolean | undefined, quiet: object | undefined): void => {
    const module = simulator();
    const config = { ...defaults(module.definition.config ?? {}), parts };
    const declared = module.definition.declares?.(module.declaration, config as never);
    assert.deepEqual(Object.keys(declared?.mutations ?? {}).sort(), mutations);
    assert.equal(declared?.playsHosts, playsHosts);
    assert.deepEqual(declared?.quiet, quiet);
  };
  check(['power'], ['powerOff', 'powerOn', 'unhang'], undefined, undefined);
  check(['pxe', 'hosts'], ['boot', 'wait'], true, undefined);
  check(['images'], ['begin', 'clear', 'drop', 'mend', 'start', 'stop', 'update'], undefined, { '/images/state': 'IDLE' });
});

const defaults = (schemas: Readonly<Record<string, { readonly default?: unknown }>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, schema.default]));

test('its limits are some seconds, in proportion to the latencies', () => {
  const module = simulator();
  const seconds = (config: object, name: string): number => {
    const declared = module.definition.declares?.(module.declaration, { ...defaults(module.definition.config ?? {}), ...config } as never);
    return Number.parseFloat(declared?.mutations?.[name]?.timeout ?? 'NaN') / 1000;
  };
  for (const name of ['powerOn', 'powerOff', 'unhang', 'wait', 'begin', 'start', 'stop'])
    assert.ok(seconds({}, name) >= 5 && seconds({}, name) <= 25, `${name} ${seconds({}, name)}`);
  assert.ok(seconds({}, 'boot') <= 40, `boot ${seconds({}, 'boot')}`);
  assert.ok(seconds({ scale: 10 }, 'boot') > 5 * seconds({}, 'boot'));
  assert.ok(seconds({ scale: 0 }, 'boot') >= 60, 'at no latency at all, it is the number of nodes that takes its time');
});

for (const [name, config, message] of [
  ['a fault that there is not', { faults: [{ fault: 'meteor', share: 1 }] }, /faults\/0\/fault must be one of none, deadBmc/],
  ['a latency that there is not', { latencies: { coffeeMs: [1, 2] } }, /coffeeMs is not known/],
  ['a latency that goes backwards', { latencies: { postMs: [2, 1] } }, /postMs is 2 to 1/],
  ['a part that there is not', { parts: ['network'] }, /parts\/0 must be one of power, pxe, hosts, images/],
  ['a negative scale', { scale: -1 }, /scale must be at least 0/],
] as const) {
  test(`refused, and said why: ${name}`, async () => {
    await assert.rejects(testModule(simulator(), { config: { persist: false, ...config } as never }), message);
  });
}

test('a node from cold metal to images, each answer in its place, what its own host says with its session', async () => {
  const module = await testModule(simulator(), { config: INSTANT, nodes: { [A]: { cfg } } });
  assert.deepEqual((await module.poll('power')).observed[A], { '/physState': 'POWER_OFF' });
  assert.deepEqual(await module.run('boot'), { observed: {}, failed: {} }, 'taken, and nothing to say yet');
  assert.equal(await module.probe(A), false);
  assert.deepEqual((await module.run('powerOn')).failed, {});
  await home(module, A);
  const said = module.discovered.filter((one) => one.heard !== undefined);
  assert.deepEqual(
    said.map(({ heard, session }) => `${heard} ${session?.live}`),
    ['dhcp undefined', 'session true'],
    'at no speed at all two DHCP reports become one',
  );
  assert.deepEqual(said[1]?.values, { '/physState': 'POWER_ON', '/runState': 'INIT', '/busy': 'FREE' });
  assert.equal(await module.probe(A), true);
  for (const [mutation, expected] of [
    ['core/sync', { '/runState': 'SYNC' }],
    ['begin', { '/images/state': 'IDLE' }],
    ['start', { '/images/state': 'ACTIVE' }],
    ['stop', { '/images/state': 'IDLE' }],
    ['core/quiesce', { '/runState': 'INIT' }],
  ] as const)
    assert.deepEqual(await module.run(mutation), { observed: { [A]: expected }, failed: {} }, mutation);
  const off = await module.run('powerOff');
  assert.equal(off.observed[A]?.['/physState'], 'POWER_OFF');
  assert.equal(off.observed[A]?.['/sim/powerOns'], 1);
  assert.equal(off.observed[A]?.['/sim/powerOffs'], 1);
  await within(5000, 'its session ends', () => module.discovered.some(({ session }) => session?.live === false));
  assert.equal(await module.probe(A), false);
  assert.deepEqual(module.complaints, []);
  await module.stop();
});

test('a fault comes and goes with cfg, while the module runs', async () => {
  const module = await testModule(simulator(), { config: INSTANT, nodes: { [A]: { cfg } } });
  const fault = (to: string | undefined): void =>
    module.changed([{ node: A, view: 'cfg', path: '/sim/fault', ...(to !== undefined && { to }) } as never]);
  const check = async (to: string | undefined, error: string | undefined): Promise<void> => {
    fault(to);
    assert.equal((await module.run('powerOn')).failed[A]?.error, error, String(to));
  };
  await check('deadBmc', 'NodeUnreachable');
  await check('loginRefused', 'LoginRefused');
  await check('busyBmc', 'DeviceBusy');
  await check('none', undefined);
  await check('bmcNetwork', 'NodeUnreachable');
  await check(undefined, undefined);
  await module.stop();
});

test('a node that comes with its fault has it: set before the module started, with the whole node, with a subtree', async () => {
  const [B, C] = [nodeId(1), nodeId(2)];
  const module = await testModule(simulator(), {
    config: INSTANT,
    nodes: { [A]: { cfg: { ...cfg, '/sim/fault': 'deadBmc' } }, [B]: { cfg }, [C]: { cfg } },
  });
  module.changed([
    { node: B, view: 'cfg', path: '', to: { platform: 'sim', sim: { fault: 'deadBmc' } } },
    { node: C, view: 'cfg', path: '/sim', to: { fault: 'deadBmc' } },
  ] as never);
  const { failed } = await module.run('powerOn');
  assert.deepEqual(
    Object.values(failed).map(({ error }) => error),
    ['NodeUnreachable', 'NodeUnreachable', 'NodeUnreachable'],
  );
  await module.stop();
});

test('dead BMCs hold up nobody: the others are answered first', async () => {
  const nodes = cluster(200);
  const config = { ...INSTANT, scale: 0.2, faults: [{ fault: 'deadBmc', share: 0.05 }] };
  const module = await testModule(simulator(), { config, nodes: nodes as never });
  const run = module.run('powerOn');
  const seen = (): number => module.discovered.filter(({ values }) => values['/physState'] === 'POWER_ON').length;
  await within(5000, 'those that work are reported before the dead are given up', () => seen() > 150);
  const { failed, observed } = await run;
  const dead = Object.keys(failed).length;
  assert.ok(dead > 0 && dead < 40, `${dead} dead`);
  assert.equal(Object.values(observed).filter((values) => values['/physState'] === 'POWER_ON').length, 200 - dead);
  await module.stop();
});

test('cost: from cold metal to images in a few messages, however many nodes', async () => {
  const messages = async (count: number): Promise<number> => {
    let calls = 0;
    const heard = new Set<string>();
    const answers: NonNullable<TestOptions['answers']> = {
      'state/discover': ({ observed }) => {
        // A host under load says so; what was refused must come again.
        if (++calls === 1) throw new RpcError(-32017, 'too many observations');
        for (const { node, heard: how } of observed) if (how === 'session') heard.add(node);
        return { revision: 1 };
      },
    };
    const module = await testModule(simulator(), { config: INSTANT, nodes: cluster(count) as never, answers });
    await module.run('powerOn');
    await within(20_000, 'all phone home', () => heard.size === count);
    for (const mutation of ['core/sync', 'begin', 'start']) {
      const { failed } = await module.run(mutation);
      assert.deepEqual(failed, {});
    }
    await module.stop();
    return calls;
  };
  const few = await messages(10);
  const many = await messages(4000);
  assert.ok(many <= few + 40, `${few} reports for 10 nodes, ${many} for 4000`);
});

test('it says its own mind: a new config while it runs is refused, and the old one stays', async () => {
  const module = await testModule(simulator(), { config: INSTANT, nodes: { [A]: { cfg } } });
  await assert.rejects(module.update({ ...INSTANT, seed: 2 }), /restart the service/);
  assert.deepEqual((await module.poll('power')).observed[A], { '/physState': 'POWER_OFF' });
  await module.stop();
});
