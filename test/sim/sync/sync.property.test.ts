/** Random storms over trees of hosts (`KRAKEN_SEEDS=2000` for more, `KRAKEN_SEED=7 KRAKEN_SEEDS=1` for one): what must hold is in checks/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commit } from './commit.ts';
import { Storm } from './storm.ts';

const SEEDS = Number(process.env['KRAKEN_SEEDS'] ?? 15);
const FIRST = Number(process.env['KRAKEN_SEED'] ?? 1);

test(`${SEEDS} storms over a tree: it converges, nothing acknowledged is lost, no forgery counts, no wrong power action, then it is quiet`, () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const storm = new Storm(seed);
    const again = `seed=${seed} commit=${commit()} (again: KRAKEN_SEED=${seed} KRAKEN_SEEDS=1, or npm run sim -- --seed ${seed})`;
    assert.deepEqual(storm.run(), [], `${again}\n${storm.story.join('\n')}`);
  }
});

test('the same seed is the same storm', () => {
  const play = (): unknown => {
    const storm = new Storm(11);
    return [storm.run(), storm.sim.net.figures, storm.sim.clock.now, storm.tree.root.process?.world.revision];
  };
  assert.deepEqual(play(), play());
});
