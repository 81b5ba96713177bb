/** What is bounded, without a host beside it: requests of one user, questions to the engine, streams of a token that has ended. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Access } from '../../plugins/restapi/access/access.ts';
import { Tokens } from '../../plugins/restapi/access/tokens.ts';
import type { Config } from '../../plugins/restapi/config.ts';
import type { Context } from '../../plugins/restapi/context.ts';
import { Sockets } from '../../plugins/restapi/events/sockets.ts';
import { Operator } from '../../plugins/restapi/gate.ts';
import type { Refused } from '../../plugins/restapi/problem.ts';
import { buildServer } from '../../plugins/restapi/server.ts';
import { Asking } from '../../plugins/restapi/v1/host.ts';
import { type Outlet, Streams } from '../../plugins/restapi/v1/streams.ts';
import { Mirror } from './mirror.ts';

const CONFIG: Config = {
  ...{ listen: '127.0.0.1:0', loopback: 'admin', hosts: [], origins: [], pages: '' },
  ...{ bodyMiB: 1, connections: 100, requestsPerSecond: 5 },
};

async function withContext(
  t: { after(end: () => unknown): void },
  config: Partial<Config> = {},
): Promise<Context & { readonly mirror: Mirror }> {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-bounds-'));
  const mirror = new Mirror(3);
  const opened = mirror.replica.open();
  await mirror.settle();
  await opened;
  const tokens = await Tokens.open(join(folder, 'tokens.json'), Date.now);
  const all = { ...CONFIG, ...config };
  const access = new Access(all, tokens, Date.now);
  const sockets = new Sockets(access);
  t.after(() => {
    sockets.close();
    rmSync(folder, { recursive: true });
  });
  const host = { operate: async () => ({ services: [], more: 1 }) } as never;
  return {
    ...{ config: all, host, replica: mirror.replica, hub: mirror.hub, sockets, access, tokens, mirror },
    ...{ self: '', log: () => undefined, now: Date.now, url: () => new URL('http://127.0.0.1:3141') },
  };
}

test('beyond loopback everybody has a token, and so many requests a second', async (t) => {
  const context = await withContext(t);
  const app = await buildServer(context);
  t.after(() => app.close());
  const make = async (user: string): Promise<string> => (await context.tokens.create(user, 'viewer', 1)).token;
  const [ann, bob] = [await make('ann'), await make('bob')];
  const get = (remoteAddress: string, headers: Record<string, string> = {}) =>
    app.inject({ method: 'GET', url: '/api/v1/me', remoteAddress, headers: { host: 'kraken.example.org', ...headers } });
  for (const remoteAddress of ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', '1.27.0.0.1', '128.0.0.1']) {
    const answer = await get(remoteAddress);
    assert.deepEqual([answer.statusCode, answer.headers['www-authenticate']], [401, 'Bearer'], remoteAddress);
    assert.equal((await get(remoteAddress, { 'x-forwarded-for': '127.0.0.1' })).statusCode, 401, remoteAddress);
  }
  for (const remoteAddress of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
    assert.equal((await get(remoteAddress, { host: 'localhost' })).statusCode, 200, remoteAddress);
  const asked = async (token: string): Promise<number> => (await get('10.0.0.1', { authorization: `Bearer ${token}` })).statusCode;
  for (let i = 0; i < 5; i++) assert.equal(await asked(ann), 200);
  const refused = await get('10.0.0.7', { authorization: `Bearer ${ann}` });
  assert.equal(refused.statusCode, 429, 'also from elsewhere: it is the same user');
  assert.match(String(refused.headers['content-type']), /^application\/problem\+json/);
  assert.ok(Number(refused.headers['retry-after']) >= 1);
  assert.match(refused.json().why, /more than 5 a second/);
  assert.equal(await asked(bob), 200, 'others are not kept waiting');
});

test('an answer is sent as the host gave it, also what no schema here knows yet', async (t) => {
  const app = await buildServer(await withContext(t));
  t.after(() => app.close());
  assert.deepEqual((await app.inject({ method: 'GET', url: '/api/v1/services', headers: { host: 'localhost' } })).json(), {
    services: [],
    more: 1,
  });
});

test('questions to the engine: so many at once, some wait, more are sent away; the same is asked once', async () => {
  const asked: (() => void)[] = [];
  const host = { operate: () => new Promise((resolve) => void asked.push(() => resolve({ nodes: [] }))) };
  const asking = new Asking({ host } as never);
  const questions = Array.from({ length: 16 + 256 }, (_, i) => asking.ask('node/explain', { set: `kr${i}` }));
  assert.equal(asked.length, 16);
  const again = asking.ask('node/explain', { set: 'kr0' });
  await assert.rejects(asking.ask('node/explain', { set: 'one more' }), (error: Refused) => error.status === 503 && error.retryAfter === 1);
  assert.equal(asked.length, 16);
  asked[0]?.();
  assert.equal(await again, await questions[0], 'one answer for both');
  for (let at = 1; at < 16 + 256; at++) {
    asked[at]?.();
    await questions[at];
  }
  assert.equal(asked.length, 16 + 256, 'all that waited were asked');
  const last = asking.ask('node/explain', { set: 'kr0' });
  asked.at(-1)?.();
  await last;
});

test('however many change nodes at once: the host is asked no more than it takes, the others wait', async () => {
  let inside = 0;
  let most = 0;
  const operator = new Operator({
    operate: async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
      return {} as never;
    },
  });
  const change = (): Promise<unknown> => operator.operate('node/set', { set: 'kr1', values: {} });
  await Promise.all(Array.from({ length: 200 + 4_096 }, change));
  assert.equal(most, 200);
  const all = await Promise.allSettled(Array.from({ length: 200 + 4_096 + 3 }, change));
  const refused = all.flatMap((one) => (one.status === 'rejected' ? [one.reason as Refused] : []));
  assert.deepEqual(
    refused.map(({ status, retryAfter }) => [status, retryAfter]),
    [
      [503, 1],
      [503, 1],
      [503, 1],
    ],
  );
});

test('a stream gives signs of life, and ends with its token', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const context = await withContext(t);
  const streams = new Streams(context);
  t.after(() => streams.close());
  const { id } = await context.tokens.create('ann', 'viewer', 1);
  const said: string[] = [];
  const outlet = (name: string): Outlet => ({
    unread: 0,
    send: () => undefined,
    resync: () => undefined,
    beat: () => void said.push(`${name} beats`),
    close: (why) => void said.push(`${name} ends: ${why}`),
  });
  const wanted = { selector: '', kinds: ['state'] as const };
  const joined = Promise.all([streams.join(outlet('ann'), wanted, id), streams.join(outlet('nobody'), wanted, undefined)]);
  await context.mirror.settle();
  const leave = await joined;
  assert.equal(streams.count, 2);
  t.mock.timers.tick(15_000);
  assert.deepEqual(said.splice(0), ['ann beats', 'nobody beats']);
  await context.tokens.revoke(id);
  t.mock.timers.tick(15_000);
  assert.deepEqual(said.splice(0), ['ann ends: the token is not good any more', 'nobody beats']);
  for (const end of leave) end();
  assert.equal(streams.count, 0);
});
