import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { REPLAY_WINDOW, ReplayWindow } from '../../host/sync/replay.ts';

/** Takes what is fresh; says for each whether it was. */
function play(numbers: readonly number[]): string {
  const window = new ReplayWindow();
  return numbers
    .map((number) => {
      const fresh = window.isFresh(number);
      if (fresh) window.accept(number);
      return fresh ? 'y' : 'n';
    })
    .join('');
}

const CASES: readonly (readonly [numbers: readonly number[], expect: string])[] = [
  [[1, 2, 3], 'yyy'],
  [[1, 1], 'yn'],
  [[0, -1], 'nn'],
  [[3, 1, 2, 1, 3], 'yyynn'],
  [[1024, 1, 1], 'yyn'],
  [[1025, 1, 2, 2], 'ynyn'],
  [[5000, 3976, 3977, 3977, 5000], 'ynynn'],
  [[31, 32, 33, 63, 64, 31, 64], 'yyyyynn'],
  [[1, 1 + 33 * 32, 1, 34, 34, 33], 'yynynn'],
  [[10, 2 ** 48 - 1, 2 ** 48 - 1, 2 ** 48 - 2, 10], 'yynyn'],
];

const to = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

test('a gap is remembered for as long as it can be filled, and so is the next one', () => {
  const numbers = [...to(1, 10), ...to(12, 1034), 11, 11, ...to(1035, 1060), 11, 1060, 1037, ...to(1070, 1080), 1065, 1065, 1061, 37, 1059];
  const expect = `${'y'.repeat(10 + 1023)}yn${'y'.repeat(26)}nnn${'y'.repeat(11)}ynynn`;
  assert.equal(play(numbers), expect);
});

test('numbers seen before, and those too old to tell, are not fresh', () => {
  for (const [numbers, expect] of CASES) assert.equal(play(numbers), expect, String(numbers));
});

test('as a set of all that were seen would say it', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: -1100, max: 40 }), fc.integer({ min: 1, max: 3_000 })), { maxLength: 300 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 40 }), steps, (start, moves) => {
      const seen = new Set<number>();
      let newest = 0;
      let at = start;
      const numbers = moves.map((move) => {
        at = Math.max(1, newest + move, newest === 0 ? start : 1);
        newest = Math.max(newest, at);
        return at;
      });
      newest = 0;
      const expect = numbers.map((number) => {
        const fresh = number > newest - REPLAY_WINDOW && !seen.has(number);
        if (!fresh) return 'n';
        seen.add(number);
        newest = Math.max(newest, number);
        return 'y';
      });
      assert.equal(play(numbers), expect.join(''));
    }),
    { numRuns: 500 },
  );
});
