/** `/api/v1` beside a real host: what every route answers, how it refuses and names the field, and all of it as the OpenAPI document promises. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { goal, simulated } from '../e2e/lab.ts';
import { type Document, underContract } from './contract.ts';
import { type Answer, type Rest, startRest } from './lab.ts';

const V1 = '/api/v1';
const MERGE = { 'content-type': 'application/merge-patch+json' };

test('every operation answers as it promises', async (t) => {
  const rest = await startRest(t, { sim: { scale: 0, pollEvery: '60s', persist: false } });
  const { ask, contract } = await underContract(rest);
  const get = (path: string, headers?: Readonly<Record<string, string>>): Promise<Answer> => ask('GET', `${V1}${path}`, undefined, headers);
  const ok = async (method: string, path: string, body?: unknown, status = 200, headers = {}): Promise<Answer['body']> => {
    const answer = await ask(method, `${V1}${path}`, body, headers);
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  /** Refused with this status, and this field of ours is named. */
  const refused = async (
    call: readonly [method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>],
    status: number,
    field: string | undefined,
    why = /./,
  ): Promise<void> => {
    const [method, path, body, headers] = call;
    const answer = await ask(method, `${V1}${path}`, body, headers);
    const where = `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`;
    assert.equal(answer.status, status, where);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, where);
    assert.equal(answer.body.field, field, where);
    assert.match(answer.body.why, why, where);
    assert.equal(answer.body.status, status);
  };

  await t.test('the document is OpenAPI 3.1 for a validator that is not ours', async () => {
    const document = (await get('/openapi.json')).body as Document;
    assert.equal(document.openapi, '3.1.0');
    const result = await new Validator().validate(structuredClone(document) as never);
    assert.ok(result.valid, JSON.stringify(result.errors));
    assert.equal((await new Validator().validate({ ...document, openapi: '3.1.0', paths: { bad: 1 } } as never)).valid, false);
    const ids = contract.operations().map(({ about }) => about.operationId);
    assert.equal(new Set(ids).size, ids.length, 'an operation is known by its id');
    assert.ok(ids.length > 45, `${ids.length} operations`);
  });

  await t.test('nodes are made, listed, changed and forgotten', async () => {
    const nodes = simulated(12).map((node, i) => ({ ...node, labels: { rack: `r${i % 3}` }, runState: 'SYNC' }));
    const made = await ok('POST', '/nodes', { nodes, why: 'a new rack' }, 201);
    assert.deepEqual([made.nodes, made.created], [12, 12]);
    const { changes } = (await get('/history?selector=kr1')).body;
    assert.equal(changes.find(({ path }: { path: string }) => path === '').why, 'a new rack');
    const all = (await get('/nodes')).body;
    assert.equal(all.nodes.length, 13);
    assert.ok(all.revision >= made.revision, 'what was written is read');
    const names = all.nodes.map(({ name }: { name: string }) => name).filter((name: string) => name.startsWith('kr'));
    assert.deepEqual(
      names,
      nodes.map(({ nodename }) => nodename),
      'numbers in names are sorted as numbers',
    );
    const kr1 = (await get('/nodes/kr1')).body;
    assert.deepEqual((await get(`/nodes/${kr1.id.toUpperCase()}`)).body.id, kr1.id, 'by id, in any case');
    assert.equal(kr1.cfg.physState, 'POWER_ON');
    await goal(rest.control, '@rack');
    const seen = (await get('/nodes/kr1')).body;
    assert.deepEqual([seen.dsc.physState, seen.facts['/physState'].value, seen.facts['/physState'].by], ['POWER_ON', 'POWER_ON', 'sim']);
    assert.ok(Date.now() - seen.facts['/physState'].at < 60_000);
    const [only] = (await get('/nodes?selector=kr2&view=dsc&fields=physState,/images/,labels.rack')).body.nodes;
    assert.equal(only.cfg, undefined);
    assert.deepEqual([only.dsc['/physState'], only.dsc['/images/state'], only.dsc['/labels/rack']], ['POWER_ON', 'ACTIVE', undefined]);
    const [wanted] = (await get('/nodes?selector=kr2&view=cfg&facts=true&fields=/labels/,images.state')).body.nodes;
    assert.deepEqual([wanted.cfg, wanted.dsc, wanted.facts], [{ '/labels/rack': 'r1', '/images/state': 'ACTIVE' }, undefined, undefined]);
    assert.deepEqual((await get('/nodes?selector=kr2&facts=true&fields=physState')).body.nodes[0].facts['/physState'].value, 'POWER_ON');
  });

  await t.test('a selector reads like the host reads it', async () => {
    const cases: readonly [string, readonly string[]][] = [
      ['kr[1-3]', ['kr1', 'kr2', 'kr3']],
      ['@rack=r0', ['kr1', 'kr4', 'kr7', 'kr10']],
      ['@rack=r0&!kr1', ['kr4', 'kr7', 'kr10']],
      ['physState=POWER_ON&kr[10-11]', ['kr10', 'kr11']],
      ['cfg.physState=POWER_OFF', []],
      ['kr5,kr1', ['kr1', 'kr5']],
      ['nobody', []],
    ];
    for (const [selector, expect] of cases) {
      const { nodes } = (await get(`/nodes?selector=${encodeURIComponent(selector)}`)).body;
      assert.deepEqual(
        nodes.map(({ name }: { name: string }) => name),
        expect,
        selector,
      );
    }
  });

  await t.test('pages hold every node once, whatever happens between them', async () => {
    const seen: string[] = [];
    let after = '';
    for (let page = 0; ; page++) {
      const { nodes, next } = (await get(`/nodes?selector=@rack&limit=5&fields=nodename${after}`)).body;
      seen.push(...nodes.map(({ name }: { name: string }) => name));
      if (next === undefined) break;
      after = `&after=${next}`;
      if (page === 0) await ok('PATCH', '/nodes/kr3', { arch: 'amd64' }, 200, MERGE);
    }
    assert.deepEqual(
      seen,
      simulated(12).map(({ nodename }) => nodename),
    );
    await refused(['GET', '/nodes?after=00000000-0000-4000-8000-00000000dead'], 410, 'after');
  });

  await t.test('tags: who has it is not sent it again, and who has not seen a change does not overwrite it', async () => {
    const first = await get('/nodes/kr1');
    const tag = first.headers.get('etag') ?? '';
    assert.equal((await get('/nodes/kr1', { 'if-none-match': tag })).status, 304);
    assert.equal((await get('/nodes/kr1', { 'if-none-match': `W/${tag}, "x"` })).status, 304);
    assert.equal((await get('/nodes/kr1', { 'if-none-match': '"x"' })).status, 200);
    const list = (await get('/nodes')).headers.get('etag') ?? '';
    assert.equal((await get('/nodes', { 'if-none-match': list })).status, 304);
    const patched = await ask('PATCH', `${V1}/nodes/kr1`, { arch: 'amd64', why: 'told by its label' }, { ...MERGE, 'if-match': tag });
    assert.deepEqual([patched.status, patched.body.changed], [200, 1]);
    assert.notEqual(patched.headers.get('etag'), tag);
    assert.equal((await get('/nodes/kr1', { 'if-none-match': tag })).status, 200);
    assert.equal((await get('/nodes', { 'if-none-match': list })).status, 200);
    assert.equal((await get('/nodes/kr1', { 'if-none-match': patched.headers.get('etag') ?? '' })).status, 304);
    await refused(['PATCH', '/nodes/kr1', { arch: 'arm64' }, { ...MERGE, 'if-match': tag }], 412, 'if-match', /changed it at revision/);
    await refused(['PUT', '/nodes/kr1', { platform: 'sim' }, { 'if-match': tag }], 412, 'if-match');
    await refused(['DELETE', '/nodes/kr1', undefined, { 'if-match': tag }], 412, 'if-match');
    await refused(['DELETE', '/nodes/none', undefined, { 'if-match': '*' }], 412, 'if-match');
    await refused(['PATCH', '/nodes/kr1', { arch: 'arm64' }, { ...MERGE, 'if-match': 'yesterday' }], 400, 'if-match');
    await refused(['PUT', '/nodes/kr1', { platform: 'sim' }, { 'if-none-match': '*' }], 412, 'if-none-match');
    assert.equal((await get('/nodes/kr1')).body.cfg.arch, 'amd64');
  });

  await t.test('one node is put, patched and forgotten', async () => {
    assert.equal((await ok('PUT', '/nodes/kr50', { platform: 'none', labels: { a: 'b' } }, 201)).created, 1);
    assert.equal((await ok('PUT', '/nodes/kr50', { platform: 'other' })).changed, 1);
    const { id, cfg } = (await get('/nodes/kr50')).body;
    assert.deepEqual([cfg.platform, cfg.labels, cfg.nodename], ['other', undefined, 'kr50']);
    await ok('PATCH', `/nodes/${id}`, { labels: { x: '1', y: '2' } }, 200, MERGE);
    await ok('PATCH', `/nodes/${id}`, { labels: { x: null } }, 200, { 'content-type': 'application/json' });
    assert.deepEqual((await get('/nodes/kr50')).body.cfg.labels, { y: '2' });
    await refused(['PATCH', '/nodes/kr50', { id: '00000000-0000-4000-8000-000000000001' }, MERGE], 400, '/id');
    await refused(['PUT', '/nodes/kr50', { id: '00000000-0000-4000-8000-000000000001' }], 400, '/id');
    assert.equal((await ok('DELETE', `/nodes/${id}?why=scrapped`)).removed, 1);
    await refused(['GET', '/nodes/kr50'], 404, 'node');
    await refused(['DELETE', '/nodes/kr50'], 404, 'node');
    await ok('POST', '/nodes', { nodes: [{ nodename: 'kr51' }] }, 201);
    const put = await ok('PUT', '/nodes', { nodes: [{ nodename: 'kr51', arch: 'amd64' }, { nodename: 'kr52' }] });
    assert.deepEqual([put.nodes, put.created, put.changed], [2, 1, 1]);
    assert.equal((await ok('DELETE', '/nodes?selector=kr[51-52]', { why: 'scrapped, too' })).removed, 2);
    await refused(['DELETE', '/nodes?selector=kr[51-52]'], 404, 'selector');
  });

  await t.test('a patch of a set: values, lists of the original, and objects that are only named', async () => {
    assert.equal((await ok('PATCH', '/nodes?selector=kr[1-3]', { labels: { row: 'a' }, why: 'they moved' }, 200, MERGE)).changed, 3);
    assert.equal((await ok('PATCH', '/nodes?selector=kr[1-4]', { labels: { row: 'a' } }, 200, MERGE)).changed, 1);
    await ok('PATCH', '/nodes?selector=kr1', { labels: {} }, 200, MERGE);
    assert.equal((await get('/nodes/kr1')).body.cfg.labels.row, 'a', 'an empty object takes nothing away');
    const extensions = [{ '@type': 'type.googleapis.com/IPv4.IPv4OverEthernet', hostname: { hostname: 'one', domainname: 'local' } }];
    await ok('PATCH', '/nodes?selector=kr1', { extensions }, 200, MERGE);
    assert.equal((await get('/nodes/kr1')).body.cfg.ipv4.hostname.hostname, 'one');
    await ok('PATCH', '/nodes?selector=kr[1-4]', { labels: { row: null } }, 200, MERGE);
    assert.equal((await get('/nodes?selector=@row')).body.nodes.length, 0);
  });

  await t.test('plans, explanations, histories, graphs', async () => {
    const plan = await ok('POST', '/plan', { selector: 'kr[1-2]', values: { physState: 'POWER_OFF' } });
    assert.deepEqual([plan.changed, plan.groups[0].nodes.length], [2, 2]);
    assert.equal((await ok('POST', '/plan', { selector: 'kr1', order: 'reboot' })).groups.length, 1);
    assert.equal((await ok('POST', '/plan', { nodes: [{ nodename: 'kr99', platform: 'sim', physState: 'POWER_ON' }] })).changed, 1);
    assert.equal((await ok('GET', '/nodes/kr1/explain')).name, 'kr1');
    assert.equal((await ok('GET', '/explain?selector=kr[1-2]')).nodes.length, 2);
    const page = await ok('GET', '/nodes/kr1/history?limit=2');
    assert.equal(page.changes.length, 2);
    const rest2 = await ok('GET', `/nodes/kr1/history?limit=2&before=${page.next}`);
    assert.ok(rest2.changes[0].rev < page.changes[1].rev);
    assert.ok((await ok('GET', '/nodes/kr1/graph')).nodes.some(({ mark }: { mark: string }) => mark === 'current'));
    assert.ok((await ok('GET', '/graph')).edges.length > 0);
    assert.deepEqual((await ok('GET', '/waiting')).waiting, []);
  });

  await t.test('holds, power, reboots, retries', async () => {
    const until = Date.now() + 3_600_000;
    const started = performance.now();
    assert.equal((await ok('POST', '/holds', { selector: 'kr[1-2]', why: 'a new disk', until })).nodes, 2);
    const { holds } = await ok('GET', '/holds?selector=kr1');
    assert.deepEqual([holds.length, holds[0].name, holds[0].why, holds[0].until], [1, 'kr1', 'a new disk', until]);
    assert.match(holds[0].by, /loopback/);
    assert.equal((await ok('DELETE', '/holds?selector=kr[1-2]')).nodes, 2);
    assert.deepEqual((await ok('GET', '/holds')).holds, []);
    await ok('POST', '/power', { selector: 'kr1', to: 'off', why: 'it is not used' });
    assert.equal((await get('/nodes/kr1?fields=physState')).body.cfg['/physState'], 'POWER_OFF');
    await ok('POST', '/reboots', { selector: 'kr2', cycle: true, why: 'a new kernel' });
    await ok('DELETE', '/reboots?selector=kr2');
    await ok('POST', '/retries', { selector: 'kr2', disruptive: false });
    await ok('PATCH', '/nodes/kr1', { physState: 'POWER_OFF' }, 200, MERGE);
    assert.ok(performance.now() - started < 1_500, 'what changes nothing of a node waits for no news of it');
  });

  await t.test('the engine, its limits, services and what they are asked', async () => {
    await ok('POST', '/engine/freeze', { why: 'the power is changed' });
    assert.equal((await ok('GET', '/engine')).frozen.why, 'the power is changed');
    await ok('POST', '/engine/thaw');
    assert.equal((await ok('GET', '/engine')).frozen, undefined);
    const limit = { name: 'slowly', mutation: 'sim/*', selector: '@rack', atOnce: 3 };
    assert.deepEqual((await ok('PATCH', '/engine/limits', { set: [limit] })).limits, [limit]);
    assert.deepEqual((await ok('PATCH', '/engine/limits', { remove: ['slowly'] })).limits, []);
    assert.deepEqual((await ok('GET', '/engine/limits')).limits, []);
    assert.deepEqual((await ok('GET', '/peers')).peers, []);
    const schema = await ok('GET', '/schema');
    assert.deepEqual([schema.core.type, schema.extensions.pxe.type], ['object', 'PXE.Client']);
    const { services } = await ok('GET', '/services');
    assert.deepEqual(services.map(({ service }: { service: string }) => service).sort(), ['restapi', 'sim']);
    assert.ok((await ok('GET', '/services/sim/logs?lines=3')).lines.length > 0);
    assert.deepEqual((await ok('GET', '/plugins')).plugins[0], { module: 'restapi', services: ['restapi'] });
    assert.deepEqual((await ok('POST', '/services/restapi/calls/where', {})).result, { url: rest.url });
    for (const action of ['stop', 'start', 'restart']) await ok('POST', `/services/sim/${action}`);
  });

  await t.test('who asks, tokens, health', async () => {
    const { node, ...me } = await ok('GET', '/me');
    assert.deepEqual(me, { user: 'loopback', role: 'admin', address: '127.0.0.1', authentication: 'loopback' });
    assert.equal((await ok('GET', `/nodes/${node}`)).id, node);
    const { token, id, until } = await ok('POST', '/tokens', { user: 'ann', role: 'viewer', days: 2 }, 201);
    assert.ok(Math.abs(until - Date.now() - 2 * 86_400_000) < 60_000);
    assert.deepEqual(
      (await ok('GET', '/tokens')).tokens.map(({ user }: { user: string }) => user),
      ['ann'],
    );
    assert.ok(!JSON.stringify((await ok('GET', '/tokens')).tokens).includes(token));
    assert.equal((await ok('POST', '/session', { token })).user, 'ann');
    await ok('DELETE', '/session', undefined, 204);
    await ok('DELETE', `/tokens/${id}`, undefined, 204);
    await refused(['POST', '/session', { token }], 401, undefined);
    assert.deepEqual([await ok('GET', '/health'), await ok('GET', '/ready')], [{ status: 'ok' }, { ready: true }]);
  });

  await t.test('metrics are the text format, and say what is there', async () => {
    const { body } = await get('/metrics');
    const lines = String(body)
      .split('\n')
      .filter((line) => line !== '');
    for (const line of lines) assert.match(line, /^# (HELP|TYPE) \w+ .+$|^\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? ([\d.e+-]+|NaN)$/);
    const figure = (name: string): number =>
      Number(
        lines
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')
          .at(-1),
      );
    assert.equal(figure('kraken_nodes'), 13);
    assert.ok(figure('kraken_nodes_phys_state{state="POWER_ON"}') >= 11);
    assert.equal(figure('kraken_engine_up'), 1);
    assert.equal(figure('kraken_replica_lag_revisions'), 0);
    assert.ok(figure('kraken_nodes_walk{walk="atGoal"}') > 0);
    assert.ok(figure('kraken_rest_requests_total{method="POST",route="/api/v1/nodes",status="201"}') >= 1);
    assert.ok(figure('kraken_rest_request_seconds_count{method="GET",route="/api/v1/nodes/:node"}') > 5);
    assert.ok(figure('process_resident_memory_bytes') > 1e7);
  });

  await t.test('what is refused names the field', async () => {
    const cases: readonly (readonly [Parameters<typeof refused>[0], number, string | undefined])[] = [
      [['GET', '/nodes?selector=kr[1-'], 400, 'selector'],
      [['GET', '/nodes?selector=kr%5B1-2%5D%20x'], 400, 'selector'],
      [['GET', '/nodes?limit=0'], 400, 'limit'],
      [['GET', '/nodes?limit=many'], 400, 'limit'],
      [['GET', '/nodes?limit=1&limit=2'], 400, 'limit'],
      [['GET', '/nodes?facts=perhaps'], 400, 'facts'],
      [['GET', '/nodes?view=all'], 400, 'view'],
      [['GET', '/nodes?fields=a,,b'], 400, 'fields'],
      [['GET', '/nodes?fields=/a~2'], 400, 'fields'],
      [['GET', '/nodes?selectr=kr1'], 400, 'selectr'],
      [['GET', '/nodes/kr1?fields=,'], 400, 'fields'],
      [['GET', '/nodes/none/explain'], 404, 'node'],
      [['GET', '/nodes/none/graph'], 404, 'node'],
      [['GET', '/nodes/none/history'], 404, 'node'],
      [['GET', '/explain?selector=none'], 404, 'selector'],
      [['GET', '/history?selector=kr['], 400, 'selector'],
      [['GET', '/history?limit=0'], 400, 'limit'],
      [['GET', '/holds?selector=none'], 404, 'selector'],
      [['GET', '/events?kinds=all'], 400, 'kinds'],
      [['GET', '/events?selector=kr['], 400, 'selector'],
      [['GET', '/events?from=now'], 400, 'from'],
      [['GET', '/services/none/logs'], 404, 'service'],
      [['GET', '/services/sim/logs?lines=-1'], 400, 'lines'],
      [['GET', '/nothing'], 404, undefined],
      [['POST', '/nodes', '{"nodes":'], 400, 'body'],
      [['POST', '/nodes', []], 400, 'body'],
      [['POST', '/nodes', {}], 400, '/nodes'],
      [['POST', '/nodes', { nodes: [] }], 400, '/nodes'],
      [['POST', '/nodes', { nodes: ['kr1'] }], 400, '/nodes/0'],
      [['POST', '/nodes', { nodes: [{ nodename: 'n' }], wyh: 'x' }], 400, '/wyh'],
      [['POST', '/nodes', { nodes: [{ nodename: 'n' }], why: 7 }], 400, '/why'],
      [['POST', '/nodes', { nodes: [{ platform: 'sim' }] }], 400, '/nodes/0'],
      [['POST', '/nodes', { nodes: [{ nodename: 'n1' }, { nodename: 'n2', physState: 'ON' }] }], 400, '/nodes/1/physState'],
      [['POST', '/nodes', { nodes: [{ nodename: 'n1', nothing: 1 }] }], 400, '/nodes/0/nothing'],
      [['POST', '/nodes', { nodes: [{ nodename: 'kr1' }] }], 409, '/nodes/0'],
      [['PUT', '/nodes', { nodes: [{ nodename: 'n1' }, { nodename: 'n1' }] }], 409, '/nodes/1'],
      [['PATCH', '/nodes', { arch: 'x' }, MERGE], 400, 'selector'],
      [['PATCH', '/nodes?selector=', { arch: 'x' }, MERGE], 400, 'selector'],
      [['PATCH', '/nodes?selector=none', { arch: 'x' }, MERGE], 404, 'selector'],
      [['PATCH', '/nodes?selector=kr1', { id: 'x' }, MERGE], 400, '/id'],
      [['PATCH', '/nodes?selector=kr1', { physState: 'ON' }, MERGE], 400, '/physState'],
      [['PATCH', '/nodes?selector=kr1', { images: { state: 7 } }, MERGE], 400, '/images/state'],
      [['PATCH', '/nodes?selector=kr1', { nothing: { at: 'all' } }, MERGE], 400, '/nothing'],
      [['PATCH', '/nodes?selector=kr1', { arch: 'x', why: '' }, MERGE], 400, '/why'],
      [['PATCH', '/nodes?selector=kr1', { extensions: [{ a: 1 }] }, MERGE], 400, '/extensions/0'],
      [['PATCH', '/nodes/kr1', { physState: 'ON' }, MERGE], 400, '/physState'],
      [['PATCH', '/nodes/kr1', [], MERGE], 400, 'body'],
      [['PATCH', '/nodes/kr1', { force: 7 }, MERGE], 400, '/force'],
      [['PATCH', '/nodes/kr1', 'arch=x', { 'content-type': 'text/plain' }], 415, 'content-type'],
      [['PUT', '/nodes/kr1', { arch: ['a'] }], 400, '/arch'],
      [['DELETE', '/nodes'], 400, 'selector'],
      [['DELETE', '/nodes?selector=none'], 404, 'selector'],
      [['POST', '/plan', {}], 400, '/selector'],
      [['POST', '/plan', { selector: 'none' }], 404, '/selector'],
      [['POST', '/plan', { selector: 'kr1', values: { physState: 'ON' } }], 400, '/values/~1physState'],
      [['POST', '/plan', { selector: 'kr1', values: {}, order: 'reboot' }], 400, '/order'],
      [['POST', '/plan', { selector: 'kr1', order: 'dance' }], 400, '/order'],
      [['POST', '/plan', { nodes: [{ nodename: 'n1', physState: 'ON' }] }], 400, '/nodes/0/physState'],
      [['POST', '/holds', { selector: 'kr1' }], 400, '/why'],
      [['POST', '/holds', { selector: 'kr1', why: 'x', until: 5 }], 400, '/until'],
      [['POST', '/power', { selector: 'kr1', to: 'sideways' }], 400, '/to'],
      [['POST', '/power', { selector: '', to: 'on' }], 400, '/selector'],
      [['POST', '/power', { selector: 'kr[', to: 'on' }], 400, '/selector'],
      [['POST', '/reboots', { selector: 'none' }], 404, '/selector'],
      [['POST', '/engine/freeze', {}], 400, '/why'],
      [['PATCH', '/engine/limits', { set: [{ name: 'a', mutation: '*', selector: 'all' }] }], 400, '/set/0'],
      [['PATCH', '/engine/limits', { set: [{ name: 'a', mutation: '*' }] }], 400, '/set/0/selector'],
      [['PATCH', '/engine/limits', { remove: ['none'] }], 404, '/remove/0'],
      [['POST', '/services/none/restart'], 404, 'service'],
      [['POST', '/services/-/restart'], 400, 'service'],
      [['POST', '/services/restapi/calls/none', {}], 404, 'call'],
      [['POST', '/services/restapi/calls/revokeToken', { id: 7 }], 400, '/id'],
      [['POST', '/tokens', { user: 'ann' }], 400, '/role'],
      [['POST', '/tokens', { user: 'a b', role: 'viewer' }], 400, '/user'],
      [['POST', '/session', { token: 'a;b' }], 400, '/token'],
      [['DELETE', '/tokens/none'], 404, 'id'],
      [['DELETE', '/nodes/kr1?nothing=1'], 400, 'nothing'],
    ];
    for (const [call, status, field] of cases) await refused(call, status, field);
  });

  const unseen = contract.operations().filter(({ about }) => !contract.seen.has(about.operationId));
  assert.deepEqual(
    unseen.map(({ about }) => about.operationId),
    [],
    'every operation was asked',
  );
  const unanswered = [...contract.seen].filter(([, statuses]) => ![...statuses].some((status) => status < 300)).map(([id]) => id);
  assert.deepEqual(unanswered, ['events'], 'every operation has succeeded once; events have a test of their own');
});

test('a long list is told as fast as it is read, and costs nothing while nobody reads it', async (t) => {
  const rest = await startRest(t);
  const { ask } = await underContract(rest);
  const nodes = Array.from({ length: 5_000 }, (_, i) => ({
    nodename: `n${i}`,
    platform: 'none',
    labels: { a: 'x'.repeat(200), b: 'y'.repeat(200) },
  }));
  assert.equal((await ask('POST', `${V1}/nodes`, { nodes })).status, 201);
  const whole = await ask('GET', `${V1}/nodes?limit=100000&facts=true`);
  assert.equal(whole.body.nodes.length, 5_001);
  assert.equal(whole.body.next, undefined);
  const page = await ask('GET', `${V1}/nodes?limit=3000`);
  assert.deepEqual([page.body.nodes.length, page.body.next], [3_000, page.body.nodes.at(-1).id]);
  await stalled(rest, 30);
  const metrics = String((await ask('GET', `${V1}/metrics`)).body);
  const memory = Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1]) / 1e6;
  assert.ok(memory < 300, `${memory.toFixed(0)} MB with 30 readers that do not read, of 10 MB each`);
});

/** So many ask for everything, and read nothing. */
async function stalled({ url }: Rest, count: number): Promise<void> {
  const waiting = Array.from(
    { length: count },
    () =>
      new Promise<() => void>((resolve, reject) => {
        const sent = httpRequest(`${url}${V1}/nodes?limit=100000`, { agent: false }, (answer) => {
          answer.pause();
          resolve(() => sent.destroy());
        });
        sent.on('error', reject).end();
      }),
  );
  const ends = await Promise.all(waiting);
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const end of ends) end();
}
