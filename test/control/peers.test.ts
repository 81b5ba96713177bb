/** What people are told of neighbouring hosts, and the tokens with which they let them in. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { RpcError } from '@kraken-hpc/sdk/wire';
import { createTokens } from '../../host/control/peers.ts';
import type { PeerStatus } from '../../host/core/peer-status.ts';
import { makeToken, readToken } from '../../host/sync/edge/token.ts';
import { idOf, NOW, TestHost, withControl } from './bench.ts';

const HOUR = 3_600_000;

function peer(index: number, more: Partial<PeerStatus> = {}): PeerStatus {
  return {
    ...{ id: idOf(index), name: `kr${index}`, role: 'child', state: 'connected', since: NOW, heardAt: NOW, behind: 0 },
    ...{ bytesInPerSecond: 0, bytesOutPerSecond: 0, forged: 0, replayed: 0, malformed: 0 },
    ...more,
  } as PeerStatus;
}

test('a token is told once; the engine, its journal and its events know the hash alone', async () => {
  await withControl({ hosts: true }, async ({ client, host, logged }) => {
    const one = client();
    const until = NOW + HOUR;
    const { tokens } = await one.ask('token/create', { set: 'kr[1-3]', until });
    assert.deepEqual(
      tokens.map(({ node, name, until }) => [node, name, until]),
      [1, 2, 3].map((index) => [idOf(index), `kr${index}`, until]),
    );
    assert.equal(new Set(tokens.map(({ token }) => token)).size, 3);
    for (const { node, token = '' } of tokens) {
      assert.match(token, /^(?:[A-Z2-7]{4}-){7}[A-Z2-7]{4}$/);
      const hash = createHash('sha256')
        .update(readToken(token) ?? '')
        .digest('base64url');
      assert.deepEqual(host.engine.world.nodes.get(node)?.book.token, { hash, until });
      const letters = token.replaceAll('-', '');
      const kept = JSON.stringify([host.events, host.history, logged]);
      assert.ok(!kept.includes(token) && !kept.includes(letters), 'the token itself is kept nowhere');
    }
    assert.deepEqual(await one.ask('token/list', {}), { tokens: tokens.map(({ token: _, ...rest }) => rest) });
    const { tokens: again } = await one.ask('token/create', { set: 'kr1', until });
    assert.notEqual(again[0]?.token, tokens[0]?.token);
    assert.equal((await one.ask('token/list', {})).tokens.length, 3, 'a second one replaces the first');
    assert.equal((await one.ask('token/revoke', { set: 'kr[1-2]' })).nodes, 2);
    assert.deepEqual(
      (await one.ask('token/list', {})).tokens.map(({ name }) => name),
      ['kr3'],
    );
    assert.equal(host.engine.world.nodes.get(idOf(1))?.book.token, undefined);
    assert.equal((await one.ask('token/revoke', { set: 'kr1' })).nodes, 0);
    host.now += HOUR;
    assert.deepEqual(await one.ask('token/list', {}), { tokens: [] }, 'one that has expired waits for nobody');
  });
});

test('more tokens at once than anybody carries about are refused, and none is made', async () => {
  await withControl({ nodes: 10_001, hosts: true }, async ({ client, host }) => {
    await assert.rejects(client().ask('token/create', { set: 'all', until: NOW + HOUR }), /10001 nodes.*at most 10000 at once/);
    assert.deepEqual(host.port.engine.tokens(NOW), []);
  });
});

test('tokens of many nodes wait together for the disk, and none is told before all are on it', async () => {
  const host = new TestHost(50, true);
  const onDisk: (() => void)[] = [];
  const port = {
    ...host.port,
    ask: async (make: Parameters<typeof host.ask>[0]) => {
      const answer = await host.ask(make);
      await new Promise<void>((resolve) => void onDisk.push(resolve));
      return answer;
    },
  };
  const told: string[] = [];
  const asked = createTokens(port, { set: 'kr[1-50]', until: NOW + HOUR }, { author: { user: 'ada' } } as never).then((answer) => {
    for (const { name } of (answer as { tokens: { name: string }[] }).tokens) told.push(name);
  });
  await new Promise(setImmediate);
  assert.equal(onDisk.length, 50, 'all are asked for at once');
  const [last, ...others] = onDisk.reverse();
  for (const done of others) done();
  await new Promise(setImmediate);
  assert.deepEqual(told, []);
  last?.();
  await asked;
  assert.deepEqual(
    told,
    Array.from({ length: 50 }, (_, i) => `kr${i + 1}`),
  );
});

test('tokens have 160 random bits, and are read as people write them', () => {
  const made = Array.from({ length: 200 }, makeToken);
  assert.equal(new Set(made.map(({ token }) => token)).size, made.length);
  // Every letter in every place: no bit is left out.
  for (let place = 0; place < 32; place++)
    assert.ok(new Set(made.map(({ token }) => readToken(token)?.[place])).size > 20, `place ${place} is not random`);
  const [{ token, hash }] = made as [{ token: string; hash: string }];
  const letters = token.replaceAll('-', '');
  for (const written of [token, letters, token.toLowerCase(), ` ${token}\n`, letters.replaceAll(/.{8}/g, '$& ')]) {
    assert.equal(readToken(written), letters);
    assert.equal(
      createHash('sha256')
        .update(readToken(written) ?? '')
        .digest('base64url'),
      hash,
    );
  }
  for (const wrong of ['', token.slice(1), `${token}A`, token.replace(/^./, '1'), 'x'.repeat(100_000)])
    assert.equal(readToken(wrong), undefined);
});

test('admit opens the door for the next host that asks, revoke closes it', async () => {
  await withControl({ hosts: true }, async ({ client, host }) => {
    const one = client();
    const book = () => host.engine.world.nodes.get(idOf(1))?.book;
    assert.equal((await one.ask('node/admit', { set: 'kr1', why: 'a new disk', onBehalfOf: { user: 'ada' } })).nodes, 1);
    assert.match(book()?.window?.why ?? '', /ada said that it may come/);
    const claim = { node: idOf(1), boot: 'b', key: 'k1', address: '10.0.0.1', term: 0, runs: false } as const;
    const knock = (key: string) =>
      host.ask((request) => ({ type: 'claim', request, claim: { ...claim, key, proof: { kind: 'boot', privileged: true } } }));
    assert.deepEqual(await knock('k1'), { term: 1 });
    await one.ask('token/create', { set: 'kr1', until: NOW + HOUR });
    assert.equal((await one.ask('node/revoke', { set: 'kr1', why: 'stolen' })).nodes, 1);
    await assert.rejects(knock('k1'), /its key was revoked/);
    await assert.rejects(knock('k2'), /neither caused nor saw its boot/, 'with another key neither: the window is shut');
    assert.deepEqual(await one.ask('token/list', {}), { tokens: [] }, 'and its token is none any more');
    assert.equal(book()?.hold, undefined, 'and nobody takes it for a second claim');
    await one.ask('node/admit', { set: 'kr1' });
    assert.deepEqual(await knock('k2'), { term: 2 });
    await one.ask('node/admit', { set: 'kr2' });
    await one.ask('node/revoke', { set: 'kr2', why: 'not that one' });
    assert.equal(host.engine.world.nodes.get(idOf(2))?.book.window, undefined, 'a window that nobody has used yet is shut as well');
    const { changes } = await one.ask('node/history', { set: 'kr1', limit: 100 });
    for (const note of ['admit', 'revoke'])
      assert.ok(
        changes.some(({ path }) => path === note),
        note,
      );
  });
});

test('a host that has neither a CA nor a parent has nobody to let in, and says so', async () => {
  await withControl({}, async ({ client, host }) => {
    const one = client();
    assert.deepEqual(await one.ask('peer/list', {}), { peers: [] });
    assert.equal((await one.ask('engine/status', {})).sync, undefined);
    const refused = /this host has neither a CA nor a parent, and no host can come to it\. Make a CA with kraken init/;
    await assert.rejects(one.ask('token/create', { set: 'kr1', until: NOW + HOUR }), refused);
    await assert.rejects(one.ask('node/admit', { set: 'kr1' }), refused);
    await assert.rejects(one.ask('node/revoke', { set: 'kr1', why: 'x' }), refused);
    assert.deepEqual(host.port.engine.tokens(NOW), []);
  });
});

test('peers are told as they are, with this host among them', async () => {
  await withControl({ hosts: true }, async ({ client, host }) => {
    const one = client();
    host.peers = [peer(1), peer(2, { state: 'dead', why: 'silent' })];
    const { sync, peers } = await one.ask('peer/list', {});
    assert.deepEqual(peers, host.peers);
    assert.deepEqual(sync, { role: 'root', ca: 'sha256:x', listen: ['127.0.0.1:31415'], dropped: { forged: 1 } });
    assert.deepEqual((await one.ask('engine/status', {})).sync, sync);
  });
});

test('explain shows the host of a node that is out of sync, and of no other', async () => {
  await withControl({ hosts: true }, async ({ client, host }) => {
    const one = client();
    const explained = async (given: PeerStatus): Promise<unknown> => {
      host.peers = [given];
      return (await one.ask('node/explain', { set: 'kr1' })).nodes[0]?.peer;
    };
    const world = host.engine.world;
    const node = world.nodes.get(idOf(1));
    assert.ok(node);
    world.setFact(node, '/runState', 'SYNC', 'core');
    assert.equal(await explained(peer(1)), undefined);
    assert.equal(await explained(peer(2, { state: 'dead' })), undefined, 'that is another');
    for (const wrong of [{ state: 'dead' }, { state: 'probing' }, { behind: 3 }] as const)
      assert.deepEqual(await explained(peer(1, wrong)), peer(1, wrong));
    world.setFact(node, '/runState', 'ERROR', 'core');
    assert.deepEqual(await explained(peer(1)), peer(1));
  });
});

test('who may not operate is told nothing and changes nothing', async () => {
  const { Api } = await import('../../host/control/api.ts');
  await withControl({ hosts: true }, async ({ host }) => {
    const session = {
      ...{ author: { user: 'service:x' }, permissions: ['state:read *'], sendRaw: () => undefined, pendingBytes: 0 },
      ...{ drained: () => Promise.resolve(), onClose: () => undefined },
    };
    const api = new Api(host.port);
    for (const [method, params] of [
      ['peer/list', {}],
      ['token/list', {}],
      ['token/create', { set: 'kr1', until: NOW + HOUR }],
      ['token/revoke', { set: 'kr1' }],
      ['node/admit', { set: 'kr1' }],
      ['node/revoke', { set: 'kr1', why: 'x' }],
    ] as const)
      await assert.rejects(api.handle(method, params, session), (error: RpcError) => /no permission "operate"/.test(error.message), method);
    assert.deepEqual(host.port.engine.tokens(NOW), []);
  });
});
