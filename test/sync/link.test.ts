import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { decode, encode, encodeUpdate, MalformedError } from '../../host/sync/codec.ts';
import { encodeItem, encodeNode } from '../../host/sync/items.ts';
import { Link } from '../../host/sync/link.ts';
import type { Message } from '../../host/sync/messages.ts';
import { DEFAULT_SYNC, type SyncSettings } from '../../host/sync/settings.ts';
import { CALM, Pair, seeded } from './pair.ts';

const link = (peerIs: 'parent' | 'child', run = 1, settings: Partial<SyncSettings> = {}): Link =>
  new Link({ settings: { ...DEFAULT_SYNC, ...settings }, peerIs, run, now: 0, random: () => 0.5 });

/** What leaves now: "path kind", with what matters of it. */
const said = (from: Link, now: number): string[] => from.drain(now).map(({ path, bytes }) => `${path} ${name(decode(bytes))}`);

function name(message: Message): string {
  switch (message.kind) {
    case 'update':
      return `update ${message.number}${message.snapshot ? ' all' : ''}${message.more ? ' more' : ''}: ${message.items.map(({ member, value }) => `${member}=${JSON.stringify(value)?.slice(0, 20)}`).join(' ')}`;
    case 'part':
      return `part ${message.number}/${message.index}`;
    case 'ack':
      return `ack ${message.have}${message.broken ? ' broken' : ''}`;
    case 'hello':
      return `hello${message.asks ? ' asks' : ''}${message.resync ? ' resync' : ''}`;
    default:
      return message.kind;
  }
}

/** Hands over everything that `from` says now, and gives what it was. */
function hand(from: Link, to: Link, now: number, take = true): string[] {
  return from.drain(now).map(({ path, bytes }) => {
    for (const update of to.receive(bytes, path, now)) if (take) to.taken(update.number, now);
    return `${path} ${name(decode(bytes))}`;
  });
}

/** A parent and its child that have said hello and know each other's map. */
function met(settings: Partial<SyncSettings> = {}): { parent: Link; child: Link } {
  const parent = link('child', 1, settings);
  const child = link('parent', 1, settings);
  parent.offer('n', '/a', 1);
  child.offer('n', '/b', 1);
  child.tick(0);
  for (let i = 0; i < 6; i++) {
    hand(child, parent, 0);
    hand(parent, child, 0);
  }
  return { parent, child };
}

test('what changes while one update is on its way goes with the next, together; what went back does not go', () => {
  const { parent, child } = met();
  parent.offer('n', '/a', 2);
  parent.offer('m', '/c', { x: 1 });
  assert.deepEqual(said(parent, 1), ['udp update 2: /a=2 /c={"x":1}']);
  for (let i = 0; i < 100; i++) parent.offer('n', '/a', i);
  parent.offer('m', '/c', undefined);
  parent.offer('m', '/d', 1);
  parent.offer('m', '/d', undefined);
  assert.deepEqual(said(parent, 2), []);
  assert.equal(parent.figures.pending, 2);
  parent.receive(encode({ kind: 'ack', run: 1, have: 2, broken: false }), 'udp', 3);
  assert.deepEqual(said(parent, 3), ['udp update 3: /a=99 /c=undefined']);
  assert.equal(parent.figures.pending, 0);
  assert.ok(!parent.inSync && child.inSync);
});

test('nothing is said of an empty map, and everything of one that was emptied', () => {
  const parent = link('child');
  assert.deepEqual(said(parent, 0), []);
  parent.offer('n', '/a', 1);
  parent.forget('n');
  assert.deepEqual(said(parent, 0), ['udp update 1 all: ']);
});

test('an idle parent has no timers, and its child only that of the hello', () => {
  const { parent, child } = met();
  assert.equal(parent.wake, Number.POSITIVE_INFINITY);
  assert.equal(child.wake, 10_000);
  for (let i = 1; i < 200; i++) {
    const now: number = child.wake;
    assert.ok(Math.abs(now - i * 10_000) <= 1);
    child.tick(now);
    // Every second one asks.
    const asks = i % 2 === 0;
    assert.deepEqual(hand(child, parent, now), [asks ? 'udp hello asks' : 'udp hello']);
    assert.deepEqual(hand(parent, child, now + 0.4), asks ? ['udp hello'] : []);
    assert.ok(parent.inSync && child.inSync);
  }
  assert.equal(parent.wake, Number.POSITIVE_INFINITY);
});

test('a hello is jittered by a tenth', () => {
  for (const [draw, expect] of [
    [0, 9_000],
    [0.5, 10_000],
    [0.999, 10_998],
  ] as const) {
    const child = new Link({ settings: DEFAULT_SYNC, peerIs: 'parent', run: 1, now: 0, random: () => draw });
    child.tick(0);
    child.receive(encode({ ...HELLO, sent: 1 }), 'udp', 1);
    assert.equal(Math.round(child.wake), expect);
  }
});

const HELLO = {
  kind: 'hello',
  sent: 1,
  echo: 0,
  kept: 0,
  asks: false,
  resync: false,
  head: 0,
  digest: 0,
  run: 0,
  have: 0,
} as const;

test('what is not acknowledged goes again, at twice the time before, 2 s at most', () => {
  const parent = link('child');
  parent.offer('n', '/a', 1);
  assert.equal(said(parent, 0).length, 1);
  const times: number[] = [];
  for (let i = 0; i < 6; i++) {
    const now = parent.wake;
    times.push(now);
    parent.tick(now - 0.001);
    assert.deepEqual(said(parent, now - 0.001), []);
    parent.tick(now);
    assert.deepEqual(said(parent, now), ['udp update 1 all: /a=1']);
  }
  assert.deepEqual(times, [240, 720, 1_680, 3_600, 5_600, 7_600]);
  assert.equal(parent.figures.resent, 6);
});

test('the round trip is measured by hellos, and the patience follows it', () => {
  const child = link('parent');
  child.tick(1_000);
  const [first] = child.drain(1_000);
  const hello = decode(first!.bytes);
  assert.ok(hello.kind === 'hello');
  child.receive(encode({ ...HELLO, sent: 77, echo: hello.sent, kept: 15 }), 'udp', 1_055);
  assert.equal(child.figures.rtt, 40);
  child.offer('n', '/a', 1);
  child.drain(1_055);
  assert.equal(child.wake, 1_055 + 40 + 4 * 20);
});

test('an update is given out once, acknowledged when it is taken, and the acknowledgement is repeated', () => {
  const { parent, child } = met();
  parent.offer('n', '/a', 2);
  const [update] = parent.drain(1);
  const [given] = child.receive(update!.bytes, 'udp', 2);
  assert.deepEqual(given?.items, [{ node: 'n', member: '/a', value: 2 }]);
  assert.deepEqual(child.receive(update!.bytes, 'udp', 3), []);
  assert.deepEqual(said(child, 3), []);
  child.taken(given!.number + 1, 4);
  assert.deepEqual(said(child, 4), []);
  child.taken(given!.number, 4);
  assert.deepEqual(said(child, 4), ['udp ack 2']);
  child.taken(given!.number, 5);
  assert.deepEqual(said(child, 5), []);
  assert.deepEqual(child.receive(update!.bytes, 'stream', 6), []);
  assert.deepEqual(child.receive(update!.bytes, 'udp', 6), []);
  assert.deepEqual(said(child, 6), ['stream ack 2', 'udp ack 2'].slice(0, 2));
});

test('what was given out before the peer restarted is not acknowledged to the new one', () => {
  const { parent, child } = met();
  parent.offer('n', '/a', 2);
  const [given] = child.receive(parent.drain(1)[0]!.bytes, 'udp', 2);
  child.peerRestarted(3);
  const again = link('child', 2);
  again.offer('n', '/a', 3);
  const [fresh] = child.receive(again.drain(4)[0]!.bytes, 'udp', 4);
  assert.notEqual(fresh?.number, given?.number);
  child.drain(4);
  child.taken(given!.number, 5);
  assert.deepEqual(said(child, 5), []);
  child.taken(fresh!.number, 6);
  assert.deepEqual(said(child, 6), ['udp ack 1']);
});

test('an update of several parts: only those that were lost go again', () => {
  const { parent, child } = met();
  const value = randomBytes(5_000).toString('hex');
  parent.offer('n', '/big', value);
  const parts = parent.drain(1);
  assert.deepEqual(
    parts.map(({ path, bytes }) => `${path} ${name(decode(bytes))}`),
    Array.from({ length: 8 }, (_, i) => `udp part 2/${i}`),
  );
  for (const [i, { bytes }] of parts.entries()) if (i !== 2 && i !== 5) assert.deepEqual(child.receive(bytes, 'udp', 2), []);
  assert.deepEqual(hand(child, parent, 3), ['udp partsSeen']);
  assert.deepEqual(hand(parent, child, 4), ['udp part 2/2', 'udp part 2/5']);
  assert.deepEqual(hand(child, parent, 5), ['udp partsSeen', 'udp ack 2']);
  assert.equal(parent.figures.unacked, 0);
  assert.equal(parent.figures.resent, 2);
});

test('where the last part is lost, one part asks, and what is taken but slow is not sent again in full', () => {
  const { parent, child } = met();
  parent.offer('n', '/big', 'x'.repeat(10_000));
  for (const { bytes } of parent.drain(1).slice(0, 3)) child.receive(bytes, 'udp', 2);
  assert.deepEqual(said(child, 2), []);
  parent.tick(parent.wake);
  assert.deepEqual(hand(parent, child, 300), ['udp part 2/7']);
  assert.deepEqual(hand(child, parent, 301), ['udp partsSeen']);
  assert.deepEqual(hand(parent, child, 302, false), ['udp part 2/3', 'udp part 2/4', 'udp part 2/5', 'udp part 2/6']);
  hand(child, parent, 303);
  for (let i = 0; i < 5; i++) {
    parent.tick(parent.wake);
    assert.deepEqual(hand(parent, child, 1_000 + i), ['udp part 2/7']);
    assert.deepEqual(hand(child, parent, 1_000 + i), ['udp partsSeen']);
  }
});

/** Kilobytes of one item, a stream or none, and over which ways it comes. */
const SIZES: readonly (readonly [kilobytes: number, stream: boolean, ways: string])[] = [
  [1, false, 'udp'],
  [1, true, 'udp'],
  [16, false, 'udp'],
  [16, true, 'udp'],
  [17, true, 'stream'],
  [200, true, 'stream'],
  [4_000, true, 'stream'],
  [17, false, 'none'],
];

test('what is large goes over the stream, in frames, or waits for one', () => {
  for (const [kilobytes, stream, expect] of SIZES) {
    const { parent, child } = met();
    if (stream) for (const end of [parent, child]) end.streamOpened(0);
    const value = 'x'.repeat(kilobytes * 1_000);
    parent.offer('n', '/big', value);
    parent.offer('n', '/small', 1);
    const ways = new Set<string>();
    const got = new Map<string, Json | undefined>();
    for (let i = 0; i < 4; i++) {
      for (const { path, bytes } of parent.drain(i)) {
        ways.add(path);
        assert.ok(bytes.length + 35 <= (path === 'udp' ? DEFAULT_SYNC.datagram : DEFAULT_SYNC.frame));
        for (const update of child.receive(bytes, path, i)) {
          for (const item of update.items) got.set(item.member, item.value);
          child.taken(update.number, i);
        }
      }
      hand(child, parent, i);
    }
    assert.equal(got.get('/small'), 1);
    assert.equal(got.get('/big'), expect === 'none' ? undefined : value);
    if (expect !== 'none') assert.deepEqual([...ways], [expect]);
    assert.equal(parent.figures.waitsForStream, expect === 'none');
    if (expect !== 'none') continue;
    parent.streamOpened(10);
    assert.match(said(parent, 10).join(), /stream part/);
  }
});

test('without a stream a large map comes in several updates, and is taken as one', () => {
  const { child } = met();
  const parent = link('child', 2);
  child.peerRestarted(0);
  const members = Array.from({ length: 20 }, (_, i) => `/m${i}`);
  for (const member of members) parent.offer('n', member, 'x'.repeat(10_000));
  let taken = 0;
  for (let i = 0; i < 40; i++) {
    for (const { path, bytes } of parent.drain(i))
      for (const update of child.receive(bytes, path, i)) {
        taken++;
        assert.ok(update.snapshot);
        assert.deepEqual(update.items.map(({ member }) => member).sort(), [...members].sort());
        child.taken(update.number, i);
      }
    hand(child, parent, i);
  }
  assert.equal(taken, 1);
  assert.equal(parent.figures.updatesOut, 20);
});

test('a key that goes or changes while a large map is told is right in the end', () => {
  const pair = new Pair(CALM, seeded(1));
  pair.splits = true;
  pair.set(
    'parent',
    Array.from({ length: 20 }, (_, i) => ['n', `/m${i}`, 'x'.repeat(10_000)] as const),
  );
  for (let i = 0; i < 20; i++) {
    pair.run(0.7);
    pair.set('parent', [
      ['n', `/m${(i * 7) % 20}`, i % 2 ? undefined : i],
      ['n', `/new${i}`, i],
    ]);
  }
  assert.equal(pair.child.state.size, 0);
  pair.run(1_000);
  pair.check();
});

test('an item that no update holds is refused with a reason, and the one before stays told', () => {
  const parent = link('child', 1, { update: 1_000 });
  assert.equal(parent.offer('n', '/a', 'short'), undefined);
  assert.match(parent.offer('n', '/a', 'x'.repeat(1_000)) ?? '', /10\d\d bytes are more than an update holds \(1000\)/);
  assert.match(parent.offer('n', '/b', Number.NaN) ?? '', /the number NaN cannot be told/);
  assert.deepEqual(said(parent, 0), ['udp update 1 all: /a="short"']);
});

test('what could not be taken is asked for again, ever later', () => {
  const { parent, child } = met();
  parent.offer('n', '/a', 'poison');
  const refusals: number[] = [];
  let messages = 0;
  for (let now = 0; now < 3_600_000; now = Math.min(parent.wake, child.wake, now + 10_000)) {
    for (const end of [parent, child]) if (end.wake <= now) end.tick(now);
    for (let i = 0; i < 6; i++)
      for (const [from, to] of [
        [child, parent],
        [parent, child],
      ] as const)
        for (const { path, bytes } of from.drain(now)) {
          messages++;
          for (const update of to.receive(bytes, path, now)) {
            refusals.push(now);
            to.refused(update.number, now);
          }
        }
  }
  assert.deepEqual(
    refusals.slice(0, 5).map((at) => Math.round(at / 1_000)),
    [0, 1, 2, 4, 8],
  );
  assert.ok(refusals.length < 70, `${refusals.length} in an hour`);
  assert.ok(messages < 1_100, `${messages} messages in an hour`);
  assert.equal(child.figures.refused, refusals.length);
  assert.equal(child.figures.resyncs, 1);
  assert.ok(!child.inSync && !parent.inSync);
});

test('a digest that is never right costs a snapshot a minute, not a flood', () => {
  const { parent, child } = met();
  let asked = 0;
  for (let now = 10_000; now < 3_610_000; now += 100) {
    if (child.wake <= now) child.tick(now);
    if (now % 1_000 === 0) child.receive(encode({ ...HELLO, sent: now, head: 1, digest: 5, run: 1, have: 1 }), 'udp', now);
    for (const { bytes } of child.drain(now)) {
      const message = decode(bytes);
      if (message.kind === 'hello' && message.resync) asked++;
    }
  }
  assert.ok(asked > 55 && asked < 75, `${asked} in an hour`);
  assert.equal(child.figures.resyncs, 1);
  assert.ok(parent.figures.resyncs === 0);
});

test('a digest that differs is mended at once by a snapshot', () => {
  const { parent, child } = met();
  child.receive(encode({ ...HELLO, sent: 5, head: 1, digest: 5 }), 'udp', 5);
  assert.ok(!child.inSync);
  child.tick(child.wake);
  assert.deepEqual(hand(child, parent, 1_000), ['udp hello asks resync']);
  assert.deepEqual(hand(parent, child, 1_000), ['udp hello', 'udp update 2 all: /a=1']);
  hand(child, parent, 1_001);
  child.greet(2_000);
  hand(child, parent, 2_000);
  hand(parent, child, 2_000);
  assert.ok(child.inSync && parent.inSync);
  assert.equal(child.figures.resyncs, 1);
});

/** A hello of the child's, as the parent knows its stream; `sent` must grow. */
const helloOf = (sent: number, more: object): Uint8Array =>
  encode({ ...HELLO, sent, run: 1, have: 1, head: 1, digest: 0, ...more } as Message & { kind: 'hello' });

test('a snapshot is told again to whom asks: not while it is on its way, not twice in a second, but to whom forgot', () => {
  const { parent } = met();
  const ask = (sent: number, now: number, have: number): string[] => {
    parent.receive(helloOf(sent, { resync: true, have }), 'udp', now);
    return said(parent, now).filter((line) => line.includes('update'));
  };
  // Said before what was heard last: no news.
  parent.receive(helloOf(50, {}), 'udp', 50);
  assert.deepEqual(ask(40, 60, 1), []);
  assert.deepEqual(ask(100, 100, 1), ['udp update 2 all: /a=1']);
  assert.deepEqual(ask(5_000, 5_000, 1), []);
  assert.deepEqual(ask(6_000, 6_000, 0), ['udp update 3 all: /a=1']);
  assert.deepEqual(ask(6_100, 6_100, 0), []);
  parent.receive(encode({ kind: 'ack', run: 1, have: 3, broken: false }), 'udp', 6_200);
  assert.deepEqual(ask(6_300, 6_300, 3), []);
  assert.deepEqual(ask(7_300, 7_300, 3), ['udp update 4 all: /a=1']);
});

test('nothing is told to whom takes nothing before the snapshot that it will ask for', () => {
  const { parent } = met();
  parent.offer('n', '/a', 2);
  parent.drain(1);
  parent.receive(encode({ kind: 'ack', run: 1, have: 2, broken: true }), 'udp', 2);
  parent.offer('n', '/a', 3);
  assert.deepEqual(said(parent, 3), []);
  assert.equal(parent.wake, Number.POSITIVE_INFINITY);
  assert.ok(!parent.inSync && !parent.figures.waitsForStream);
  parent.receive(helloOf(2_000, { resync: true, have: 2 }), 'udp', 2_000);
  assert.deepEqual(said(parent, 2_000), ['udp update 3 all: /a=3']);
});

test('once the mirror was right again, the next mistake is asked about as soon and as often as the first', () => {
  const { parent, child } = met();
  for (let round = 1; round <= 4; round++) {
    const now = round * 100_000;
    child.receive(helloOf(now, { head: round }), 'udp', now);
    child.tick(now);
    assert.match(said(child, now).join(), /resync/);
    child.tick(now + 1_000);
    assert.match(hand(child, parent, now + 1_000).join(), /resync/);
    hand(parent, child, now + 1_000);
    hand(child, parent, now + 1_000);
    assert.ok(child.wake > now + 5_000, 'nothing is asked any more');
  }
  assert.equal(child.figures.resyncs, 4);
  assert.equal(child.figures.updatesIn, 5);
});

test('what was forgotten of the peer is told anew, though nothing has changed there', () => {
  const { parent, child } = met();
  parent.distrust(1_000);
  assert.deepEqual(hand(parent, child, 1_000), ['udp hello asks resync']);
  assert.deepEqual(hand(child, parent, 1_001), ['udp hello', 'udp update 2 all: /b=1']);
  hand(parent, child, 1_002);
  child.greet(2_000);
  hand(child, parent, 2_000);
  hand(parent, child, 2_000);
  assert.ok(parent.inSync && child.inSync);
});

test('an update whose digest is wrong is taken, and a snapshot is asked for', () => {
  const { child } = met();
  const head = { run: 1, number: 2, snapshot: false, begins: false, more: false, digest: 5 };
  const [update] = child.receive(encodeUpdate(head, [encodeNode('n'), encodeItem('/a', 2)]), 'udp', 10);
  child.taken(update!.number, 10);
  assert.deepEqual(said(child, 10), ['udp ack 2 broken']);
  child.tick(child.wake);
  assert.deepEqual(said(child, 10), ['udp hello asks resync']);
});

test('parts that were put together while another update was being taken come again', () => {
  const { parent, child } = met();
  parent.offer('n', '/a', 2);
  const [given] = child.receive(parent.drain(1)[0]!.bytes, 'udp', 1);
  parent.receive(encode({ kind: 'ack', run: 1, have: 2, broken: false }), 'udp', 1);
  parent.offer('n', '/big', 'x'.repeat(5_000));
  const parts = parent.drain(2);
  const again = () => parts.flatMap(({ bytes }) => child.receive(bytes, 'udp', 3));
  assert.deepEqual(again(), []);
  child.taken(given!.number, 4);
  assert.equal(again().length, 1);
  assert.equal(again().length, 0);
});

test('when the stream breaks, what was on it goes over UDP at once, or with the next stream', () => {
  const { parent } = met();
  parent.streamOpened(0);
  parent.offer('n', '/big', 'x'.repeat(20_000));
  assert.deepEqual(said(parent, 1), ['stream part 2/0', 'stream part 2/1']);
  parent.streamClosed(2);
  assert.deepEqual([said(parent, 2), parent.wake], [[], Number.POSITIVE_INFINITY]);
  assert.ok(parent.figures.waitsForStream);
  parent.streamOpened(3);
  assert.deepEqual(said(parent, 3), ['stream part 2/0', 'stream part 2/1']);
  parent.receive(encode({ kind: 'ack', run: 1, have: 2, broken: false }), 'stream', 4);
  parent.offer('n', '/a', 2);
  parent.drain(5);
  for (let i = 0; i < 3; i++) parent.tick(parent.wake);
  assert.deepEqual(said(parent, 1_000), ['udp update 3: /a=2', 'udp update 3: /a=2', 'stream update 3: /a=2']);
  parent.streamClosed(1_001);
  assert.deepEqual(said(parent, 1_001), ['udp update 3: /a=2']);
});

test('over a stream because datagrams were lost, it goes as a datagram too, until one is answered: that is quicker than a stream that resends', () => {
  const { parent } = met();
  parent.streamOpened(0);
  parent.offer('n', '/a', 2);
  parent.drain(100);
  const sent: string[] = [];
  for (let i = 0; i < 8; i++) {
    const now = parent.wake;
    parent.tick(now);
    sent.push(...said(parent, now).map((line) => `${Math.round(now - 100)} ${line.split(' ', 2).join(' ')}`));
  }
  const times = sent.map((line) => Number(line.split(' ')[0]));
  assert.deepEqual(
    sent.map((line) => line.split(' ').slice(1).join(' ')),
    ['udp update', 'udp update', 'stream update', ...Array.from({ length: 5 }, () => 'udp update')],
  );
  const gaps = times.slice(3).map((at, i) => at - times[i + 2]!);
  assert.ok(gaps[0]! <= DEFAULT_SYNC.resendBeside, String(gaps));
  assert.deepEqual(
    gaps.slice(1),
    gaps.slice(0, -1).map((gap) => Math.min(DEFAULT_SYNC.resendMost, gap * 2)),
  );

  const ack = encode({ kind: 'ack', run: 1, have: 2, broken: false });
  parent.receive(helloOf(3_000, { echo: 50, kept: 2_900, run: 1, have: 1 }), 'udp', 5_000);
  assert.ok(!parent.figures.udpWorks, 'an old hello shows nothing');
  parent.receive(ack, 'udp', 5_000);
  assert.deepEqual([parent.figures.unacked, parent.figures.udpWorks], [0, true]);
  parent.offer('n', '/a', 3);
  assert.deepEqual(said(parent, 5_001), ['udp update 3: /a=3']);
});

test('beside a stream that is quick there are no datagrams, nor of what fits in none', () => {
  const { parent } = met();
  parent.streamOpened(0);
  parent.offer('n', '/a', 2);
  parent.drain(100);
  for (let i = 0; i < 3; i++) parent.tick(parent.wake);
  parent.drain(1_000);
  parent.receive(encode({ kind: 'ack', run: 1, have: 2, broken: false }), 'stream', 1_000);
  assert.ok(!parent.figures.udpWorks, 'what comes over the stream says nothing of datagrams');
  parent.offer('n', '/a', 3);
  assert.deepEqual(said(parent, 1_001), ['stream update 3: /a=3']);
  parent.receive(encode({ kind: 'ack', run: 1, have: 3, broken: false }), 'stream', 1_002);
  assert.equal(parent.wake, Number.POSITIVE_INFINITY);
  parent.offer('n', '/a', 'x'.repeat(DEFAULT_SYNC.datagram));
  assert.deepEqual(
    said(parent, 1_003).map((line) => line.slice(0, 17)),
    ['stream update 4: '],
  );
  assert.ok(parent.wake > 10_000, String(parent.wake));
});

test('a hello that answers what was said before datagrams failed does not show that they work', () => {
  const { parent } = met();
  parent.streamOpened(0);
  parent.offer('n', '/a', 2);
  parent.drain(100);
  for (let i = 0; i < 3; i++) parent.tick(parent.wake);
  assert.ok(!parent.figures.udpWorks);
  parent.receive(helloOf(5_000, { echo: 50, kept: 4_900 }), 'udp', 5_000);
  assert.ok(!parent.figures.udpWorks);
  parent.receive(helloOf(6_000, { echo: 5_500, kept: 480 }), 'udp', 6_000);
  assert.ok(parent.figures.udpWorks);
});

test('where datagrams do not get through, everything goes over the stream, and back when they do', () => {
  const pair = new Pair(CALM, seeded(3));
  pair.openStream();
  pair.set('parent', [['n', '/a', 0]]);
  pair.set('child', [['n', '/b', 0]]);
  pair.run(25_000);
  pair.udpBlocked = true;
  for (let i = 1; i <= 20; i++) {
    pair.set('parent', [['n', '/a', i]]);
    pair.run(2_000);
    assert.equal(pair.child.state.get('n/a'), i);
  }
  for (const { link } of [pair.parent, pair.child]) assert.ok(!link.figures.udpWorks);
  assert.ok(pair.now - pair.child.link.heardAt < 10_000, 'hellos are answered over the stream');
  pair.udpBlocked = false;
  pair.run(45_000);
  for (const { link } of [pair.parent, pair.child]) assert.ok(link.figures.udpWorks);
  const before = pair.sent.stream;
  pair.set('parent', [['n', '/a', 100]]);
  pair.run(100);
  assert.equal(pair.child.state.get('n/a'), 100);
  assert.equal(pair.sent.stream, before);
});

test('a change is there as soon as a datagram takes, and its acknowledgement back so much later', () => {
  const pair = new Pair({ ...CALM, delay: [5, 5] }, seeded(4));
  pair.set('parent', [['n', '/a', 0]]);
  pair.run(1_000);
  pair.set('parent', [['n', '/a', 1]]);
  pair.run(5);
  assert.equal(pair.child.state.get('n/a'), 1);
  pair.run(5);
  assert.equal(pair.parent.link.figures.unacked, 0);
});

test('greetings that follow each other closely are one, unless there is a new stream', () => {
  const { child } = met();
  const greet = (now: number): string[] => {
    child.greet(now);
    return said(child, now);
  };
  assert.deepEqual(greet(1_000), ['udp hello asks']);
  assert.deepEqual(greet(1_029), []);
  assert.deepEqual(greet(1_030), ['udp hello asks']);
  child.streamOpened(1_031);
  assert.deepEqual(greet(1_031), ['udp hello asks', 'stream hello asks']);
});

test('a greeting that is not answered is sent three times, and then no more', () => {
  const { parent } = met();
  parent.greet(1_000);
  const times: number[] = [];
  while (parent.wake < 100_000) {
    times.push(parent.wake);
    parent.tick(parent.wake);
  }
  assert.deepEqual(
    said(parent, 0).filter((line) => line.includes('hello')),
    Array(3).fill('udp hello asks'),
  );
  assert.deepEqual(times, [1_200, 1_600, 2_800]);
});

test('a farewell goes on every way, and is forgotten when the peer starts anew', () => {
  const { parent, child } = met();
  parent.streamOpened(1);
  parent.bye('revoked');
  assert.deepEqual(hand(parent, child, 1), ['udp bye', 'stream bye']);
  assert.equal(child.farewell, 'revoked');
  child.peerRestarted(2);
  assert.equal(child.farewell, undefined);
});

test('random messages of a peer gone mad do nothing worse than fail', () => {
  const { parent, child } = met();
  const random = seeded(9);
  let malformed = 0;
  for (let i = 0; i < 20_000; i++) {
    const end = i % 2 ? parent : child;
    try {
      for (const { number } of end.receive(randomBytes(Math.floor(random() * 60)), 'udp', 1)) end.taken(number, 1);
    } catch (error) {
      assert.ok(error instanceof MalformedError, String(error));
      malformed++;
    }
    end.drain(1);
  }
  assert.equal(parent.figures.malformed + child.figures.malformed, malformed);
  assert.ok(malformed > 15_000);
  assert.throws(() => parent.receive(encode({ kind: 'ack', run: 1, have: 9, broken: false }), 'udp', 1), /never sent/);
});

test('20,000 forged, cut, random and recorded datagrams change nothing', () => {
  const pair = new Pair(CALM, seeded(10));
  for (let i = 0; i < 300; i++) {
    pair.set(i % 3 ? 'parent' : 'child', [['n', '/a', i]]);
    if (i % 100 === 50) pair.restart(i % 200 === 50 ? 'parent' : 'child');
    pair.run(1_000);
  }
  pair.check();
  const ends = [pair.parent, pair.child];
  const before = ends.map(({ opened, state }) => [opened.body, [...state]]);
  const recorded = [...pair.recorded];
  for (let i = 0; i < 20_000; i++) {
    const { bytes, to } = recorded[i % recorded.length]!;
    const mangled = Uint8Array.from(bytes);
    mangled[i % bytes.length] = mangled[i % bytes.length]! ^ (1 << (i & 7));
    pair.deliver(to, [bytes, mangled, bytes.subarray(0, i % bytes.length), randomBytes(i % 100)][i % 4]!, i % 5 ? 'udp' : 'stream');
  }
  assert.deepEqual(
    ends.map(({ opened, state }) => [opened.body, [...state]]),
    before,
  );
  for (const { opened, malformed } of ends) {
    assert.ok(opened.forged > 2_000 && opened.replayed > 500, JSON.stringify(opened));
    assert.equal(malformed, 0);
  }
  pair.set('parent', [['n', '/a', 'after']]);
  pair.run(1_000);
  pair.check();
});

test('parts that make no update cost no memory beyond one update, and are malformed', () => {
  const child = link('parent', 1, { update: 100_000 });
  const part = { kind: 'part', run: 1, number: 1, asks: false, bytes: Buffer.alloc(1_300) } as const;
  assert.throws(() => child.receive(encode({ ...part, index: 0, count: 60_000 }), 'stream', 0), /an update of 60000 parts/);
  assert.throws(() => {
    for (let index = 0; index < 140; index++) child.receive(encode({ ...part, index, count: 140 }), 'stream', 0);
  }, /more than 100000 bytes/);
  assert.throws(() => {
    for (let index = 0; index < 2; index++) child.receive(encode({ ...part, number: 2, index, count: 2 }), 'udp', 0);
  }, MalformedError);
});
