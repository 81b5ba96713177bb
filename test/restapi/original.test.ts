/** The original's REST dialect, exchange by exchange as its clients know it (test/fixtures/original-rest), and its WebSocket. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { WebSocket } from 'ws';
import { type Rest, startRest } from './lab.ts';

type Json = Readonly<Record<string, unknown>>;

interface Exchange {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly body?: Json;
  readonly bodyFile?: string;
  readonly text?: string;
  readonly status: number;
  readonly answer?: Json;
  readonly sameNode?: Json;
  readonly nodes?: readonly Json[];
  readonly sameNodes?: string;
  readonly empty?: boolean;
}

const FIXTURES = new URL('../fixtures/', import.meta.url);
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8'));
const CONTRACT = read('original-rest/contract.json') as readonly Exchange[];
/** Every extension that is installed is named in every node. */
const EXTENSIONS = ['IPv4.IPv4OverEthernet', 'PXE.Client', 'ImageAPI.ImageSet', 'PowerAPI.Node', 'Hypervisor.VirtualMachine'];
const ZEROS: readonly unknown[] = ['', 0, false];
const UNKNOWN = new Set(['PHYS_UNKNOWN', 'UNKNOWN', 'NONE', 'FREE']);
const TYPE = 'type.googleapis.com/';

/** What proto3's JSON leaves out, left out; extensions by their name, as their order says nothing. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, below]) => [name, bare(below)] as const);
  return Object.fromEntries(entries.filter(([, below]) => !isZero(below)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isZero(value: unknown): boolean {
  if (ZEROS.includes(value) || UNKNOWN.has(String(value))) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function comparable(node: Json): Json {
  const { extensions = [], ...fields } = node as { readonly extensions?: readonly Json[] };
  const filled = extensions.filter((extension) => Object.keys(bare(extension) as object).length > 1);
  return { ...(bare(fields) as Json), extensions: Object.fromEntries(filled.map((one) => [String(one['@type']), bare(one)])) };
}

function checkNode(shown: Json, expected: Json, what: string): void {
  assert.deepEqual(comparable(shown), comparable(expected), what);
  const types = (shown['extensions'] as readonly Json[]).map((extension) => extension['@type']);
  for (const name of EXTENSIONS) assert.ok(types.includes(TYPE + name), `${what}: ${name} is named`);
  assert.equal(new Set(types).size, types.length);
  assert.ok(!JSON.stringify(shown).includes('null'), `${what}: no null`);
  assert.match(String(shown['id']), /^[0-9a-f-]{36}$/);
}

test('every exchange of the contract, in order', async (t) => {
  const { ask } = await startRest(t);
  for (const exchange of CONTRACT) await t.test(exchange.what, () => check(ask, exchange));
});

async function check(ask: Rest['ask'], exchange: Exchange): Promise<void> {
  const { what, method, path, body, bodyFile, text, status, answer, sameNode, nodes, sameNodes, empty } = exchange;
  const given = text ?? body ?? (bodyFile === undefined ? undefined : read(bodyFile));
  const { status: got, body: shown, headers } = await ask(method, path, given);
  assert.equal(got, status, `${what}: ${JSON.stringify(shown).slice(0, 500)}`);
  if (status === 200) assert.match(String(headers.get('content-type')), /^application\/json/);
  if (empty === true) assert.equal(shown, '');
  if (answer !== undefined) assert.deepEqual(shown, answer);
  if (sameNode !== undefined) checkNode(shown, sameNode, what);
  const expected = nodes ?? (sameNodes === undefined ? undefined : (read(sameNodes) as { readonly nodes: readonly Json[] }).nodes);
  if (expected === undefined) return;
  assert.deepEqual(Object.keys(shown), ['nodes']);
  assert.equal(shown.nodes.length, expected.length);
  for (const node of expected) {
    const found = (shown.nodes as readonly Json[]).find(({ id }) => id === node['id']);
    assert.ok(found, `${what}: ${node['nodename']}`);
    if (nodes === undefined || 'platform' in node) checkNode(found, node, `${what}: ${node['nodename']}`);
  }
}

test('a client that was written for the original does its work', async (t) => {
  const { url } = await startRest(t);
  const file = (name: string): string => fileURLToPath(new URL(name, FIXTURES));
  const { stdout } = await promisify(execFile)('python3', [file('original-rest/client.py'), url, file('original-state.json')]);
  assert.deepEqual(JSON.parse(stdout), {
    root: 'kraken',
    made: 5,
    after: 'POWER_OFF',
    images: false,
    power: 'POWER_OFF',
    pxe: 'WAIT',
    edges: true,
    frozen: false,
  });
});

test('what is written is recorded under who wrote it, and so is what a person saw', async (t) => {
  const { ask, control } = await startRest(t);
  const node = { id: '123e4567-e89b-12d3-a456-426655440009', nodename: 'kr9' };
  await ask('POST', '/cfg/node', node);
  await ask('PUT', '/dsc/node', { ...node, physState: 'POWER_ON' });
  const { changes } = await control.ask('node/history', { set: 'kr9', limit: 10 });
  const by = changes.filter(({ view }) => view !== 'note').map(({ view, path, by }) => `${view} ${path} ${by}`);
  const own = 'loopback@127.0.0.1 (service:restapi)';
  assert.deepEqual(by, [`dsc /physState ${own}`, `cfg  ${own}`]);
});

test('the graphs: ids that stay, labels, colours', async (t) => {
  const { ask, control } = await startRest(t, { sim: { scale: 0.02 } });
  const nodes = [{ nodename: 'kr1', platform: 'sim', physState: 'POWER_ON', runState: 'SYNC' }];
  await control.ask('node/apply', { nodes, mode: 'create' });
  const { id } = (await ask('GET', '/api/v1/nodes/kr1')).body;
  await until(async () => (await ask('GET', `/dsc/node/${id}`)).body.runState === 'SYNC');
  const [first, again] = [(await ask('GET', '/graph/json')).body, (await ask('GET', '/graph/json')).body];
  assert.deepEqual(first, again);
  const own = (await ask('GET', `/graph/node/${id}/json`)).body;
  for (const { nodes, edges } of [first, own] as { nodes: Json[]; edges: Json[] }[]) {
    const ids = nodes.map((one) => one['id']);
    assert.equal(new Set([...ids, ...edges.map((one) => one['id'])]).size, ids.length + edges.length, 'ids are unique');
    for (const edge of edges) {
      assert.ok(ids.includes(edge['from']) && ids.includes(edge['to']));
      assert.deepEqual(Object.keys(edge), ['from', 'to', 'id', 'color']);
      assert.deepEqual(Object.keys(edge['color'] as object), ['color', 'highlight', 'inherit']);
    }
    for (const node of nodes) assert.match(String(node['label']), /^(?:[\w./]+: !?\w+)(?:\n[\w./]+: !?\w+)*$/);
  }
  assert.ok(first.nodes.every(({ color }: { color: Json }) => color['background'] === '#bfbfbf' && color['border'] === '#848484'));
  const here = own.nodes.filter(({ color }: { color: Json }) => color['border'] === '#e74c3c');
  assert.equal(here.length, 1);
  assert.equal(here[0].color.background, '#89CA78');
  assert.match(here[0].label, /^\/PhysState: POWER_ON$/m);
  assert.match(here[0].label, /^\/RunState: SYNC$/m);
});

test('enumerables: by number, the two of the core last', async (t) => {
  const { ask } = await startRest(t);
  const { body } = await ask('GET', '/enumerables');
  const last = body.slice(-2).map(({ name, url }: Json) => [name, url]);
  assert.deepEqual(last, [
    ['PhysState', 'physState'],
    ['RunState', 'runState'],
  ]);
  const pxe = body.find(({ url }: Json) => url === `${TYPE}PXE.Client/state`);
  assert.deepEqual(pxe, { name: 'state', url: `${TYPE}PXE.Client/state`, options: { 0: 'NONE', 1: 'WAIT', 2: 'INIT', ...extra(pxe) } });
  assert.equal(body.at(-2).options[0], 'PHYS_UNKNOWN');
});

/** Values that our boot service has beyond the original's three. */
function extra({ options }: { readonly options: Json }): Json {
  return Object.fromEntries(Object.entries(options).filter(([number]) => Number(number) > 2));
}

test('the WebSocket: nothing before SUBSCRIBE, then what was asked for, a payload a frame', async (t) => {
  const { ask, url, control } = await startRest(t);
  await control.ask('node/apply', { nodes: [{ nodename: 'kr1', platform: 'none' }], mode: 'create' });
  const { id } = (await ask('GET', '/api/v1/nodes/kr1')).body;
  const where = (await ask('GET', '/ws')).body;
  assert.deepEqual(where, { host: '127.0.0.1', port: new URL(url).port, url: '/ws' });
  const socket = new WebSocket(`ws://${where.host}:${where.port}${where.url}`, { origin: `http://${where.host}:${where.port}` });
  t.after(() => socket.terminate());
  const frames: Json[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data)) as Json));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const set = (values: Json) => control.ask('node/set', { set: 'kr1', values: values as never });
  await set({ '/arch': 'before' });
  for (const word of ['no JSON', '[]', '{"command":"SUBSCRIBE","type":"NOTHING"}', '{"command":"DANCE","type":"STATE_CHANGE"}'])
    socket.send(word);
  socket.send(JSON.stringify({ command: 'SUBSCRIBE', type: 'STATE_CHANGE' }));
  await until(async () => {
    await set({ '/labels/n': String(Math.random()) });
    return frames.length > 0;
  });
  assert.ok(!JSON.stringify(frames).includes('before'), 'nothing of before');
  frames.length = 0;
  await set({ '/pxe/method': 'iPXE', '/platform': 'other' });
  await ask('PUT', '/dsc/node', { id, physState: 'POWER_ON', runState: 'INIT' });
  await control.ask('node/apply', { nodes: [{ id: '00000000-0000-4000-8000-000000000077', nodename: 'kr77' }], mode: 'create' });
  await control.ask('node/delete', { set: 'kr77' });
  await until(() => frames.some(({ data }) => String(data).startsWith('(DELETE)')));
  // Of the labels by which the subscription was found to hold, the last may still be on its way.
  const ours = frames.filter(({ nodeid, data }) => nodeid === id || /(CREATE|DELETE)/.test(String(data)));
  const told = ours.filter(({ url: where }) => where !== '/Labels/n');
  const expected = [
    [1, `${TYPE}PXE.Client/Method`, `(CFG_UPDATE) ${id}:${TYPE}PXE.Client/Method = iPXE`, 'iPXE'],
    [1, '/Platform', `(CFG_UPDATE) ${id}:/Platform = other`, 'other'],
    [1, '/PhysState', `(UPDATE) ${id}:/PhysState = POWER_ON`, 'POWER_ON'],
    [1, '/RunState', `(UPDATE) ${id}:/RunState = INIT`, 'INIT'],
    [1, '', '(CREATE) 00000000-0000-4000-8000-000000000077: = ', undefined],
    [1, '', '(DELETE) 00000000-0000-4000-8000-000000000077: = ', undefined],
  ];
  const key = ([type, where, data, value]: readonly unknown[]) => JSON.stringify([type, where, data, value]);
  assert.deepEqual(told.map(({ type, url: where, data, value }) => key([type, where, data, value])).sort(), expected.map(key).sort());
  const order = told.map(({ url: where }) => where);
  assert.ok(order.indexOf('/PhysState') < order.indexOf('/RunState'), 'power before run state');
  socket.send(JSON.stringify({ command: 'UNSUBSCRIBE', type: 'STATE_CHANGE' }));
  socket.send(JSON.stringify({ command: 'SUBSCRIBE', type: 'DISCOVERY', batch: true }));
  frames.length = 0;
  await until(async () => {
    await ask('PUT', '/dsc/node', { id, physState: 'POWER_OFF' });
    await ask('PUT', '/dsc/node', { id, physState: 'POWER_ON' });
    return frames.some((frame) => Array.isArray(frame));
  });
  const [batch] = frames.filter((frame) => Array.isArray(frame)) as unknown as Json[][];
  const [discovery] = batch ?? [];
  assert.equal(discovery?.['type'], 5);
  assert.match(String(discovery?.['data']), new RegExp(`^\\(.*\\) ${id}:/PhysState == POWER_(?:ON|OFF)$`));
});

test('the WebSocket tells of steps', async (t) => {
  const { url, control } = await startRest(t, { sim: { scale: 0.02 } });
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  t.after(() => socket.terminate());
  const frames: Json[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data)) as Json));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.send(JSON.stringify({ command: 'SUBSCRIBE', type: 'STATE_MUTATION' }));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await control.ask('node/apply', { nodes: [{ nodename: 'kr1', platform: 'sim', physState: 'POWER_ON' }], mode: 'create' });
  await until(() => frames.some(({ value }) => value === 'powerOn'));
  const step = frames.find(({ value }) => value === 'powerOn');
  assert.equal(step?.['type'], 2);
  assert.equal(step?.['data'], `(MUTATE) ${step?.['nodeid']} : sim -> powerOn`);
});

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 15_000; !(await isSo()); await new Promise((resolve) => setTimeout(resolve, 50)))
    if (Date.now() > end) assert.fail('waited in vain');
}
