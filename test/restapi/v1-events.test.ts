/** Events over WebSockets and Server-Sent Events: in order, filtered, resumed, and bounded for who does not read them. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { until } from '../e2e/lab.ts';
import { type Rest, startRest } from './lab.ts';

const V1 = '/api/v1';

interface Told {
  readonly kind: string;
  readonly revision: number;
  readonly path?: string;
  readonly node?: string;
  readonly view?: string;
  readonly to?: unknown;
}

interface Listening {
  readonly events: Told[];
  /** Frames as they came, each a list. */
  readonly frames: Told[][];
  close(): void;
}

/** A WebSocket client, when it is open. */
async function listen(rest: Rest, query = '', headers: Record<string, string> = {}, protocols: string[] = []): Promise<Listening> {
  const socket = new WebSocket(`${rest.url.replace('http', 'ws')}${V1}/events${query}`, protocols, { headers });
  const frames: Told[][] = [];
  const events: Told[] = [];
  socket.on('message', (data, isBinary) => {
    assert.equal(isBinary, false);
    const list = JSON.parse(String(data)) as Told[];
    assert.ok(Array.isArray(list) && list.length > 0, 'each frame is a list');
    frames.push(list);
    events.push(...list);
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return { frames, events, close: () => socket.terminate() };
}

interface Sse {
  readonly id?: string;
  readonly event: string;
  readonly data: Told;
}

/** An EventSource without a browser. */
async function stream(
  rest: Rest,
  query = '',
  headers: Record<string, string> = {},
): Promise<{ events: Sse[]; comments: string[]; end(): void }> {
  const ended = new AbortController();
  const answer = await fetch(`${rest.url}${V1}/events${query}`, { headers, signal: ended.signal });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  const events: Sse[] = [];
  const comments: string[] = [];
  const read = async (): Promise<void> => {
    let text = '';
    for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(part).toString();
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        if (block.startsWith(':')) comments.push(block);
        else {
          const lines = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]));
          const id = lines.get('id');
          events.push({
            ...(id === undefined ? {} : { id }),
            event: lines.get('event') ?? '',
            data: JSON.parse(lines.get('data') ?? '') as Told,
          });
        }
      }
    }
  };
  read().catch(() => undefined);
  return { events, comments, end: () => ended.abort() };
}

test('events over WebSockets and streams', async (t) => {
  const rest = await startRest(t);
  const { ask } = rest;
  const made = await ask('POST', `${V1}/nodes`, {
    nodes: ['a1', 'a2', 'b1'].map((nodename) => ({ nodename, labels: { rack: nodename.slice(0, 1) } })),
  });
  assert.equal(made.status, 201);
  const set = async (node: string, value: string): Promise<number> =>
    (await ask('PATCH', `${V1}/nodes/${node}`, { arch: value })).body.revision;
  const values = (events: readonly Told[]): unknown[] => events.filter(({ path }) => path === '/arch').map(({ to }) => to);

  await t.test('what changes comes to both, in order, with its revision', async () => {
    const socket = await listen(rest);
    const sse = await stream(rest);
    const revisions: number[] = [];
    for (let i = 0; i < 40; i++) revisions.push(await set('a1', `v${i}`));
    const expect = Array.from({ length: 40 }, (_, i) => `v${i}`);
    await until('both have it', () => values(socket.events).length === 40 && sse.events.length >= 40);
    assert.deepEqual(values(socket.events), expect);
    assert.deepEqual(values(sse.events.map(({ data }) => data)), expect);
    assert.deepEqual(
      socket.events.filter(({ path }) => path === '/arch').map(({ revision }) => revision),
      revisions,
    );
    assert.ok(socket.frames.length < 40, 'changes that come together are sent together');
    for (const { id, event, data } of sse.events) {
      assert.equal(event, data.kind);
      if (id !== undefined) assert.equal(Number(id), data.revision);
    }
    assert.equal(sse.events.at(-1)?.id, String(revisions.at(-1)));
    socket.close();
    sse.end();
  });

  await t.test('a node that is made, and one that is forgotten', async () => {
    const socket = await listen(rest, '?kinds=state');
    await ask('PUT', `${V1}/nodes/new1`, { platform: 'none' });
    await ask('DELETE', `${V1}/nodes/new1`);
    const whole = (): Told[] => socket.events.filter(({ path, view }) => path === '' && view === 'cfg');
    await until('both are told', () => whole().length === 2);
    assert.deepEqual(
      whole().map(({ to }) => to !== undefined),
      [true, false],
    );
    socket.close();
  });

  await t.test('who comes back goes on where it was', async () => {
    const from = await set('a1', 'before');
    for (const value of ['x', 'y', 'z']) await set('a1', value);
    const socket = await listen(rest, `?from=${from}`);
    const sse = await stream(rest, '', { 'last-event-id': String(from) });
    await set('a1', 'after');
    const expect = ['x', 'y', 'z', 'after'];
    await until('both have all', () => values(socket.events).length >= 4 && values(sse.events.map(({ data }) => data)).length >= 4);
    assert.deepEqual([values(socket.events), values(sse.events.map(({ data }) => data))], [expect, expect]);
    const old = await listen(rest, '?from=1');
    await until('it is told to read anew', () => old.events.length > 0);
    assert.equal(old.events[0]?.kind, 'resync');
    assert.ok((old.events[0]?.revision ?? 0) >= from);
    const later = await stream(rest, '?from=999999999');
    await until('it is told to read anew', () => later.events.length > 0);
    assert.equal(later.events[0]?.event, 'resync');
    for (const one of [socket, old]) one.close();
    sse.end();
    later.end();
  });

  await t.test('only what was asked for: kinds and sets, and a node that leaves the set is told for the last time', async () => {
    const ofA = await listen(rest, `?selector=${encodeURIComponent('@rack=a')}&kinds=state`);
    const discoveries = await listen(rest, '?kinds=discovery,service');
    await set('b1', 'not for a');
    await set('a1', 'for a');
    await ask('PATCH', `${V1}/nodes/a2`, { labels: { rack: 'c' } });
    await set('a2', 'gone');
    await ask('PATCH', `${V1}/nodes/b1`, { labels: { rack: 'a' } });
    await set('b1', 'came');
    await until('all of it came', () => values(ofA.events).includes('came'));
    assert.deepEqual(values(ofA.events), ['for a', 'came']);
    assert.deepEqual(
      ofA.events.filter(({ path }) => path === '/labels/rack').map(({ to }) => to),
      ['c', 'a'],
    );
    assert.deepEqual(discoveries.events, []);
    for (const one of [ofA, discoveries]) one.close();
  });

  await t.test('a wrong question is refused before it is open', async () => {
    for (const [query, field] of [
      ['?kinds=all', 'kinds'],
      ['?selector=kr[', 'selector'],
      ['?from=now', 'from'],
      ['?form=1', 'form'],
    ] as const) {
      await assert.rejects(listen(rest, query), /Unexpected server response: 400/, query);
      assert.equal((await ask('GET', `${V1}/events${query}`)).body.field, field);
    }
    await assert.rejects(listen(rest, '', { origin: 'https://elsewhere.example' }), /403/);
    assert.equal((await ask('GET', `${V1}/events`, undefined, { origin: 'https://elsewhere.example' })).status, 403);
  });

  await t.test('who does not read loses events, not our memory, and is told to read anew; the others are not kept waiting', async () => {
    const reader = await listen(rest, '?kinds=state');
    const slow = [await raw(rest, 'websocket'), await raw(rest, 'sse')];
    const unread: number[] = [];
    await ask('PUT', `${V1}/nodes`, { nodes: Array.from({ length: 500 }, (_, i) => ({ nodename: `bulk${i}`, labels: { bulk: 'y' } })) });
    // Each round is half a megabyte of events: together more than the kernel keeps for a client, one not too much for one that reads.
    for (let i = 0; i < 30; i++) {
      const note = `round ${i} `.padEnd(250, 'x');
      assert.equal((await ask('PATCH', `${V1}/nodes?selector=@bulk`, { labels: { note } })).body.changed, 500);
      await until(`round ${i} is read`, () => reader.events.filter(({ to }) => to === note).length === 500);
      unread.push(await metric(rest, 'kraken_event_streams_unread_bytes'));
    }
    const most = Math.max(...unread) / 1e6;
    assert.ok(most > 0.5 && most < 4, `${most.toFixed(1)} MB wait for two who do not read; a megabyte and a batch each is what they may`);
    for (const one of slow) one.socket.resume();
    await until(
      'both are told to read anew',
      () => slow.every(({ text }) => text().includes('"kind":"resync"')),
      15_000,
      50,
      () => slow.map(({ text }) => text().length),
    );
    await set('a1', 'the last one');
    await until('and go on', () => slow.every(({ text }) => text().includes('the last one')));
    assert.ok(!reader.events.some(({ kind }) => kind === 'resync'), 'the one that reads is not told so');
    for (const { socket } of slow) socket.destroy();
    reader.close();
  });

  await t.test('streams that ended are not counted any more', async () => {
    const open = (): Promise<number> => metric(rest, 'kraken_event_streams');
    await until('none is open', async () => (await open()) === 0, 5_000, 50, open);
    const one = await listen(rest);
    const two = await stream(rest);
    assert.equal(await open(), 2);
    one.close();
    two.end();
    await until('none is open again', async () => (await open()) === 0, 5_000, 50, open);
  });
});

/** A client that opens and then reads nothing, until its socket is resumed. */
async function raw(rest: Rest, kind: 'websocket' | 'sse'): Promise<{ socket: Socket; text: () => string }> {
  const { hostname, port } = new URL(rest.url);
  const socket = connect(Number(port), hostname);
  const upgrade =
    'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  socket.write(`GET ${V1}/events?kinds=state HTTP/1.1\r\nhost: ${hostname}:${port}\r\n${kind === 'sse' ? '' : upgrade}\r\n`);
  let text = '';
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', (part: Buffer) => {
      text += part.toString('latin1');
      socket.pause();
      resolve();
    });
  });
  socket.on('data', (part: Buffer) => {
    // The end of it is what is looked at.
    text = (text + part.toString('latin1')).slice(-4_000_000);
  });
  socket.pause();
  await sleep(50);
  return { socket, text: () => text };
}

async function metric({ ask }: Rest, name: string): Promise<number> {
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(String((await ask('GET', `${V1}/metrics`)).body))?.[1]);
}
