/** The machine of states against a simulated client over a network that loses, doubles, delays and reorders, by seeds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agree } from './terms.ts';
import { type Sendable, Transfer } from './transfer.ts';

const LIMITS = { blksize: 65_464, windowsize: 64 };
const begin = (size: number, options: Record<string, string> = {}): Transfer =>
  new Transfer(size, agree(new Map(Object.entries(options)), size, LIMITS));

function takeAll(transfer: Transfer, now: number): Sendable[] {
  const all: Sendable[] = [];
  for (let next = transfer.take(now); next !== undefined; next = transfer.take(now)) all.push(next);
  return all;
}
const blocks = (transfer: Transfer, now: number): number[] => takeAll(transfer, now).map((one) => (one.kind === 'options' ? 0 : one.block));

const TERMS: readonly [asked: Record<string, string>, accepted: Record<string, string>][] = [
  [{}, {}],
  [{ tsize: '0' }, { tsize: '1000' }],
  [{ tsize: '99' }, { tsize: '1000' }],
  [{ tsize: '' }, {}],
  [{ tsize: 'x' }, {}],
  [{ blksize: '1432' }, { blksize: '1432' }],
  [{ blksize: '65464' }, { blksize: '1468' }],
  [{ blksize: '8' }, { blksize: '8' }],
  [{ blksize: '7' }, {}],
  [{ blksize: '65465' }, {}],
  [{ blksize: '-8' }, {}],
  [{ blksize: '1e3' }, {}],
  [{ blksize: '0x200' }, {}],
  [{ blksize: '99999999999999999999' }, {}],
  [{ windowsize: '1' }, { windowsize: '1' }],
  [{ windowsize: '64' }, { windowsize: '64' }],
  [{ windowsize: '65535' }, { windowsize: '64' }],
  [{ windowsize: '0' }, {}],
  [{ timeout: '3' }, { timeout: '3' }],
  [{ timeout: '31' }, {}],
  [{ timeout: '0' }, {}],
  [{ multicast: '', utimeout: '1', blksize: '512' }, { blksize: '512' }],
  [
    { tsize: '0', blksize: '1024', windowsize: '8', timeout: '1' },
    { tsize: '1000', blksize: '1024', windowsize: '8', timeout: '1' },
  ],
];
for (const [asked, accepted] of TERMS)
  test(`asked for ${JSON.stringify(asked)}`, () => {
    const terms = agree(new Map(Object.entries(asked)), 1000, { blksize: 1468, windowsize: 64 });
    assert.deepEqual(Object.fromEntries(terms.accepted), accepted);
    assert.equal(terms.blksize, Number(accepted['blksize'] ?? 512));
    assert.equal(terms.windowsize, Number(accepted['windowsize'] ?? 1));
  });

/** Chance by a seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Way {
  readonly lose: number;
  readonly double: number;
  /** Milliseconds, at most; by chance, so that packets overtake each other. */
  readonly delay: number;
}

/** What a client of RFC 7440 does: in order, an acknowledgement after each window, after a gap, and when nothing comes. */
function simulate(transfer: Transfer, way: Way, seed: number): { got: number; packets: number } {
  const random = chance(seed);
  const { windowsize, blksize, accepted } = transfer.terms;
  const last = Math.floor(transfer.size / blksize) + 1;
  type Flight = { at: number; order: number } & ({ to: 'client'; what: Sendable } | { to: 'server'; ack: number });
  const flights: Flight[] = [];
  let order = 0;
  let packets = 0;
  let now = 0;
  const send = (what: { to: 'client'; what: Sendable } | { to: 'server'; ack: number }): void => {
    for (let copies = random() < way.lose ? 0 : random() < way.double ? 2 : 1; copies > 0; copies--)
      flights.push({ at: now + 1 + Math.floor(random() * way.delay), order: order++, ...what });
  };
  let have = accepted.size > 0 ? -1 : 0;
  let inWindow = 0;
  let got = 0;
  let heard = 0;
  let hasGapTold = false;
  const acknowledge = (): void => {
    inWindow = 0;
    if (have >= 0) send({ to: 'server', ack: have % 65_536 });
  };
  const receive = (what: Sendable): void => {
    heard = now;
    const block = what.kind === 'options' ? 0 : what.block;
    if (block !== have + 1) {
      // What comes again was acknowledged with words that were lost, perhaps; what comes too early says that something is missing.
      if (block <= have || !hasGapTold) acknowledge();
      hasGapTold = block > have;
      return;
    }
    hasGapTold = false;
    have = block;
    if (what.kind === 'data') {
      assert.equal(what.offset, got, 'bytes follow each other');
      got += what.length;
    }
    inWindow++;
    if (block === 0 || block === last || inWindow === windowsize) acknowledge();
  };
  for (; now < 600_000 && transfer.state === 'open'; now++) {
    transfer.tick(now);
    for (const what of takeAll(transfer, now)) {
      packets++;
      send({ to: 'client', what });
    }
    const due = flights.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at || a.order - b.order);
    for (const flight of due) {
      flights.splice(flights.indexOf(flight), 1);
      if (flight.to === 'client') receive(flight.what);
      else transfer.acknowledge(flight.ack, now);
    }
    if (now - heard > 3000) {
      heard = now;
      acknowledge();
    }
  }
  return { got, packets };
}

const WAYS: Readonly<Record<string, Way>> = {
  good: { lose: 0, double: 0, delay: 1 },
  losing: { lose: 0.05, double: 0, delay: 3 },
  doubling: { lose: 0, double: 0.3, delay: 3 },
  overtaking: { lose: 0, double: 0, delay: 20 },
  awful: { lose: 0.1, double: 0.2, delay: 30 },
};
const KINDS: readonly Record<string, string>[] = [
  {},
  { tsize: '0' },
  { blksize: '1400', windowsize: '1' },
  { blksize: '1400', windowsize: '7' },
  { blksize: '100', windowsize: '64', timeout: '1' },
];
for (const [name, way] of Object.entries(WAYS))
  test(`over a ${name} way every client gets every byte once and in order`, () => {
    for (const options of KINDS)
      for (const size of [0, 1, 511, 512, 513, 1400 * 14, 20_011])
        for (let seed = 1; seed <= 4; seed++) {
          const transfer = begin(size, options);
          const { got, packets } = simulate(transfer, way, seed);
          const least = Math.floor(size / transfer.terms.blksize) + 1 + Math.min(1, transfer.terms.accepted.size);
          if (name === 'good') assert.equal(packets, least, 'nothing twice');
          assert.deepEqual([got, transfer.state], [size, 'done'], `size ${size}, ${JSON.stringify(options)}, seed ${seed}`);
        }
  });

test('every acknowledgement twice, and still every block goes out once: no sorcerer’s apprentice', () => {
  for (const options of [{}, { windowsize: '8' }]) {
    const transfer = begin(512 * 200, options);
    const sent: number[] = [];
    for (let now = 0; transfer.state === 'open'; now++) {
      const out = blocks(transfer, now);
      sent.push(...out);
      const last = out.at(-1) ?? assert.fail('nothing is sent');
      transfer.acknowledge(last, now);
      sent.push(...blocks(transfer, now));
      transfer.acknowledge(last, now);
      if (transfer.state === 'open') transfer.acknowledge(sent.at(-1) as number, now);
    }
    const first = 'windowsize' in options ? 0 : 1;
    assert.deepEqual(
      sent,
      Array.from({ length: 202 - first }, (_, i) => i + first),
    );
  }
});

test('block numbers go round after 65535', () => {
  for (const windowsize of [1, 5, 64]) {
    const transfer = begin(8 * 140_000 + 3, { blksize: '8', windowsize: String(windowsize) });
    let bytes = 0;
    for (let now = 0; transfer.state === 'open'; now++) {
      const out = takeAll(transfer, now);
      assert.ok(out.length > 0 && out.length <= windowsize);
      for (const one of out) if (one.kind === 'data') bytes += one.length;
      const last = out.at(-1) as Sendable;
      transfer.acknowledge(last.kind === 'options' ? 0 : last.block % 65_536, now);
    }
    assert.equal(bytes, 8 * 140_000 + 3);
  }
});

test('an acknowledgement within the window: what comes after it is sent again, at once', () => {
  const transfer = begin(512 * 100, { windowsize: '8' });
  assert.deepEqual(blocks(transfer, 0), [0]);
  transfer.acknowledge(0, 1);
  assert.deepEqual(blocks(transfer, 1), [1, 2, 3, 4, 5, 6, 7, 8]);
  transfer.acknowledge(3, 2);
  assert.deepEqual(blocks(transfer, 2), [4, 5, 6, 7, 8, 9, 10, 11]);
  transfer.acknowledge(3, 3);
  assert.deepEqual(blocks(transfer, 3), []);
});

test('a client that says after every block that the next one is missing is sent some of it again at once, and then little', () => {
  const transfer = begin(512 * 20_000, { windowsize: '64' });
  let sent = 0;
  let last = -1;
  let now = 0;
  for (; transfer.state === 'open'; now++) {
    transfer.tick(now);
    const out = blocks(transfer, now);
    sent += out.length;
    if (out.length === 0) continue;
    last++;
    transfer.acknowledge(last % 65_536, now);
  }
  assert.equal(last, 20_001);
  assert.ok(sent < 512 + 2 * 64 + (64 * now) / 250, `${sent} blocks in ${now} ms`);
});

test('a client that acknowledges every block of a window by itself is sent a few times the file, not a window for each', () => {
  const transfer = begin(512 * 20_000, { windowsize: '64' });
  let sent = blocks(transfer, 0).length;
  for (let block = 0; block <= 20_001; block++) {
    transfer.acknowledge(block % 65_536, 0);
    sent += blocks(transfer, 0).length;
  }
  assert.equal(transfer.state, 'done');
  assert.ok(sent < 20_000 * 6, `${sent} blocks`);
});

const NONSENSE = [0, 2, 9, 10, 40_000, 65_535];
test('what was not sent, or was acknowledged before, changes nothing', () => {
  const transfer = begin(512 * 100);
  assert.deepEqual(blocks(transfer, 0), [1]);
  for (const ack of NONSENSE) transfer.acknowledge(ack, 1);
  assert.deepEqual(blocks(transfer, 1), []);
  assert.equal(transfer.isProven, false);
  transfer.acknowledge(1, 2);
  assert.equal(transfer.isProven, true);
  assert.deepEqual(blocks(transfer, 2), [2]);
});

/** When something is sent, for as long as it is not given up. */
function times(transfer: Transfer, from: number): number[] {
  const at: number[] = [];
  for (let now = from; transfer.state === 'open' && now < 400_000; now++) {
    transfer.tick(now);
    if (takeAll(transfer, now).length > 0) at.push(now - from);
  }
  return at;
}

test('silence: again after 1, 2, 4, 8, 8 s, and given up 31 s after the first', () => {
  const transfer = begin(100);
  assert.deepEqual(times(transfer, 0), [0, 1000, 3000, 7000, 15_000, 23_000]);
  assert.equal(transfer.state, 'lost');
  assert.ok(transfer.isSent);
});

test('a client that names its timeout is sent again by it, and is the first to repeat itself where its options were accepted', () => {
  const accepted = (timeout: string): Transfer => {
    const transfer = begin(100, { timeout });
    assert.deepEqual(blocks(transfer, 0), [0]);
    transfer.acknowledge(0, 0);
    return transfer;
  };
  assert.deepEqual(times(begin(100, { timeout: '2' }), 0), [0, 3000, 9000, 17_000, 25_000, 33_000]);
  assert.deepEqual(times(begin(100, { timeout: '20' }), 0), [0, 30_000, 60_000, 90_000, 120_000, 150_000]);
  assert.ok((times(accepted('2'), 0)[1] ?? 0) <= 2000);
});

test('on a fast way what is lost is sent again soon; a slow client is not pestered', () => {
  const secondSend = (roundTrip: number, options = {}): number => {
    const transfer = begin(512 * 100, options);
    let now = 0;
    if ('timeout' in options) {
      assert.deepEqual(blocks(transfer, now), [0]);
      transfer.acknowledge(0, now);
    }
    for (let block = 1; block <= 20; block++) {
      assert.deepEqual(blocks(transfer, now), [block]);
      now += roundTrip;
      transfer.acknowledge(block, now);
    }
    return times(transfer, now)[1] as number;
  };
  assert.equal(secondSend(1), 250);
  assert.equal(secondSend(1, { timeout: '6' }), 250);
  assert.equal(secondSend(3000, { timeout: '1' }), 1000);
  assert.ok(secondSend(700) > 700 && secondSend(700) < 1000, `${secondSend(700)} ms`);
});
