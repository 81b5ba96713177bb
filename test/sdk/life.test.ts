import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineModule } from '@kraken-hpc/sdk';
import { type TestOptions, testModule } from '@kraken-hpc/sdk/testing';

const ON = { '/physState': 'POWER_ON' } as const;
const POLL = { discovers: ['/physState'], every: '5s' } as const;

test('config: what is refused, and what a module sees', async () => {
  const config = {
    url: { type: 'string', format: 'uri' },
    retries: { type: 'integer', minimum: 1, maximum: 9, default: 3 },
    mode: { enum: ['fast', 'safe'], default: 'safe' },
    proxy: { type: 'string', 'x-optional': true },
    racks: { type: 'array', items: { type: 'string', pattern: '^r[0-9]+$' }, maxItems: 2, default: [] },
    limits: {
      type: 'object',
      properties: { perSecond: { type: 'number', exclusiveMinimum: 0 } },
      required: ['perSecond'],
      additionalProperties: false,
      'x-optional': true,
    },
  } as const;
  const check = async (given: TestOptions['config'], expect: object | string): Promise<void> => {
    let seen: object = {};
    const definition = defineModule({
      config,
      start: (life) => {
        seen = life.config;
      },
    });
    const opened = testModule(definition, { config: given ?? {} });
    if (typeof expect === 'string')
      await assert.rejects(opened, (error: Error) => error.message === `config of test: the config is refused: ${expect}`, expect);
    else {
      await opened;
      assert.deepEqual(seen, expect);
    }
  };
  const url = 'http://127.0.0.1';
  await check({ url }, { url, retries: 3, mode: 'safe', racks: [] });
  await check(
    { url, retries: 9, mode: 'fast', proxy: 'p', racks: ['r1'], limits: { perSecond: 1 } },
    { url, retries: 9, mode: 'fast', proxy: 'p', racks: ['r1'], limits: { perSecond: 1 } },
  );
  await check({}, '/url is missing');
  await check({ url: 7 }, '/url must be a string');
  await check({ url: 'nowhere' }, '/url must be a URI');
  await check({ url, retries: 0 }, '/retries must be at least 1');
  await check({ url, retries: 10 }, '/retries must be at most 9');
  await check({ url, retries: 1.5 }, '/retries must be an integer');
  await check({ url, mode: 'slow' }, '/mode must be one of fast, safe');
  await check({ url, racks: ['r1', 'x'] }, '/racks/1 must match ^r[0-9]+$');
  await check({ url, racks: ['r1', 'r2', 'r3'] }, '/racks must have at most 2 items');
  await check({ url, limits: {} }, '/limits/perSecond is missing');
  await check({ url, limits: { perSecond: 0 } }, '/limits/perSecond must be more than 0');
  await check({ url, limits: { perSecond: 1, x: 1 } }, '/limits/x is not known');
  await check({ ulr: url }, '/ulr is not known (known: url, retries, mode, proxy, racks, limits); /url is missing');
});

test('a secret is in no log, no progress, no failure, whatever the module does', async () => {
  const module = await testModule(
    defineModule({
      config: {
        password: { type: 'string', 'x-secret': true },
        keys: { type: 'object', 'x-secret': true, 'x-optional': true },
        user: { type: 'string' },
      },
      pollers: {
        power: {
          ...POLL,
          poll: ({ config, log, progress }) => {
            log('info', `login ${config.user}:${config.password}`, {
              config,
              nested: [{ [config.password]: `x${config.password}x` }],
              error: new Error(config.password),
            });
            progress(`with ${config.password}`, 0.5);
            throw new Error(`PUT http://${config.user}:${config.password}@bmc: 401`);
          },
        },
      },
      update: (config) => {
        throw new Error(`cannot use ${config.password}`);
      },
    }),
    { config: { password: 'hunter2', keys: { a: 'abc-key', b: ['hunter2-long'] }, user: 'admin' }, nodes: { kr1: {} } },
  );
  assert.deepEqual((await module.poll('power')).failed, { kr1: { error: 'StepFailed', message: 'PUT http://admin:***@bmc: 401' } });
  assert.deepEqual(module.log[0], {
    level: 'info',
    message: 'login admin:***',
    fields: { config: { password: '***', keys: { a: '***', b: ['***'] }, user: 'admin' }, nested: [{ '***': 'x***x' }], error: '***' },
  });
  assert.deepEqual(module.progress, [{ message: 'with ***', fraction: 0.5 }]);
  await assert.rejects(module.update({ password: 'correct horse', user: 'admin' }), (error: Error) => !error.message.includes('horse'));
  assert.equal(JSON.stringify([module.log, module.progress, module.complaints]).includes('hunter2'), false);
});

test('a new config: taken, or refused and the old one stays', async () => {
  const updates: string[] = [];
  const module = await testModule(
    defineModule({
      config: { state: { enum: ['POWER_ON', 'POWER_OFF'] } },
      pollers: { power: { ...POLL, poll: ({ config }) => ({ '/physState': config.state }) } },
      update: ({ state }) => {
        if (updates.length > 0) throw new Error('not twice');
        updates.push(state);
      },
    }),
    { config: { state: 'POWER_OFF' }, nodes: { kr1: {} } },
  );
  const seen = async (): Promise<unknown> => (await module.poll('power')).observed['kr1']?.['/physState'];
  assert.equal(await seen(), 'POWER_OFF');
  await assert.rejects(module.update({ state: 'ON' }), { code: -32602 });
  await module.update({ state: 'POWER_ON' });
  assert.equal(await seen(), 'POWER_ON');
  await assert.rejects(module.update({ state: 'POWER_OFF' }), { message: 'config of test: the config is refused: not twice' });
  assert.deepEqual([await seen(), updates], ['POWER_ON', ['POWER_ON']]);
});

test('start comes before the first task, stop after the last', async () => {
  const calls: string[] = [];
  const module = await testModule(
    defineModule({
      pollers: {
        power: {
          ...POLL,
          poll: async ({ signal }) => {
            calls.push('poll');
            await sleep(30, undefined, { signal }).catch(() => calls.push('aborted'));
            calls.push('polled');
            return ON;
          },
        },
      },
      start: async ({ signal }) => {
        await sleep(20);
        calls.push('started');
        signal.addEventListener('abort', () => calls.push('stopping'));
      },
      stop: async () => {
        calls.push('stop');
      },
    }),
    { nodes: { kr1: {} } },
  );
  const poll = module.poll('power');
  await sleep(30);
  await module.stop();
  assert.deepEqual((await poll).observed, { kr1: ON });
  assert.deepEqual(calls, ['started', 'poll', 'stopping', 'polled', 'stop']);
});

test('the host: discover, read, watch, propose', async () => {
  const seen: unknown[] = [];
  let end: () => Promise<void> = async () => {};
  const parts: unknown[] = [];
  const module = await testModule(
    defineModule({
      discoveries: { power: { discovers: ['/physState'] } },
      permissions: ['cfg:write'],
      start: async ({ host }) => {
        await host.discover({ node: 'kr1', values: ON, heard: 'dhcp' });
        await assert.rejects(host.discover({ node: 'kr1', values: { '/runState': 'SYNC' } }), { code: -32010 });
        for await (const node of host.read({ set: '' })) seen.push(node.id);
        end = await host.watch(
          { paths: ['/physState'], view: 'dsc' },
          { nodes: (nodes, more) => seen.push(nodes.length, more), changes: (changes, revision) => seen.push(changes.length, revision) },
        );
        const big = 'x'.repeat(600_000);
        const changes = ['kr1', 'kr2', 'kr3'].map((node) => ({ node, values: { '/labels/rack': big, '/platform': null } }));
        seen.push(await host.propose(changes, { why: 'a test' }));
      },
    }),
    {
      nodes: { kr1: {}, kr2: {} },
      answers: {
        'state/read': ({ after }) =>
          after === undefined ? { nodes: [{ id: 'kr1' }], revision: 1, next: 'kr1' } : { nodes: [{ id: 'kr2' }], revision: 1 },
        'state/propose': ({ changes, tx, ...part }) => {
          parts.push({ ...part, tx: tx.length, changes: changes.map(({ node }) => node) });
          return part.last ? { revision: 9 } : {};
        },
      },
    },
  );
  await sleep(50);
  module.changed([{ node: 'kr1', path: '/physState', view: 'dsc', to: 'POWER_ON' }]);
  await sleep(5);
  await end();
  module.changed([{ node: 'kr1', path: '/physState', view: 'dsc', to: 'POWER_OFF' }]);
  await sleep(5);
  assert.deepEqual(module.complaints, []);
  assert.deepEqual(seen, ['kr1', 'kr2', 2, false, { revision: 9 }, 1, 3]);
  assert.deepEqual(module.discovered, [{ node: 'kr1', values: ON, heard: 'dhcp' }]);
  assert.deepEqual(parts, [
    { part: 0, last: false, why: 'a test', tx: 36, changes: ['kr1'] },
    { part: 1, last: false, why: 'a test', tx: 36, changes: ['kr2'] },
    { part: 2, last: true, why: 'a test', tx: 36, changes: ['kr3'] },
  ]);
});

test('a definition that contradicts itself says where', () => {
  const check = (definition: object, expect: string): void =>
    assert.throws(() => defineModule(definition as Parameters<typeof defineModule>[0]), { message: expect });
  const mutates = { '/physState': ['POWER_OFF', 'POWER_ON'] };
  const run = (): void => {};
  check(
    { mutations: { on: { mutates, timeout: '5s' } } },
    'mutation on needs run (for a node) or runMany (for all of them), one of the two',
  );
  check(
    { mutations: { on: { mutates, timeout: '5s', run, runMany: run } } },
    'mutation on needs run (for a node) or runMany (for all of them), one of the two',
  );
  check(
    { mutations: { on: { mutates, timeout: '120 s', run } } },
    'defineModule: /mutations/on/timeout must match ^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$',
  );
  check({ mutations: { on: { mutates: {}, timeout: '5s', run } } }, 'defineModule: /mutations/on/mutates must have at least 1 member');
  check(
    { mutations: { 'power on': { mutates, timeout: '5s', run } } },
    'defineModule: /mutations/power on as a name must match ^[A-Za-z][A-Za-z0-9_.-]*$',
  );
  check({ mutations: { on: { mutates, timeout: '5s', run, atOnce: 0 } } }, 'mutation on: atOnce must be a whole number above 0, not 0');
  check({ pollers: { p: { discovers: [], every: '5s', poll: run } } }, 'defineModule: /pollers/p/discovers must have at least 1 item');
  check(
    { permissions: ['all'] },
    'defineModule: /permissions/0 must be one of state:read *, cfg:write, dsc:write, operate, sessions, env, net, ports, root',
  );
});

test('the declaration is the definition less its functions', () => {
  const { declaration } = defineModule({
    version: '1.2.3',
    config: { a: { type: 'string' } },
    mutations: { on: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '5s', atOnce: 3, run: () => ON } },
    hosts: { sync: { run: () => ({}) }, quiesce: { run: () => ({}) }, probe: () => true },
    start: () => {},
  });
  assert.deepEqual(declaration, {
    config: { a: { type: 'string' } },
    mutations: { on: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '5s' } },
    permissions: ['sessions'],
    playsHosts: true,
  });
});
