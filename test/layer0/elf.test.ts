/** Programs, libraries and modules: what is read of them, and what is left of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readElf, readModinfo, stripElf } from '../../host/layer0/elf.ts';
import { type FakeElf, fakeElf } from './fake.ts';

const READ: readonly (readonly [what: string, given: FakeElf, expect: ReturnType<typeof readElf>])[] = [
  ['a static program', { machine: 62 }, { machine: 'x86-64', needed: [], runpath: [] }],
  [
    'a program with its loader and libraries, in their order',
    { interpreter: '/lib/ld.so', needed: ['libz.so.1', 'liba.so.2'] },
    { machine: 'arm64', interpreter: '/lib/ld.so', needed: ['libz.so.1', 'liba.so.2'], runpath: [] },
  ],
  [
    'a library with places of its own',
    { needed: ['libc.so.6'], runpath: '$ORIGIN/../lib::/opt/lib' },
    { machine: 'arm64', needed: ['libc.so.6'], runpath: ['$ORIGIN/../lib', '/opt/lib'] },
  ],
];
for (const [what, given, expect] of READ)
  test(`${what} is read, stripped or not`, () => {
    assert.deepEqual(readElf(fakeElf(given)), expect);
    assert.deepEqual(readElf(stripElf(fakeElf(given))), expect);
  });

test('stripping takes what is not loaded, and nothing else', () => {
  const whole = fakeElf({ text: 'code', symbols: 'names of functions' });
  const stripped = stripElf(whole);
  assert.ok(whole.includes('names of functions') && !stripped.includes('names of functions') && stripped.includes('code'));
  assert.deepEqual([stripped.readBigUInt64LE(40), stripped.readUInt16LE(60), stripped.readUInt16LE(62)], [0n, 0, 0]);
  assert.deepEqual(stripElf(stripped), stripped);
});

test('a module says what it needs and what it drives', () => {
  const info = ['depends=a,b-c', 'alias=pci:v1*', 'alias=pci:v2*', 'description=x=y'];
  assert.deepEqual(readModinfo(fakeElf({ modinfo: info })), [
    ['depends', 'a,b-c'],
    ['alias', 'pci:v1*'],
    ['alias', 'pci:v2*'],
    ['description', 'x=y'],
  ]);
});

const set = (at: number, ...values: number[]): Buffer => {
  const bytes = fakeElf({ needed: ['libc.so.6'], modinfo: ['depends='] });
  values.forEach((value, index) => void (bytes[at + index] = value));
  return bytes;
};
const BROKEN: readonly (readonly [what: string, bytes: Buffer, words: RegExp])[] = [
  ['a script', Buffer.from('#!/bin/sh\n'.repeat(20)), /no ELF file/],
  ['an ELF of 32 bits', set(4, 1), /not of 64 bits/],
  ['one for another machine', set(18, 243, 0), /machine 243/],
  ['one without its program headers', set(32, 0xff, 0xff, 0xff), /program headers are cut off/],
  ['one whose strings are nowhere', fakeElf({ needed: ['x'] }).fill(0, 64, 68), /nothing is loaded at its address/],
];
for (const [what, bytes, words] of BROKEN) test(`${what} is refused`, () => void assert.throws(() => readElf(bytes), words));

test('a file that was damaged or cut is read or refused, and never hangs', () => {
  const whole = fakeElf({ interpreter: '/lib/ld.so', needed: ['libc.so.6'], runpath: '/x', modinfo: ['depends=a'] });
  const isTried = (bytes: Buffer): void => {
    for (const read of [readElf, stripElf, readModinfo])
      try {
        read(bytes);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
  };
  for (let length = 0; length < whole.length; length++) isTried(whole.subarray(0, length));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      isTried(bytes);
    }),
  );
});
