import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  childPath,
  covers,
  type Doc,
  formatPath,
  get,
  leaves,
  mergePatch,
  nest,
  parsePath,
  sameJson,
  setPath,
} from '@kraken-hpc/sdk/state';
import fc from 'fast-check';
import type { Json } from '../../../host/core/declaration.ts';

const SEED = Number(process.env['KRAKEN_SEED'] ?? Date.now() % 1_000_000_000);
const property = { seed: SEED, numRuns: 400 };

const member = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'a/b', '~', '~1', '__proto__', 'toString', '0'),
  fc.string({ minLength: 1, maxLength: 4 }),
);
const scalar = fc.oneof(fc.integer(), fc.boolean(), fc.string({ maxLength: 3 }), fc.constant(null));
const { doc } = fc.letrec<{ doc: Doc; value: Json }>((tie) => ({
  doc: fc.dictionary(member, tie('value'), { maxKeys: 4, depthIdentifier: 'doc', noNullPrototype: true }) as fc.Arbitrary<Doc>,
  value: fc.oneof({ depthIdentifier: 'doc', maxDepth: 3 }, scalar, fc.array(scalar, { maxLength: 2 }), tie('doc') as fc.Arbitrary<Json>),
}));
const path = fc.array(member, { minLength: 1, maxLength: 4 }).map(formatPath);

test('RFC 6901 section 5: the pointers of the example evaluate as given', () => {
  const example = { foo: ['bar', 'baz'], 'a/b': 1, 'c%d': 2, 'e^f': 3, 'g|h': 4, 'i\\j': 5, 'k"l': 6, ' ': 7, 'm~n': 8 };
  const check = (pointer: string, expected: Json | undefined) => assert.deepEqual(get(example, pointer), expected, pointer);
  check('', example);
  check('/foo', ['bar', 'baz']);
  check('/foo/0', 'bar');
  check('/a~1b', 1);
  check('/c%d', 2);
  check('/e^f', 3);
  check('/g|h', 4);
  check('/i\\j', 5);
  check('/k"l', 6);
  check('/ ', 7);
  check('/m~0n', 8);
  check('/foo/01', undefined);
  check('/foo/2', undefined);
  check('/foo/length', undefined);
  check('/toString', undefined);
  check('/nowhere/below', undefined);
});

test('what is no pointer is refused', () => {
  for (const wrong of ['physState', 'a/b', '/a~', '/a~2b']) assert.throws(() => parsePath(wrong), /is no path/, wrong);
});

test('a subtree covers itself and what is below, a path only itself', () => {
  const check = (declared: string, asked: string, expected: boolean) =>
    assert.equal(covers(declared, asked), expected, `${declared} ${asked}`);
  check('/ipv4/ifaces/', '/ipv4/ifaces/kraken/ip/ip', true);
  check('/ipv4/ifaces/', '/ipv4/ifaces', true);
  check('/ipv4/ifaces/', '/ipv4/ifaces/kraken/', true);
  check('/ipv4/ifaces/', '/ipv4/ifacesX', false);
  check('/ipv4/ifaces/', '/ipv4', false);
  check('/ipv4/ifaces/', '/ipv4/', false);
  check('/ipv4', '/ipv4', true);
  check('/ipv4', '/ipv4/hostname', false);
  check('/', '/physState', true);
  check('/', '', true);
});

test('RFC 7396 appendix A: the merge patches of the test cases', () => {
  const check = (target: Doc, patch: Doc, expected: Doc) => assert.deepEqual(mergePatch(target, patch), expected);
  check({ a: 'b' }, { a: 'c' }, { a: 'c' });
  check({ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' });
  check({ a: 'b' }, { a: null }, {});
  check({ a: 'b', b: 'c' }, { a: null }, { b: 'c' });
  check({ a: ['b'] }, { a: 'c' }, { a: 'c' });
  check({ a: 'c' }, { a: ['b'] }, { a: ['b'] });
  check({ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } });
  check({ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] });
  check({ e: null }, { a: 1 }, { e: null, a: 1 });
  check({}, { a: { bb: { ccc: null } } }, { a: { bb: {} } });
});

test('setting and removing, case by case', () => {
  const check = (before: Doc, at: string, value: Json | undefined, after: Doc) => assert.deepEqual(setPath(before, at, value), after, at);
  check({}, '/a/b', 1, { a: { b: 1 } });
  check({ a: { b: 1, c: 2 } }, '/a/b', undefined, { a: { c: 2 } });
  check({ a: { b: 1 } }, '/a/b', undefined, { a: {} });
  check({ a: 1 }, '/a/b', 2, { a: { b: 2 } });
  check({ a: [1] }, '/a/0', 2, { a: { '0': 2 } });
  const same = { a: { b: 1 } };
  assert.equal(setPath(same, '/a/b', 1), same);
  assert.equal(setPath(same, '/a/x/y', undefined), same);
  assert.equal(setPath(same, '/a/b/y', undefined), same);
  assert.throws(() => setPath(same, '', 1), RangeError);
  assert.throws(() => nest([['', 1]]), RangeError);
});

test(`properties, seed=${SEED}`, () => {
  fc.assert(
    fc.property(doc, (before) => {
      assert.deepEqual(nest(leaves(before)), before);
    }),
    property,
  );
  fc.assert(
    fc.property(doc, path, scalar, (before, at, value) => {
      const copy = structuredClone(before);
      const after = setPath(before, at, value);
      assert.deepEqual(get(after, at), value);
      assert.deepEqual(before, copy, 'the document given was changed');
      assert.equal(get(setPath(after, at, undefined), at), undefined);
      for (const key of Object.keys(before))
        if (key !== parsePath(at)[0]) assert.equal(after[key], before[key], 'untouched parts are shared');
    }),
    property,
  );
  fc.assert(
    fc.property(doc, doc, (before, patch) => {
      const copy = structuredClone(before);
      const once = mergePatch(before, patch);
      assert.deepEqual(before, copy, 'the document given was changed');
      assert.equal(mergePatch(once, patch), once, 'merging again changes nothing');
      assert.equal(sameJson(once, before), once === before || JSON.stringify(once) === JSON.stringify(before));
    }),
    property,
  );
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), member, (members, last) => {
      assert.deepEqual(parsePath(formatPath(members)), members);
      assert.equal(childPath(formatPath(members), last), formatPath([...members, last]));
    }),
    property,
  );
});
