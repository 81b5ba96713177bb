/** Watches of state and events: a replica fed by them is the truth, for slow watchers too, and memory stays bounded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES, type RpcError } from '@kraken-hpc/sdk/wire';
import fc from 'fast-check';
import { Api } from '../../host/control/api.ts';
import type { ApiSession } from '../../host/control/session.ts';
import type { Json } from '../../host/core/declaration.ts';
import { type Client, type Heard, idOf, TestHost, withControl } from './bench.ts';

// biome-ignore lint/suspicious/noExplicitAny: replicas hold whatever came.
type Any = any;

/** What a program that watches knows: nodes replace, changes set, path '' without a value removes, resync forgets. */
class Replica {
  readonly nodes = new Map<string, { cfg: Record<string, Json>; dsc: Record<string, Json> }>();
  more = true;

  start(answer: Any): void {
    this.take({ ...answer, changes: [] });
  }

  take({ nodes = [], changes, resync, more }: Any): void {
    if (resync) this.nodes.clear();
    if (more !== undefined) this.more = more;
    for (const { id, cfg = {}, dsc = {} } of nodes) this.nodes.set(id, { cfg: { ...cfg }, dsc: { ...dsc } });
    for (const { node, view, path, to } of changes) {
      const known = this.nodes.get(node);
      if (path === '') this.nodes.delete(node);
      else if (known && to === undefined) delete known[view as 'cfg' | 'dsc'][path];
      else if (known) known[view as 'cfg' | 'dsc'][path] = to;
    }
  }

  get text(): string {
    return JSON.stringify([...this.nodes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, { cfg, dsc }]) => [id, sorted(cfg), sorted(dsc)]));
  }
}

const sorted = (values: Record<string, Json>): unknown => Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));

/** A session whose reader can stand still. */
class SlowSession implements ApiSession {
  readonly author = { user: 'test' };
  readonly permissions: 'all' | readonly string[] = 'all';
  readonly lines: string[] = [];
  pendingBytes = 0;
  most = 0;
  #waiting: (() => void)[] = [];
  readonly #closers: (() => void)[] = [];

  sendRaw(line: string): void {
    assert.ok(line.endsWith('\n') && Buffer.byteLength(line) <= 4 * 1024 * 1024);
    this.lines.push(line);
    this.pendingBytes += line.length;
    this.most = Math.max(this.most, this.pendingBytes);
  }

  drained(): Promise<void> {
    return this.pendingBytes === 0 ? Promise.resolve() : new Promise((resolve) => void this.#waiting.push(resolve));
  }

  onClose(listener: () => void): void {
    this.#closers.push(listener);
  }

  close(): void {
    for (const closer of this.#closers) closer();
  }

  /** Reads all that there is, and what comes of that. */
  async read(): Promise<Any[]> {
    const read: Any[] = [];
    for (let quiet = 0; quiet < 3; quiet++) {
      if (this.lines.length > 0) quiet = 0;
      for (const line of this.lines.splice(0)) read.push(JSON.parse(line));
      this.pendingBytes = 0;
      for (const resolve of this.#waiting.splice(0)) resolve();
      await new Promise(setImmediate);
    }
    return read;
  }
}

const FILTERS: readonly object[] = [
  { paths: ['/arch', '/labels', '/physState'] },
  { paths: ['/arch', '/physState'], view: 'dsc' },
  { set: '@rack=r1', paths: ['/labels/rack', '/arch'], view: 'cfg' },
  { set: 'physState=POWER_ON', paths: ['/physState', '/arch'] },
  { set: 'kr[1-2]', paths: ['/arch'] },
  { set: '!physState=POWER_ON', paths: ['/physState'] },
  { nodes: [idOf(3)], paths: ['/arch', '/physState', '/labels/rack'] },
];

const step = fc.oneof(
  fc.record({ do: fc.constant('arch' as const), node: fc.integer({ min: 1, max: 4 }), value: fc.constantFrom('x', 'y', null) }),
  fc.record({ do: fc.constant('rack' as const), node: fc.integer({ min: 1, max: 4 }), value: fc.constantFrom('r1', 'r2') }),
  fc.record({
    do: fc.constant('labels' as const),
    node: fc.integer({ min: 1, max: 4 }),
    value: fc.constantFrom({ rack: 'r1', row: 'a' }, null),
  }),
  fc.record({ do: fc.constant('power' as const), node: fc.integer({ min: 1, max: 4 }), value: fc.constantFrom('POWER_ON', 'POWER_OFF') }),
  fc.record({ do: fc.constant('create' as const), node: fc.integer({ min: 10, max: 12 }), value: fc.constant(null) }),
  fc.record({ do: fc.constant('delete' as const), node: fc.integer({ min: 10, max: 12 }), value: fc.constant(null) }),
  fc.record({ do: fc.constant('read' as const), node: fc.constant(0), value: fc.constant(null) }),
  fc.record({ do: fc.constant('stall' as const), node: fc.constant(0), value: fc.constant(null) }),
  fc.record({ do: fc.constant('resume' as const), node: fc.constant(0), value: fc.constant(null) }),
);

test('a replica is the truth, whatever happens, however slowly it reads, wherever it goes on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...FILTERS), fc.array(step, { minLength: 1, maxLength: 40 }), async (filter, steps) => {
      const host = new TestHost();
      const api = new Api(host.port);
      const session = new SlowSession();
      const replica = new Replica();
      const call = (method: string, params: unknown): Promise<Any> => api.handle(method, params as Json, session);
      const first = await call('state/watch', filter);
      let { watch, revision } = first;
      replica.start(first);
      const read = async (): Promise<void> => {
        for (const { params } of await session.read()) {
          assert.equal(params.watch, watch);
          revision = params.revision;
          replica.take(params);
        }
      };
      for (const { do: what, node, value } of steps) {
        const id = idOf(node);
        if (what === 'arch') await call('node/set', { set: id, values: { '/arch': value } });
        if (what === 'rack') await call('node/set', { set: id, values: { '/labels/rack': value } });
        if (what === 'labels') await call('node/set', { set: id, values: { '/labels': value } });
        if (what === 'power') host.see(node, value as string);
        if (what === 'create') await call('node/apply', { nodes: [{ id, nodename: `kr${node}`, labels: { rack: 'r1' } }], mode: 'put' });
        if (what === 'delete' && host.port.engine.node(id)) await call('node/delete', { set: id });
        if (what === 'read') await read();
        if (what === 'stall') session.pendingBytes += 2_000_000;
        if (what === 'resume') {
          await read();
          await call('state/unwatch', { watch });
          ({ watch } = await call('state/watch', { ...filter, from: revision }));
        }
      }
      await read();
      assert.equal(replica.more, false);
      const fresh = new Replica();
      fresh.start(await api.handle('state/watch', filter as Json, new SlowSession()));
      assert.equal(replica.text, fresh.text);
    }),
    { numRuns: 300 },
  );
});

test('a snapshot comes in pages until more is false, and changes in between are not lost', async () => {
  await withControl({ nodes: 5_000 }, async ({ client, host }) => {
    const one = client();
    const replica = new Replica();
    const first = await one.ask('state/watch', { paths: ['/arch'] });
    assert.ok(first.more && first.nodes.length < 5_001);
    replica.start(first);
    for (const i of [1, 2_500, 5_000]) await one.ask('node/set', { set: `kr${i}`, values: { '/arch': 'new' } });
    await one.until((heard) => heard.some(({ params }) => params.more === false) && archSeen(heard, 3));
    for (const { params } of one.heard) replica.take(params);
    assert.equal(replica.nodes.size, 5_001);
    for (const i of [1, 2_500, 5_000]) assert.equal(replica.nodes.get(idOf(i))?.cfg['/arch'], 'new');
    assert.equal(host.port.engine.count(), 5_001);
  });
});

/** The changes themselves have arrived, each once. */
function archSeen(heard: readonly Heard[], count: number): boolean {
  return heard.flatMap(({ params }) => params.changes).filter(({ path }) => path === '/arch').length >= count;
}

test('many watchers of the same thing: one id, one serialised line for all', async () => {
  const host = new TestHost();
  const api = new Api(host.port);
  const sessions = Array.from({ length: 50 }, () => new SlowSession());
  const ids = new Set<number>();
  for (const session of sessions) ids.add(((await api.handle('state/watch', { paths: ['/arch'] }, session)) as Any).watch);
  assert.equal(ids.size, 1);
  await api.handle('node/set', { set: 'kr1', values: { '/arch': 'z' } }, new SlowSession());
  const lines = sessions.flatMap((session) => session.lines);
  assert.equal(lines.length, 50);
  assert.equal(new Set(lines).size, 1);
  const [change] = JSON.parse(lines[0] as string).params.changes;
  assert.deepEqual([change.path, change.to, change.at, 'boot' in change], ['/arch', 'z', host.now, false]);
  for (const session of sessions) session.close();
  await api.handle('node/set', { set: 'kr1', values: { '/arch': 'y' } }, new SlowSession());
  assert.equal(sessions.flatMap((session) => session.lines).length, 50, 'nothing is sent to who is gone');
});

test('a watcher that does not read holds ids, not changes; too many of them, and it gets everything anew', async () => {
  const host = new TestHost(12_000);
  const api = new Api(host.port);
  const session = new SlowSession();
  const replica = new Replica();
  replica.start(await api.handle('state/watch', { paths: ['/arch'] }, session));
  for (const { params } of await session.read()) replica.take(params);
  session.pendingBytes = 2_000_000;
  const set = (nodes: string, arch: string): Promise<Json> =>
    api.handle('node/set', { set: nodes, values: { '/arch': arch } }, new SlowSession());
  for (let i = 0; i < 100; i++) await set('kr1', `a${i}`);
  assert.equal(session.lines.length, 0);
  let told = await session.read();
  assert.equal(told.length, 1, 'a hundred changes of one node are told as one');
  for (const { params } of told) replica.take(params);
  assert.equal(replica.nodes.get(idOf(1))?.cfg['/arch'], 'a99');

  session.pendingBytes = 2_000_000;
  await set('kr[1-12000]', 'b');
  assert.equal(session.lines.length, 0);
  told = await session.read();
  assert.ok(told[0].params.resync);
  for (const { params } of told) replica.take(params);
  assert.equal(replica.nodes.size, 12_001);
  assert.ok([...replica.nodes.values()].filter(({ cfg }) => cfg['/arch'] === 'b').length === 12_000);
});

test('another engine behind the port: every watch is told anew', async () => {
  const host = new TestHost();
  const api = new Api(host.port);
  const session = new SlowSession();
  const { revision } = (await api.handle('state/watch', { paths: ['/arch'] }, session)) as Any;
  await api.handle('node/set', { set: 'kr1', values: { '/arch': 'z' } }, session);
  await session.read();
  api.renew();
  const told = await session.read();
  assert.deepEqual([told[0].params.resync, told.at(-1).params.more, told.flatMap(({ params }) => params.nodes).length], [true, false, 5]);
  await assert.rejects(api.handle('state/watch', { from: revision }, session), (error: Any) => error.refusal.code === CODES.Gone);
  await api.handle('node/set', { set: 'kr1', values: { '/arch': 'y' } }, session);
  assert.equal((await session.read()).length, 1, 'its turns are followed once');
});

test('a module sees what it declared, and no more', async () => {
  const host = new TestHost();
  const api = new Api(host.port);
  const session = Object.assign(new SlowSession(), { permissions: [] as string[], paths: ['/labels/rack'], author: { user: 'service:m' } });
  const refused = (method: string, params: unknown): Promise<void> =>
    assert.rejects(api.handle(method, params as Json, session), (error: Any) => error.refusal?.code === CODES.NotPermitted, method);
  for (const [method, params] of [
    ['state/read', { paths: ['/arch'] }],
    ['state/watch', { paths: ['/labels'] }],
    ['events/watch', { kinds: ['state'] }],
    ['state/propose', { tx: 'a', part: 0, last: true, changes: [] }],
    ['node/set', { set: 'kr1', values: {} }],
    ['engine/status', {}],
    ['service/list', {}],
  ] as const)
    await refused(method, params);
  const read = (await api.handle('state/read', { set: 'kr1' }, session)) as Any;
  assert.deepEqual(read.nodes[0].cfg, { '/labels/rack': 'r2' });
  await api.handle('state/watch', { set: 'kr1' }, session);
  const operator = new SlowSession();
  await api.handle('node/set', { set: 'kr1', values: { '/labels': { rack: 'r9', secret: 's' } } }, operator);
  await api.handle('node/set', { set: 'kr1', values: { '/arch': 'z' } }, operator);
  await api.handle('node/set', { set: 'kr1', values: { '/labels': null } }, operator);
  const told = await session.read();
  assert.ok(!JSON.stringify(told).includes('secret'));
  assert.deepEqual(
    told.flatMap(({ params }) => params.changes).map(({ path, to }: Any) => [path, to]),
    [
      ['/labels/rack', 'r9'],
      ['/labels/rack', undefined],
    ],
  );
  const acts = Object.assign(new SlowSession(), { permissions: ['operate'], author: { user: 'service:rest' } });
  await api.handle('node/set', { set: 'kr1', values: { '/arch': 'q' }, onBehalfOf: { user: 'alice', role: 'operator' } }, acts);
  for (const [method, params] of [
    ['plugin/stage', { source: '/pdu' }],
    ['plugin/commit', { stage: 's1' }],
    ['plugin/remove', { plugin: 'pdu' }],
    ['service/create', { service: 'x', module: 'pdu' }],
    ['service/set', { service: 'x', config: {} }],
  ] as const)
    await assert.rejects(api.handle(method, params, acts), /plugins are installed by people, on the control socket/, method);
  assert.equal(host.history[0]?.by, 'alice (service:rest)');
});

test('watches are limited, and end when asked', async () => {
  await withControl({}, async ({ client }) => {
    const one = client();
    const watches: number[] = [];
    for (let i = 0; i < 64; i++) watches.push((await one.ask('state/watch', { paths: [`/labels/l${i}`] })).watch);
    await assert.rejects(one.ask('state/watch', { paths: ['/arch'] }), (error: RpcError) => error.code === CODES.TooMany);
    await one.ask('state/unwatch', { watch: watches[0] as number });
    await one.ask('state/watch', { paths: ['/arch'] });
    await assert.rejects(one.ask('state/unwatch', { watch: watches[0] as number }), (error: RpcError) => error.code === CODES.NotFound);
    for (let i = 0; i < 64; i++) await one.ask('events/watch', { kinds: ['state'] });
    await assert.rejects(one.ask('events/watch', { kinds: ['state'] }), (error: RpcError) => error.code === CODES.TooMany);
  });
});

test('events: kinds, sentences, sets', async () => {
  const host = new TestHost();
  const api = new Api(host.port);
  const call = (method: string, params: unknown): Promise<Any> => api.handle(method, params as Json, new SlowSession());
  const cases: readonly [string, string, () => unknown, readonly string[]][] = [
    [
      'state',
      '',
      () => call('node/set', { set: 'kr1', values: { '/arch': 'z' }, why: 'new board' }),
      ['kr1: arch unset → z, wanted by test (new board)'],
    ],
    ['discovery', '', () => host.see(1, 'POWER_ON'), ['kr1: physState unset → POWER_ON, seen by bmc']],
    ['state', '', () => host.see(2, 'POWER_ON'), ['kr2: physState unset → POWER_ON, seen by bmc']],
    ['discovery', 'kr1', () => host.see(3, 'POWER_ON'), []],
    ['state', 'kr1', () => call('node/hold', { set: 'kr[1-2]', why: 'disks' }), ['kr1: held (disks)']],
    ['state', '', () => call('node/delete', { set: 'kr4' }), [`${idOf(4)}: deleted by test`]],
    ['mutation', '', () => call('node/hold', { set: 'kr1', why: 'x' }), []],
  ];
  for (const [kind, set, act, expected] of cases) {
    const session = new SlowSession();
    await api.handle('events/watch', { kinds: [kind], ...(set ? { set } : {}) }, session);
    await act();
    const told = (await session.read()).flatMap(({ params }) => params.events);
    assert.deepEqual(
      told.map(({ text }: Any) => text),
      expected,
    );
    for (const event of told) assert.deepEqual([event.kind, typeof event.at, typeof event.revision], [kind, 'number', 'number']);
    session.close();
  }
  const slow = new SlowSession();
  await api.handle('events/watch', { kinds: ['state'] }, slow);
  slow.pendingBytes = 2_000_000;
  for (let i = 0; i < 7; i++) await call('node/set', { set: 'kr1', values: { '/arch': `s${i}` } });
  const { revision } = host.port.engine;
  const [{ params }] = await slow.read();
  assert.deepEqual([params.dropped, params.upTo, params.events.length], [7, revision, 0], 'told though nothing more happens');
  await call('node/set', { set: 'kr1', values: { '/arch': 'last' } });
  const [{ params: next }] = await slow.read();
  assert.deepEqual([next.dropped, next.events.length], [undefined, 1]);
});

test('a followed log: its next lines, until the client goes', async () => {
  await withControl({}, async ({ client, host }) => {
    const one: Client = client();
    assert.deepEqual(await one.ask('service/logs', { service: 'sim', lines: 2, follow: true }), { lines: ['two', 'three'] });
    await one.ask('service/logs', { service: 'sim', lines: 0, follow: true });
    assert.equal(host.followers.size, 1, 'asked again, it is followed once');
    for (const follow of host.followers) follow('four');
    const [told] = await one.until((heard) => heard.length > 0);
    assert.deepEqual(told?.params, { service: 'sim', lines: ['four'] });
    one.socket.destroy();
    for (let i = 0; i < 100 && host.followers.size > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(host.followers.size, 0);
  });
});
