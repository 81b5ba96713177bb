/** Who may do what: tokens, roles, loopback, and the web pages that a browser shows beside ours. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { Access } from '../../plugins/restapi/access/access.ts';
import type { Config } from '../../plugins/restapi/config.ts';
import { Contract, type Document } from './contract.ts';
import { type Rest, startRest } from './lab.ts';

const V1 = '/api/v1';
const ROLES = ['none', 'viewer', 'operator', 'admin'] as const;
type Needed = (typeof ROLES)[number];

/** What each operation needs; one that is not here is a mistake of its author. */
const NEEDS: Readonly<Record<Needed, readonly string[]>> = {
  none: ['health', 'ready', 'openapi', 'openSession', 'endSession'],
  viewer: [
    ...['listNodes', 'readNode', 'explainNode', 'explainNodes', 'nodeHistory', 'history', 'waiting', 'plan', 'listHolds', 'engine'],
    ...['limits', 'graph', 'nodeGraph', 'peers', 'schema', 'services', 'serviceLogs', 'plugins', 'me', 'events', 'metrics'],
  ],
  operator: [
    ...['createNodes', 'putNodes', 'patchNodes', 'deleteNodes', 'putNode', 'patchNode', 'deleteNode', 'hold', 'release', 'power'],
    ...['reboot', 'cancelReboots', 'retry', 'freeze', 'thaw', 'changeLimits'],
  ],
  admin: ['startService', 'stopService', 'restartService', 'callService', 'listTokens', 'createToken', 'revokeToken'],
};

async function tokensOf(rest: Rest): Promise<Record<'viewer' | 'operator' | 'admin', string>> {
  const make = async (role: string): Promise<string> => {
    const { result } = await rest.control.ask('service/call', {
      service: 'restapi',
      call: 'createToken',
      params: { user: `a-${role}`, role, days: 1 },
    });
    return String((result as { readonly token: string }).token);
  };
  return { viewer: await make('viewer'), operator: await make('operator'), admin: await make('admin') };
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

test('without loopback everybody needs a token, and may do what its role may', async (t) => {
  const rest = await startRest(t, { config: { loopback: 'none' } });
  const { ask } = rest;
  const tokens = await tokensOf(rest);
  const contract = new Contract((await ask('GET', `${V1}/openapi.json`)).body as Document);

  await t.test('each operation and each role', async () => {
    const operations = contract.operations();
    assert.deepEqual(
      operations.map(({ about }) => about.operationId).sort(),
      Object.values(NEEDS).flat().sort(),
      'this table is the table of the document',
    );
    for (const { method, path, about } of operations) {
      const needs = ROLES.find((role) => NEEDS[role].includes(about.operationId)) ?? 'admin';
      // Nothing is there that these name: whoever may ask is told so, whoever may not is told that.
      const url = path.replace(/\{\w+\}/g, 'nobody');
      for (const role of ROLES) {
        if (about.operationId === 'events' && role !== 'none') continue;
        const answer = await ask(
          method,
          url,
          method === 'GET' || method === 'DELETE' ? undefined : {},
          role === 'none' ? {} : bearer(tokens[role]),
        );
        contract.check(method, url, answer);
        const where = `${method} ${path} as ${role}: ${answer.status}`;
        if (ROLES.indexOf(role) >= ROLES.indexOf(needs)) assert.ok(![401, 403].includes(answer.status), where);
        else {
          assert.equal(answer.status, role === 'none' ? 401 : 403, where);
          assert.equal(answer.headers.get('www-authenticate'), role === 'none' ? 'Bearer' : null);
        }
        assert.ok(answer.status < 500, where);
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', where);
        assert.equal(answer.headers.get('x-frame-options'), 'DENY', where);
        assert.equal(answer.headers.get('referrer-policy'), 'no-referrer', where);
      }
    }
    assert.equal((await ask('GET', `${V1}/engine`, undefined, bearer(tokens.viewer))).body.frozen, undefined);
  });

  await t.test('a change is in the history with who made it, and from where', async () => {
    await ask('PUT', `${V1}/nodes/kr1`, { platform: 'none' }, bearer(tokens.operator));
    const { changes } = (await ask('GET', `${V1}/nodes/kr1/history`, undefined, bearer(tokens.viewer))).body;
    assert.match(changes[0].by, /^a-operator@127\.0\.0\.1/);
  });

  await t.test('a WebSocket takes the token as a subprotocol, and as a header', async () => {
    const opens = (protocols: string[], headers: Record<string, string>): Promise<number> =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${rest.url.replace('http', 'ws')}${V1}/events`, protocols, { headers });
        socket.once('open', () => {
          resolve(101);
          socket.terminate();
        });
        socket.once('unexpected-response', (_request, answer) => resolve(answer.statusCode ?? 0));
        socket.once('error', () => undefined);
      });
    assert.equal(await opens([`kraken.token.${tokens.viewer}`], {}), 101);
    assert.equal(await opens([], bearer(tokens.viewer)), 101);
    assert.equal(await opens([], {}), 401);
    assert.equal(await opens(['kraken.token.kraken_wrong'], {}), 401);
  });

  await t.test('a session: the cookie no script reads, for pages of ours alone', async () => {
    const opened = await ask('POST', `${V1}/session`, { token: tokens.operator });
    const cookie = opened.headers.get('set-cookie') ?? '';
    assert.match(cookie, /^kraken_token=kraken_[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=86\d{3}$/);
    const mine = { cookie: cookie.split(';')[0] ?? '' };
    assert.equal((await ask('GET', `${V1}/me`, undefined, mine)).body.user, 'a-operator');
    const own = { ...mine, origin: rest.url };
    assert.equal((await ask('POST', `${V1}/engine/thaw`, undefined, own)).status, 200);
    const foreign: readonly Record<string, string>[] = [
      { origin: 'https://elsewhere.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of foreign) {
      const answer = await ask('POST', `${V1}/engine/thaw`, undefined, { ...mine, ...headers });
      assert.equal(answer.status, 403, JSON.stringify(headers));
      const logged = await ask('POST', `${V1}/session`, { token: tokens.viewer }, headers);
      assert.deepEqual([logged.status, logged.headers.get('set-cookie')], [403, null], 'nobody is logged in by another page');
    }
    const ended = await ask('DELETE', `${V1}/session`, undefined, mine);
    assert.match(ended.headers.get('set-cookie') ?? '', /^kraken_token=; .*Max-Age=0$/);
  });

  await t.test('a token that was revoked is not good any more, nor is what is none', async () => {
    const { id, token } = (await ask('POST', `${V1}/tokens`, { user: 'bob', role: 'viewer' }, bearer(tokens.admin))).body;
    assert.equal((await ask('GET', `${V1}/me`, undefined, bearer(token))).body.user, 'bob');
    assert.equal((await ask('DELETE', `${V1}/tokens/${id}`, undefined, bearer(tokens.admin))).status, 204);
    for (const headers of [bearer(token), bearer(`${token}x`), bearer(''), { authorization: 'Basic YTpi' }, { authorization: token }])
      assert.equal((await ask('GET', `${V1}/me`, undefined, headers)).status, 401);
  });

  await t.test('nothing tells a token: not the file, which is for its owner alone, and no log', async () => {
    const all = [...Object.values(tokens)];
    const texts = readdirSync(rest.lab.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const file = texts.find((path) => path.endsWith('tokens.json')) ?? assert.fail('there is no file of tokens');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal((JSON.parse(readFileSync(file, 'utf8')) as object[]).length, 3);
    const { lines } = await rest.control.ask('service/logs', { service: 'restapi', lines: 10_000 });
    assert.ok(
      lines.some((line) => line.includes('for bob')),
      'the log says who made tokens',
    );
    for (const token of all) {
      for (const path of texts) assert.ok(!readFileSync(path).includes(token), `${path} has a token`);
      assert.ok(!lines.some((line) => line.includes(token)), 'the log has a token');
    }
  });

  await t.test('who tries tokens has to wait, whatever the next one is', async () => {
    let last = 0;
    for (let i = 0; i < 25; i++) last = (await ask('GET', `${V1}/me`, undefined, bearer(`kraken_${'x'.repeat(43)}`))).status;
    assert.equal(last, 429);
    const waits = await ask('GET', `${V1}/me`, undefined, bearer(`kraken_${'y'.repeat(43)}`));
    contract.check('GET', `${V1}/me`, waits);
    assert.equal(waits.headers.get('retry-after'), '60');
    assert.equal((await ask('POST', `${V1}/session`, { token: 'kraken_z' })).status, 429);
  });
});

test('over loopback: a page of somebody else, a name that was made to point here, a proxy', async (t) => {
  const origin = 'https://desk.example.org';
  const rest = await startRest(t, { config: { origins: [origin], hosts: ['Kraken.Local'], loopback: 'operator' } });
  /** `fetch` writes Host and Origin itself. */
  const status = (
    method: string,
    path: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; headers: Record<string, unknown> }> =>
    new Promise((resolve, reject) => {
      const sent = plainRequest(`${rest.url}${path}`, { method, headers, agent: false }, (answer) => {
        answer.resume().on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }));
      });
      sent.on('error', reject).end();
    });
  const cases: readonly [headers: Record<string, string>, expect: number, why: string][] = [
    [{}, 200, 'nobody in particular'],
    [{ host: 'localhost:1' }, 200, 'localhost'],
    [{ host: '[::1]:3141' }, 200, 'loopback by address'],
    [{ host: 'kraken.local' }, 200, 'a name that is configured'],
    [{ host: 'evil.example' }, 403, 'DNS rebinding'],
    [{ host: '127.0.0.1.evil.example' }, 403, 'DNS rebinding with a name that begins well'],
    [{ host: 'localhost.evil.example' }, 403, 'the same'],
    [{ origin }, 200, 'an origin that is configured'],
    [{ origin: 'https://evil.example' }, 403, 'a page of somebody else'],
    [{ origin: 'null' }, 403, 'a page without an origin'],
    [{ 'sec-fetch-site': 'cross-site' }, 403, 'a picture on the page of somebody else'],
    [{ 'sec-fetch-site': 'same-site' }, 403, 'a neighbour'],
    [{ 'sec-fetch-site': 'none' }, 200, 'the address bar'],
    [{ 'sec-fetch-site': 'same-origin' }, 200, 'our own pages'],
    [{ 'x-forwarded-for': '10.0.0.1' }, 401, 'a proxy'],
    [{ 'x-forwarded-for': '127.0.0.1' }, 401, 'a proxy that says that it is from here'],
    [{ forwarded: 'for=127.0.0.1' }, 401, 'the same in new words'],
    [{ via: '1.1 proxy' }, 401, 'a proxy that says so'],
    [{ authorization: 'Bearer kraken_no' }, 401, 'a wrong token is not as good as none'],
  ];
  for (const [headers, expect, why] of cases) assert.equal((await status('GET', `${V1}/me`, headers)).status, expect, why);
  assert.equal((await status('GET', `${V1}/tokens`, {})).status, 403, 'loopback is an operator here');
  const preflight = { 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'content-type,if-match' };
  const allowed = await status('OPTIONS', `${V1}/nodes`, { origin, ...preflight });
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers['access-control-allow-origin'], origin);
  assert.match(String(allowed.headers['access-control-allow-methods']), /PATCH/);
  assert.match(String(allowed.headers['access-control-allow-headers']), /if-match/);
  const others = await status('OPTIONS', `${V1}/nodes`, { origin: 'https://evil.example', ...preflight });
  assert.notEqual(others.headers['access-control-allow-origin'], 'https://evil.example');
  assert.equal((await status('GET', `${V1}/me`, { origin })).headers['access-control-allow-origin'], origin);
});

test('with TLS: what is kept by a browser goes over nothing else', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      certificate,
      ...subject,
    ],
    { stdio: 'ignore' },
  );
  const rest = await startRest(t, { config: { tls: { certificate, key } } });
  assert.match(rest.url, /^https:/);
  const { viewer } = await tokensOf(rest);
  const ca = readFileSync(certificate);
  const ask = (method: string, path: string, body?: object): Promise<{ status: number; headers: Record<string, unknown>; body: string }> =>
    new Promise((resolve, reject) => {
      const sent = tlsRequest(
        `${rest.url}${path}`,
        { method, ca, agent: false, headers: { 'content-type': 'application/json' } },
        (answer) => {
          let text = '';
          answer.on('data', (part: Buffer) => void (text += part.toString()));
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
        },
      );
      sent.on('error', reject).end(body && JSON.stringify(body));
    });
  const me = await ask('GET', `${V1}/me`);
  assert.deepEqual([me.status, me.headers['strict-transport-security']], [200, 'max-age=31536000']);
  const session = await ask('POST', `${V1}/session`, { token: viewer });
  assert.match(String(session.headers['set-cookie']), /; Secure$/);
  const socket = new WebSocket(`${rest.url.replace('https', 'wss')}${V1}/events`, [`kraken.token.${viewer}`], { ca });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.terminate();
  await assert.rejects(fetch(rest.url.replace('https', 'http')), 'nothing is said in the clear');
});

test('a token is good until its end, and not after', () => {
  let now = 1_000;
  const config = { loopback: 'none', hosts: [], origins: [] } as unknown as Config;
  const known = {
    verify: (token: string) =>
      token === 'good' && now < 5_000 ? { id: 'a', user: 'ann', role: 'viewer', created: 0, until: 5_000 } : undefined,
  };
  const access = new Access(config, known as never, () => now);
  const ask = (token: string, ip = '10.0.0.1') => access.principal({ headers: { authorization: `Bearer ${token}` }, ip });
  assert.equal(ask('good').user, 'ann');
  now = 5_000;
  assert.throws(() => ask('good'), { status: 401 });
  for (let i = 0; i < 19; i++) assert.throws(() => ask('bad'), { status: 401 });
  assert.throws(() => ask('bad'), { status: 429, retryAfter: 60 });
  assert.throws(() => ask('bad', '10.0.0.2'), { status: 401 }, 'another address is another');
  now += 60_000;
  assert.throws(() => ask('bad'), { status: 401 }, 'after a minute it may try again');
});
