/** Messages as bytes: what is read of them, what is refused, what is written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OPTION, readNested, readOptions, writeOptions } from './options.ts';
import { readPacket } from './packet.ts';
import { message } from './test/client.ts';

/** A message whose options, file and sname are these bytes. */
function raw({
  options,
  file = [],
  sname = [],
}: {
  options: readonly number[];
  file?: readonly number[];
  sname?: readonly number[];
}): Buffer {
  const bytes = Buffer.concat([message().subarray(0, 240), Buffer.from(options)]);
  bytes.set(file, 108);
  bytes.set(sname, 44);
  return bytes;
}

const READ: readonly { what: string; message: Parameters<typeof raw>[0]; is: Readonly<Record<number, readonly number[]>> | RegExp }[] = [
  { what: 'in the order that they come', message: { options: [53, 1, 1, 12, 2, 65, 66, 255] }, is: { 53: [1], 12: [65, 66] } },
  { what: 'pads between', message: { options: [0, 0, 53, 1, 1, 0, 255, 9, 9] }, is: { 53: [1] } },
  { what: 'no end', message: { options: [53, 1, 1] }, is: { 53: [1] } },
  { what: 'empty ones', message: { options: [80, 0, 53, 1, 1, 255] }, is: { 80: [], 53: [1] } },
  {
    what: 'one in parts (RFC 3396)',
    message: { options: [53, 1, 1, 77, 2, 1, 2, 12, 1, 65, 77, 1, 3, 255] },
    is: { 53: [1], 77: [1, 2, 3], 12: [65] },
  },
  { what: 'in file', message: { options: [52, 1, 1, 255], file: [53, 1, 3, 255], sname: [12, 1, 65, 255] }, is: { 52: [1], 53: [3] } },
  { what: 'in sname', message: { options: [52, 1, 2, 255], file: [53, 1, 3, 255], sname: [12, 1, 65, 255] }, is: { 52: [2], 12: [65] } },
  {
    what: 'in both, parts in the order of RFC 3396',
    message: { options: [77, 1, 1, 52, 1, 3, 255], file: [77, 1, 2, 255], sname: [77, 1, 3, 255] },
    is: { 77: [1, 2, 3], 52: [3] },
  },
  { what: 'beyond the end', message: { options: [53, 1, 1, 12, 9, 65] }, is: /option 12 goes beyond the end of its options/ },
  { what: 'without a length', message: { options: [53, 1, 1, 12] }, is: /option 12 goes beyond/ },
  {
    what: 'beyond the end of file',
    message: { options: [52, 1, 1, 255], file: [...Array(126).fill(0), 12, 9] },
    is: /option 12 goes beyond the end of its file/,
  },
  { what: 'overload of nothing', message: { options: [52, 1, 0, 255] }, is: /option 52 names no fields/ },
  { what: 'overload of too much', message: { options: [52, 1, 4, 255] }, is: /option 52 names no fields/ },
];

for (const { what, message: given, is } of READ)
  test(`options: ${what}`, () => {
    const got = readOptions(raw(given));
    if (is instanceof RegExp) assert.match(String(got), is);
    else assert.deepEqual(typeof got === 'string' ? got : Object.fromEntries([...got].map(([code, bytes]) => [code, [...bytes]])), is);
  });

const change = (at: number, ...bytes: readonly number[]): Buffer => {
  const all = message();
  all.set(bytes, at);
  return all;
};

const REFUSED: readonly [string, Buffer, RegExp][] = [
  ['nothing', Buffer.alloc(0), /it has 0 bytes/],
  ['too little', message().subarray(0, 239), /it has 239 bytes/],
  ['too much', Buffer.alloc(2049), /it has 2049 bytes, more than 2048/],
  ['no cookie', change(236, 0), /magic cookie/],
  ['an answer', change(0, 2), /it is no request/],
  ['InfiniBand', change(1, 32, 0), /hardware type 32 with 0 bytes/],
  ['too long a MAC', change(2, 255), /hardware type 1 with 255 bytes/],
  ['a loop of relays', change(3, 17), /17 relays/],
  ['BOOTP', change(240, 12), /it is BOOTP/],
  ['what a server says', message({ type: 2 }), /option 53 is no message of a client/],
  ['no type at all', message({ type: 0 }), /option 53 is no message/],
  ['a group of machines', message({ mac: '01:00:5e:00:00:01' }), /01:00:5e:00:00:01 is no address of one machine/],
  ['no machine', message({ mac: '00:00:00:00:00:00' }), /is no address of one machine/],
  ['an address of three bytes', message({ options: { 50: [10, 0, 0] } }), /option 50 has 3 bytes instead of 4/],
  ['a size of four bytes', message({ options: { 57: [0, 0, 2, 64] } }), /option 57 has 4 bytes instead of 2/],
  ['too much to repeat', message({ options: { 82: Array(300).fill(1) } }), /option 82 has more than 255 bytes/],
];

for (const [what, bytes, why] of REFUSED) test(`no message of a client: ${what}`, () => assert.match(String(readPacket(bytes)), why));

test('what is written is read again, in the field that has room, long ones in parts; what has no room is named', () => {
  const option = fc.record({
    code: fc.integer({ min: 1, max: 254 }),
    bytes: fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
  });
  const some = fc.uniqueArray(option, { maxLength: 12, selector: ({ code }) => code });
  fc.assert(
    fc.property(
      some,
      fc.integer({ min: 548, max: 1472 }),
      fc.boolean(),
      fc.boolean(),
      fc.option(fc.uint8Array({ maxLength: 255 })),
      (options, size, file, sname, relay) => {
        const given = options.filter(({ code }) => code !== OPTION.overload && code !== OPTION.relay);
        const bytes = Buffer.alloc(1472);
        const last = relay === null ? undefined : Buffer.from(relay);
        const { length, omitted } = writeOptions(bytes, given, { size, free: { file, sname }, last });
        assert.ok(length <= size);
        const read = readOptions(bytes.subarray(0, length));
        assert.ok(typeof read !== 'string', String(read));
        const expected = new Map(
          [...given.filter(({ code }) => !omitted.includes(code)), ...(last ? [{ code: 82, bytes: last }] : [])].map(({ code, bytes }) => [
            code,
            bytes,
          ]),
        );
        const got = new Map([...read].filter(([code]) => code !== OPTION.overload));
        assert.deepEqual(Object.fromEntries(got), Object.fromEntries(expected));
      },
    ),
    { numRuns: 1000 },
  );
});

test('options inside an option: a broken rest says nothing', () => {
  assert.deepEqual([...readNested(Buffer.of(1, 1, 9, 2, 7, 1))], [[1, Buffer.of(9)]]);
  assert.equal(readNested(undefined).size, 0);
});
