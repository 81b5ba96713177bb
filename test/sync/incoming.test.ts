import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { digestWith, hashEntry } from '../../host/sync/digest.ts';
import { Incoming } from '../../host/sync/incoming.ts';
import type { Update } from '../../host/sync/messages.ts';

const digestOf = (map: Readonly<Record<string, Json>>): number =>
  Object.entries(map).reduce((digest, [member, value]) => digestWith(digest, 0, hashEntry('n', member, JSON.stringify(value))), 0);

/** "1S a=1 b" = number 1, a snapshot that begins and ends; "B" begins, "M" goes on, "E" ends; "b" alone is gone; "2:1" = run 2. */
function updateOf(text: string, digest = 0): Update {
  const [title = '', ...items] = text.split(' ');
  const [, run, number, flag] = /^(?:(\d+):)?(\d+)([SBME]?)$/.exec(title) ?? [];
  return {
    kind: 'update',
    run: Number(run ?? 1),
    number: Number(number),
    snapshot: flag !== '',
    begins: flag === 'S' || flag === 'B',
    more: flag === 'B' || flag === 'M',
    digest,
    items: items.map((item) => {
      const [member = '', value] = item.split('=');
      return value === undefined ? { node: 'n', member } : { node: 'n', member, value: Number(value) };
    }),
  };
}

/** What becomes of each; what is to be taken is taken, unless it ends with "…". */
function play(updates: readonly string[]): string {
  const incoming = new Incoming();
  return updates
    .map((text) => {
      const verdict = incoming.receive(updateOf(text.replace('…', '')));
      if (verdict.kind !== 'take') return verdict.kind;
      if (!text.endsWith('…')) incoming.taken(verdict.update.number);
      // What its digest is, is another test's concern.
      incoming.broken = false;
      return verdict.update.items.map(({ member, value }) => `${member}${value ?? ''}`).join('') || 'nothing';
    })
    .join(' ');
}

const CASES: readonly (readonly [updates: readonly string[], expect: string])[] = [
  [['1S a=1', '2 a=2', '3 a'], 'a1 a2 a'],
  [['1S a=1', '1S a=1', '2 b=1', '1S a=1', '2 b=1'], 'a1 had b1 had had'],
  // Nothing before a snapshot, nothing after a hole, but a snapshot at any number.
  [['1 a=1'], 'gap'],
  [['1S', '3 a=1', '2 b=1'], 'nothing gap b1'],
  [['1S a=1', '7S b=1', '8 c=1'], 'a1 b1 c1'],
  // One at a time.
  [['1S a=1…', '1S a=1', '2S b=1'], 'a1 busy busy'],
  // A snapshot in several is given out as one; one that begins again forgets what had come.
  [['1B a=1', '2M b=2', '3E c=3', '4 d=4'], 'kept kept a1b2c3 d4'],
  [['1B a=1', '2B b=2', '3E c=3'], 'kept kept b2c3'],
  [['1B a=1', '2S b=2', '3 c=3'], 'kept b2 c3'],
  [['1B a=1', '3E c=3', '2E b=2'], 'kept gap a1b2'],
  [['1B a=1', '2 c=3'], 'kept gap'],
  [['1S a=1', '2E b=1', '2M b=1'], 'a1 gap gap'],
  [['1B a=1', '1B a=1', '2E b=1'], 'kept had a1b1'],
  // Another run.
  [['1:5S a=1', '2:1 b=1', '2:1S b=1', '1:6 c=1', '2:2 d=1'], 'a1 gap b1 had d1'],
];

test('what is taken, in order and once', () => {
  for (const [updates, expect] of CASES) assert.equal(play(updates), expect, updates.join(', '));
});

test('the mirror is what was taken, and says when it is not what the other end has', () => {
  const incoming = new Incoming();
  const cases: readonly (readonly [update: string, map: Readonly<Record<string, Json>>, agrees: boolean])[] = [
    ['1S a=1 b=2', { a: 1, b: 2 }, true],
    ['2 a=3', { a: 3, b: 2 }, true],
    ['3 a=3 b=2', { a: 3, b: 2 }, true],
    ['4 b c', { a: 3 }, true],
    ['5S', {}, true],
    ['6S a=1', { a: 1 }, true],
    ['7S b=1', { b: 1 }, true],
    ['8 b=2', { b: 3 }, false],
  ];
  for (const [text, map, agrees] of cases) {
    const verdict = incoming.receive(updateOf(text, digestOf(map)));
    assert.ok(verdict.kind === 'take', text);
    assert.equal(incoming.taken(verdict.update.number), agrees, text);
    assert.equal(incoming.broken, !agrees);
    if (agrees) assert.equal(incoming.digest, digestOf(map));
  }
  // From here on only a snapshot is taken.
  assert.equal(incoming.receive(updateOf('9 c=1')).kind, 'gap');
  assert.equal(incoming.receive(updateOf('9S c=1')).kind, 'take');
});

test('what was refused is behind us, and only a snapshot is taken after it', () => {
  const incoming = new Incoming();
  const verdict = incoming.receive(updateOf('1S a=1'));
  assert.ok(verdict.kind === 'take');
  assert.equal(incoming.refused(verdict.update.number + 1), false);
  assert.equal(incoming.refused(verdict.update.number), true);
  assert.equal(incoming.refused(verdict.update.number), false);
  assert.deepEqual(
    ['1S a=1', '2 a=1', '3S a=1'].map((text) => incoming.receive(updateOf(text)).kind),
    ['had', 'gap', 'take'],
  );
});

test('hashes of entries that look alike differ, and none is 0', () => {
  const entries = [
    ['ab', 'c', '1'],
    ['a', 'bc', '1'],
    ['a', 'b', 'c1'],
    ['', '', ''],
    ['\0', '', ''],
    ['', '\0', ''],
    ['a', 'b', '1'],
    ['a', 'b', '"1"'],
    ['b', 'a', '1'],
  ] as const;
  const hashes = new Set(entries.map(([node, member, text]) => hashEntry(node, member, text)));
  assert.equal(hashes.size, entries.length);
  for (const hash of hashes) assert.ok(hash > 0 && hash < 2 ** 48 && Number.isInteger(hash));
  const many = new Set(Array.from({ length: 100_000 }, (_, i) => hashEntry(`n${i % 1_000}`, '/a', String(Math.floor(i / 1_000)))));
  assert.equal(many.size, 100_000);
  const bits = Array.from({ length: 48 }, (_, bit) => [...many].filter((hash) => Math.floor(hash / 2 ** bit) % 2 === 1).length);
  for (const [bit, count] of bits.entries()) assert.ok(Math.abs(count - 50_000) < 1_000, `bit ${bit}: ${count}`);
});

test('a digest is the same in any order, and whatever it went through', () => {
  const hashes = Array.from({ length: 50 }, (_, i) => hashEntry('n', '/a', String(i)));
  const sum = (of: readonly number[]): number => of.reduce((digest, hash) => digestWith(digest, 0, hash), 0);
  assert.equal(sum(hashes), sum(hashes.toReversed()));
  assert.equal(digestWith(digestWith(sum(hashes), hashes[3]!, 77), 77, hashes[3]!), sum(hashes));
  assert.equal(digestWith(2 ** 48 - 1, 0, 2), 1);
  assert.equal(digestWith(1, 2, 0), 2 ** 48 - 1);
});

test('a snapshot or map without end is not kept, and the next that is right is taken', () => {
  const MEGABYTE = 1024 * 1024;
  const incoming = new Incoming();
  assert.equal(incoming.receive(updateOf('1B a=1'), 16 * MEGABYTE).kind, 'kept');
  assert.throws(() => {
    for (let number = 2; number < 100; number++) incoming.receive(updateOf(`${number}M a${number}=1`), 16 * MEGABYTE);
  }, /bytes/);
  assert.ok(incoming.broken);
  assert.equal(incoming.receive(updateOf('200M b=1'), MEGABYTE).kind, 'gap');
  const whole = incoming.receive(updateOf('201S b=1', digestOf({ b: 1 })), MEGABYTE);
  assert.deepEqual(whole.kind === 'take' && [whole.update.items.length, incoming.taken(whole.update.number)], [1, true]);
});

test('what is told bit by bit makes no map without end either', () => {
  const incoming = new Incoming(4);
  for (const text of ['1S a=1 b=1', '2 c=1 d=1', '3 d c', '4 e=1 f=1']) {
    const verdict = incoming.receive(updateOf(text));
    assert.equal(verdict.kind, 'take', text);
    if (verdict.kind === 'take') incoming.taken(verdict.update.number);
    // What its digest is, is another test's concern.
    incoming.broken = false;
  }
  assert.throws(() => incoming.receive(updateOf('5 g=1')), /a map of over 4 items/);
  assert.ok(incoming.broken);
});
