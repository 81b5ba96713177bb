import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Opened, peekSid, Seal, type SealOptions } from '../../host/sync/seal.ts';
import { seeded } from './pair.ts';

const SECRET = new Uint8Array(32).fill(1);
const BODY = Buffer.from('body');

const make = (side: 'parent' | 'child', generation: number, peerGeneration: number, more: Partial<SealOptions> = {}): Seal =>
  new Seal({ secret: SECRET, sid: 0x01020304, side, generation, peerGeneration, ...more });

const kindOf = (opened: Opened): string => (opened.kind === 'body' && opened.restarted ? 'restarted' : opened.kind);

test('the header is as written down, and the same words are closed the same way', () => {
  const bytes = make('child', 5, 6).seal(BODY);
  assert.equal(Buffer.from(bytes).toString('hex', 0, 19), '4b010203040000000500000006000000000001');
  assert.equal(bytes.length, 19 + BODY.length + 16);
  assert.deepEqual(bytes, make('child', 5, 6).seal(BODY));
  assert.equal(peekSid(bytes), 0x01020304);
  for (const no of [new Uint8Array(0), bytes.subarray(0, 34), Buffer.from(bytes).fill(0x16, 0, 1)]) assert.equal(peekSid(no), undefined);
});

test('who may open what', () => {
  const cases: readonly (readonly [from: Seal, to: Seal, expect: string])[] = [
    [make('child', 5, 6), make('parent', 6, 5), 'body'],
    [make('parent', 6, 5), make('child', 5, 6), 'body'],
    [make('child', 5, 6), make('parent', 6, 0), 'body'],
    // A new generation of the sender; of the receiver; of both.
    [make('child', 7, 6), make('parent', 6, 5), 'restarted'],
    [make('child', 5, 6), make('parent', 8, 5), 'stale'],
    [make('child', 5, 6), make('parent', 8, 0), 'stale'],
    [make('child', 7, 6), make('parent', 8, 5), 'stale'],
    [make('parent', 6, 0), make('child', 5, 6), 'stale'],
    // An older one.
    [make('child', 4, 6), make('parent', 6, 5), 'replayed'],
    // One's own words come back; another session's secret.
    [make('parent', 6, 6), make('parent', 6, 6), 'forged'],
    [make('child', 6, 6), make('child', 6, 6), 'forged'],
    [make('child', 5, 6, { secret: new Uint8Array(32) }), make('parent', 6, 5), 'forged'],
    [make('child', 9, 6, { secret: new Uint8Array(32) }), make('parent', 6, 5), 'forged'],
    [make('child', 5, 6, { sid: 9 }), make('parent', 6, 5), 'forged'],
  ];
  for (const [index, [from, to, expect]] of cases.entries()) {
    const opened = to.open(from.seal(BODY));
    assert.equal(kindOf(opened), expect, `case ${index}`);
    if (opened.kind === 'body') assert.deepEqual(Buffer.from(opened.body), BODY);
  }
});

test('a stale datagram says for which generation it was meant', () => {
  assert.deepEqual(make('parent', 8, 0).open(make('child', 5, 6).seal(BODY)), { kind: 'stale', generation: 6 });
});

test('every bit of a datagram is authenticated, and so is its length', () => {
  const bytes = make('child', 5, 6).seal(BODY);
  const parent = make('parent', 6, 5);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const mangled = Uint8Array.from(bytes);
    mangled[bit >> 3] = mangled[bit >> 3]! ^ (1 << (bit & 7));
    assert.match(parent.open(mangled).kind, /forged|replayed/, `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length++) assert.equal(parent.open(bytes.subarray(0, length)).kind, 'forged');
  assert.equal(parent.open(Buffer.concat([bytes, Buffer.alloc(1)])).kind, 'forged');
  // Nothing of all that has moved the window or the generation.
  assert.equal(kindOf(parent.open(bytes)), 'body');
});

test('what is forged in a higher generation does not move the one that is known', () => {
  const parent = make('parent', 6, 5);
  for (let i = 0; i < 2_000; i++) {
    const forged = Buffer.concat([
      make('child', 7 + i, i % 2 ? 6 : 5)
        .seal(BODY)
        .subarray(0, 30),
      randomBytes(20),
    ]);
    assert.equal(parent.open(forged).kind, 'forged');
  }
  assert.equal(kindOf(parent.open(make('child', 5, 6).seal(BODY))), 'body');
});

test('a replay is found in any order, also of what was stale', () => {
  const child = make('child', 5, 6);
  const sealed = Array.from({ length: 20 }, () => child.seal(BODY));
  for (const parent of [make('parent', 6, 5), make('parent', 9, 5)]) {
    for (const bytes of sealed.toReversed()) assert.match(parent.open(bytes).kind, /body|stale/);
    for (const bytes of sealed) assert.equal(parent.open(bytes).kind, 'replayed');
  }
});

/** Sends hellos there and back until both take each other's words. */
function exchange(parent: Seal, child: Seal, sent: (to: 'parent' | 'child', bytes: Uint8Array) => void = () => undefined): number {
  for (let turns = 1; turns <= 4; turns++) {
    const up = child.seal(BODY);
    sent('parent', up);
    const heard = parent.open(up);
    const down = parent.seal(BODY);
    sent('child', down);
    if (child.open(down).kind === 'body' && heard.kind === 'body') return turns;
  }
  return Number.POSITIVE_INFINITY;
}

test('after a restart of either or both the session goes on within two turns', () => {
  const cases: readonly (readonly [name: string, parent: Seal, child: Seal, turns: number])[] = [
    ['enrolled', make('parent', 6, 0), make('child', 5, 6), 1],
    ['the parent restarted, the child remembers the old', make('parent', 7, 0), make('child', 5, 6), 2],
    ['the parent restarted twice', make('parent', 8, 0), make('child', 5, 6), 2],
    ['the child restarted', make('parent', 6, 5), make('child', 6, 6), 1],
    ['the child restarted and knows of no generation', make('parent', 6, 5), make('child', 6, 0), 2],
    ['both restarted', make('parent', 7, 0), make('child', 6, 6), 2],
  ];
  for (const [name, parent, child, turns] of cases) {
    assert.ok(exchange(parent, child) <= turns, name);
    for (let i = 0; i < 3; i++) assert.equal(exchange(parent, child), 1, name);
  }
});

test('whoever restarts is told to be new once, and only then', () => {
  const parent = make('parent', 6, 0);
  const child = make('child', 5, 6);
  assert.deepEqual(
    [child, child].map((from) => kindOf(parent.open(from.seal(BODY)))),
    ['body', 'body'],
  );
  // The second start was first heard in a stale datagram: its body is used later, and says so then.
  const again = make('child', 7, 3);
  assert.equal(kindOf(parent.open(again.seal(BODY))), 'stale');
  assert.equal(kindOf(again.open(parent.seal(BODY))), 'restarted');
  assert.deepEqual(
    [again, again].map((from) => kindOf(parent.open(from.seal(BODY)))),
    ['restarted', 'body'],
  );
  assert.equal(kindOf(parent.open(child.seal(BODY))), 'replayed');
});

test('no recording of any generation is ever fresh again', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.constantFrom('parent', 'child', 'both', 'talk'), { maxLength: 12 }), (seed, story) => {
      const random = seeded(seed);
      const generations = { parent: 1, child: 1 };
      let ends = { parent: make('parent', 1, 0), child: make('child', 1, 1) };
      const recorded: { to: 'parent' | 'child'; bytes: Uint8Array }[] = [];
      const replayAll = (): void => {
        for (let i = 0; i < 40; i++) {
          const { to, bytes } = recorded[Math.floor(random() * recorded.length)]!;
          assert.notEqual(ends[to].open(bytes).kind, 'body');
        }
      };
      const record = (to: 'parent' | 'child', bytes: Uint8Array): void => void recorded.push({ to, bytes });
      for (const step of ['talk', ...story]) {
        if (step === 'parent' || step === 'both') ends = { ...ends, parent: make('parent', ++generations.parent, 0) };
        if (step === 'child' || step === 'both')
          ends = { ...ends, child: make('child', ++generations.child, Math.ceil(generations.parent * random())) };
        if (recorded.length > 0) replayAll();
        // Recordings have misled neither: words get through again.
        assert.ok(exchange(ends.parent, ends.child, record) <= 3);
        replayAll();
      }
    }),
    { numRuns: 60 },
  );
});
