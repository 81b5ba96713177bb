/** The supervisor with modules that behave: pages, cancelling, permissions, config, secrets, stopping, and what is left when the host dies. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Json } from '../../host/core/declaration.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import type { SupervisorOptions } from '../../host/modules/hooks.ts';
import type { ServiceSpec } from '../../host/modules/registry.ts';
import { environment } from '../../host/modules/spawn.ts';
import { Supervisor } from '../../host/modules/supervisor.ts';
import { commandOf, quickLadder } from '../fixtures/bad/index.ts';

const dir = mkdtempSync(join(tmpdir(), 'kraken-supervisor-'));
const running = new Set<Supervisor>();
after(async () => {
  await Promise.all([...running].map((one) => one.stopAll()));
  rmSync(dir, { recursive: true, force: true });
});

interface Made {
  readonly supervisor: Supervisor;
  readonly log: string[];
  readonly states: string[];
  readonly handled: string[];
  start(more?: Partial<ServiceSpec>): Promise<void>;
}

function make(options: Partial<SupervisorOptions> = {}): Made {
  const log: string[] = [];
  const states: string[] = [];
  const handled: string[] = [];
  const supervisor = new Supervisor({
    now: Date.now,
    random: () => 0,
    ladder: quickLadder,
    host: { name: 'test', version: '0', node: 'self' },
    declared: async () => {},
    state: (service, state) => states.push(`${service} ${state}`),
    observed: async () => ({ revision: 7 }),
    handle: async (_service, method, params) => {
      handled.push(`${method} ${JSON.stringify(params)}`);
      return { revision: 1 };
    },
    late: () => {},
    log: ({ message }) => log.push(message),
    ...options,
  });
  running.add(supervisor);
  const start = async (more: Partial<ServiceSpec> = {}): Promise<void> => {
    supervisor.start({
      service: 'tool',
      module: 'tool',
      command: commandOf('tool'),
      cwd: join(dir, 'tool'),
      config: {},
      serves: '',
      permissions: [],
      ...more,
    });
    await supervisor.ready('tool');
  };
  return { supervisor, log, states, handled, start };
}

const nodes = (count: number, size = 0) =>
  Array.from({ length: count }, (_, index) => ({ id: `n${index}`, cfg: { '/x': 'x'.repeat(size) }, dsc: {}, revision: 1 }));
const soon = (): number => Date.now() + 5000;
/** The tool answers what it was told, as the message of a failure of the first node. */
async function tell(supervisor: Supervisor, mutation: string): Promise<string> {
  const reply = await supervisor.run({ service: 'tool', mutation, deadline: soon(), nodes: nodes(1) }, 1);
  return reply.failed[0]?.error.message ?? JSON.stringify(reply);
}
const alive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
};
async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 8000; !holds(); await sleep(10)) assert.ok(Date.now() < end, what);
}

test('a batch over a line goes in several requests, and comes back as one reply', async () => {
  const { supervisor, start } = make({ limits: { line: 64 * 1024, nodesPerRequest: 50 } });
  await start();
  const asked = [...nodes(200, 1000), ...nodes(1, 70_000).map((one) => ({ ...one, id: 'huge' }))];
  const reply = await supervisor.run({ service: 'tool', mutation: 'on', deadline: soon(), nodes: asked }, 1);
  assert.deepEqual(
    reply.observed.map((one) => one.node),
    asked.slice(0, 200).map((one) => one.id),
  );
  assert.deepEqual(
    reply.failed.map(({ node, error }) => [node, error.code]),
    [['huge', -32016]],
  );
  assert.equal(reply.lost, undefined);
  const polled = await supervisor.poll({ service: 'tool', poller: 'power', deadline: soon(), nodes: nodes(3) }, 1);
  assert.equal(polled.observed.length, 3);
});

test('what cannot be asked is lost, with the reason', async () => {
  const { supervisor, start } = make();
  const ask = async (service: string, deadline: number) =>
    (await supervisor.run({ service, mutation: 'on', deadline, nodes: nodes(1) }, 1)).lost;
  await start();
  assert.deepEqual(await ask('none', soon()), { code: -32019, message: 'there is no service none' });
  assert.deepEqual(await ask('tool', Date.now() - 1), { code: -32022, message: 'tool/on was not sent: its deadline had passed' });
  await supervisor.stop('tool', 'an operator stopped it');
  assert.deepEqual(await ask('tool', soon()), { code: -32019, message: 'service tool is stopped: an operator stopped it' });
  assert.equal(await supervisor.probe('tool', 'n1', 100), false);
});

test('some nodes of a run are given up, then the rest of it; a probe is answered', async () => {
  const { supervisor, start } = make();
  await start();
  const some = supervisor.run({ service: 'tool', mutation: 'wait', deadline: soon(), nodes: nodes(3) }, 5);
  supervisor.cancel('tool', 5, ['n1'], 'the goal of n1 changed');
  assert.deepEqual((await some).failed, [{ node: 'n1', error: { code: -32021, message: 'the goal of n1 changed' } }]);
  const whole = supervisor.run({ service: 'tool', mutation: 'wait', deadline: soon(), nodes: nodes(3) }, 6);
  supervisor.cancel('tool', 6, ['n0', 'n1', 'n2'], 'frozen');
  assert.equal((await whole).lost?.code, -32021);
  assert.deepEqual([await supervisor.probe('tool', 'n1', 2000), await supervisor.probe('tool', 'dead', 200)], [true, false]);
});

const CALLS: readonly [permissions: readonly string[], method: string, params: Json, answer: string][] = [
  [[], 'state/read', { paths: ['/bmc/port', '/physState'] }, 'ok state/read {"paths":["/bmc/port","/physState"]}'],
  [[], 'state/read', {}, 'ok state/read {"paths":["/bmc/","/physState","/platform"]}'],
  [
    [],
    'state/read',
    { paths: ['/labels/rack'] },
    '-32012 service tool did not declare that it reads /labels/rack, and has no permission "state:read *"',
  ],
  [['state:read *'], 'state/read', { paths: ['/labels/rack'] }, 'ok state/read {"paths":["/labels/rack"]}'],
  [[], 'state/watch', { paths: ['/x'] }, '-32012 service tool did not declare that it reads /x, and has no permission "state:read *"'],
  [[], 'events/watch', { kinds: ['mutation'] }, '-32012 service tool has no permission "state:read *", which events/watch needs'],
  [
    [],
    'state/propose',
    { tx: 'a', part: 0, last: true, changes: [] },
    '-32012 service tool has no permission "cfg:write", which state/propose needs',
  ],
  [
    ['cfg:write'],
    'state/propose',
    { tx: 'a', part: 0, last: true, changes: [] },
    'ok state/propose {"tx":"a","part":0,"last":true,"changes":[]}',
  ],
  [['cfg:write'], 'node/hold', { set: 'n1', why: 'test' }, '-32012 service tool has no permission "operate", which node/hold needs'],
  [['operate'], 'node/hold', { set: 'n1', why: 'test' }, 'ok node/hold {"set":"n1","why":"test"}'],
  [[], 'state/discover', { observed: [{ node: 'n1', values: { '/physState': 'POWER_ON' } }] }, 'ok {"revision":7}'],
  [
    [],
    'state/discover',
    { observed: [{ node: 'n1', values: { '/pxe/state': 'WAIT' } }] },
    '-32010 tool reported /pxe/state of n1, which it did not declare',
  ],
  [
    [],
    'state/discover',
    { observed: [{ node: 'ghost', values: { '/physState': 'POWER_ON' } }] },
    '-32011 tool reported ghost, which is no node of this host',
  ],
  [
    [],
    'state/discover',
    {
      observed: [
        { node: 'n1', values: { '/physState': 'POWER_ON' } },
        { node: 'n1', values: { '/x': 1 } },
      ],
    },
    'ok {"revision":7,"accepted":1,"refusedCount":1,"refused":[{"node":"n1","path":"/x","code":-32010,"message":"tool reported /x of n1, which it did not declare"}]}',
  ],
  [[], 'engine/explode', {}, '-32601 engine/explode is not answered here'],
];

test('what a module may ask is what it was granted and declared', async (t) => {
  for (const [permissions, method, params, answer] of CALLS) {
    await t.test(`${permissions.join() || 'nothing'}: ${method} ${JSON.stringify(params).slice(0, 60)}`, async () => {
      const { supervisor, handled, start } = granted(permissions);
      await start({ permissions });
      const told = await tell(supervisor, `call-${Buffer.from(JSON.stringify({ method, params })).toString('hex')}`);
      assert.equal(told === 'ok {"revision":1}' ? `ok ${handled.at(-1)}` : told, answer);
    });
  }
});

/** One supervisor for each set of permissions: a process is dear. */
const byGrant = new Map<string, Made>();
function granted(permissions: readonly string[]): Made {
  const key = permissions.join();
  const made = byGrant.get(key) ?? make({ knows: (node) => node !== 'ghost' });
  byGrant.set(key, made);
  return made;
}

test('a config: refused, told to the running module, or a restart where it is secret; secrets stay out of the log', async () => {
  const { supervisor, log, states, start } = make();
  const secret = join(dir, 'secret');
  writeFileSync(secret, 'open sesame\n');
  await start({ config: { greeting: 'hello' } });
  assert.equal(await tell(supervisor, 'config'), '{"greeting":"hello"}');
  await supervisor.configure('tool', { greeting: 'good day' });
  assert.equal(await tell(supervisor, 'config'), '{"greeting":"good day"}');
  await assert.rejects(supervisor.configure('tool', { greeting: 7 }), /\/greeting must be string/);
  await assert.rejects(supervisor.configure('tool', { greeting: 'refuse me' }), /the new config is refused, the old one stays/);
  assert.equal(await tell(supervisor, 'config'), '{"greeting":"good day"}');
  assert.deepEqual(states, ['tool starting', 'tool declared', 'tool ready']);

  await start({ command: [...commandOf('tool'), 'with-password'], config: { password: { file: secret } } });
  await until('the password is to be written', () => supervisor.logs('tool', 100).lines.some((line) => line.includes('password')));
  const lines = supervisor.logs('tool', 100).lines.map((line) => line.replace(/^\S+ /, ''));
  assert.ok(lines.includes('my password is ***'), lines.join('\n'));
  writeFileSync(secret, 'another one\n');
  await supervisor.configure('tool', { password: { file: secret } });
  await supervisor.ready('tool');
  assert.equal(supervisor.list()[0]?.restarts, 2);
  supervisor.start({ ...specOf(), config: { greeting: 'x', pasword: 'open sesame' } });
  await assert.rejects(supervisor.ready('tool'), /\/pasword is no key of this module's config/);
  assert.ok(![...log, ...supervisor.logs('tool', 1000).lines].some((line) => line.includes('sesame') || line.includes('another one')));
});

function specOf(): ServiceSpec {
  return { service: 'tool', module: 'tool', command: commandOf('tool'), cwd: join(dir, 'tool'), config: {}, serves: '', permissions: [] };
}

test('its own directory, a bare environment, its own process group, a log to follow', async () => {
  process.env.KRAKEN_TEST_SEEN = 'seen';
  const { supervisor, start } = make();
  await start({ env: ['KRAKEN_TEST_SEEN'] });
  const { cwd, env } = JSON.parse(await tell(supervisor, 'surroundings')) as { cwd: string; env: Record<string, string> };
  assert.equal(cwd, join(dir, 'tool'));
  assert.equal(statSync(cwd).mode & 0o777, 0o700);
  assert.deepEqual(
    Object.keys(env)
      .filter((name) => !['PATH', 'LANG', 'TZ'].includes(name))
      .sort(),
    ['HOME', 'KRAKEN_TEST_SEEN'],
  );
  assert.deepEqual(environment({ command: [], cwd: '/d' }, { PATH: '/bin', NODE_OPTIONS: '--x', AWS_KEY: 'k' }), {
    HOME: '/d',
    PATH: '/bin',
  });
  const followed: string[] = [];
  const { stop } = supervisor.logs('tool', 0, (line) => followed.push(line.replace(/^\S+ /, '')));
  await tell(supervisor, 'log');
  await until('the log is to come', () => followed.length >= 2);
  stop();
  assert.deepEqual(followed.sort(), ['info: through the protocol', 'through stderr']);
});

test('what cannot be started says why', async () => {
  const { supervisor } = make();
  const why = async (spec: Partial<ServiceSpec>): Promise<string> => {
    supervisor.start({ ...specOf(), ...spec });
    await assert.rejects(supervisor.ready('tool'), RefusalError);
    return supervisor.list()[0]?.why ?? '';
  };
  assert.equal(
    await why({ command: ['/nowhere/module'] }),
    'it crashed 3 times in 5 minutes, at last: it could not be started: /nowhere/module: ENOENT',
  );
  writeFileSync(join(dir, 'file'), '');
  assert.match(await why({ cwd: join(dir, 'file', 'sub') }), /at last: it could not be started: ENOTDIR/);
  assert.match(await why({ config: { x: { file: '/nowhere/secret' } } }), /the file \/nowhere\/secret cannot be read \(ENOENT\)/);
});

test('more requests than may be in flight are refused; what does not read is killed; a config over its limit is not sent', async () => {
  const { supervisor, log, start } = make({
    limits: { inFlight: 20, unread: 1 << 20, initialize: 4096 },
    handle: () => new Promise(() => {}),
  });
  await start();
  assert.match(await tell(supervisor, 'many'), /^10 of 30 refused: -32017 .*20 requests in flight, the limit is 20$/);
  await tell(supervisor, 'deaf');
  const lost = await supervisor.run({ service: 'tool', mutation: 'on', deadline: soon(), nodes: nodes(300, 10_000) }, 1);
  assert.equal(lost.lost?.code, -32025);
  await until('it is to be said', () =>
    log.some((line) => /crashed: it does not read its input: \d+ bytes wait for it, the limit is 1048576/.test(line)),
  );
  supervisor.start({ ...specOf(), config: { greeting: 'x'.repeat(5000) } });
  await assert.rejects(supervisor.ready('tool'), /its config makes \d+ bytes, the limit is 4096/);
});

test('a secret in the words of a module does not get to the engine', async () => {
  const { supervisor, start } = make();
  const config = { password: 'hunter22', greeting: 'my password is hunter22' };
  await start({ command: [...commandOf('tool'), 'with-password'], config });
  assert.equal(await tell(supervisor, 'config'), '{"password":"***","greeting":"my password is ***"}');
});

test('a module made with the SDK: config, runs, polls, a slow node beside a quick one, and an end at the first word', async (t) => {
  const bmc = createServer((request, response) => {
    if (request.url?.startsWith('/slow')) return;
    response.end(request.method === 'PUT' ? request.url?.split('/').at(-1) : 'off');
  });
  t.after(() => {
    bmc.closeAllConnections();
    bmc.close();
  });
  await new Promise<void>((resolve) => bmc.listen(0, '127.0.0.1', resolve));
  const { supervisor, log } = make();
  const main = fileURLToPath(new URL('../fixtures/sdk/http-bmc.main.ts', import.meta.url));
  const command = [process.execPath, '--import', import.meta.resolve('tsx'), '--conditions=kraken-source', main];
  const config = { bmc: `http://127.0.0.1:${(bmc.address() as AddressInfo).port}` };
  supervisor.start({ ...specOf(), service: 'bmc', command, cwd: join(dir, 'bmc'), config });
  await supervisor.ready('bmc');
  const task = (id: string, port: string | number) => ({ id, cfg: { '/bmc/port': port }, dsc: {}, revision: 3 });
  const polled = await supervisor.poll({ service: 'bmc', poller: 'power', deadline: soon(), nodes: [task('n1', 1)] }, 1);
  assert.deepEqual(
    polled.observed.map(({ node, values }) => [node, values]),
    [['n1', { '/physState': 'POWER_OFF' }]],
  );
  const run = await supervisor.run(
    { service: 'bmc', mutation: 'powerOn', deadline: Date.now() + 500, nodes: [task('n1', 1), task('n2', 'slow')].reverse() },
    2,
  );
  assert.deepEqual(
    run.failed.map(({ node, error }) => [node, error.code]),
    [['n2', -32022]],
    JSON.stringify(run),
  );
  assert.equal(run.lost, undefined);
  await supervisor.stop('bmc');
  assert.deepEqual(log.slice(1), ['service bmc stopped: an operator stopped it']);
});

test('killed with -9 it is back in under a second; stopped, nothing is left', async () => {
  const { supervisor, log, start } = make();
  await start();
  const pid = supervisor.list()[0]?.pid ?? 0;
  const from = performance.now();
  process.kill(pid, 'SIGKILL');
  await until('it is to be back', () => supervisor.list()[0]?.state === 'ready' && supervisor.list()[0]?.pid !== pid);
  const took = performance.now() - from;
  assert.ok(took < 1000, `${took} ms`);
  assert.ok(log.includes('service tool crashed: it was ended by SIGKILL; it starts again at once'), log.join('\n'));
  const again = supervisor.list()[0]?.pid ?? 0;
  assert.ok(alive(again));
  await supervisor.stopAll();
  assert.ok(!alive(again) && supervisor.list()[0]?.state === 'stopped');
});

test('the host is killed with -9: a module that will not go, and its child, are gone within seconds', async () => {
  const host = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=kraken-source', fileURLToPath(new URL('../fixtures/host.ts', import.meta.url))],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let said = '';
  host.stdout.on('data', (chunk: Buffer) => (said += chunk));
  await until('the host is to say its modules', () => said.includes('\n'));
  const pids = said.trim().split(' ').map(Number);
  assert.equal(pids.length, 2);
  assert.deepEqual(pids.map(alive), [true, true]);
  host.kill('SIGKILL');
  await until('both are to be gone', () => !pids.some(alive));
  assert.ok(existsSync('/proc/self'));
});

test('a module is asked what it declared: the answer is its own, a refusal says what and where, and no secret', async () => {
  const { supervisor, start } = make();
  const file = join(dir, 'call-password');
  writeFileSync(file, 'sesame-open', { mode: 0o600 });
  await start({ command: [...commandOf('tool'), 'with-password'], config: { password: { file } } });
  assert.deepEqual(await supervisor.call('tool', 'show', { a: 1 }), { call: 'show', params: { a: 1 } });
  const refusal = async (service: string, call: string, params = {}): Promise<string> => {
    try {
      await supervisor.call(service, call, params);
    } catch (error) {
      assert.ok(error instanceof RefusalError);
      return error.message;
    }
    return assert.fail('it was not refused');
  };
  assert.match(await refusal('tool', 'shew'), /the call shew is refused.*its calls are: show, quiet/);
  assert.match(await refusal('nobody', 'show'), /no such service/);
  const failed = await refusal('tool', 'show', { fail: true });
  assert.match(failed, /it failed with \*\*\*/);
  assert.doesNotMatch(failed, /sesame/);
  await supervisor.stop('tool');
  assert.match(await refusal('tool', 'show'), /it is stopped/);
});
