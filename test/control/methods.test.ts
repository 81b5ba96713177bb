/** Every operator method over a real socket: what it answers, and how it refuses. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { get } from '@kraken-hpc/sdk/state';
import { CODES, METHODS, type RpcError } from '@kraken-hpc/sdk/wire';
import { type Client, type Desk, idOf, NOW, withControl } from './bench.ts';

// biome-ignore lint/suspicious/noExplicitAny: the table sends what no type allows.
type Any = any;
const ask = (client: Client, method: string, params: unknown): Promise<Any> => client.ask(method as Any, params as Any);

test('every method of the table for people is answered', async () => {
  const params: Record<string, unknown> = {
    'state/read': {},
    'state/watch': {},
    'state/unwatch': { watch: 1 },
    'state/propose': { tx: 'a', part: 0, last: true, changes: [{ node: idOf(1), values: { '/arch': 'arm64' } }] },
    'events/watch': { kinds: ['state'] },
    'node/apply': { nodes: [{ nodename: 'new1' }], mode: 'create' },
    'node/set': { set: 'kr1', values: { '/arch': 'amd64' } },
    'node/observe': { observed: [{ node: idOf(1), values: { '/arch': 'arm64' } }] },
    'node/delete': { set: 'kr4' },
    'node/explain': { set: 'kr1' },
    'node/plan': { set: 'kr1' },
    'node/history': { limit: 10 },
    'node/hold': { set: 'kr1', why: 'test' },
    'node/holds': {},
    'node/release': { set: 'kr1' },
    'node/busy': { set: 'kr1', owner: 'job 7' },
    'node/retry': { set: 'kr1' },
    'node/power': { set: 'kr1', to: 'on' },
    'node/reboot': { set: 'kr1' },
    'node/cancel': { set: 'kr1' },
    'node/waiting': {},
    'node/admit': { set: 'kr1' },
    'node/revoke': { set: 'kr1', why: 'test' },
    'token/create': { set: 'kr1', until: NOW + 1 },
    'token/list': {},
    'token/revoke': { set: 'kr1' },
    'peer/list': {},
    'engine/freeze': { why: 'test' },
    'engine/thaw': {},
    'engine/status': {},
    'engine/limits': {},
    'engine/stop': {},
    'engine/backup': { file: '/b' },
    'engine/restore': { file: '/b' },
    'graph/get': {},
    'schema/get': {},
    'service/list': {},
    'service/start': { service: 'sim' },
    'service/stop': { service: 'sim' },
    'service/restart': { service: 'sim' },
    'service/call': { service: 'sim', call: 'show' },
    'service/logs': { service: 'sim', lines: 2 },
    'service/create': { service: 'pdu2', module: 'pdu' },
    'service/set': { service: 'pdu2', serves: '@row=2' },
    'service/remove': { service: 'pdu2' },
    'plugin/list': {},
    'plugin/info': { plugin: 'pdu' },
    'plugin/stage': { source: '/pdu' },
    'plugin/commit': { stage: 's1' },
    'plugin/enable': { plugin: 'pdu' },
    'plugin/disable': { plugin: 'pdu' },
    'plugin/remove': { plugin: 'pdu' },
  };
  const methods = Object.entries(METHODS).flatMap(([method, { control, kind }]) => (control && kind === 'request' ? [method] : []));
  assert.deepEqual(Object.keys(params).sort(), methods.sort(), 'the table of this test is the table of the protocol');
  await withControl({ hosts: true }, async ({ client, host }) => {
    const one = client();
    for (const [method, given] of Object.entries(params)) assert.equal(typeof (await ask(one, method, given)), 'object', method);
    assert.deepEqual(host.done, [
      'stop somebody on the control socket asked for it',
      'backup /b',
      'restore /b',
      'start sim',
      'stop sim',
      'restart sim',
      'create pdu2 of pdu',
      'set pdu2',
      'delete pdu2',
      'commit s1 by somebody on the control socket',
      'enable pdu',
      'disable pdu',
      'remove pdu',
    ]);
  });
});

/** Method, params, name of the code, and what the message must say. */
const REFUSED: readonly [string, unknown, keyof typeof CODES, RegExp][] = [
  ['node/set', { set: 'kr17', values: {} }, 'UnknownNode', /no node is named kr17.*Nearest: kr1, .*kraken node list shows all/],
  ['node/set', { set: 'kr[1-9]', values: {} }, 'UnknownNode', /no node is named kr5, kr6, kr7, kr8, kr9:/],
  ['node/set', { set: 'kr[1-99]', values: {} }, 'UnknownNode', /kr9 and 90 more/],
  ['node/set', { set: 'zz', values: {} }, 'UnknownNode', /no node is named zz: .*is so\. kraken node list shows all/],
  ['node/set', { set: '@rack=none', values: {} }, 'UnknownNode', /@rack=none: node\/set is refused: no node matches it/],
  ['node/set', { set: '', values: {} }, 'InvalidParams', /it names no nodes\. Name them, or write all/],
  ['node/delete', { set: '' }, 'InvalidParams', /it names no nodes/],
  ['node/set', { set: 'kr[1-', values: {} }, 'InvalidParams', /node set "kr\[1-", character 3: this \[ has no \]/],
  ['node/set', { set: 'kr1', values: { '/physState': 'ON' } }, 'InvalidValue', /physState/],
  ['node/set', { set: 'kr1', values: { '/physState': 'PHYS_HANG' } }, 'InvalidValue', /nobody can want it/],
  ['node/set', { set: 'kr1', values: { '/id': 'x' } }, 'InvalidValue', /id/],
  ['node/set', { set: 'kr1', values: { '/nonsense': 1 } }, 'InvalidValue', /nonsense/],
  ['node/set', { values: {} }, 'InvalidParams', /node\/set/],
  ['node/set', { set: 'kr1', values: {}, zz: 1 }, 'InvalidParams', /node\/set/],
  ['node/apply', { nodes: [{}], mode: 'create' }, 'InvalidValue', /neither id nor nodename/],
  ['node/apply', { nodes: [{ nodename: 'kr1' }], mode: 'create' }, 'Conflict', /kr1.*exists already/],
  ['node/apply', { nodes: [{ nodename: 'a' }, { nodename: 'a' }], mode: 'put' }, 'Conflict', /node 2 of 2.*stands in it twice/],
  ['node/apply', { nodes: [{ nodename: 'nobody' }], mode: 'update' }, 'UnknownNode', /nobody/],
  ['node/apply', { nodes: [{ nodename: 'b' }, { nodename: 'c', physState: 'UP' }], mode: 'put' }, 'InvalidValue', /node 2 of 2.*c/],
  ['node/apply', { nodes: [{ nodename: 'kr1', labels: { rack: 3, bad: {} } }], mode: 'merge' }, 'InvalidValue', /labels/],
  ['node/explain', { set: 'nobody' }, 'UnknownNode', /no node is named nobody/],
  ['node/plan', { set: 'kr1', values: { '/physState': 'PHYS_HANG' } }, 'InvalidValue', /physState/],
  ['node/history', { set: 'nobody', limit: 1 }, 'UnknownNode', /nobody/],
  ['node/history', { limit: 0 }, 'InvalidParams', /limit/],
  ['node/hold', { set: 'kr1', why: 'x', until: NOW - 1 }, 'InvalidParams', /that time has passed/],
  ['node/hold', { set: 'kr1', why: '' }, 'InvalidParams', /why/],
  ['node/busy', { set: 'kr1', owner: '' }, 'InvalidParams', /owner/],
  ['node/power', { set: 'kr1', to: 'half' }, 'InvalidParams', /to/],
  ['node/admit', { set: 'nobody' }, 'UnknownNode', /nobody/],
  ['node/revoke', { set: 'kr1' }, 'InvalidParams', /why/],
  ['token/create', { set: 'nobody', until: NOW + 1 }, 'UnknownNode', /nobody/],
  ['token/create', { set: '', until: NOW + 1 }, 'InvalidParams', /it names no nodes/],
  ['token/create', { set: 'kr1', until: NOW }, 'InvalidParams', /until: token\/create is refused: that time has passed/],
  ['token/create', { set: 'kr1', until: NOW + 31 * 86_400_000 }, 'InvalidParams', /30 days at most/],
  ['token/create', { set: 'kr1' }, 'InvalidParams', /until/],
  ['token/revoke', { set: '' }, 'InvalidParams', /it names no nodes/],
  ['state/read', { set: 'nobody' }, 'UnknownNode', /nobody/],
  ['state/read', { nodes: ['nobody'] }, 'UnknownNode', /nobody.*no node has this id/],
  ['state/read', { set: 'kr1', paths: ['/arch'], original: true }, 'InvalidParams', /single paths have no form/],
  ['state/read', { after: 'nobody' }, 'Gone', /Read it from the start/],
  ['state/watch', { set: 'nobody' }, 'UnknownNode', /nobody/],
  ['state/watch', { from: 10_000 }, 'Gone', /this host is at revision \d+/],
  ['state/unwatch', { watch: 77 }, 'NotFound', /watch 77: there is nothing to end/],
  ['state/propose', { tx: 'a', part: 0, last: true, changes: [{ node: 'x', values: {} }] }, 'UnknownNode', /x: the proposal is refused/],
  ['state/propose', { tx: 'a', part: 1, last: true, changes: [] }, 'InvalidParams', /part 0 is due/],
  ['events/watch', { kinds: ['gossip'] }, 'InvalidParams', /kinds/],
  ['engine/limits', { set: [{ name: 'a', mutation: '*', selector: '' }] }, 'InvalidParams', /a: the limit is refused: it limits nothing/],
  ['engine/limits', { set: [{ name: 'a', mutation: '*', selector: 'kr[', atOnce: 1 }] }, 'InvalidParams', /this \[ has no \]/],
  ['engine/limits', { remove: ['none'] }, 'NotFound', /none: the limit cannot be removed/],
  ['engine/backup', { file: 'here' }, 'InvalidParams', /file/],
  ['graph/get', { node: 'nobody' }, 'UnknownNode', /nobody: there is no graph/],
  ['service/start', { service: 'simm' }, 'NotFound', /no service is named simm.*Did you mean sim\?/],
  ['service/logs', { service: 'zzzzzz', lines: 1 }, 'NotFound', /no service is named zzzzzz.*kraken service list shows all/],
];

test('what is refused is told with what, where, why and what to do, and changes nothing', async () => {
  await withControl({ hosts: true }, async ({ client, host }) => {
    const one = client();
    const { revision } = host.port.engine;
    for (const [method, params, name, expected] of REFUSED) {
      const label = `${method} ${JSON.stringify(params)}`;
      await assert.rejects(ask(one, method, params), (error: RpcError) => {
        assert.equal(error.code, CODES[name], `${label}: ${error.message}`);
        assert.match(error.message, expected, label);
        const data = error.data as Record<string, string>;
        for (const part of ['what', 'where', 'why', 'todo']) assert.equal(typeof data[part], 'string', `${label}: ${part}`);
        assert.ok(data['what'] && data['why'] && data['todo'], `${label}: ${JSON.stringify(data)}`);
        return true;
      });
    }
    assert.equal(host.port.engine.revision, revision);
  });
});

test('service stop is kept in cfg of the host itself, by whom; start and restart take it back', async () => {
  await withControl({}, async ({ client, host }) => {
    const one = client();
    const wanted = (): unknown => get(host.port.engine.node(host.port.engine.self)?.cfg ?? {}, '/services/sim/state');
    for (const [method, then] of [
      ['service/stop', 'STOP'],
      ['service/start', undefined],
      ['service/stop', 'STOP'],
      ['service/restart', undefined],
      ['service/restart', undefined],
    ] as const) {
      await ask(one, method, { service: 'sim', onBehalfOf: { user: 'ada' } });
      assert.equal(wanted(), then, method);
    }
    assert.equal(host.history.find(({ path }) => path === '/services/sim/state')?.by, 'ada');
  });
});

test('who changed what, and why, is recorded as it was said', async () => {
  await withControl({}, async ({ client, host }) => {
    const one = client();
    const cases: readonly [unknown, string, string | undefined][] = [
      [{}, 'somebody on the control socket', undefined],
      [{ onBehalfOf: { user: 'alice' }, why: 'new disks' }, 'alice', 'new disks'],
      [{ onBehalfOf: { user: 'bob', address: '127.0.0.9' } }, 'bob@127.0.0.9', undefined],
    ];
    for (const [index, [more, by, why]] of cases.entries()) {
      await ask(one, 'node/set', { set: 'kr1', values: { '/arch': `a${index}` }, ...(more as object) });
      const { changes } = await one.ask('node/history', { set: 'kr1', limit: 1 });
      assert.deepEqual([changes[0]?.by, changes[0]?.why, changes[0]?.at], [by, why, host.now]);
    }
  });
});

test('sets name nodes by name, id, label and value; each once', async () => {
  await withControl({}, async ({ client, host }) => {
    host.see(2, 'POWER_OFF');
    const one = client();
    const cases: readonly [string, string][] = [
      ['', 'head kr1 kr2 kr3 kr4'],
      ['all', 'head kr1 kr2 kr3 kr4'],
      ['kr[2-3],kr2', 'kr2 kr3'],
      [idOf(3).toUpperCase(), 'kr3'],
      ['@rack=r1', 'kr2 kr4'],
      ['@rack=r1&!kr4', 'kr2'],
      ['physState=POWER_OFF', 'kr2'],
      ['cfg.platform=test&@rack=r2', 'kr1 kr3'],
      ['platform=test&@rack=r2', 'kr1 kr3'],
      ['platform=other', ''],
      ['@rack=none', ''],
    ];
    for (const [set, expected] of cases) {
      const { nodes } = await one.ask('state/read', { set, paths: [] });
      assert.equal(nodes.map(({ name }) => name).join(' '), expected, set);
    }
  });
});

test('what is done to all, or to what is alike, is not done to this host itself unless it is named', async () => {
  await withControl({}, async ({ client }) => {
    const one = client();
    const cases: readonly [set: string, nodes: number][] = [
      ['all', 4],
      ['*', 4],
      ['!@rack=none', 4],
      ['physState=POWER_ON', 2],
      ['kr1,@rack=r1,!kr1', 4],
      ['all,head', 5],
      ['head', 1],
      [idOf(0), 1],
      ['head&physState=POWER_ON', 1],
    ];
    await ask(one, 'node/set', { set: 'head,kr[1-2]', values: { '/physState': 'POWER_ON' } });
    for (const [set, nodes] of cases) {
      assert.equal((await ask(one, 'node/hold', { set, why: 'a test' })).nodes, nodes, `hold ${set}`);
      assert.equal((await ask(one, 'node/set', { set, values: {} })).nodes, nodes, `set ${set}`);
    }
    await ask(one, 'node/set', { set: 'head', values: { '/labels/role': 'head' } });
    const refused = ask(one, 'node/power', { set: '@role=head', to: 'off' });
    await assert.rejects(refused, /only the node of this host itself matches it\. If you mean it, name it: head/);
    assert.equal((await one.ask('node/history', { set: '@role=head', limit: 1 })).changes.length, 1, 'its history is for everybody');
  });
});

test('who holds which nodes is told until the hold ends, by itself or by hand', async () => {
  await withControl({}, async ({ client, host }) => {
    const one = client();
    const held = async (params: object): Promise<Any[]> => (await ask(one, 'node/holds', params)).holds;
    assert.deepEqual(await held({}), []);
    await ask(one, 'node/hold', { set: 'kr1', why: 'a new disk' });
    await ask(one, 'node/hold', { set: 'kr2', why: 'an hour of peace', until: NOW + 3_600_000 });
    const [first, second] = (await held({})).sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual([first.node, first.name, first.why, first.until], [idOf(1), 'kr1', 'a new disk', undefined]);
    assert.ok(first.by !== '' && first.since >= NOW);
    assert.deepEqual([second.name, second.until], ['kr2', NOW + 3_600_000]);
    assert.deepEqual(
      (await held({ set: '@rack=r1' })).map(({ name }) => name),
      ['kr2'],
    );
    host.now = NOW + 3_600_001;
    assert.deepEqual(
      (await held({})).map(({ name }) => name),
      ['kr1'],
    );
    await ask(one, 'node/release', { set: 'kr1' });
    assert.deepEqual(await held({}), []);
  });
});

test('reading shows what was asked for: documents, or values by path, with who saw them', async () => {
  await withControl({}, async ({ client, host }) => {
    host.see(1, 'POWER_ON');
    const one = client();
    const read = async (more: object): Promise<Any> => (await one.ask('state/read', { set: 'kr1', ...more })).nodes[0];
    const fact = { value: 'POWER_ON', by: 'bmc', at: NOW };
    const cases: readonly [object, (node: Any) => void][] = [
      [{}, (node) => assert.deepEqual([node.cfg.platform, node.dsc.physState, node.name], ['test', 'POWER_ON', 'kr1'])],
      [{ view: 'cfg' }, (node) => assert.deepEqual([node.cfg.nodename, node.dsc, node.facts], ['kr1', undefined, undefined])],
      [{ view: 'dsc' }, (node) => assert.deepEqual([node.cfg, node.dsc.physState], [undefined, 'POWER_ON'])],
      [{ paths: ['/labels'] }, (node) => assert.deepEqual([node.cfg, node.dsc], [{ '/labels/rack': 'r2' }, {}])],
      [{ paths: ['/labels/'] }, (node) => assert.deepEqual(node.cfg, { '/labels/rack': 'r2' })],
      [{ paths: ['/physState', '/nothing'] }, (node) => assert.deepEqual([node.cfg, node.dsc], [{}, { '/physState': 'POWER_ON' }])],
      [{ paths: ['/physState'] }, ({ facts }) => assert.deepEqual({ ...facts['/physState'], rev: 0 }, { ...fact, rev: 0 })],
    ];
    for (const [more, check] of cases) check(await read(more));
  });
});

test('a file of the original is applied and read back in its own dialect, field for field', async () => {
  const file = JSON.parse(readFileSync(new URL('../fixtures/original-state.json', import.meta.url), 'utf8')) as { nodes: Any[] };
  await withControl({ nodes: 0 }, async ({ client }) => {
    const one = client();
    await one.ask('node/apply', { nodes: file.nodes, mode: 'put' });
    const { nodes } = await one.ask('state/read', { nodes: file.nodes.map(({ id }) => id), view: 'both', original: true });
    assert.deepEqual(
      nodes.map(({ cfg }) => cfg),
      file.nodes,
    );
    const again = await one.ask('node/apply', { nodes: nodes.map(({ cfg }) => cfg) as Any, mode: 'put' });
    assert.deepEqual([again.changed, again.unchanged], [0, file.nodes.length]);
  });
});

test('pages go on after the last node, and each fits into a line whatever its nodes weigh', async () => {
  await withControl({ nodes: 2_500 }, async ({ client }) => {
    const one = client();
    for (const limit of [1_000, undefined]) {
      const names: (string | undefined)[] = [];
      let after: string | undefined;
      let pages = 0;
      do {
        const page: Any = await one.ask('state/read', { ...(after ? { after } : {}), ...(limit ? { limit } : {}) });
        names.push(...page.nodes.map((node: Any) => node.name));
        after = page.next;
        pages++;
      } while (after !== undefined);
      assert.equal(new Set(names).size, 2_501);
      assert.equal(names.length, 2_501);
      if (limit) assert.equal(pages, 3);
    }
  });
  await withControl({ nodes: 150 }, async ({ client }) => {
    const one = client();
    const big = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`l${i}`, '€'.repeat(250)]));
    await one.ask('node/set', { set: 'kr[1-150]', values: { '/labels': big } });
    const first = await one.ask('state/read', {});
    assert.ok(first.nodes.length > 10 && first.nodes.length < 151, `${first.nodes.length} of 151 nodes in one line`);
    const rest: Any[] = [];
    for (let { next } = first; next; ) {
      const page: Any = await one.ask('state/read', { after: next });
      rest.push(...page.nodes);
      next = page.next;
    }
    assert.equal(first.nodes.length + rest.length, 151);
  });
});

test('parts of a transaction are applied together at the last, or not at all', async () => {
  await withControl({}, async ({ client, host }: Desk) => {
    const one = client();
    const two = client();
    const part = (who: Client, index: number, last: boolean, nodes: unknown[], tx = 't'): Promise<Any> =>
      ask(who, 'node/apply', { nodes, mode: 'create', tx, part: index, last });
    const before = host.port.engine.revision;
    assert.deepEqual(await part(one, 0, false, [{ nodename: 'n1' }]), {});
    assert.deepEqual(await part(two, 0, false, [{ nodename: 'm1' }]), {}, 'the same name in another session is another transaction');
    assert.equal(host.port.engine.revision, before, 'nothing is applied before the last part');
    const done = await part(one, 1, true, [{ nodename: 'n2' }]);
    assert.deepEqual([done.created, host.port.engine.named('n1')?.name, host.port.engine.named('n2')?.name], [2, 'n1', 'n2']);
    const turns = host.history.filter(
      ({ path, view, node }) => path === '' && view === 'cfg' && host.port.engine.node(node)?.name.startsWith('n'),
    );
    assert.equal(turns.length, 2);

    await part(two, 1, false, [{ nodename: 'm2', physState: 'UP' }]);
    await assert.rejects(part(two, 2, true, [{ nodename: 'm3' }]), /node 2 of 3/);
    assert.equal(host.port.engine.named('m1'), undefined, 'one bad node: none of them');

    await part(one, 0, false, [{ nodename: 'p1' }]);
    await assert.rejects(part(one, 2, true, [{ nodename: 'p3' }]), /part 1 is due/);
    await assert.rejects(part(one, 1, true, [{ nodename: 'p2' }]), /part 0 is due/, 'a transaction that went wrong is gone');
    assert.equal(host.port.engine.named('p1'), undefined);

    for (let i = 0; i < 4; i++) await part(one, 0, false, [], `open${i}`);
    await assert.rejects(part(one, 0, false, [], 'more'), (error: RpcError) => error.code === CODES.TooMany);
    for (let i = 0; i < 128; i++) await part(two, i, false, [], 'long');
    await assert.rejects(part(two, 128, true, [], 'long'), (error: RpcError) => error.code === CODES.TooLarge);
  });
});

test('values proposed for one node in several parts come together; null removes', async () => {
  await withControl({}, async ({ client, host }) => {
    const one = client();
    const propose = (part: number, last: boolean, values: object): Promise<Any> =>
      ask(one, 'state/propose', { tx: 'v', part, last, changes: [{ node: idOf(1), values }] });
    await propose(0, false, { '/arch': 'arm64', '/labels/row': 'a' });
    await propose(1, true, { '/labels/rack': null });
    const cfg = host.port.engine.node(idOf(1))?.cfg;
    assert.deepEqual([cfg?.['arch'], cfg?.['labels']], ['arm64', { row: 'a' }]);
    await assert.rejects(propose(0, true, { '/physState': 'UP' }), /physState/);
  });
});

test('apply: by name where there is no id, a patch that merges, a dry run that does nothing', async () => {
  await withControl({}, async ({ client, host }) => {
    const one = client();
    const { engine } = host.port;
    const counts = ({ created, changed, unchanged }: Any): unknown => [created, changed, unchanged];
    assert.deepEqual(counts(await one.ask('node/apply', { nodes: [{ nodename: 'kr1', arch: 'x' }], mode: 'merge' })), [0, 1, 0]);
    assert.deepEqual([engine.named('kr1')?.id, engine.named('kr1')?.cfg['platform']], [idOf(1), 'test']);
    const nodes = [{ nodename: 'kr1', arch: 'y' }, { nodename: 'fresh' }];
    const { revision } = engine;
    const dry = await one.ask('node/apply', { nodes, mode: 'put', dryRun: true });
    assert.deepEqual([counts(dry), engine.revision, engine.named('fresh')], [[1, 1, 0], revision, undefined]);
    assert.deepEqual(counts(await one.ask('node/apply', { nodes, mode: 'put' })), [1, 1, 0]);
    assert.equal(engine.named('kr1')?.cfg['platform'], undefined, 'put replaces the whole document');
    assert.deepEqual(counts(await one.ask('node/apply', { nodes, mode: 'put' })), [0, 0, 2]);
  });
});

test('history of a set: newest first, paged', async () => {
  await withControl({}, async ({ client }) => {
    const one = client();
    for (let i = 0; i < 6; i++) await one.ask('node/set', { set: `kr${1 + (i % 3)}`, values: { '/arch': `a${i}` } });
    const seen: unknown[] = [];
    let before: number | undefined;
    do {
      const page: Any = await one.ask('node/history', { set: 'kr[1-2]', limit: 2, ...(before ? { before } : {}) });
      seen.push(...page.changes.filter(({ path }: Any) => path === '/arch').map(({ to }: Any) => to));
      before = page.next;
    } while (before !== undefined);
    assert.deepEqual(seen, ['a4', 'a3', 'a1', 'a0']);
  });
});
