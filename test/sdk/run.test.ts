import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Busy, defineModule, LoginRefused, Terminal, TryLater, Unreachable } from '@kraken-hpc/sdk';
import { type TestRun, testModule } from '@kraken-hpc/sdk/testing';

const ON = { '/physState': 'POWER_ON' } as const;
const STEP = { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '120s' } as const;
const three = { kr1: { cfg: { '/labels/rack': 'r1' } }, kr2: {}, kr3: {} };
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

test('one node that fails does not fail the others', async () => {
  const module = await testModule(
    defineModule({
      mutations: {
        powerOn: {
          ...STEP,
          run: ({ node, nodes }) => {
            assert.deepEqual(nodes, [node]);
            if (node.id === 'kr2') throw new Error('the fuse is out');
            return ON;
          },
        },
      },
    }),
    { nodes: three },
  );
  assert.deepEqual(await module.run('powerOn'), {
    observed: { kr1: ON, kr3: ON },
    failed: { kr2: { error: 'StepFailed', message: 'the fuse is out' } },
  });
});

test('what a handler throws is what the engine hears', async () => {
  const check = async (thrown: unknown, expect: TestRun['failed'][string]): Promise<void> => {
    const handler = (): never => {
      throw thrown;
    };
    const mutations = { one: { ...STEP, run: handler }, many: { ...STEP, runMany: handler } };
    const module = await testModule(
      defineModule({ mutations, pollers: { one: { discovers: ['/physState'], every: '5s', poll: handler } } }),
      { nodes: { kr1: {} } },
    );
    for (const run of [module.run('one'), module.run('many'), module.poll('one')])
      assert.deepEqual(await run, { observed: {}, failed: { kr1: expect } });
  };
  await check(new Error('boom'), { error: 'StepFailed', message: 'boom' });
  await check('boom', { error: 'StepFailed', message: 'boom' });
  await check(new Error('fetch failed', { cause: new Error('connect ECONNREFUSED 10.0.0.7') }), {
    error: 'StepFailed',
    message: 'fetch failed: connect ECONNREFUSED 10.0.0.7',
  });
  await check(new TryLater(2000), { error: 'TryLater', message: 'again in 2000 ms', retryAfter: 2000 });
  await check(new TryLater(500, 'the bus is busy'), { error: 'TryLater', message: 'the bus is busy', retryAfter: 500 });
  await check(new Unreachable('BMC 10.0.0.7 did not answer'), { error: 'NodeUnreachable', message: 'BMC 10.0.0.7 did not answer' });
  await check(new LoginRefused('no such user'), { error: 'LoginRefused', message: 'no such user' });
  await check(new Busy('no free session'), { error: 'DeviceBusy', message: 'no free session' });
  await check(new Terminal('no such image'), { error: 'Terminal', message: 'no such image' });
  await check(new Error('x'.repeat(10_000)), { error: 'StepFailed', message: 'x'.repeat(4096) });
});

test('a batch answers with a map, a record, errors, reports, or nothing', async () => {
  const check = async (runMany: Parameters<typeof defineModule>[0] extends never ? never : unknown, expect: TestRun): Promise<void> => {
    const module = await testModule(defineModule({ mutations: { powerOn: { ...STEP, runMany: runMany as () => undefined } } }), {
      nodes: three,
    });
    assert.deepEqual(await module.run('powerOn'), expect);
  };
  await check(() => new Map([['kr1', ON]]), { observed: { kr1: ON }, failed: {} });
  await check(() => ({ kr1: ON, kr3: new Busy('x') }), { observed: { kr1: ON }, failed: { kr3: { error: 'DeviceBusy', message: 'x' } } });
  await check(async () => {}, { observed: {}, failed: {} });
  await check(
    ({ observed, failed }: { observed(id: string, values: object): void; failed(id: string, error: unknown): void }) => {
      observed('kr1', ON);
      failed('kr2', new Error('no'));
    },
    { observed: { kr1: ON }, failed: { kr2: { error: 'StepFailed', message: 'no' } } },
  );
  await check(() => ({ kr1: { '/physState': undefined } }), { observed: {}, failed: {} });
  await check(() => ({ kr9: ON }), {
    observed: {},
    failed: Object.fromEntries(
      ['kr1', 'kr2', 'kr3'].map((id) => [id, { error: 'StepFailed', message: 'mutation powerOn: node kr9 is not one of this task' }]),
    ),
  });
});

test('what was not declared is not reported', async () => {
  const module = await testModule(
    defineModule({
      state: { '/bmc/port': { type: 'integer' } },
      mutations: { powerOn: { ...STEP, run: () => ({ ...ON, '/runState': 'SYNC' }) } },
      pollers: { all: { discovers: ['/bmc/port'], every: '5s', poll: () => ({ '/bmc/port': 3, '/physState': 'POWER_ON' }) } },
    }),
    { nodes: { kr1: {} } },
  );
  assert.deepEqual((await module.run('powerOn')).failed, {
    kr1: {
      error: 'Undeclared',
      message: 'mutation powerOn reported /runState, which is in no mutation, poller or discovery of this module',
    },
  });
  assert.deepEqual(await module.poll('all'), { observed: { kr1: { '/bmc/port': 3, '/physState': 'POWER_ON' } }, failed: {} });
});

test('the fast are reported before the slow have ended, and observations are as old as the question', async () => {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const module = await testModule(
    defineModule({
      mutations: {
        powerOn: {
          ...STEP,
          run: async ({ node, observed }) => {
            if (node.id === 'kr3') {
              observed(node.id, { '/physState': 'POWER_CYCLE' });
              await ended;
            }
            return ON;
          },
        },
      },
    }),
    { nodes: three },
  );
  const run = module.run('powerOn');
  for (const late = Date.now() + 4_000; module.discovered.length < 3 && Date.now() < late; ) await sleep(5);
  assert.deepEqual(
    module.discovered.map(({ node, values, asOf }) => [node, values['/physState'], asOf]),
    [
      ['kr3', 'POWER_CYCLE', 1],
      ['kr1', 'POWER_ON', 1],
      ['kr2', 'POWER_ON', 1],
    ],
  );
  end();
  const { observed } = await run;
  assert.deepEqual(observed['kr3'], ON);
});

test('an observation after an early one of the same task is not older than it', async () => {
  const asOf: (number | undefined)[] = [];
  const module = await testModule(
    defineModule({
      mutations: {
        powerOn: {
          ...STEP,
          run: async ({ node, observed }) => {
            observed(node.id, { '/physState': 'POWER_CYCLE' });
            await sleep(40);
            observed(node.id, { '/physState': 'POWER_OFF' });
            await sleep(40);
            return ON;
          },
        },
      },
    }),
    {
      nodes: { kr1: {} },
      answers: {
        'state/discover': ({ observed }) => {
          asOf.push(...observed.map((one) => one.asOf));
          return { revision: 50 + asOf.length };
        },
      },
    },
  );
  await module.run('powerOn');
  assert.deepEqual(asOf, [1, 51]);
});

test('at most so many nodes at once', async () => {
  const check = async (atOnce: number | undefined, nodes: number, expect: number): Promise<void> => {
    let now = 0;
    let most = 0;
    const run = async (): Promise<typeof ON> => {
      most = Math.max(most, ++now);
      await sleep(1);
      now -= 1;
      return ON;
    };
    const module = await testModule(defineModule({ mutations: { powerOn: { ...STEP, run, ...(atOnce !== undefined && { atOnce }) } } }), {
      nodes: Object.fromEntries(Array.from({ length: nodes }, (_, index) => [`n${index}`, {}])),
    });
    assert.equal(Object.keys((await module.run('powerOn')).observed).length, nodes);
    assert.equal(most, expect);
  };
  await check(undefined, 200, 64);
  await check(undefined, 3, 3);
  await check(1, 5, 1);
});

test('the deadline answers for those who do not', async () => {
  const signals: string[] = [];
  const module = await testModule(
    defineModule({
      mutations: {
        powerOn: {
          ...STEP,
          atOnce: 1,
          run: async ({ node, signal, left }) => {
            // The module's clock is the host's as it was told, in whole milliseconds: it may lag by one. Said in words, since without them
            // assert.ok looks for its own source text, which takes minutes in what tsx makes of this file.
            assert.ok(left() < 210 && left() >= 0, `${left()} ms are left of 200`);
            if (node.id === 'kr1') return ON;
            signal.addEventListener('abort', () => signals.push(node.id));
            await sleep(400);
            return ON;
          },
        },
      },
    }),
    { nodes: three },
  );
  const { observed, failed } = await module.run('powerOn', { within: 200 });
  assert.deepEqual(observed, { kr1: ON });
  assert.deepEqual(failed, {
    kr2: { error: 'DeadlineExceeded', message: 'mutation powerOn: its deadline has passed' },
    kr3: { error: 'DeadlineExceeded', message: 'mutation powerOn: its deadline has passed' },
  });
  assert.deepEqual(signals, ['kr2'], 'kr3 was never begun');
  await sleep(350);
  assert.deepEqual(
    module.discovered.map(({ node }) => node).filter((node) => node !== 'kr1'),
    ['kr2'],
    'what comes late is an observation',
  );
});

test('a cancelled task: what was seen is told, what runs is aborted, the call is answered', async () => {
  const module = await testModule(
    defineModule({
      mutations: {
        powerOn: { ...STEP, run: ({ node, signal }) => (node.id === 'kr1' ? ON : untilAborted(signal)) },
        deaf: { ...STEP, run: () => sleep(60_000, ON, { ref: false }) },
      },
    }),
    { nodes: three },
  );
  for (const mutation of ['powerOn', 'deaf']) {
    const abort = new AbortController();
    const run = module.run(mutation, { signal: abort.signal });
    await sleep(5);
    abort.abort(new Error('the goal changed'));
    await assert.rejects(run, { message: 'mutation/run: the goal changed' });
    await sleep(10);
  }
  assert.deepEqual(
    module.discovered.map(({ node }) => node),
    ['kr1'],
  );
});

test('a module that plays hosts is sent the core steps, and asked', async () => {
  const module = await testModule(
    defineModule({
      hosts: {
        sync: {
          run: ({ node, observed }) =>
            observed(node.id, { '/runState': 'SYNC' }, { heard: 'session', session: { boot: 'b1', live: true } }),
        },
        quiesce: { runMany: ({ nodes }) => new Map(nodes.map(({ id }) => [id, { '/runState': 'INIT' }])) },
        probe: async (node) => node === 'kr1',
      },
    }),
    { nodes: { kr1: {} } },
  );
  assert.deepEqual((await module.run('core/sync')).observed, { kr1: { '/runState': 'SYNC' } });
  assert.deepEqual((await module.run('core/quiesce')).observed, { kr1: { '/runState': 'INIT' } });
  assert.deepEqual([await module.probe('kr1'), await module.probe('kr2')], [true, false]);
});

test('what the module does not have', async () => {
  const module = await testModule(defineModule({ mutations: { powerOn: { ...STEP, run: () => ON } } }), { nodes: { kr1: {} } });
  await assert.rejects(module.run('powerOff'), { message: 'this module has no mutation powerOff (it has: powerOn)' });
  await assert.rejects(module.run('constructor'), { message: 'this module has no mutation constructor (it has: powerOn)' });
  await assert.rejects(module.poll('power'), { message: 'this module has no poller power (it has: )' });
  await assert.rejects(module.probe('kr1'), { message: 'this module does not play hosts' });
});
