/** Tethers and datagrams over real sockets, and what strangers can do at the port. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Address } from '../../../host/sync/actions.ts';
import { FrameReader, writeFrame } from '../../../host/sync/edge/frames.ts';
import { type CloseReason, Streams } from '../../../host/sync/edge/streams.ts';
import { Udp } from '../../../host/sync/edge/udp.ts';
import { WaitingRoom } from '../../../host/sync/edge/waiting-room.ts';
import { child, type Door, knock, openDoor, until } from './cluster.ts';

/** One side of tethers, with what happened to it. */
function side(accepts = true) {
  const happened: string[] = [];
  const frames: Buffer[] = [];
  let streams: Streams | undefined;
  const events = {
    opened: (stream: number, from: Address, incoming: boolean) => void happened.push(`${incoming ? 'in' : 'out'} ${stream} ${from.host}`),
    frame: (stream: number, bytes: Uint8Array) => {
      frames.push(Buffer.from(bytes));
      if (accepts && stream > 0) streams?.accept(stream);
    },
    closed: (stream: number, why: CloseReason) => void happened.push(`closed ${stream} ${why}`),
  };
  return { happened, frames, events, use: (own: Streams) => (streams = own) };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const nobody = () => new WaitingRoom({ unprovedMs: 1_000, unproved: 1, unprovedPerAddress: 1 });

test('frames are cut alike however the bytes come', () => {
  const frames = [1, 2, 199, 1_000, 16_384].map((length) => randomBytes(length));
  const all = Buffer.concat(frames.map(writeFrame));
  for (const size of [1, 2, 3, 7, 1_000, 65_536]) {
    const reader = new FrameReader();
    const got: unknown[] = [];
    for (let at = 0; at < all.length; at += size) {
      reader.push(all.subarray(at, at + size));
      for (let frame = reader.next(16_384); frame; frame = reader.next(16_384)) got.push(frame);
    }
    assert.deepEqual(got, frames, `pieces of ${size}`);
  }
  const empty = new FrameReader();
  empty.push(Buffer.from([0, 0]));
  assert.equal(empty.next(10), 'long');
  const long = new FrameReader();
  long.push(writeFrame(Buffer.alloc(201)));
  assert.equal(long.next(200), 'long');
  assert.throws(() => writeFrame(Buffer.alloc(0)), RangeError);
  assert.throws(() => writeFrame(Buffer.alloc(65_536)), RangeError);
});

test('a tether carries frames both ways once it is proved, over IPv4 and IPv6', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const parent = side();
    const door = await openDoor({ host, events: parent.events });
    parent.use(door.streams);
    const mine = side();
    const streams = new Streams({}, nobody(), mine.events);
    streams.dial(-1, door.at);
    await until(() => mine.happened.length === 1);
    const sent = [randomBytes(60), ...Array.from({ length: 300 }, () => randomBytes(16_384))];
    for (const frame of sent) streams.frame(-1, frame);
    await until(() => parent.frames.length === sent.length);
    assert.deepEqual(parent.frames, sent);
    door.streams.frame(1, Buffer.from('back'));
    await until(() => mine.frames.length === 1);
    assert.equal(mine.frames[0]?.toString(), 'back');
    streams.frame(-1, Buffer.from('bye'));
    streams.hangUp(-1);
    await until(() => parent.happened.includes('closed 1 ended'));
    assert.equal(parent.frames.at(-1)?.toString(), 'bye');
    assert.deepEqual(parent.happened, [`in 1 ${host}`, 'closed 1 ended']);
    assert.deepEqual(mine.happened, [`out -1 ${host}`]);
    assert.equal(streams.count + door.streams.count, 0);
    await door.close();
  }
});

test('a dial that is refused, unanswered, ended, or broken says which', async () => {
  const mine = side();
  const streams = new Streams({ dialMs: 300 }, nobody(), mine.events);
  streams.dial(-1, { host: '127.0.0.1', port: 1 });
  await until(() => mine.happened.length === 1);
  streams.dial(-2, { host: '::1', port: 1 });
  await until(() => mine.happened.length === 2);
  assert.deepEqual(mine.happened.splice(0), ['closed -1 refused', 'closed -2 refused']);
  // A listener whose queue is full: the kernel drops what comes.
  const full = createServer();
  await new Promise<void>((resolve) => full.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, resolve));
  const { port } = full.address() as { port: number };
  const blocker = await import('node:child_process').then(({ spawn }) =>
    spawn(process.execPath, [
      '-e',
      `const s=require('net').createServer().listen({host:'127.0.0.1',port:0,backlog:1},()=>{console.log(s.address().port);setTimeout(()=>{const end=Date.now()+4000;while(Date.now()<end);process.exit()},50)})`,
    ]),
  );
  const stuck = await new Promise<number>((resolve) => blocker.stdout.once('data', (text) => resolve(Number(text))));
  await new Promise((resolve) => setTimeout(resolve, 150));
  const fillers = Array.from({ length: 4 }, () => connect({ host: '127.0.0.1', port: stuck }).on('error', () => {}));
  await new Promise((resolve) => setTimeout(resolve, 100));
  streams.dial(-3, { host: '127.0.0.1', port: stuck });
  await until(() => mine.happened.length === 1);
  assert.deepEqual(mine.happened.splice(0), ['closed -3 timeout']);
  for (const filler of fillers) filler.destroy();
  blocker.kill('SIGKILL');

  full.on('connection', (socket) => setTimeout(() => socket.resetAndDestroy(), 20));
  streams.dial(-4, { host: '127.0.0.1', port });
  await until(() => mine.happened.length === 2);
  assert.deepEqual(mine.happened.splice(0), ['out -4 127.0.0.1', 'closed -4 error']);
  full.removeAllListeners('connection').on('connection', (socket) => socket.end());
  streams.dial(-5, { host: '127.0.0.1', port });
  await until(() => mine.happened.length === 2);
  assert.deepEqual(mine.happened.splice(0), ['out -5 127.0.0.1', 'closed -5 ended']);
  // Hung up before it opened: nothing is said.
  streams.dial(-6, { host: '127.0.0.1', port });
  streams.hangUp(-6);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(mine.happened, []);
  full.close();
});

test('who does not read what he is sent is hung up on at the limit', async () => {
  const mine = side();
  const streams = new Streams({ queue: 1_000_000 }, nobody(), mine.events);
  const sockets: Socket[] = [];
  const deaf = createServer((socket) => void sockets.push(socket.on('error', () => {}).pause()));
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
  streams.dial(-1, { host: '127.0.0.1', port: (deaf.address() as { port: number }).port });
  await until(() => mine.happened.length === 1);
  for (let round = 0; round < 100_000 && streams.count > 0; round++) {
    streams.frame(-1, Buffer.alloc(16_000));
    if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(mine.happened, ['out -1 127.0.0.1', 'closed -1 full']);
  assert.equal(streams.figures.full, 1);
  for (const socket of sockets) socket.destroy();
  deaf.close();
});

/** A plain connection to the port: what it sends, and when it was hung up on. */
function stranger(door: Door, from = '127.0.0.1'): Promise<{ socket: Socket; gone: Promise<void> }> {
  return new Promise((resolve) => {
    const socket = connect({ ...door.at, localAddress: from }, () => resolve({ socket, gone }));
    const gone = new Promise<void>((done) => socket.once('close', () => done()));
    socket.on('error', () => {}).resume();
  });
}

test('of who has proved nothing one frame is heard, the next when he is accepted, and not for long', async () => {
  const parent = side(false);
  const door = await openDoor({ events: parent.events, room: { unprovedMs: 300 } });
  const start = Date.now();
  const late = await stranger(door);
  late.socket.write(Buffer.concat([writeFrame(Buffer.from('one')), writeFrame(Buffer.from('two')), writeFrame(randomBytes(2_000))]));
  const silent = await stranger(door);
  const slow = await stranger(door);
  const dripping = setInterval(() => slow.socket.write(Buffer.from([0])), 40);
  await Promise.all([late.gone, silent.gone]);
  assert.ok(Date.now() - start >= 280 && Date.now() - start < 2_000);
  clearInterval(dripping);
  await slow.gone;
  assert.deepEqual(parent.frames.map(String), ['one']);
  const large = await stranger(door);
  large.socket.write(writeFrame(randomBytes(16_384 + 65)));
  await large.gone;
  assert.equal(door.streams.figures.malformed >= 1, true);

  const proved = await stranger(door);
  proved.socket.write(Buffer.concat([writeFrame(Buffer.from('one')), writeFrame(Buffer.from('two')), writeFrame(Buffer.alloc(2_000))]));
  await until(() => parent.frames.length === 2);
  const id = Number(parent.happened.at(-1)?.split(' ')[1]);
  door.streams.accept(id);
  await until(() => parent.frames.length === 4);
  assert.equal(parent.frames[3]?.length, 2_000);
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(door.streams.count, 1);
  await door.close();
  await proved.gone;
});

test('strangers: so many of one address, so many at all, and the oldest makes room', async () => {
  const door = await openDoor({ room: { unproved: 10, unprovedPerAddress: 4 } });
  const mine = await Promise.all(Array.from({ length: 6 }, () => stranger(door, '127.0.0.2')));
  await Promise.race(mine.map(({ gone }) => gone));
  await until(() => door.room.figures.turnedAway === 2);
  const others = [];
  for (const from of ['127.0.0.3', '127.0.0.4', '127.0.0.5'])
    for (let round = 0; round < 3; round++) others.push(await stranger(door, from));
  await until(() => door.room.figures.turnedAway === 5);
  // In the middle of it, one who knows what he wants.
  assert.equal((await knock(door, child())).outcome.kind, 'admitted');
  await door.close();
  await Promise.all([...mine, ...others].map(({ gone }) => gone));
});

test('10,000 connections of garbage, truncated TLS and silence are counted and leave nothing behind', async () => {
  const door = await openDoor({ room: { unproved: 512, unprovedMs: 100 }, limits: { atOnce: 32, timeoutMs: 100 } });
  let seed = 12_345;
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  const hello = Buffer.from('16030100c8010000c40303', 'hex');
  const kinds = [
    (socket: Socket) => socket.end(randomBytes(1 + Math.floor(random() * 300))),
    (socket: Socket) =>
      socket.end(Buffer.concat([hello.subarray(0, 1 + Math.floor(random() * hello.length)), randomBytes(Math.floor(random() * 200))])),
    (socket: Socket) => socket.write(Buffer.concat([hello, randomBytes(20)])),
    (socket: Socket) => socket.end('GET / HTTP/1.0\r\n\r\n'),
    (socket: Socket) => socket.end(Buffer.concat([Buffer.from([0, 80]), randomBytes(80)])),
    (socket: Socket) => socket.destroy(),
    (socket: Socket) => socket.write(Buffer.from([0])),
    (socket: Socket) => socket.resetAndDestroy(),
  ];
  const wave = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 500)
      await Promise.all(
        Array.from(
          { length: 500 },
          (_, index) =>
            new Promise<void>((resolve) => {
              const socket = connect({ ...door.at, localAddress: `127.0.${1 + (index % 50)}.${1 + Math.floor(random() * 250)}` }, () =>
                kinds[(done + index) % kinds.length]?.(socket),
              );
              socket.on('error', () => {}).resume();
              socket.once('close', () => resolve());
              socket.setTimeout(3_000, () => socket.destroy());
            }),
        ),
      );
  };
  const settle = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, 250));
    collect();
    return process.memoryUsage().heapUsed;
  };
  await wave(1_000);
  const before = await settle();
  const start = Date.now();
  await wave(9_000);
  const took = Date.now() - start;
  const after = await settle();
  assert.equal(door.streams.count, 0);
  const { malformed, timeouts, admitted } = door.server.figures;
  assert.equal(admitted + door.claims.length, 0);
  assert.ok(malformed + timeouts > 2_000, JSON.stringify(door.server.figures));
  assert.ok(door.streams.figures.malformed + door.room.figures.turnedAway + door.room.figures.timeouts > 1_000);
  assert.equal((await knock(door, child())).outcome.kind, 'admitted');
  console.log(`9,000 in ${took} ms; heap ${Math.round(before / 1e5) / 10} → ${Math.round(after / 1e5) / 10} MB`);
  assert.ok(after - before < 4_000_000, `${after - before} bytes more`);
  await door.close();
});

test('datagrams over IPv4 and IPv6, from where they are listened for; oversized ones and errors are counted', async () => {
  const got: { from: Address; bytes: Buffer }[] = [];
  const udp = new Udp((from, bytes) => got.push({ from, bytes: Buffer.from(bytes) }));
  const [four, six] = (await udp.bind([
    { host: '127.0.0.1', port: 0 },
    { host: '::1', port: 0 },
  ])) as [Address, Address];
  const answers: { from: Address; bytes: Buffer }[] = [];
  const other = new Udp((from, bytes) => answers.push({ from, bytes: Buffer.from(bytes) }));
  for (const to of [four, six]) {
    other.send(to, Buffer.from('hello'));
    await until(() => got.length === 1);
    const { from, bytes } = got.pop() as (typeof got)[0];
    assert.deepEqual([from.host, bytes.toString()], [to.host, 'hello']);
    udp.send(from, Buffer.from('back'));
    await until(() => answers.length === 1);
    assert.deepEqual(answers.pop(), { from: to, bytes: Buffer.from('back') });
  }
  const raw = createSocket('udp4');
  raw.send(randomBytes(1_501), four.port, four.host);
  raw.send(Buffer.alloc(0), four.port, four.host);
  raw.send(randomBytes(1_500), four.port, four.host);
  await until(() => got.length >= 2);
  assert.deepEqual(
    got.map(({ bytes }) => bytes.length),
    [0, 1_500],
  );
  assert.equal(udp.figures.oversized, 1);
  for (const to of [
    { host: '127.0.0.1', port: 0 },
    { host: 'not an address', port: 5 },
    { host: '255.255.255.255', port: 9 },
    { host: '127.0.0.1', port: 70_000 },
  ])
    udp.send(to, Buffer.from('x'));
  await until(() => udp.figures.sendErrors === 4);
  await assert.rejects(new Udp(() => {}).bind([{ host: '203.0.113.1', port: 0 }]), /EADDRNOTAVAIL/);
  raw.close();
  udp.close();
  udp.close();
  other.close();
  // Nothing is opened again: the process would not end.
  udp.send(four, Buffer.from('after it was closed'));
});
