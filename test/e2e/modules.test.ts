/** Module processes under a real host: killed, crashing, misbehaving, several of one kind, switched by cfg. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../host/cli/client.ts';
import { goal, Lab, type Started, service, simulated, until } from './lab.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/bad/', import.meta.url));
/** Design: back in under a second. The test machine does other things, too. */
const BACK = 3_000;

type Facts = { readonly sim?: { readonly powerOns?: number; readonly powerOffs?: number }; readonly [member: string]: unknown };

async function counts(client: Client, set: string): Promise<string[]> {
  const { nodes } = await client.ask('state/read', { set, view: 'dsc' });
  return nodes.map(({ name, dsc }) => `${name} on ${(dsc as Facts).sim?.powerOns ?? 0} off ${(dsc as Facts).sim?.powerOffs ?? 0}`);
}

/** Kills the module, and measures until its successor is ready. */
async function killed(client: Client, name: string): Promise<number> {
  const pid = await service(client, name, 'ready');
  const started = performance.now();
  process.kill(pid, 'SIGKILL');
  await until(
    `${name} is another process`,
    async () => {
      const one = (await client.ask('service/list', {})).services.find((each) => each.service === name);
      return one?.state === 'ready' && one.pid !== pid;
    },
    BACK,
    10,
  );
  return performance.now() - started;
}

test('a module killed with -9 is back, at rest and in mid-step; three crashes are enough; a person starts it again', async (t) => {
  const lab = new Lab(t, { services: { sim: { module: 'simulator', config: { scale: 0.05 } } } });
  const host = await lab.up();
  const client = await lab.client();
  await client.ask('engine/limits', { set: [{ name: 'quick', mutation: '*', selector: '', timeout: 3_000 }] });
  await client.ask('node/apply', { nodes: simulated(8), mode: 'create' });
  await goal(client, 'kr[1-8]');
  const before = await counts(client, 'kr[1-8]');

  const idle = await killed(client, 'sim');
  await goal(client, 'kr[1-8]');
  assert.deepEqual(await counts(client, 'kr[1-8]'), before, 'nobody was switched for the death of a module');

  await client.ask('node/reboot', { set: 'kr[1-8]', cycle: true });
  await until('a step is in flight', async () => (await client.ask('engine/status', {})).inFlight > 0, 5_000, 1);
  const busy = await killed(client, 'sim');
  await goal(client, 'kr[1-8]', 40_000);
  const once = before.map((line) => line.replace(/\d+/g, (digits, at: number) => (at > 2 ? String(Number(digits) + 1) : digits)));
  assert.deepEqual(await counts(client, 'kr[1-8]'), once, 'one power cycle each');
  t.diagnostic(`killed at rest: ready again after ${idle.toFixed(0)} ms; in mid-step: ${busy.toFixed(0)} ms`);

  process.kill(await service(client, 'sim', 'ready'), 'SIGKILL');
  await service(client, 'sim', 'failed');
  const listed = await lab.kraken('service', 'list');
  assert.match(listed.out, /^sim +simulator +failed .*it crashed 3 times in 5 minutes[\s\S]*kraken service start sim$/m);
  assert.match(host.err(), /service sim failed: it crashed 3 times in 5 minutes.*kraken service start sim/);
  const { exit, err } = await lab.kraken('service', 'start', 'sim');
  assert.equal(exit, 0, err);
  await service(client, 'sim', 'ready');
  await goal(client, 'kr[1-8]');
  assert.deepEqual(await counts(client, 'kr[1-8]'), once);
});

/** A module of a few lines beside the frame of the bad fixtures; `seen` is what its poller answers. */
function written(lab: Lab, name: string, body: string): string {
  const dir = join(lab.folder, name);
  mkdirSync(dir);
  cpSync(`${FIXTURES}frame.mjs`, join(dir, 'frame.mjs'));
  writeFileSync(join(dir, 'module.json'), JSON.stringify({ name, protocol: 1, command: [process.execPath, join(dir, 'main.mjs')] }));
  writeFileSync(join(dir, 'main.mjs'), `import { DECLARATION, line, on, send, serve } from './frame.mjs';\n${OFF}\n${body}\n`);
  return dir;
}

const OFF = `const seen = {};
const poll = (params) => ({ observed: params.nodes.map(({ id, revision }) => ({ node: id, values: { '/physState': seen[id] ?? 'POWER_OFF' }, asOf: revision })), failed: [] });
const turn = (params) => { for (const { id } of params.nodes) seen[id] = 'POWER_ON'; return on(params); };`;

const MISFITS: Readonly<Record<string, string>> = {
  good: `serve({ 'poller/run': poll, 'mutation/run': turn });`,
  stale: `let calls = 100;
serve({ 'poller/run': poll, 'mutation/run': (params) => {
  setTimeout(() => send({ id: calls++, method: 'state/discover', params: { observed: params.nodes.map(({ id }) => ({ node: id, values: { '/physState': 'POWER_OFF' }, asOf: 1 })) } }), 100);
  return turn(params);
} });`,
  undeclared: `serve({ 'poller/run': poll, 'mutation/run': (params) => ({ observed: turn(params).observed.map((one) => ({ ...one, values: { ...one.values, '/pxe/state': 'WAIT' } })), failed: [] }) });`,
  liar: `serve({ 'poller/run': poll, 'mutation/run': (params) => ({ observed: [...turn(params).observed, { node: 'ghost', values: { '/physState': 'POWER_OFF' } }], failed: [] }) });`,
  late: `const declaration = { mutations: { on: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '700ms' } }, pollers: { power: { discovers: ['/physState'], every: '30s' } } };
let first;
serve({
  initialize: () => ({ protocol: 1, module: { name: 'bad' }, capabilities: [], declaration }),
  'poller/run': (params, id) => { if (first) return undefined; first = id; return poll(params); },
  'mutation/run': (params, id) => void setTimeout(() => send({ id, result: turn(params) }), 2_500),
});`,
  contradiction: `const declaration = { mutations: { on: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, requires: { '/physState': 'POWER_OFF' }, timeout: '2s' } } };
serve({ initialize: () => ({ protocol: 1, module: { name: 'bad' }, capabilities: [], declaration }) });`,
};

const SAID: Readonly<Record<string, RegExp>> = {
  undeclared: /service undeclared reported \/pxe\/state of [0-9a-f-]+, which it did not declare; refused \(-32010\)/,
  liar: /service liar answered for ghost, which it was not asked about; refused \(-32011\)/,
  late: /service late answered late\/on .* after it was given up; what it saw counts as an observation/,
  contradiction:
    /service contradiction is rejected: the declaration is refused: mutation contradiction\/on mutates \/physState from POWER_OFF/,
};

async function misfits(t: TestContext): Promise<{ lab: Lab; client: Client; err: () => string }> {
  const lab = new Lab(t, {});
  const services = Object.fromEntries(
    Object.entries(MISFITS).map(([name, body]) => [name, { module: written(lab, name, body), serves: `n-${name}` }]),
  );
  lab.configure({ services });
  const host = await lab.up();
  return { lab, client: await lab.client(), err: host.err };
}

test('modules that misbehave, each with a node: what they say wrong does not count, what they say right does', async (t) => {
  const { client, err } = await misfits(t);
  for (const name of Object.keys(MISFITS)) await service(client, name, name === 'contradiction' ? 'rejected' : 'ready');
  const nodes = Object.keys(MISFITS).map((name) => ({ nodename: `n-${name}`, physState: 'POWER_ON' }));
  await client.ask('node/apply', { nodes, mode: 'create' });
  for (const name of Object.keys(MISFITS)) if (name !== 'contradiction') await goal(client, `n-${name}`);
  for (const [name, sentence] of Object.entries(SAID)) await until(`${name} is complained of`, () => sentence.test(err()), 5_000, 20, err);
  await until('the stale observation is counted', async () => Number((await client.ask('engine/status', {})).dropped['stale']) > 0, 5_000);
  const { nodes: read } = await client.ask('state/read', { set: 'all', view: 'dsc' });
  const seen = new Map(read.map(({ name, dsc }) => [name, dsc as Facts]));
  for (const name of ['good', 'stale', 'undeclared', 'liar', 'late']) assert.equal(seen.get(`n-${name}`)?.['physState'], 'POWER_ON', name);
  assert.equal(seen.get('n-undeclared')?.['pxe'], undefined);
  assert.ok(!read.some(({ id }) => id === 'ghost'));
  const [refused] = (await client.ask('node/explain', { set: 'n-contradiction' })).nodes;
  assert.match(refused?.summary ?? '', /service contradiction is rejected/);
});

test('several services of one module serve different nodes; two that serve one node for one path are refused by name', async (t) => {
  const lab = new Lab(t, {});
  const module = written(lab, 'pdu', MISFITS['good'] ?? '');
  lab.configure({ services: { left: { module, serves: 'n[1-2]' }, right: { module, serves: 'n[3-4]' } } });
  const host = await lab.up();
  const client = await lab.client();
  await service(client, 'left', 'ready');
  await service(client, 'right', 'ready');
  await client.ask('node/apply', { nodes: [1, 2, 3, 4].map((i) => ({ nodename: `n${i}`, physState: 'POWER_ON' })), mode: 'create' });
  await goal(client, 'n[1-4]');
  const { nodes } = await client.ask('state/read', { set: 'n1,n4', view: 'dsc' });
  assert.deepEqual(
    nodes.map(({ name, facts }) => `${name} ${(facts as Record<string, { by: string }>)['/physState']?.by}`),
    ['n1 left', 'n4 right'],
  );
  host.child.kill('SIGTERM');
  await host.ended;

  lab.configure({ services: { left: { module, serves: 'n[1-2]' }, right: { module, serves: 'n[2-4]' } } });
  const again = await lab.up();
  const sentence = /service (left|right) is rejected: the declaration is refused: for node n2: .*(left.*right|right.*left)/;
  await until('the second of them is rejected', () => sentence.test(again.err()), 5_000, 20, again.err);
});

test('what service stop stopped stays stopped over a restart of the host, until service start', async (t) => {
  const lab = new Lab(t, {});
  lab.configure({ services: { pdu: { module: written(lab, 'pdu', MISFITS['good'] ?? '') } } });
  const again = async (before?: Started): Promise<{ host: Started; client: Client }> => {
    before?.child.kill('SIGTERM');
    await before?.ended;
    const host = await lab.up();
    return { host, client: await lab.client() };
  };
  let { host, client } = await again();
  await service(client, 'pdu', 'ready');
  await client.ask('service/stop', { service: 'pdu' });
  await service(client, 'pdu', 'stopped');
  ({ host, client } = await again(host));
  await service(client, 'pdu', 'stopped');
  await client.ask('service/start', { service: 'pdu' });
  await service(client, 'pdu', 'ready');
  ({ host, client } = await again(host));
  await service(client, 'pdu', 'ready');
});

test('cfg /services/NAME/state of the host stops and starts a service, over a restart of the host, too', async (t) => {
  const lab = new Lab(t, {});
  lab.configure({ services: { pdu: { module: written(lab, 'pdu', MISFITS['good'] ?? '') } } });
  const host = await lab.up();
  const client = await lab.client();
  await service(client, 'pdu', 'ready');
  const [own] = (await client.ask('state/read', { set: 'all', view: 'cfg' })).nodes;
  const want = (by: Client, state: string): Promise<object> =>
    by.ask('node/set', { set: own?.name ?? '', values: { '/services/pdu/state': state } });
  await want(client, 'STOP');
  await service(client, 'pdu', 'stopped');
  await want(client, 'RUN');
  await service(client, 'pdu', 'ready');
  await want(client, 'STOP');
  await service(client, 'pdu', 'stopped');
  host.child.kill('SIGTERM');
  await host.ended;

  await lab.up();
  const again = await lab.client();
  const [pdu] = (await again.ask('service/list', {})).services;
  assert.deepEqual([pdu?.state, pdu?.restarts, pdu?.pid], ['stopped', 0, undefined], 'what cfg wants stopped is not started');
  assert.match(pdu?.why ?? '', /^cfg of .* wants it stopped$/);
  await want(again, 'RUN');
  await service(again, 'pdu', 'ready');
});
