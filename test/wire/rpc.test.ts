import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CODES,
  createPeer,
  encodeLine,
  type LateAnswer,
  LINE_LIMIT,
  notification,
  type Peer,
  type PeerFault,
  type PeerOptions,
  RpcError,
} from '@kraken-hpc/sdk/wire';
import fc from 'fast-check';

const NODE = { id: 'n1', cfg: {}, dsc: {}, revision: 1 };
const RUN = { mutation: 'powerOn', deadline: 1e12, nodes: [NODE] };
const NOTHING = { observed: [], failed: [] };

interface Pair {
  readonly host: Peer<'host'>;
  readonly module: Peer<'module'>;
  readonly faults: PeerFault[];
  readonly late: LateAnswer[];
  /** Every line, with who sent it. */
  readonly lines: string[];
}

/** A host and a module in memory; what a real pipe does asynchronously happens in the next microtask. */
function pair(answers: PeerOptions<'module'>['answers'], more: Partial<PeerOptions<'module'>> = {}): Pair {
  const faults: PeerFault[] = [];
  const late: LateAnswer[] = [];
  const lines: string[] = [];
  const to = (who: string, peer: () => { receive(line: string): void }) => (line: string) => {
    assert.ok(line.endsWith('\n'));
    lines.push(`${who} ${line.slice(0, -1)}`);
    queueMicrotask(() => peer().receive(line.slice(0, -1)));
  };
  const onFault = (fault: PeerFault): void => void faults.push(fault);
  const host: Peer<'host'> = createPeer({
    end: 'host',
    send: to('host', () => module),
    answers: { 'state/discover': () => ({ revision: 7 }) },
    hears: {},
    onFault,
    onLate: (one) => late.push(one),
  });
  const module: Peer<'module'> = createPeer({ end: 'module', hears: {}, onFault, ...more, send: to('module', () => host), answers });
  return { host, module, faults, late, lines };
}

/** The error that a request ends with, as `Name: message`. */
async function errorOf(request: Promise<unknown>): Promise<string> {
  const error = await request.then(
    (result) => assert.fail(`answered ${JSON.stringify(result)}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RpcError, String(error));
  const name = Object.entries(CODES).find(([, code]) => code === error.code)?.[0] ?? error.code;
  return `${name}: ${error.message}`;
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

test('a request is answered, both ways', async () => {
  const { host, module, faults } = pair({
    ping: () => ({}),
    'mutation/run': async ({ nodes }) => ({ observed: nodes.map(({ id }) => ({ node: id, values: { '/a': 1 } })), failed: [] }),
  });
  assert.deepEqual(await host.request('ping', {}), {});
  assert.deepEqual(await host.request('mutation/run', RUN), { observed: [{ node: 'n1', values: { '/a': 1 } }], failed: [] });
  assert.deepEqual(await module.request('state/discover', { observed: [{ node: 'n1', values: {} }] }), { revision: 7 });
  assert.deepEqual([faults.length, host.waiting, module.inFlight], [0, 0, 0]);
});

test('what a handler throws', async () => {
  const check = async (thrown: unknown, expect: string, more?: Partial<PeerOptions<'module'>>): Promise<void> => {
    const { host } = pair(
      {
        ping: () => {
          throw thrown;
        },
      },
      more,
    );
    assert.equal(await errorOf(host.request('ping', {})), expect);
  };
  await check(new Error('boom'), 'InternalError: boom');
  await check('a string', 'InternalError: a string');
  await check(undefined, 'InternalError: undefined');
  await check(new RpcError(CODES.NotReady, 'starting'), 'NotReady: starting');
  await check(new Error('boom'), 'Terminal: no', { errorOf: () => ({ code: CODES.Terminal, message: 'no' }) });
});

test('the data of an error arrives', async () => {
  const { host } = pair({
    initialize: () => {
      throw new RpcError(CODES.NoCommonVersion, 'no', { offered: [2], supported: [1] });
    },
  });
  const initialize = {
    protocols: [2],
    host: { name: 'k', version: '0' },
    node: 'n',
    service: 's',
    module: 'm',
    config: {},
    capabilities: [],
    now: 1,
  };
  await assert.rejects(host.request('initialize', initialize), { code: CODES.NoCommonVersion, data: { offered: [2], supported: [1] } });
});

test('params that do not fit name the field, on both sides', async () => {
  const { host, faults } = pair({ 'mutation/run': () => assert.fail('must not be called') });
  assert.equal(
    await errorOf(host.request('mutation/run', { ...RUN, nodes: [{ ...NODE, id: 7 as unknown as string }] })),
    'InvalidParams: /nodes/0/id: mutation/run refused: must be a string',
  );
  assert.deepEqual(faults, [{ kind: 'badParams', method: 'mutation/run', text: '/nodes/0/id: mutation/run refused: must be a string' }]);
});

test('a result that does not fit is no result', async () => {
  const { host, faults } = pair({ 'mutation/run': () => ({ observed: 'all of them', failed: [] }) as never });
  assert.equal(
    await errorOf(host.request('mutation/run', RUN)),
    'InternalError: the answer to mutation/run does not fit: /observed must be an array',
  );
  assert.equal(faults[0]?.kind, 'badResult');
});

test('what this end does not answer', async () => {
  const { host, module, faults } = pair({ ping: () => ({}) });
  assert.equal(await errorOf(host.request('mutation/run', RUN)), 'MethodNotFound: mutation/run is not answered here');
  assert.equal(await errorOf(module.request('engine/stop', {})), 'MethodNotFound: engine/stop is not answered here');
  module.receive('{"jsonrpc":"2.0","method":"$/unheard","params":{}}');
  assert.equal(faults.length, 0, 'an unknown $/ notification is dropped without a word');
  module.receive('{"jsonrpc":"2.0","method":"engine/stop"}');
  assert.equal(faults[0]?.kind, 'unknownMethod');
});

test('lines that are no messages', () => {
  const check = (line: string, fault: PeerFault['kind'], answer?: number): void => {
    const { module, faults, lines } = pair({ ping: () => ({}) });
    module.receive(line);
    assert.equal(faults[0]?.kind, fault, line);
    const code = lines.length === 0 ? undefined : (JSON.parse(lines[0]!.replace('module ', '')) as { error: { code: number } }).error.code;
    assert.equal(code, answer, line);
  };
  check('', 'notJson', CODES.ParseError);
  check('Hello world', 'notJson', CODES.ParseError);
  check('null', 'notRpc', CODES.InvalidRequest);
  check('7', 'notRpc', CODES.InvalidRequest);
  check('"ping"', 'notRpc', CODES.InvalidRequest);
  check('[]', 'notRpc', CODES.InvalidRequest);
  check('[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 'notRpc', CODES.InvalidRequest);
  check('{"jsonrpc":"1.0","id":1,"method":"ping"}', 'notRpc', CODES.InvalidRequest);
  check('{"jsonrpc":"2.0","id":{},"method":"ping"}', 'notRpc', CODES.InvalidRequest);
  check('{"jsonrpc":"2.0","id":1,"method":7}', 'notRpc', CODES.InvalidRequest);
  check('{}', 'notRpc');
  check('{"jsonrpc":"2.0","id":1}', 'notRpc');
  check('{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}', 'notRpc');
  check('{"jsonrpc":"2.0","id":1,"error":"no"}', 'notRpc');
  check('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}', 'notRpc');
  check('{"jsonrpc":"2.0","method":"$/cancel","params":[]}', 'badParams');
});

test('an id that is still running is refused, and does not disturb the first', async () => {
  let finish: (value: Record<string, never>) => void = () => {};
  const { module, lines, faults } = pair({
    ping: () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  });
  module.receive('{"jsonrpc":"2.0","id":"a","method":"ping"}');
  module.receive('{"jsonrpc":"2.0","id":"a","method":"ping"}');
  finish({});
  await sleep(1);
  assert.equal(faults.filter(({ method }) => method === 'ping').length, 1);
  assert.deepEqual(
    lines.map((line) => /"error"/.test(line)),
    [true, false],
  );
});

test('a timeout tells the other end to give up, and its late answer is handed on', async () => {
  const { host, late, lines } = pair({
    'mutation/run': async () => {
      await sleep(40);
      return NOTHING;
    },
  });
  assert.equal(
    await errorOf(host.request('mutation/run', RUN, { timeoutMs: 10 })),
    'DeadlineExceeded: mutation/run: not answered in 10 ms',
  );
  assert.ok(lines.some((line) => line.includes('"$/cancel"')));
  await sleep(60);
  assert.deepEqual(late, [{ id: 1, method: 'mutation/run', result: NOTHING }]);
  assert.equal(host.waiting, 0);
});

test('an aborted request is cancelled there and rejects here', async () => {
  const abort = new AbortController();
  let seen = '';
  const { host, late } = pair({
    'mutation/run': async (_params, { signal }) => {
      await untilAborted(signal).catch((error: Error) => {
        seen = error.message;
        throw error;
      });
      return NOTHING;
    },
  });
  const request = host.request('mutation/run', RUN, { signal: abort.signal });
  await sleep(1);
  abort.abort(new Error('the goal changed'));
  assert.equal(await errorOf(request), 'Cancelled: mutation/run: the goal changed');
  await sleep(1);
  assert.equal(seen, 'the goal changed');
  assert.equal(late[0]?.error?.code, CODES.Cancelled);
  assert.equal(await errorOf(host.request('ping', {}, { signal: abort.signal })), 'Cancelled: ping: cancelled before it was sent');
});

test('a polite cancel waits for the answer', async () => {
  const check = async (answers: PeerOptions<'module'>['answers'], expect: string): Promise<void> => {
    const { host } = pair(answers);
    const call = host.call('mutation/run', RUN);
    await sleep(1);
    call.cancel('enough');
    assert.equal(
      await call.answer.then(
        () => 'answered',
        (error: RpcError) => `${error.code}`,
      ),
      expect,
    );
  };
  await check({ 'mutation/run': (_params, { signal }) => untilAborted(signal) }, `${CODES.Cancelled}`);
  await check({ 'mutation/run': () => sleep(10, NOTHING) }, 'answered');
});

test('some nodes of a call are cancelled, and it goes on', async () => {
  const cancelled: unknown[] = [];
  const { host } = pair({
    'mutation/run': async (_params, call) => {
      call.onNodesCancelled((nodes, reason) => cancelled.push(nodes, reason));
      await sleep(10);
      assert.equal(call.signal.aborted, false);
      return NOTHING;
    },
  });
  const call = host.call('mutation/run', RUN);
  await sleep(1);
  call.cancel('held', ['n1']);
  assert.deepEqual(await call.answer, NOTHING);
  assert.deepEqual(cancelled, [['n1'], 'held']);
});

test('an answer that comes twice, or to nobody', async () => {
  const { host, late } = pair({ ping: () => ({}) });
  await host.request('ping', {});
  host.receive('{"jsonrpc":"2.0","id":1,"result":{}}');
  host.receive('{"jsonrpc":"2.0","id":99,"result":{"a":1}}');
  host.receive('{"jsonrpc":"2.0","id":"x","error":{"code":-32005,"message":"no"}}');
  assert.deepEqual(late, [
    { id: 1, result: {} },
    { id: 99, result: { a: 1 } },
    { id: 'x', error: { code: -32005, message: 'no' } },
  ]);
});

test('requests in flight are limited', async () => {
  const { host, module, faults } = pair({ ping: () => sleep(5, {}) }, { maxInFlight: 2 });
  const results = await Promise.allSettled([1, 2, 3].map(() => host.request('ping', {})));
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  assert.equal((results[2] as PromiseRejectedResult).reason.code, CODES.TooMany);
  assert.equal(faults[0]?.kind, 'tooMany');
  assert.equal(module.inFlight, 0);
  assert.deepEqual(await host.request('ping', {}), {});
});

test('what is over the limit of a line is said, in every direction', async () => {
  const long = 'x'.repeat(LINE_LIMIT);
  const { host, module, lines } = pair({ 'mutation/run': () => ({ observed: [{ node: 'n1', values: { '/a': long } }], failed: [] }) });
  assert.match(await errorOf(host.request('mutation/run', RUN)), /^TooLarge: mutation\/run: the answer is over the limit/);
  assert.match(
    await errorOf(module.request('state/discover', { observed: [{ node: 'n1', values: { '/a': long } }] })),
    /^TooLarge: state\/discover/,
  );
  assert.throws(() => module.notify('$/log', { level: 'info', message: long }), { code: CODES.TooLarge });
  assert.ok(lines.every((line) => line.length < 10_000));
  assert.equal(module.waiting, 0);
});

test('when the other end is gone, what waits rejects and what runs is cancelled', async () => {
  let reason = '';
  const { host, module, lines } = pair({
    'mutation/run': (_params, { signal }) => {
      signal.addEventListener('abort', () => {
        reason = (signal.reason as Error).message;
      });
      return new Promise(() => {});
    },
  });
  const request = host.request('mutation/run', RUN);
  await sleep(1);
  host.close('ipmi exited with code 1');
  module.close('the host is gone');
  assert.equal(await errorOf(request), 'Disconnected: mutation/run: ipmi exited with code 1');
  assert.equal(reason, 'the host is gone');
  const before = lines.length;
  assert.equal(await errorOf(host.request('ping', {})), 'Disconnected: ping: ipmi exited with code 1');
  host.notify('initialized', {});
  host.sendRaw('x\n');
  host.receive('garbage');
  assert.equal(lines.length, before);
});

test('a listener that throws is a fault, not an end', async () => {
  const { host, faults } = pair(
    { ping: () => ({}) },
    {
      hears: {
        initialized: () => {
          throw new Error('boom');
        },
      },
    },
  );
  host.notify('initialized', {});
  assert.deepEqual(await host.request('ping', {}), {});
  assert.equal(faults[0]?.kind, 'handlerFailed');
});

test('a line serialised once is heard by many', () => {
  const heard: number[] = [];
  const line = encodeLine(notification<'module', 'state/changed'>('state/changed', { watch: 1, revision: 5, changes: [] }))!;
  for (let i = 0; i < 8; i++) {
    const { host, module } = pair({}, { hears: { 'state/changed': ({ revision }) => heard.push(revision) } });
    host.sendRaw(line);
    module.receive(line);
  }
  assert.equal(heard.length, 8);
});

test('an answer that is not JSON is answered as such', async () => {
  const { host, faults } = pair({ 'mutation/run': () => ({ observed: [{ node: 'n1', values: { '/a': 1n as never } }], failed: [] }) });
  assert.equal(await errorOf(host.request('mutation/run', RUN)), 'InternalError: mutation/run: the answer is not JSON');
  assert.equal(faults[0]?.kind, 'handlerFailed');
  await assert.rejects(host.request('mutation/run', { ...RUN, deadline: 1n as never }), TypeError);
  assert.equal(host.waiting, 0);
});

test('a timeout longer than a timer can be does not fire at once', async () => {
  const { host } = pair({ ping: () => sleep(5, {}) });
  assert.deepEqual(await host.request('ping', {}, { timeoutMs: 1e12 }), {});
});

test('whatever line comes, nothing is thrown and the connection goes on', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  const name = fc.constantFrom('ping', 'mutation/run', '$/cancel', '__proto__', 'constructor', 'exit', 'toString', '');
  const message = fc.record(
    {
      jsonrpc: fc.constantFrom('2.0', 2),
      id: fc.oneof(fc.nat(9), fc.string(), fc.constant(null)),
      method: fc.oneof(name, fc.jsonValue()),
      params: fc.jsonValue(),
      result: fc.jsonValue(),
      error: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const line = fc.oneof(
    fc.string(),
    fc.json(),
    message.map((one) => JSON.stringify(one)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 10 }), async (all) => {
      const { host, module } = pair({ ping: () => ({}), 'mutation/run': () => NOTHING });
      for (const one of all) {
        module.receive(one);
        host.receive(one);
      }
      // A line may have been the answer to one of these, of whatever kind; that each of them ends is the point.
      for (const request of [
        host.request('mutation/run', RUN),
        module.request('state/discover', { observed: [{ node: 'n1', values: {} }] }),
      ]) {
        const error = await request.then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        assert.ok(error === undefined || error instanceof RpcError, String(error));
      }
    }),
    { seed, numRuns: 300 },
  );
});
