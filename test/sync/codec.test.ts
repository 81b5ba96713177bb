import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../../host/core/declaration.ts';
import type { Item } from '../../host/core/event.ts';
import { decode, encode, encodeUpdate, MalformedError, UPDATE_HEAD } from '../../host/sync/codec.ts';
import { encodeItem, encodeNode, flawOf } from '../../host/sync/items.ts';
import type { Hello, Message, Update } from '../../host/sync/messages.ts';
import { Seal } from '../../host/sync/seal.ts';

const NODE = '123e4567-e89b-42d3-a456-426614174000';
const HELLO: Hello = {
  kind: 'hello',
  sent: 2 ** 32 - 1,
  echo: 2 ** 31,
  kept: 65_535,
  asks: true,
  resync: false,
  head: 2 ** 48 - 1,
  digest: 2 ** 48 - 2,
  run: 2 ** 32 - 1,
  have: 2 ** 47,
};

const MESSAGES: readonly Exclude<Message, Update>[] = [
  HELLO,
  { ...HELLO, sent: 0, echo: 0, kept: 0, asks: false, resync: true, head: 0, digest: 0, run: 0, have: 0 },
  { kind: 'ack', run: 3, have: 2 ** 48 - 1, broken: false },
  { kind: 'ack', run: 2 ** 32 - 1, have: 0, broken: true },
  { kind: 'part', run: 1, number: 2 ** 40, index: 0, count: 1, asks: true, bytes: Buffer.from([1, 2, 3]) },
  { kind: 'part', run: 1, number: 1, index: 65_534, count: 65_535, asks: false, bytes: Buffer.from([0]) },
  { kind: 'partsSeen', run: 9, number: 4, seen: 0xffffffff },
  { kind: 'bye', why: '' },
  { kind: 'bye', why: 'revoked: é' },
];

const updateOf = (items: readonly Item[], flags: Partial<Update> = {}): Uint8Array =>
  encodeUpdate(
    { run: 5, number: 6, snapshot: false, begins: false, more: false, digest: 7, ...flags },
    items.flatMap(({ node, member, value }) => [encodeNode(node), encodeItem(member, value)]),
  );

test('what is encoded is decoded as it was', () => {
  for (const message of MESSAGES) assert.deepEqual(decode(encode(message)), message);
});

test('a reason of any length is cut, not refused', () => {
  const bye = decode(encode({ kind: 'bye', why: 'x'.repeat(10_000) }));
  assert.ok(bye.kind === 'bye' && bye.why.length === 500);
});

test('a hello, sealed, is small: 72 bytes at most', () => {
  const seal = new Seal({ secret: new Uint8Array(32), sid: 1, side: 'child', generation: 1, peerGeneration: 1 });
  assert.ok(encode(HELLO).length <= 36);
  assert.equal(seal.seal(encode(HELLO)).length, 68);
});

test('updates keep their flags and items, and nodes are named once for all of their items', () => {
  const items: readonly Item[] = [
    { node: NODE, member: '/ipv4', value: { eth0: ['10.0.0.1', null, true, -1.5] } },
    { node: NODE, member: '@hold' },
    { node: 'other', member: '=/physState', value: '' },
  ];
  for (const flags of [
    {},
    { snapshot: true, begins: true },
    { snapshot: true, begins: true, more: true },
    { snapshot: true, more: true },
  ]) {
    const update = decode(updateOf(items, flags));
    assert.deepEqual(update, {
      kind: 'update',
      run: 5,
      number: 6,
      digest: 7,
      snapshot: false,
      begins: false,
      more: false,
      items,
      ...flags,
    });
  }
  const bytes = encodeUpdate({ run: 1, number: 1, snapshot: false, begins: false, more: false, digest: 0 }, [
    encodeNode(NODE),
    encodeItem('/a', 1),
    encodeItem('/b', 2),
  ]);
  assert.equal(bytes.length, UPDATE_HEAD + 38 + 5 + 5);
  assert.deepEqual((decode(bytes) as Update).items, [
    { node: NODE, member: '/a', value: 1 },
    { node: NODE, member: '/b', value: 2 },
  ]);
});

test('any JSON that is let through arrives as the same text', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.string({ unit: 'grapheme' }), (value, member) => {
      if (flawOf(value) || flawOf(member)) return;
      const [item] = (decode(updateOf([{ node: NODE, member, value: value as Json }])) as Update).items;
      assert.equal(item?.member, member);
      assert.equal(JSON.stringify(item?.value), JSON.stringify(value));
    }),
    { numRuns: 500 },
  );
});

const NUMBERS = [
  0,
  -0,
  23,
  24,
  255,
  256,
  65_535,
  65_536,
  2 ** 32 - 1,
  2 ** 32,
  -1,
  -24,
  -25,
  -(2 ** 32),
  -(2 ** 32) - 1,
  1.5,
  1e300,
  5e-324,
];

test('numbers and strings at the edges of their encodings', () => {
  const texts = [0, 1, 23, 24, 63, 64, 255, 256, 65_535, 65_536].flatMap((length) => ['x'.repeat(length), 'é😀'.repeat(length / 3)]);
  for (const value of [...NUMBERS, ...texts, [], {}, { 7: 1, a: 2, 3: 4 }, Array(300).fill({ a: {} })]) {
    const [item] = (decode(updateOf([{ node: NODE, member: '/x', value }])) as Update).items;
    assert.equal(JSON.stringify(item?.value), JSON.stringify(value));
  }
});

function nested(depth: number): Json {
  let value: Json = 1;
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value };
  return value;
}

test('what is not plain JSON is found before it is sent', () => {
  const cases: readonly [unknown, RegExp | undefined][] = [
    [{ a: [1, 'x', null, true] }, undefined],
    [Object.create(null), undefined],
    [nested(62), undefined],
    [nested(63), /nested deeper/],
    [Number.NaN, /number NaN/],
    [Number.POSITIVE_INFINITY, /number Infinity/],
    [{ a: undefined }, /type undefined/],
    [[1n], /type bigint/],
    [() => 1, /type function/],
    [new Uint8Array(2), /not plain/],
    [new Date(0), /not plain/],
    [JSON.parse('{"__proto__":1}'), /__proto__/],
    ['half \ud800', /surrogate/],
    [{ '\udc00': 1 }, /surrogate/],
  ];
  for (const [value, expect] of cases) {
    const flaw = flawOf(value);
    if (expect) assert.match(flaw ?? 'none', expect);
    else assert.equal(flaw, undefined);
  }
  const deepest = decode(updateOf([{ node: NODE, member: '/x', value: nested(62) }]));
  assert.equal(deepest.kind, 'update');
});

const HEAD = '01 00000001 000000000001 000000000000';
const MALFORMED: readonly (readonly [hex: string, expect: RegExp])[] = [
  ['', /no message/],
  ['06', /no message/],
  ['81', /no message/],
  ['00', /hello of 1 bytes/],
  [`00${'00'.repeat(33)}`, /hello of 34 bytes/],
  ['02 00000001', /ack of 5/],
  ['03 00000001 000000000001 0000 0001', /part of 15/],
  ['03 00000001 000000000001 0001 0001 ff', /part 1 of 1/],
  ['03 00000001 000000000001 0000 0000 ff', /part 0 of 0/],
  ['04', /partsSeen of 1/],
  [`05${'41'.repeat(501)}`, /bye of 502/],
  ['01 00', /update of 2/],
  ['21 00000001 000000000001 000000000000', /a snapshot that is none/],
  ['41 00000001 000000000001 000000000000', /a snapshot that is none/],
  [`${HEAD} 81612f`, /\[member\]|before any node|major/],
  [`${HEAD} 81 62 2f61`, /before any node/],
  [`${HEAD} 61 61 80`, /an item is/],
  [`${HEAD} 61 61 83 61 2f 01 02`, /an item is/],
  [`${HEAD} 61 61 81 01`, /an item is/],
  [`${HEAD} 61 61 01`, /an item is/],
  [`${HEAD} 61 61 82 61 2f`, /cut off/],
  [`${HEAD} 65 61`, /cut off/],
  [`${HEAD} 61 61 82 61 2f 41 00`, /major type 2/],
  [`${HEAD} 61 61 82 61 2f c1 00`, /major type 6/],
  [`${HEAD} 61 61 82 61 2f d9 dffe 00`, /major type 6/],
  [`${HEAD} 61 61 82 61 2f 9f ff`, /kind 31/],
  [`${HEAD} 61 61 82 61 2f 1b 0000000000000001`, /kind 27/],
  [`${HEAD} 61 61 82 61 2f f7`, /simple value 23/],
  [`${HEAD} 61 61 82 61 2f f9 7e00`, /simple value 25/],
  [`${HEAD} 61 61 82 61 2f fb 7ff8000000000000`, /not finite/],
  [`${HEAD} 61 61 82 61 2f a1 01 01`, /key that is no text/],
  [`${HEAD} 61 61 82 61 2f a1 69 5f5f70726f746f5f5f 01`, /__proto__/],
  [`${HEAD} 61 61 82 61 2f a1 78 09 5f5f70726f746f5f5f 01`, /__proto__/],
  [`${HEAD} 61 61 82 61 2f 9a ffffffff`, /cut off/],
  [`${HEAD} 61 61 82 61 2f ${'81'.repeat(64)} 01`, /nested deeper/],
  [`${HEAD} ${'81'.repeat(20_000)}`, /nested deeper/],
];

test('what is no message says what is wrong with it', () => {
  for (const [hex, expect] of MALFORMED)
    assert.throws(
      () => decode(Buffer.from(hex.replaceAll(' ', ''), 'hex')),
      (error) => error instanceof MalformedError && expect.test(error.message),
      `${hex} ${expect}`,
    );
});

test('random, mangled and cut messages are decoded or malformed, never anything else', () => {
  const valid = [...MESSAGES.map(encode), updateOf([{ node: NODE, member: '/a', value: { b: [1, 'x', -2.5, null] } }])];
  const isHarmless = (bytes: Uint8Array): void => {
    try {
      decode(bytes);
    } catch (error) {
      assert.ok(error instanceof MalformedError, String(error));
    }
  };
  for (const bytes of valid) for (let length = 0; length < bytes.length; length++) isHarmless(bytes.subarray(0, length));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(valid.length - 1), fc.nat(), fc.nat(255), (noise, which, at, byte) => {
      isHarmless(noise);
      isHarmless(Buffer.concat([Buffer.from(HEAD.replaceAll(' ', ''), 'hex'), noise]));
      const mangled = Uint8Array.from(valid[which]!);
      mangled[at % mangled.length] = byte;
      isHarmless(mangled);
    }),
    { numRuns: 3_000 },
  );
});
