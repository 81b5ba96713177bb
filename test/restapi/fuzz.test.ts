/**
 * What nobody would send, to every route of both dialects: wrong types, unknown fields, bodies that are huge, deep or no JSON, paths with
 * tricks, methods that are not there, clients that trickle or say everything at once. The service goes on, says no in words, and no
 * refusal is a fault of its own. Seeded: KRAKEN_SEED=… plays it again.
 */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { service } from '../e2e/lab.ts';
import { Contract, type Document } from './contract.ts';
import { type Answer, type Rest, startRest } from './lab.ts';

const SEED = Number(process.env['KRAKEN_SEED'] ?? Date.now() % 1_000_000_000);
const V1 = '/api/v1';

/** The same numbers for the same seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const next = chance(SEED);
const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;

/** The routes of the original's dialect. */
const ORIGINAL: readonly (readonly [method: string, path: string])[] = [
  ...['/cfg/nodes', '/dsc/nodes', '/graph/json', '/enumerables', '/sme/frozen', '/sme/thaw', '/ws'].map((path) => ['GET', path] as const),
  ...['POST', 'PUT'].flatMap((method) => ['/cfg/nodes', '/cfg/node', '/cfg/node/{id}'].map((path) => [method, path] as const)),
  ...['/dsc/nodes', '/dsc/node', '/dsc/node/{id}'].map((path) => ['PUT', path] as const),
  ...['/cfg/node/{id}', '/dsc/node/{id}', '/graph/node/{id}/json'].map((path) => ['GET', path] as const),
  ['DELETE', '/cfg/node/{id}'],
];

const deep = (levels: number, open: string, close: string): string => `${open.repeat(levels)}1${close.repeat(levels)}`;

/** Bodies that are none. */
const BROKEN: readonly string[] = [
  '',
  '{',
  'null',
  '[]',
  '7',
  '"text"',
  '{"a":1}{"b":2}',
  '\u0000',
  '\ufeff{}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"nodes":[{"__proto__":{"nodename":"x"},"nodename":"y"}]}',
  deep(50_000, '[', ']'),
  `{"nodes":${deep(20_000, '[', ']')}}`,
  deep(20_000, '{"a":', '}'),
  `{"nodes":[${deep(20_000, '{"a":', '}')}]}`,
  `{"labels":${deep(5_000, '{"a":', '}')}}`,
  `{"values":{"/a":${deep(20_000, '[', ']')}},"selector":"all"}`,
  `{"nodes":[${Array.from({ length: 3_000 }, (_, i) => `{"nodename":"x","id":${i}}`).join()}]}`,
  `{"${'k'.repeat(300_000)}":1}`,
  `{"nodename":"${'n'.repeat(300_000)}"}`,
  '{"nodename":"a\\u0000b"}',
  '{"nodename":"\\ud800"}',
  '{"a":1e999}',
  '{"n":NaN}',
];

/** Values where others are expected. */
const VALUES: readonly unknown[] = [
  ...[null, true, -1, 0, 1.5, 1e308, '', 'x', 'all', 'kr[1-', '\u0000', '🦑', 'a'.repeat(70_000), '../..', '%2e%2e'],
  ...[[], {}, [[]], [null], [{}], { a: { b: null } }, { '': 1 }, { '/': 1 }, { '~': 1 }, { nodename: 'kr1' }, [{ nodename: 'kr1' }, 7]],
];

const FIELDS = [
  ...[
    'nodes',
    'why',
    'force',
    'selector',
    'values',
    'order',
    'to',
    'until',
    'cycle',
    'disruptive',
    'set',
    'remove',
    'token',
    'user',
    'role',
  ],
  ...['days', 'id', 'nodename', 'physState', 'runState', 'labels', 'images', 'ipv4', 'extensions', 'services', 'parentId', 'busy', 'other'],
];
const PARAMETERS = [
  'selector',
  'fields',
  'view',
  'facts',
  'limit',
  'after',
  'before',
  'since',
  'lines',
  'why',
  'kinds',
  'from',
  'x',
  '__proto__',
  'a[b]',
];
const TYPES = [
  ...['application/json', 'application/json', 'application/json', 'application/merge-patch+json', 'application/json; charset=utf-8'],
  ...['text/plain', 'application/json;;', 'multipart/form-data', 'application/x-www-form-urlencoded', ''],
];
const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ['if-match', ['*', '"1"', '"999999999999999999999"', 'W/"1"', 'x', '"'.repeat(500)]],
  ['if-none-match', ['*', '"1"', ','.repeat(5_000), 'x']],
  ['last-event-id', ['-1', 'x', '9'.repeat(40)]],
  ['cookie', ['kraken_token=', 'kraken_token=%00', `kraken_token=${'a'.repeat(4_000)}`, ';;=;']],
  ['authorization', ['Bearer', 'Bearer  ', `Bearer ${'x'.repeat(8_000)}`, 'Basic YTpi', 'Bearer \u00e9']],
  ['accept', ['*/*;q=x', 'x'.repeat(1_000)]],
  ['range', ['bytes=0-1', 'bytes=9999999-']],
  ['transfer-encoding', ['identity']],
];
const SEGMENTS = [
  ...[
    'kr1',
    'nobody',
    '%2e%2e',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '..%2f..',
    '%00',
    'a%00b',
    '%ff',
    '%',
    '%zz',
    '%c0%ae',
    '%F0%9F%A6%91',
    '.',
  ],
  ...[
    'a%2fb',
    'x'.repeat(290),
    'x'.repeat(5_000),
    '__proto__',
    'constructor',
    '*',
    '%20',
    ';',
    ':id',
    '{id}',
    '-1',
    '%0d%0aset-cookie:a=b',
  ],
];

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

function anyBody(): string {
  if (next() < 0.35) return pick(BROKEN);
  const fields = Array.from({ length: 1 + Math.floor(next() * 4) }, () => [pick(FIELDS), pick(VALUES)] as const);
  const body = Object.fromEntries(fields);
  return JSON.stringify(next() < 0.3 ? { nodes: [body] } : body);
}

function anyQuery(): string {
  if (next() < 0.5) return '';
  const parts = Array.from({ length: 1 + Math.floor(next() * 3) }, () => {
    const value = String(pick(VALUES)).slice(0, 2_000);
    return `${pick(PARAMETERS)}=${next() < 0.2 ? pick(SEGMENTS).slice(0, 1_000) : encodeURIComponent(value)}`;
  });
  return `?${parts.join('&')}`;
}

function anyRequest(method: string, template: string): Sent {
  const path = template.replace(/\{\w+\}/g, () => pick(SEGMENTS));
  const headers: Record<string, string> = {};
  if (next() < 0.25) {
    const [name, values] = pick(HEADERS);
    headers[name] = pick(values);
  }
  if (method === 'GET' || (method === 'DELETE' && next() < 0.7)) return { method, path: path + anyQuery(), headers };
  const type = pick(TYPES);
  const body = anyBody();
  return {
    method,
    path: path + (next() < 0.5 ? '' : anyQuery()),
    headers: { ...headers, ...(type === '' ? {} : { 'content-type': type }) },
    body,
  };
}

class Fuzzed {
  readonly #rest: Rest;
  readonly #contract: Contract;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  readonly statuses = new Map<number, number>();

  constructor(rest: Rest, contract: Contract) {
    this.#rest = rest;
    this.#contract = contract;
  }

  send({ method, path, headers, body }: Sent): Promise<Answer> {
    const { hostname, port } = new URL(this.#rest.url);
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const sent = request({ agent: this.#agent, hostname, port, method, path, headers: { ...headers, ...length } }, (answer) => {
        let text = '';
        const done = (): void =>
          resolve({ status: answer.statusCode ?? 0, headers: new Headers(answer.headers as Record<string, string>), body: parsed(text) });
        answer.on('data', (part: Buffer) => void (text += part.toString()));
        answer.on('end', done).on('error', reject);
        // Events never end by themselves.
        if (String(answer.headers['content-type']).startsWith('text/event-stream')) {
          resolve({ status: 200, headers: new Headers(), body: undefined });
          answer.destroy();
        }
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // What is too large may be refused before all of it was sent.
        if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve({ status: 413, headers: new Headers(), body: undefined });
        else reject(error);
      });
      sent.end(body);
    });
  }

  /** Sends it, and looks at the answer as its dialect promises it. */
  async check(sent: Sent): Promise<void> {
    const answer = await this.send(sent);
    const { status, body } = answer;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const where = `seed ${SEED}: ${sent.method} ${sent.path.slice(0, 300)} ${JSON.stringify(sent.headers).slice(0, 200)} ${String(sent.body).slice(0, 300)} → ${status} ${JSON.stringify(body)?.slice(0, 500)}`;
    assert.ok(status < 500 || status === 503, where);
    if (!sent.path.startsWith(V1) || body === undefined || status === 304) return;
    try {
      this.#contract.check(sent.method, sent.path, answer);
    } catch (error) {
      assert.fail(`${where}\n${(error as Error).message}`);
    }
    if (status < 400) return;
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, where);
    assert.ok(body.why !== '' && body.title !== '', where);
    if (status === 400) assert.ok(typeof body.field === 'string' && body.field !== '', `no field is named: ${where}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

test(`every route of both dialects, seed ${SEED}`, async (t) => {
  t.diagnostic(`KRAKEN_SEED=${SEED}`);
  const rest = await startRest(t, { config: { bodyMiB: 1 } });
  const contract = new Contract((await rest.ask('GET', `${V1}/openapi.json`)).body as Document);
  const pid = await service(rest.control, 'restapi', 'ready');
  const fuzzed = new Fuzzed(rest, contract);
  await rest.ask('PUT', `${V1}/nodes`, { nodes: [{ nodename: 'kr1', platform: 'none' }] });
  const routes = [...contract.operations().map(({ method, path }) => [method, path] as const), ...ORIGINAL];
  const lives = async (): Promise<void> => {
    assert.equal((await rest.ask('GET', `${V1}/ready`)).status, 200);
    assert.equal(await service(rest.control, 'restapi', 'ready'), pid, 'it is the same process');
  };

  await t.test('bodies, parameters, headers and paths', async () => {
    const all = Array.from({ length: 20 }, () => routes.map(([method, path]) => anyRequest(method, path))).flat();
    for (let at = 0; at < all.length; at += 8) await Promise.all(all.slice(at, at + 8).map((sent) => fuzzed.check(sent)));
    await lives();
    const refused = [...fuzzed.statuses].filter(([status]) => status >= 400).reduce((sum, [, count]) => sum + count, 0);
    assert.ok(refused > all.length / 3, `most of it must be refused: ${JSON.stringify([...fuzzed.statuses])}`);
  });

  await t.test('every broken body to every route that takes one', async () => {
    const takers = routes.filter(([method]) => method !== 'GET' && method !== 'DELETE');
    const all = takers.flatMap(([method, path]) =>
      BROKEN.map((body) => ({ method, path: path.replace(/\{\w+\}/g, 'kr1'), headers: { 'content-type': 'application/json' }, body })),
    );
    const some = all.filter(() => next() < 0.4);
    for (let at = 0; at < some.length; at += 8) await Promise.all(some.slice(at, at + 8).map((sent) => fuzzed.check(sent)));
    await lives();
  });

  await t.test('methods that are not there', async () => {
    for (const path of new Set(routes.map(([, path]) => path.replace(/\{\w+\}/g, 'kr1'))))
      for (const method of ['TRACE', 'PROPFIND', 'OPTIONS', 'HEAD', 'LOCK']) {
        if (path.endsWith('/events') && method === 'HEAD') continue;
        const { status } = await fuzzed.send({ method, path, headers: {} });
        assert.ok(status < 500, `${method} ${path} → ${status}`);
      }
    await lives();
  });

  await t.test('a body that is larger than it may be, said or not', async () => {
    const large = `{"nodes":[{"nodename":"${'x'.repeat(1_200_000)}"}]}`;
    for (const [method, path] of [
      ['POST', `${V1}/nodes`],
      ['PATCH', `${V1}/nodes/kr1`],
      ['PUT', '/cfg/nodes'],
    ] as const) {
      const { status, body } = await fuzzed.send({ method, path, headers: { 'content-type': 'application/json' }, body: large });
      assert.equal(status, 413, path);
      if (body && path.startsWith(V1)) assert.equal(body.field, 'body');
    }
    const head = `POST ${V1}/nodes HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    assert.match(
      await spoken(rest, [`${head}transfer-encoding: chunked\r\n\r\n`, ...Array.from({ length: 40 }, () => chunk)]),
      /^HTTP\/1\.1 413 /,
    );
    assert.match(await spoken(rest, [`${head}content-length: 99999999999\r\n\r\n`]), /^HTTP\/1\.1 413 /);
    await lives();
  });

  await t.test('what is no HTTP, or two things at once', async () => {
    const get = `GET ${V1}/me HTTP/1.1\r\nhost: localhost\r\n`;
    const cases: readonly (readonly [text: string, expect: RegExp])[] = [
      ['\r\n\r\n\u0000\u0001garbage\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['GET / HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 /],
      [`${get}content-length: -1\r\n\r\n`, /^HTTP\/1\.1 400 /],
      [`${get}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, /^HTTP\/1\.1 400 /],
      [`${get}a: b\u0000c\r\n\r\n`, /^HTTP\/1\.1 400 /],
      [`${get}a: ${'b'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
      [`GET ${V1}/nodes?selector=${'x'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, /^HTTP\/1\.1 431 /],
      [`GET ${V1}/../../etc/passwd HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`, /^HTTP\/1\.1 404 /],
      [`GET //evil.example/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`, /^HTTP\/1\.1 404 /],
      [`GET http://evil.example${V1}/me HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`, /^HTTP\/1\.1 (200|4\d\d) /],
      [`GET ${V1}/me HTTP/1.1\r\nconnection: close\r\n\r\n`, /^HTTP\/1\.1 400 /],
      [`GET ${V1}/events HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`, /^HTTP\/1\.1 4\d\d /],
      [`GET ${V1}/events HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n`, /^HTTP\/1\.1 (4\d\d|200) /],
      [`GET http:///%% HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`, /^HTTP\/1\.1 4\d\d /],
    ];
    for (const [text, expect] of cases) {
      const answer = await spoken(rest, [text]);
      assert.match(answer, expect, JSON.stringify(text.slice(0, 200)));
      // Without a host Node itself answers, and says nothing.
      if (/^HTTP\/1\.1 (400|431)/.test(answer) && text.includes('host:'))
        assert.match(answer, /content-type: application\/problem\+json/i, answer.slice(0, 600));
    }
    await lives();
  });

  await t.test('many requests in one breath are answered in order', async () => {
    const count = 200;
    const paths = Array.from({ length: count }, (_, i) => `${V1}/nodes/none${i}`);
    const text = paths
      .map((path, i) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${i === count - 1 ? 'connection: close\r\n' : ''}\r\n`)
      .join('');
    const answer = await spoken(rest, [text]);
    assert.deepEqual(
      [...answer.matchAll(/"instance":"([^"]+)"/g)].map(([, path]) => path),
      paths,
    );
  });

  await t.test('what is no frame after the upgrade, frames that never end, words that nobody knows', async () => {
    const upgrade =
      'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const random = (length: number): string => Buffer.from(Array.from({ length }, () => Math.floor(next() * 256))).toString('latin1');
    /** A masked text frame; the mask is zero. */
    const text = (words: string): string => `\u0081${String.fromCharCode(0x80 | words.length)}\u0000\u0000\u0000\u0000${words}`;
    const frames = [
      ...Array.from({ length: 12 }, () => random(1 + Math.floor(next() * 300))),
      text('{'),
      text('null'),
      text('{"command":"SUBSCRIBE"}'),
      text('{"command":{},"type":[]}'),
      text('{"command":"SUBSCRIBE","type":"__proto__"}'),
      `\u0081\u00ff\u0000\u0000\u0000\u0001\u0000\u0000\u0000\u0000${random(300)}`,
      '\u0001\u00fe\u00ff\u00ff'.repeat(50),
      '\u0089\u0080\u0000\u0000\u0000\u0000'.repeat(2_000),
    ];
    await Promise.all(
      [`${V1}/events`, '/ws'].flatMap((path) =>
        frames.map((frame) => spoken(rest, [`GET ${path} HTTP/1.1\r\nhost: localhost\r\n${upgrade}\r\n`, frame], 400)),
      ),
    );
    await lives();
  });

  await t.test('clients that trickle keep nobody waiting', async () => {
    const { hostname, port } = new URL(rest.url);
    const slow = Array.from({ length: 60 }, (_, i) => {
      const socket = connect(Number(port), hostname).on('error', () => undefined);
      socket.write(
        i % 2 === 0
          ? 'GET /api/v1/no'
          : `POST ${V1}/nodes HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
      );
      return socket;
    });
    const started = performance.now();
    for (let i = 0; i < 50; i++) {
      for (const socket of slow) socket.write(' ');
      assert.equal((await rest.ask('GET', `${V1}/nodes?fields=nodename`)).status, 200);
      if (i % 10 === 0) await sleep(5);
    }
    assert.ok(performance.now() - started < 5_000);
    for (const socket of slow) socket.destroy();
    await lives();
  });

  const { lines } = await rest.control.ask('service/logs', { service: 'restapi', lines: 10_000 });
  assert.deepEqual(
    lines.filter((line) => / error: /.test(line)),
    [],
    `seed ${SEED}: faults of its own are in its log`,
  );
});

/** What comes back for these bytes, until the other end closes or is silent. */
function spoken({ url }: Rest, parts: readonly string[], silence = 1_500): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname);
    const end = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(silence, end);
    socket.on('data', (part: Buffer) => void (text += part.toString('latin1')));
    socket.on('close', end).on('error', end);
    for (const part of parts) socket.write(part, 'latin1');
  });
}
