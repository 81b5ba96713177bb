/** The archive: its bytes, what a kernel would not unpack, and archives of others, broken ones among them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CpioEntry, packCpio, readCpio } from '../../host/layer0/cpio.ts';

const file = (path: string, content = '', mode = 0o644): CpioEntry => ({ kind: 'file', path, mode, bytes: Buffer.from(content) });
const SMALL: readonly CpioEntry[] = [
  file('b/run', 'hello', 0o755),
  { kind: 'device', path: 'console', mode: 0o600, major: 5, minor: 1 },
  { kind: 'folder', path: 'b', mode: 0o755 },
  { kind: 'link', path: 'sh', target: 'b/run' },
];

/** Field by field as buffer-format.rst has them: ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check. */
const GOLDEN = [
  '070701 00000001 000041ED 00000000 00000000 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000002 00000000 b\0',
  '070701 00000002 000081ED 00000000 00000000 00000001 00000000 00000005 00000000 00000000 00000000 00000000 00000006 00000000 b/run\0 hello\0\0\0',
  '070701 00000003 00002180 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000005 00000001 00000008 00000000 console\0\0\0',
  '070701 00000004 0000A1FF 00000000 00000000 00000001 00000000 00000005 00000000 00000000 00000000 00000000 00000003 00000000 sh\0\0\0\0 b/run\0\0\0',
  '070701 00000000 00000000 00000000 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 0000000B 00000000 TRAILER!!!\0\0\0\0',
].join('');

test('the bytes of an archive are those of the format, sorted, owned by root, without time', () => {
  assert.equal(packCpio(SMALL).toString('latin1'), GOLDEN.replaceAll(' ', ''));
  assert.deepEqual(packCpio([...SMALL].reverse()), packCpio(SMALL));
});

const name = fc.stringMatching(/^[a-z0-9._ é-]{1,12}$/).filter((part) => part !== '.' && part !== '..');
const entries = fc
  .uniqueArray(
    fc.tuple(fc.array(name, { minLength: 1, maxLength: 4 }), fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 0, max: 0o7777 })),
    {
      selector: ([parts]) => parts.join('/'),
      maxLength: 12,
    },
  )
  .map((all) => all.map(([parts, bytes, mode]): CpioEntry => ({ kind: 'file', path: parts.join('/'), mode, bytes: Buffer.from(bytes) })));

test('what is packed is what is read', () => {
  fc.assert(
    fc.property(entries, (packed) => {
      const bytes = packCpio(packed);
      const { entries: found, end } = readCpio(bytes);
      assert.equal(end, bytes.length);
      const byPath = (a: { path: string }, b: { path: string }): number => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));
      assert.deepEqual(found, [...packed].sort(byPath));
    }),
  );
});

test('an archive that was damaged or cut is read, or refused in words, and never hangs', () => {
  const whole = packCpio(SMALL);
  for (let length = 0; length < whole.length - 3; length++)
    assert.throws(() => readCpio(whole.subarray(0, length)), /^Error: the archive is broken at byte \d+: /);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Buffer.from(whole);
      bytes[at] = byte;
      try {
        readCpio(bytes);
      } catch (error) {
        assert.match(String(error), /^Error: the archive is broken at byte \d+: /);
      }
    }),
  );
});

const REFUSED: readonly (readonly [what: string, entries: readonly CpioEntry[], words: RegExp])[] = [
  ['an absolute path', [file('/init')], /"\/init" cannot be a path/],
  ['a way out', [file('a/../b')], /cannot be a path/],
  ['no path', [file('')], /cannot be a path/],
  ['a folder with a slash at its end', [file('a/')], /cannot be a path/],
  ['a NUL', [file('a\0b')], /cannot be a path/],
  ['the name of the end', [file('TRAILER!!!')], /cannot be a path/],
  ['a path twice', [file('a'), file('a')], /a is twice/],
  ['a long path', [file('a'.repeat(4096))], /a path of 4096 bytes is too long/],
  ['too many', Array.from({ length: 100_001 }, (_, index) => file(`f${index}`)), /100001 entries are too many/],
];

for (const [what, given, words] of REFUSED) test(`${what} is refused`, () => void assert.throws(() => packCpio(given), words));
