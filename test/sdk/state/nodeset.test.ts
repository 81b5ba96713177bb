/** Node sets: what they name, what they match, what is wrong with them, and folding names back into a set. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldNames, matches, NodeSetError, namesOf, parseNodeSet, type Subject } from '@kraken-hpc/sdk/state';
import fc from 'fast-check';
import type { Json, Path } from '../../../host/core/declaration.ts';

const names = (text: string): string => (namesOf(parseNodeSet(text)) ?? ['(not names)']).join(' ');

test('names', () => {
  const cases: readonly [string, string][] = [
    ['kr1', 'kr1'],
    [' kr1 , kr2 ', 'kr1 kr2'],
    ['kr[1-4,9]', 'kr1 kr2 kr3 kr4 kr9'],
    ['kr[ 1-2 , 9 ]', 'kr1 kr2 kr9'],
    ['kr[008-011]', 'kr008 kr009 kr010 kr011'],
    ['kr[8-11]', 'kr8 kr9 kr10 kr11'],
    ['r[1-2]n[1-2]-ib', 'r1n1-ib r1n2-ib r2n1-ib r2n2-ib'],
    ['kr[3]', 'kr3'],
    ['kr[1-2],kr[1-2]', 'kr1 kr2 kr1 kr2'],
    ['123e4567-e89b-12d3-a456-426655440001', '123e4567-e89b-12d3-a456-426655440001'],
    ['@rack=r3', '(not names)'],
    ['kr1&@rack', '(not names)'],
    ['!kr1', '(not names)'],
    ['all', '(not names)'],
  ];
  for (const [text, expected] of cases) assert.equal(names(text), expected, text);
});

interface Made {
  readonly labels?: Readonly<Record<string, string>>;
  readonly cfg?: Readonly<Record<Path, Json>>;
  readonly dsc?: Readonly<Record<Path, Json>>;
}

function subject(name: string, { labels = {}, cfg = {}, dsc = {} }: Made = {}): Subject {
  return { id: `id-${name}`, name, label: (label) => labels[label], value: (view, path) => (view === 'cfg' ? cfg : dsc)[path] };
}

test('matching', () => {
  const node = subject('kr7', {
    labels: { rack: 'r3', empty: '' },
    cfg: { '/physState': 'POWER_ON', '/images/state': 'ACTIVE' },
    dsc: { '/physState': 'POWER_OFF', '/pxe/state': 'WAIT', '/images/retries': 3, '/sim/on': true, '/busy': { owner: 'x' } },
  });
  const cases: readonly [string, boolean][] = [
    ['all', true],
    ['*', true],
    ['kr7', true],
    ['id-kr7', true],
    ['kr[1-6]', false],
    ['kr[1-6],kr7', true],
    ['kr', false],
    ['@rack', true],
    ['@rack=r3', true],
    ['@rack=r', false],
    ['@pdu', false],
    ['@empty', true],
    ['@empty=', true],
    ['physState=POWER_OFF', true],
    ['dsc.physState=POWER_OFF', true],
    ['cfg.physState=POWER_OFF', false],
    ['cfg.physState=POWER_ON', true],
    ['cfg.images.state=ACTIVE', true],
    ['/pxe/state=WAIT', true],
    ['pxe.state=WAIT', true],
    ['images.retries=3', true],
    ['sim.on=true', true],
    ['busy=x', false],
    ['runState=SYNC', false],
    ['!runState=SYNC', true],
    ['!kr7', false],
    ['!!kr7', true],
    ['! kr7', false],
    ['!kr1,kr2', true],
    ['@rack=r3&physState=POWER_OFF', true],
    ['@rack=r3 & physState=POWER_ON', false],
    ['@rack=r3&!physState=POWER_ON', true],
    ['kr1,@rack=r3&!kr7', false],
  ];
  for (const [text, expected] of cases) assert.equal(matches(parseNodeSet(text), node), expected, text);
});

test('what is wrong is said with its position', () => {
  const cases: readonly [string, number, RegExp][] = [
    ['', 1, /a name, @LABEL=VALUE, PATH=VALUE or !SET is expected here/],
    ['kr1,,kr2', 5, /expected here/],
    ['kr1,', 5, /expected here/],
    ['kr1&', 5, /expected here/],
    ['!', 2, /expected here/],
    ['kr1,@', 6, /name of a label is expected after @/],
    ['=x', 1, /a path is expected before =/],
    ['cfg.=x', 1, /a path is expected before =/],
    ['a~b=1', 1, /~ is written ~0 in a path/],
    ['kr[1-4', 3, /this \[ has no \]/],
    ['kr1]', 4, /this ] has no \[/],
    ['kr[1-2]]', 8, /this ] has no \[/],
    ['kr[]', 4, /"" is no number and no range like 1-16/],
    ['kr[1,x]', 6, /"x" is no number/],
    ['kr[a-b]', 4, /"a-b" is no number/],
    ['kr[4-1]', 4, /the range 4-1 runs backwards/],
    ['kr1 kr2', 4, /separated by commas/],
    ['kr[1-1000001]', 4, /more than 1000000 names/],
    ['kr[1-600000,1-600000]', 13, /more than 1000000 names/],
    ['a[1-1000]b[1-1000]c[1-2]', 20, /more than 1000000 names/],
    ['a[1-700000],b[1-700000]', 15, /more than 1000000 names/],
    ['kr[1-9999999999999999]', 4, /more than 15 digits/],
  ];
  for (const [text, position, expected] of cases) {
    assert.throws(
      () => parseNodeSet(text),
      (error) => {
        assert.ok(error instanceof NodeSetError, `${text}: ${error}`);
        assert.match(error.message, expected, text);
        assert.equal(error.position, position, `${text}: ${error.message}`);
        return true;
      },
      text,
    );
  }
});

test('a hostile set costs less than the largest one that is allowed', () => {
  const cost = (act: () => unknown): number => {
    const started = performance.now();
    act();
    return performance.now() - started;
  };
  const most = Math.max(...[1, 2].map(() => cost(() => parseNodeSet('kr[1-999999]'))));
  for (const text of [
    '!'.repeat(65_000),
    '['.repeat(65_000),
    'a[1-9]'.repeat(10_000),
    `kr[${'1-999999,'.repeat(7_000)}1]`,
    ','.repeat(65_000),
  ]) {
    const took = Math.min(...[1, 2].map(() => cost(() => assert.throws(() => parseNodeSet(text), NodeSetError))));
    assert.ok(took < most, `${text.slice(0, 20)}…: ${took} ms, the largest set: ${most} ms`);
  }
});

test('folding', () => {
  const cases: readonly [string, string][] = [
    ['', ''],
    ['kr1', 'kr1'],
    ['kr1 kr2 kr3 kr9', 'kr[1-3,9]'],
    ['kr9 kr10 kr11', 'kr[9-11]'],
    ['kr10 kr9 kr9', 'kr[9-10]'],
    ['kr098 kr099 kr100 kr101', 'kr[098-101]'],
    ['kr1 kr01 kr2 kr02', 'kr[01-02,1-2]'],
    ['kr0 kr1', 'kr[0-1]'],
    ['kr1 login kr2', 'login,kr[1-2]'],
    ['r1n1-ib r1n2-ib', 'r1n[1-2]-ib'],
    ['kr1 kr12345678901234567890', 'kr12345678901234567890,kr1'],
  ];
  for (const [given, expected] of cases)
    assert.equal(
      foldNames(given === '' ? [] : given.split(' '))
        .split(' ')
        .join(','),
      expected,
      given,
    );
});

test('fold, then parse: the same names', () => {
  const name = fc.tuple(
    fc.constantFrom('kr', 'n', 'r1-', 'a1b', ''),
    fc.oneof(
      fc.nat(120).map(String),
      fc.nat(120).map((n) => String(n).padStart(3, '0')),
      fc.nat(15).map((n) => String(n).padStart(2, '0')),
      fc.constant('x'),
    ),
    fc.constantFrom('', '', '-ib', '.cluster'),
  );
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 60 }), (parts) => {
      const given = [...new Set(parts.map((part) => part.join('')))].sort();
      const again = [...(namesOf(parseNodeSet(foldNames(given))) ?? [])];
      assert.deepEqual([...again].sort(), given);
      assert.equal(new Set(again).size, again.length);
      assert.equal(foldNames(again), foldNames(given));
    }),
    { numRuns: 500, verbose: 1 },
  );
});
