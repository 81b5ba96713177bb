/** The service on loopback, by packets as clients of every kind send them, good and bad. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pattern, TestSource, until } from '../files/test/test-source.ts';
import { type TftpLimits, TftpService } from './service.ts';

interface Came {
  readonly bytes: Buffer;
  readonly port: number;
}

/** One port of a client. */
class Client {
  readonly socket: Socket = createSocket('udp4');
  readonly #came: Came[] = [];
  #wake: (() => void) | undefined;

  static async open(address = '127.0.0.1'): Promise<Client> {
    const client = new Client();
    client.socket.on('message', (bytes, { port }) => {
      client.#came.push({ bytes, port });
      client.#wake?.();
    });
    await new Promise<void>((resolve) => client.socket.bind(0, address, resolve));
    return client;
  }

  send(port: number, ...bytes: (string | Buffer | number[])[]): void {
    this.socket.send(
      Buffer.concat(bytes.map((one) => (typeof one === 'string' ? Buffer.from(one, 'latin1') : Buffer.from(one)))),
      port,
      '127.0.0.1',
    );
  }

  ack(block: number, port: number): void {
    this.send(port, [0, 4, (block >> 8) & 255, block & 255]);
  }

  /** What comes next, or nothing within the time. */
  async next(ms = 2000): Promise<Came | undefined> {
    const end = performance.now() + ms;
    while (this.#came.length === 0 && performance.now() < end)
      await Promise.race([
        new Promise<void>((resolve) => (this.#wake = resolve)),
        sleep(Math.max(1, end - performance.now()), undefined, { ref: false }),
      ]);
    return this.#came.shift();
  }

  async expect(expected: string | Buffer): Promise<number> {
    const came = await this.next();
    assert.ok(came, `nothing came; expected ${JSON.stringify(String(expected))}`);
    assert.deepEqual(came.bytes.toString('latin1'), expected.toString('latin1'));
    return came.port;
  }
}

const clients: Client[] = [];
const closing: (() => unknown)[] = [];
after(async () => {
  for (const { socket } of clients) socket.close();
  for (const close of closing) await close();
});

async function client(address?: string): Promise<Client> {
  const one = await Client.open(address);
  clients.push(one);
  return one;
}

interface Stage {
  readonly source: TestSource;
  readonly service: TftpService;
  readonly port: number;
}

async function stage(limits: Partial<TftpLimits> = {}): Promise<Stage> {
  const source = new TestSource();
  const service = await TftpService.open({ addresses: ['127.0.0.1'], port: 0, source, log: source.log, limits });
  closing.push(
    () => service.close(),
    () => source.remove(),
  );
  return { source, service, port: Number(service.listens[0]?.split(':')[1]) };
}

const rrq = (name: string, options = '', mode = 'octet'): string => `\0\x01${name}\0${mode}\0${options}`;
const data = (block: number, bytes: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from([0, 3, block >> 8, block & 255]), Buffer.from(bytes)]);
const error = (code: number, why: string): string => `\0\x05\0${String.fromCharCode(code)}${why}\0`;

const shared = await stage();
shared.source.bytes('small', 'hello');

const DOTS = 'the name has . or .. in it: names start at the root';
const EXCHANGES: readonly [what: string, request: string, answer: string | Buffer | undefined][] = [
  ['a file', rrq('small'), data(1, 'hello')],
  ['a file from the root', rrq('/small'), data(1, 'hello')],
  ['a mode in capitals', rrq('small', '', 'OcTeT'), data(1, 'hello')],
  ['its size', rrq('small', 'tsize\x000\0'), '\0\x06tsize\x005\0'],
  ['options in capitals', rrq('small', 'BLKSIZE\x001024\0'), '\0\x06blksize\x001024\0'],
  ['options that nobody knows', rrq('small', 'multicast\0\0'), data(1, 'hello')],
  ['the same option twice', rrq('small', 'blksize\x001024\0blksize\x00512\0'), '\0\x06blksize\x001024\0'],
  ['blocks larger than a frame', rrq('small', 'blksize\x0065464\0'), '\0\x06blksize\x001468\0'],
  ['to write', '\0\x02small\0octet\0', error(2, 'this server is for reading only')],
  ['netascii', rrq('small', '', 'netascii'), error(4, 'only mode octet (binary) is served')],
  ['mail', rrq('small', '', 'mail'), error(4, 'only mode octet (binary) is served')],
  ['what is not there', rrq('none'), error(1, 'there is no file none for this node')],
  ['what is not for it', rrq('forbidden'), error(2, 'it is not for you')],
  ['what is not there yet', rrq('later'), error(0, 'it is not built yet')],
  ['while the source is out of order', rrq('fault'), error(0, 'the server failed to read fault')],
  ['a way out of the root', rrq('../../etc/passwd'), error(2, DOTS)],
  ['another way out', rrq('/a/../../etc/passwd'), error(2, DOTS)],
  ['as a DOS machine writes it', rrq('boot\\x'), error(2, 'the name has a backslash in it: write / between folders')],
  ['nothing', rrq(''), error(2, 'the name is empty')],
  ['bytes that are no text', rrq('\xff\xfe'), error(2, 'the name is not UTF-8')],
  ['a name without end', '\0\x01small', error(4, 'this is no request of RFC 1350 that can be read')],
  ['no mode', '\0\x01small\0', error(4, 'this is no request of RFC 1350 that can be read')],
  ['an option without value', rrq('small', 'blksize\0'), error(4, 'this is no request of RFC 1350 that can be read')],
  ['a thousand options', rrq('small', 'a\x001\0'.repeat(100)), error(4, 'this is no request of RFC 1350 that can be read')],
  ['a request of 2000 bytes', rrq('x'.repeat(2000)), error(4, 'this is no request of RFC 1350 that can be read')],
  ['data, to the port of requests', '\0\x03\0\x01x', error(4, 'this is no request of RFC 1350 that can be read')],
  ['an acknowledgement, to the port of requests', '\0\x04\0\x01', undefined],
  ['an error', error(0, 'oops'), undefined],
];
for (const [what, request, answer] of EXCHANGES)
  test(`a client asks for ${what}`, async () => {
    const one = await client();
    one.send(shared.port, request);
    if (answer === undefined) assert.equal(await one.next(150), undefined);
    else {
      const tid = await one.expect(answer);
      assert.notEqual(tid, shared.port, 'a transfer has its own port');
      one.send(tid, error(0, 'enough'));
    }
  });

test('names that try to leave the root never reach the source', () => {
  assert.deepEqual(
    shared.source.opened.filter((line) => !/ (?:small|none|forbidden|later|fault)$/.test(line)),
    [],
  );
});

test('a file of several blocks: in order, to the acknowledgement of the last, and then it is told as done', async () => {
  const { source, service, port } = await stage();
  const bytes = source.bytes('whole', pattern(1024));
  const one = await client();
  one.send(port, rrq('whole'));
  const tid = await one.expect(data(1, bytes.subarray(0, 512)));
  one.ack(1, tid);
  await one.expect(data(2, bytes.subarray(512)));
  one.ack(2, tid);
  await one.expect(data(3, ''));
  assert.deepEqual(source.finished, []);
  one.ack(3, tid);
  await until('done', () => source.finished.length > 0);
  assert.deepEqual(source.finished, [{ name: 'whole', from: '127.0.0.1', by: 'tftp', bytes: 1024 }]);
  assert.equal(service.held.transfers, 0);
  one.ack(3, tid);
  await one.expect(error(5, 'there is no such transfer'));
});

test('blocks that lie across pages of the file', async () => {
  const { source, port } = await stage({ blksize: 65_464 });
  const bytes = pattern(200_000);
  source.file('pages', bytes);
  const one = await client();
  one.send(port, rrq('pages', 'blksize\x0050000\0windowsize\x003\0'));
  const tid = await one.expect('\0\x06blksize\x0050000\0windowsize\x003\0');
  one.ack(0, tid);
  for (let block = 1; block <= 5; block++) {
    await one.expect(data(block, bytes.subarray((block - 1) * 50_000, block * 50_000)));
    if (block === 3 || block === 5) one.ack(block, tid);
  }
});

test('a request that comes again before anything was heard begins nothing new; a new one takes the place of the old', async () => {
  const { source, service, port } = await stage();
  source.bytes('small', 'hello');
  source.bytes('other', 'other');
  const one = await client();
  for (let i = 0; i < 3; i++) one.send(port, rrq('small'));
  await one.expect(data(1, 'hello'));
  assert.equal(await one.next(100), undefined);
  assert.equal(service.held.transfers, 1);
  one.send(port, rrq('other'));
  const tid = await one.expect(data(1, 'other'));
  assert.equal(service.held.transfers, 1);
  one.ack(1, tid);
  await until('done', () => source.finished.length === 1);
});

test('PXE firmware asks for the size, says that it has heard enough, and asks again from the same port', async () => {
  const { source, service, port } = await stage();
  source.bytes('small', 'hello');
  const one = await client();
  one.send(port, rrq('small', 'tsize\x000\0'));
  const tid = await one.expect('\0\x06tsize\x005\0');
  one.send(tid, error(8, 'enough'));
  await until('the end', () => service.held.transfers === 0);
  one.send(port, rrq('small', 'blksize\x001408\0'));
  const next = await one.expect('\0\x06blksize\x001408\0');
  assert.notEqual(next, tid, 'what comes late for the first does not reach the second');
});

test('somebody else cannot speak for a transfer', async () => {
  const { source, service, port } = await stage();
  source.bytes('whole', pattern(2000));
  const one = await client();
  one.send(port, rrq('whole'));
  const tid = (await one.next())?.port ?? 0;
  const other = await client();
  other.ack(1, tid);
  await other.expect(error(5, 'there is no such transfer'));
  other.send(tid, error(0, 'stop'));
  assert.equal(await other.next(100), undefined, 'an error is never answered');
  assert.equal(service.held.transfers, 1);
});

test('an address has so many transfers: its oldest one makes room, others do not notice', async () => {
  const { source, service, port } = await stage({ perAddress: 3 });
  source.bytes('whole', pattern(2000));
  const others = await client('127.0.0.9');
  others.send(port, rrq('whole'));
  await others.next();
  const own = await Promise.all(Array.from({ length: 4 }, () => client()));
  const tids: number[] = [];
  for (const one of own) {
    one.send(port, rrq('whole'));
    tids.push((await one.next())?.port ?? 0);
  }
  assert.equal(service.held.transfers, 4);
  own[0]?.ack(1, tids[0] as number);
  await own[0]?.expect(error(5, 'there is no such transfer'));
});

test('while the source is slow, nobody can heap up questions', async () => {
  const { source, service, port } = await stage({ perAddress: 3 });
  let open = (): void => {};
  source.gate = new Promise((resolve) => (open = resolve));
  for (let i = 0; i < 10; i++) (await client()).send(port, rrq('small'));
  await sleep(150);
  assert.deepEqual([source.opened.length, service.held.transfers], [3, 3]);
  open();
  await until('answers', () => service.held.transfers === 0);
});

test('beyond the limit of all transfers nothing is said, and who asks again finds room; who never answers makes room', async () => {
  const { source, service, port } = await stage({ transfers: 2 });
  source.bytes('small', 'hello');
  source.bytes('whole', pattern(600));
  const [a, b, c] = [await client('127.0.0.2'), await client('127.0.0.3'), await client('127.0.0.4')];
  a.send(port, rrq('whole'));
  b.send(port, rrq('whole'));
  const tidA = (await a.next())?.port ?? 0;
  const tidB = (await b.next())?.port ?? 0;
  a.ack(1, tidA);
  b.ack(1, tidB);
  await Promise.all([a.next(), b.next()]);
  c.send(port, rrq('small'));
  assert.equal(await c.next(150), undefined);
  assert.match(source.logged.join(), /all 2 transfers that are allowed at once are under way/);
  a.ack(2, tidA);
  await until('room', () => service.held.transfers === 1);
  c.send(port, rrq('small'));
  await c.expect(data(1, 'hello'));
  const d = await client('127.0.0.5');
  d.send(port, rrq('small'));
  await d.expect(data(1, 'hello'));
  assert.equal(service.held.transfers, 2);
  c.ack(1, tidA);
  b.ack(2, tidB);
  await until('it was not the one that answers', () => source.finished.some(({ from }) => from === '127.0.0.3'));
});

test('a flood of requests of one address is dropped unread; the next address is served', async () => {
  const { source, port } = await stage({ requestsPerSecond: 10 });
  source.bytes('small', 'hello');
  const bad = await client();
  for (let i = 0; i < 500; i++) bad.send(port, rrq(`none${i}`));
  const good = await client('127.0.0.8');
  good.send(port, rrq('small'));
  await good.expect(data(1, 'hello'));
  assert.ok(source.opened.length <= 25, `${source.opened.length} questions`);
  assert.ok(source.logged.length <= 61);
});

test('a file that is written over while it goes out ends with an error, and is not told as done', async () => {
  const { source, service, port } = await stage({ cacheBytes: 65_536 });
  const path = source.file('changing', pattern(300_000));
  const one = await client();
  one.send(port, rrq('changing', 'blksize\x001468\0'));
  const tid = (await one.next())?.port ?? 0;
  one.ack(0, tid);
  assert.equal((await one.next())?.bytes.length, 1472);
  writeFileSync(path, pattern(300_000).fill(1));
  utimesSync(path, 1, 1);
  let came: Came | undefined;
  for (let block = 1; block < 300; block++) {
    one.ack(block, tid);
    came = await one.next();
    if (came?.bytes[1] === 5) break;
    assert.notEqual(came?.bytes[4], 1, 'nothing of the new one');
  }
  assert.equal(came?.bytes.toString('latin1'), error(0, 'changing is just being replaced; ask again'));
  assert.deepEqual([source.finished.length, service.held], [0, { transfers: 0, files: 0, bytes: 0 }]);
  assert.match(source.logged.join(), /broken off: changing: .* was changed while it was read; replace files by renaming/);
});

test('a hundred clients at once: no more descriptors than one needs', async () => {
  const { source, service, port } = await stage({ perAddress: 200, requestsPerSecond: 1000 });
  const bytes = pattern(50_000);
  source.file('many', bytes);
  const many = await Promise.all(Array.from({ length: 100 }, () => client()));
  const before = readdirSync('/proc/self/fd').length;
  const got = await Promise.all(many.map((one) => fetch(one, port, 'many')));
  assert.ok(got.every((one) => one.equals(bytes)));
  // Others of the process may be closed meanwhile.
  assert.ok(readdirSync('/proc/self/fd').length <= before + 1);
  await until('done', () => source.finished.length === 100);
  assert.equal(service.held.transfers, 0);
});

async function fetch(one: Client, port: number, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  one.send(port, rrq(name, 'blksize\x001024\0windowsize\x004\0'));
  one.ack(0, (await one.next(5000))?.port ?? 0);
  for (let block = 1; ; block++) {
    const came = await one.next(5000);
    assert.ok(came, `block ${block} did not come`);
    parts.push(came.bytes.subarray(4));
    const isLast = came.bytes.length < 1028;
    if (isLast || block % 4 === 0) one.ack(block, came.port);
    if (isLast) return Buffer.concat(parts);
  }
}

test('a port that is taken: nothing stays open, and the words say what to do', async () => {
  const before = readdirSync('/proc/self/fd').length;
  await assert.rejects(
    TftpService.open({ addresses: ['127.0.0.5', '127.0.0.1'], port: shared.port, source: shared.source, log: shared.source.log }),
    /cannot listen for TFTP \(UDP\) on 127\.0\.0\.1:\d+: something else listens there already/,
  );
  assert.ok(readdirSync('/proc/self/fd').length <= before);
});
