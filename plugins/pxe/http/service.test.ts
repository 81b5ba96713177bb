/** The service on loopback: by sockets, because what matters most is what no good client does. */
import assert from 'node:assert/strict';
import { renameSync, utimesSync, writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pattern, TestSource, until } from '../files/test/test-source.ts';
import { type HttpLimits, HttpService } from './service.ts';

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing) await close();
});

interface Stage {
  readonly source: TestSource;
  readonly service: HttpService;
  readonly port: number;
}

async function stage(limits: Partial<HttpLimits> = {}): Promise<Stage> {
  const source = new TestSource();
  const service = await HttpService.open({ addresses: ['127.0.0.1'], port: 0, source, log: source.log, limits });
  closing.push(
    () => service.close(),
    () => source.remove(),
  );
  return { source, service, port: Number(service.listens[0]?.split(':')[1]) };
}

/** A connection, and all that came by it. */
class Line {
  readonly socket: Socket;
  readonly #parts: Buffer[] = [];
  isClosed = false;

  constructor(port: number, localAddress = '127.0.0.1') {
    this.socket = connect({ port, host: '127.0.0.1', localAddress });
    this.socket.on('data', (bytes) => this.#parts.push(bytes));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    closing.unshift(() => this.socket.destroy());
  }

  send(...lines: string[]): this {
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    return this;
  }

  get came(): Buffer {
    const [bytes = Buffer.alloc(0), ...more] = this.#parts;
    if (more.length === 0) return bytes;
    this.#parts.splice(0, this.#parts.length, Buffer.concat(this.#parts));
    return this.came;
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.came.toString('latin1'))?.[1]);
  }

  async closed(): Promise<this> {
    await until('the server closes the connection', () => this.isClosed);
    return this;
  }

  async has(what: string): Promise<this> {
    await until(`${what}, after ${this.came.toString('latin1')}`, () => this.came.includes(what));
    return this;
  }
}

const shared = await stage();
shared.source.bytes('small', 'hello');
shared.source.bytes('empty', '');
const large = pattern(3_000_000);
shared.source.file('large', large);

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

function fetch(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; agent?: Agent } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, ...options }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }));
      response.on('error', reject);
    }).on('error', reject);
  });
}

const REQUESTS: readonly [what: string, path: string, headers: Record<string, string>, status: number, body: Buffer | string][] = [
  ['bytes in memory', '/small', {}, 200, 'hello'],
  [
    'HTTP/2, which it does not get',
    '/small',
    { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' },
    200,
    'hello',
  ],
  ['an empty file', '/empty', {}, 200, ''],
  ['a file', '/large', {}, 200, large],
  ['from somewhere on', '/large', { range: 'bytes=65535-' }, 206, large.subarray(65_535)],
  ['across pages', '/large', { range: 'bytes=65530-131080' }, 206, large.subarray(65_530, 131_081)],
  ['the end', '/large', { range: 'bytes=-5' }, 206, large.subarray(-5)],
  ['what is behind the end', '/small', { range: 'bytes=5-' }, 416, 'small has 5 bytes, none of which are in that range\n'],
  ['what it has', '/small', { 'if-none-match': '"small"' }, 304, ''],
  ['what is not there', '/none', {}, 404, 'there is no file none for this node\n'],
  ['what is not for it', '/forbidden', {}, 403, 'it is not for you\n'],
  ['what is not there yet', '/later', {}, 503, 'it is not built yet\n'],
  ['while the source is out of order', '/fault', {}, 503, 'the server failed to read fault\n'],
  ['a way out of the root', '/%2e%2e/etc/passwd', {}, 400, 'the name has . or .. in it: names start at the root\n'],
  ['too long a name', `/${'x'.repeat(4000)}`, {}, 414, 'the URL is longer than 2048 bytes\n'],
];
for (const [what, path, headers, status, body] of REQUESTS)
  test(`a client asks for ${what}`, async () => {
    const got = await fetch(shared.port, path, { headers });
    assert.equal(got.status, status);
    assert.ok(got.body.equals(Buffer.from(body)), `${got.body.length} bytes: ${got.body.toString('latin1', 0, 100)}`);
  });

test('headers of an answer', async () => {
  const { headers } = await fetch(shared.port, '/small');
  assert.deepEqual(
    [headers.etag, headers['content-type'], headers['content-length'], headers['accept-ranges'], headers['cache-control']],
    ['"small"', 'text/plain', '5', 'bytes', 'private, no-cache'],
  );
  const part = await fetch(shared.port, '/small', { headers: { range: 'bytes=1-2' } });
  assert.deepEqual([part.headers['content-range'], part.headers['content-length']], ['bytes 1-2/5', '2']);
  assert.equal((await fetch(shared.port, '/small', { headers: { range: 'bytes=9-' } })).headers['content-range'], 'bytes */5');
  assert.equal((await fetch(shared.port, '/small', { method: 'POST' })).headers.allow, 'GET, HEAD');
});

test('HEAD: the headers and nothing else, and no file is opened', async () => {
  const { source, service, port } = await stage();
  source.file('large', large);
  const got = await fetch(port, '/large', { method: 'HEAD' });
  assert.deepEqual([got.status, got.headers['content-length'], got.body.length], [200, '3000000', 0]);
  assert.deepEqual([service.held.files, source.finished], [0, []]);
});

test('done: for the whole of it, once, and neither for a part nor for what was broken off', async () => {
  const { source, port } = await stage();
  source.file('large', large);
  source.bytes('empty', '');
  await fetch(port, '/large', { headers: { range: 'bytes=1-' } });
  // More than the buffers of both kernels hold: what they hold counts as gone.
  source.file('huge', pattern(24_000_000));
  const quitter = new Line(port).send('GET /huge HTTP/1.1', 'Host: x');
  await quitter.has('200 OK');
  quitter.socket.destroy();
  await fetch(port, '/large');
  await fetch(port, '/empty');
  await fetch(port, '/large', { headers: { range: 'bytes=0-' } });
  await until('done', () => source.finished.length >= 3);
  await sleep(50);
  assert.deepEqual(
    source.finished.filter(({ from, by }) => from === '127.0.0.1' && by === 'http').map(({ name, bytes }) => `${name} ${bytes}`),
    ['large 3000000', 'empty 0', 'large 3000000'],
  );
});

test('a connection is kept for the next request', async () => {
  const { source, service, port } = await stage();
  source.bytes('small', 'hello');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  closing.unshift(() => agent.destroy());
  for (let i = 0; i < 20; i++)
    assert.equal((await fetch(port, i % 2 === 0 ? '/small' : '/none', { agent })).status, i % 2 === 0 ? 200 : 404);
  assert.equal(service.held.connections, 1);
});

const ODD: readonly [what: string, lines: readonly string[], status: number][] = [
  ['no HTTP at all', ['\x16\x03\x01\x02\x00\x01'], 400],
  ['headers without end', ['GET /small HTTP/1.1', 'Host: x', `X: ${'x'.repeat(20_000)}`], 431],
  ['no Host', ['GET /small HTTP/1.1'], 400],
  ['two lengths', ['GET /small HTTP/1.1', 'Host: x', 'Content-Length: 1', 'Content-Length: 2'], 400],
  ['a body', ['GET /small HTTP/1.1', 'Host: x', 'Content-Length: 5', '', 'hello'], 400],
  ['a body that it wants to be asked for', ['GET /small HTTP/1.1', 'Host: x', 'Content-Length: 5', 'Expect: 100-continue'], 400],
  ['HTTP/1.0', ['GET /small HTTP/1.0'], 200],
  ['an absolute URL', ['GET http://anywhere/small HTTP/1.1', 'Host: x', 'Connection: close'], 200],
  ['DELETE', ['DELETE /small HTTP/1.1', 'Host: x'], 405],
];
for (const [what, lines, status] of ODD)
  test(`a client sends ${what}: ${status}, and the connection ends`, async () => {
    const line = await new Line(shared.port).send(...lines).closed();
    assert.equal(line.status, status, line.came.toString('latin1'));
  });

test('a tunnel is none of ours', async () => {
  await new Line(shared.port).send('CONNECT 10.0.0.1:22 HTTP/1.1', 'Host: x').closed();
});

test('many requests in one packet cost one answer', async () => {
  const { source, service, port } = await stage();
  source.file('large', large);
  const line = new Line(port);
  line.socket.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000));
  await line.closed();
  assert.ok(source.opened.length <= 1, `${source.opened.length} opened`);
  await until('all is released', () => service.held.connections === 0);
});

test('a request that comes too slowly, or not at all, ends its connection', async () => {
  const { port } = await stage({ requestMs: 300 });
  const silent = new Line(port);
  const slow = new Line(port);
  slow.socket.write('GET /small HTTP/1.1\r\n');
  const drip = setInterval(() => slow.socket.write('X: y\r\n'), 50);
  await Promise.all([silent.closed(), slow.closed()]);
  clearInterval(drip);
  assert.equal(slow.status, 408);
});

test('a client that waits after its answer is let go', async () => {
  const { source, service, port } = await stage({ idleMs: 100 });
  source.bytes('small', 'hello');
  const line = await new Line(port).send('GET /small HTTP/1.1', 'Host: x').closed();
  assert.match(line.came.toString(), /hello$/);
  assert.equal(service.held.connections, 0);
});

test('a client that takes nothing is let go, and its file with it; one that takes slowly, but takes, is not', async () => {
  const { source, service, port } = await stage({ stallMs: 400 });
  const bytes = pattern(16_000_000);
  source.file('large', bytes);
  const stuck = new Line(port).send('GET /large HTTP/1.1', 'Host: x');
  stuck.socket.pause();
  const slow = new Line(port).send('GET /large HTTP/1.1', 'Host: x', 'Connection: close');
  const brake = setInterval(() => (slow.socket.isPaused() ? slow.socket.resume() : slow.socket.pause()), 30);
  await until('the stuck one is gone', () => service.held.connections <= 1 && /took no more for 0\.4 s/.test(source.logged.join()));
  stuck.socket.resume();
  await stuck.closed();
  assert.ok(stuck.came.length < bytes.length);
  await slow.closed();
  clearInterval(brake);
  assert.ok(slow.came.subarray(-bytes.length).equals(bytes));
});

test('an address has so many connections: those that wait make room, those that work do not', async () => {
  const { source, service, port } = await stage({ perAddress: 3 });
  source.bytes('small', 'hello');
  source.file('large', pattern(16_000_000));
  const idle = new Line(port);
  await until('it is in', () => service.held.connections === 1);
  const busy = [1, 2].map(() => new Line(port).send('GET /large HTTP/1.1', 'Host: x'));
  for (const line of busy) {
    await line.has('200 OK');
    line.socket.pause();
  }
  const third = await new Line(port).send('GET /small HTTP/1.1', 'Host: x').has('hello');
  await idle.closed();
  third.send('GET /large HTTP/1.1', 'Host: x');
  await third.has('16000000');
  third.socket.pause();
  await new Line(port).closed();
  assert.match(source.logged.join(), /127\.0\.0\.1 has 3 requests under way, the most that are allowed/);
  await new Line(port, '127.0.0.7').send('GET /small HTTP/1.1', 'Host: x').has('hello');
  assert.equal(service.held.connections, 4);
});

test('strangers who hold all connections without a word give way to who comes', async () => {
  const { source, service, port } = await stage({ connections: 20 });
  source.bytes('small', 'hello');
  const strangers = Array.from({ length: 40 }, (_, i) => new Line(port, `127.0.1.${i + 1}`));
  await until('they are in', () => service.held.connections === 20 && strangers.filter(({ isClosed }) => isClosed).length === 20);
  await new Line(port).send('GET /small HTTP/1.1', 'Host: x').has('hello');
  assert.equal(service.held.connections, 20);
});

test('who asks without end is cut off', async () => {
  const { source, port } = await stage({ requestsPerSecond: 10 });
  source.bytes('small', 'hello');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  closing.unshift(() => agent.destroy());
  const statuses: unknown[] = [];
  for (let i = 0; i < 40; i++)
    statuses.push(
      await fetch(port, '/small', { agent }).then(
        ({ status }) => status,
        () => 'cut',
      ),
    );
  const served = statuses.filter((status) => status === 200).length;
  assert.ok(served >= 15 && served <= 25, `${served} served`);
});

/** Takes what fits into the buffers, and then nothing until `change` is done. */
async function changed(port: number, change: () => void): Promise<Line> {
  const line = new Line(port).send('GET /changing HTTP/1.1', 'Host: x', 'Connection: close');
  await line.has('200 OK');
  line.socket.pause();
  await sleep(50);
  change();
  line.socket.resume();
  return line.closed();
}
const OLD = pattern(24_000_000);

test('a file that is replaced by renaming while it goes out goes out as it was', async () => {
  const { source, port } = await stage();
  const path = source.file('changing', OLD);
  const line = await changed(port, () => {
    writeFileSync(`${path}.new`, 'new');
    renameSync(`${path}.new`, path);
  });
  assert.ok(line.came.subarray(-OLD.length).equals(OLD));
  assert.equal((await fetch(port, '/changing')).body.toString(), 'new');
});

test('a file that is written over while it goes out is cut off: no client gets a mixture', async () => {
  const { source, service, port } = await stage();
  const path = source.file('changing', OLD);
  const line = await changed(port, () => {
    writeFileSync(path, Buffer.alloc(OLD.length, 1));
    utimesSync(path, 1, 1);
  });
  const body = line.came.subarray(line.came.indexOf('\r\n\r\n') + 4);
  assert.ok(body.length < OLD.length, 'it is visibly not all');
  assert.ok(body.equals(OLD.subarray(0, body.length)), 'and all of it is the old one');
  assert.deepEqual([source.finished, service.held.files], [[], 0]);
  assert.match(source.logged.join(), /was changed while it was read/);
});

test('closing: answers are cut off, nothing stays', async () => {
  const { source, service, port } = await stage();
  source.file('large', pattern(16_000_000));
  const line = await new Line(port).send('GET /large HTTP/1.1', 'Host: x').has('200 OK');
  line.socket.pause();
  await service.close();
  line.socket.resume();
  await line.closed();
  assert.deepEqual([service.held.files, service.held.bytes], [0, 0]);
  assert.equal(await text(new Line(port).socket).catch(() => 'refused'), 'refused');
});

test('a port that is taken, and an address that is not ours: the words say what to do', async () => {
  const { source } = shared;
  const open = (address: string): Promise<HttpService> =>
    HttpService.open({ addresses: ['127.0.0.6', address], port: shared.port, source, log: source.log });
  await assert.rejects(open('127.0.0.1'), /cannot listen for HTTP \(TCP\) on 127\.0\.0\.1:\d+: something else listens there already/);
  await assert.rejects(open('192.0.2.1'), /no interface of this machine has that address/);
  (await open('127.0.0.7')).close();
});
