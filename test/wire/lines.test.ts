import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeLine, LineDecoder, type LineFault } from '@kraken-hpc/sdk/wire';
import fc from 'fast-check';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1e9);
const show = (line: string | LineFault): string => (typeof line === 'string' ? line : `<${line.fault} ${line.bytes}>`);

/** Feeds the chunks, then the end. */
function decode(chunks: readonly (string | Buffer)[], limit?: number): string[] {
  const decoder = new LineDecoder(limit);
  const lines = chunks.flatMap((chunk) => decoder.push(Buffer.from(chunk as string)));
  const rest = decoder.end();
  return (rest === undefined ? lines : [...lines, rest]).map(show);
}

test('lines', () => {
  const check = (chunks: readonly (string | Buffer)[], expect: readonly string[], limit = 10): void =>
    assert.deepEqual(decode(chunks, limit), expect, JSON.stringify(chunks));
  check([], []);
  check(['a\n'], ['a']);
  check(['a\nb\n'], ['a', 'b']);
  check(['a', 'b', '\n'], ['ab']);
  check(['a\nb', 'c\nd\n'], ['a', 'bc', 'd']);
  check(['\n\n'], ['', '']);
  check(['a\n', '\n'], ['a', '']);
  check(['ab', '\nc\n', 'd\n'], ['ab', 'c', 'd']);
  check(['a\r\n'], ['a\r']);
  check(['half'], ['<halfLine 4>']);
  check(['a\nha', 'lf'], ['a', '<halfLine 4>']);
  check(['0123456789\n'], ['0123456789']);
  check(['0123456789A\n'], ['<tooLong 11>']);
  check(['0123456789A\nb\n'], ['<tooLong 11>', 'b']);
  check(['a\n0123456789A\nb\n'], ['a', '<tooLong 11>', 'b']);
  check(['012345', '6789A', 'more and more', ' and more\nb\n'], ['<tooLong 11>', 'b']);
  check(['0123456789A', 'never ends'], ['<tooLong 11>']);
  check([Buffer.from([0x61, 0xff, 0x0a]), 'b\n'], ['<invalidUtf8 2>', 'b']);
  check(['a\n', Buffer.from([0xc3]), Buffer.from([0xa4, 0x0a])], ['a', 'ä']);
  check([Buffer.from('b\n\xff\nc\n', 'latin1')], ['b', '<invalidUtf8 1>', 'c']);
  check([Buffer.from([0xed, 0xa0, 0x80, 0x0a])], ['<invalidUtf8 3>']);
  check(['äöüäö\n'], ['äöüäö']);
  check(['äöüäöü\n'], ['<tooLong 12>']);
});

test('a bad line shows how it begins, printable', () => {
  const [fault] = new LineDecoder().push(Buffer.from('Hello\x07 \xff world\n', 'latin1'));
  assert.deepEqual(fault, { fault: 'invalidUtf8', bytes: 14, start: 'Hello. . world' });
});

test('a line over the limit holds no memory', () => {
  const decoder = new LineDecoder(1000);
  for (let i = 0; i < 1000; i++) {
    decoder.push(Buffer.alloc(700, 'x'));
    assert.ok(decoder.held <= 1000);
  }
});

test('however it is cut, the same lines come out', () => {
  const line = fc
    .oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 12 }))
    .map((text) => text.replaceAll('\n', ''));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(200), { maxLength: 12 }), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(''));
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((to, index) => bytes.subarray(places[index]!, to));
      assert.deepEqual(decode(chunks, 4096), lines);
    }),
    { seed: SEED, numRuns: 500 },
  );
});

test('any bytes are lines or faults, never a throw', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (chunks) => {
      decode(
        chunks.map((chunk) => Buffer.from(chunk)),
        16,
      );
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

test('encoding refuses what the other end would refuse', () => {
  const check = (text: string, limit: number, fits: boolean): void =>
    assert.equal(encodeLine(text, limit) !== undefined, fits, `${text} in ${limit}`);
  check('abcd', 6, true);
  check('abcde', 6, false);
  check('ää', 6, true);
  check('äää', 6, false);
  check('€', 5, true);
  check('€€', 7, false);
  assert.equal(encodeLine({ a: 'x\ny' }), '{"a":"x\\ny"}\n');
});
