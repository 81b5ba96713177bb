/** Random weather, changes, restarts and breaks of the tether; then calm. `KRAKEN_SEED=n KRAKEN_SEEDS=1` plays one again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { CALM, Pair, type Side, seeded, type Weather } from './pair.ts';

const SEEDS = Number(process.env['KRAKEN_SEEDS'] ?? 100);
const FIRST = Number(process.env['KRAKEN_SEED'] ?? 1);

interface Story {
  readonly weather: Weather;
  readonly steps: number;
  readonly large: number;
  readonly restarts: number;
  readonly streams: number;
  readonly blocks: number;
}

/** What a seed plays: the first few kinds of trouble alone, then all of them at once. */
function storyOf(seed: number, random: () => number): Story {
  const stormy = {
    loss: random() * 0.5,
    twice: random() * 0.3,
    delay: [1, 1 + random() * 200] as const,
    work: random() * 50,
    refuse: random() * 0.2,
    noise: random(),
  };
  const calm = { weather: CALM, steps: 30, large: 0, restarts: 0, streams: 0, blocks: 0 };
  const kinds: readonly Story[] = [
    calm,
    { ...calm, weather: { ...CALM, loss: stormy.loss, delay: stormy.delay } },
    { ...calm, weather: { ...CALM, twice: 0.5, delay: stormy.delay, noise: 1 } },
    { ...calm, weather: { ...CALM, refuse: 0.3, work: 20 } },
    { ...calm, restarts: 0.2, streams: 0.1 },
    { ...calm, large: 0.3, streams: 0.2, blocks: 0.1 },
    { weather: stormy, steps: 40, large: random() * 0.2, restarts: random() * 0.2, streams: random() * 0.3, blocks: random() * 0.1 },
  ];
  return kinds[Math.min(seed % 10, kinds.length - 1)]!;
}

function play(seed: number): Pair {
  const random = seeded(seed);
  const story = storyOf(seed, random);
  const pair = new Pair(story.weather, random);
  // Without a stream, what does not fit into 16 kB comes in several updates.
  pair.splits = story.large > 0;
  let clock = 0;
  const some = (chance: number): boolean => random() < chance;
  const value = (): Json | undefined => {
    if (some(0.25)) return undefined;
    if (some(story.large)) return `${++clock}:${'x'.repeat(random() * 30_000)}`;
    return some(0.5) ? ++clock : { at: ++clock, list: [true, null, 'é😀', 1.5] };
  };
  for (let step = 0; step < story.steps; step++) {
    const side: Side = some(0.5) ? 'parent' : 'child';
    const changes = Array.from({ length: 1 + Math.floor(random() * 5) }, () => {
      return ['abcdef'.charAt(random() * 6), '/ipv4 /pxe /vm =/x'.split(' ')[Math.floor(random() * 4)]!, value()] as const;
    });
    pair.set(side, [...changes, ['z', '/clock', ++clock]]);
    if (some(story.restarts)) pair.restart(some(0.5) ? 'parent' : 'child');
    // Where every state must be one that was offered, a part of one would not be.
    if (pair.splits && some(0.05)) pair.distrust(some(0.5) ? 'parent' : 'child');
    if (some(story.streams)) pair.openStream();
    if (some(story.streams)) pair.closeStream();
    if (some(story.blocks)) pair.udpBlocked = !pair.udpBlocked;
    pair.run(some(0.1) ? random() * 30_000 : random() * 100);
  }
  pair.weather = { ...CALM, delay: story.weather.delay };
  pair.udpBlocked = seed % 3 === 0;
  pair.openStream();
  pair.run(200_000);
  return pair;
}

test(`${SEEDS} seeds: what was offered last is what the other has, never an older state after a newer one`, () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    try {
      const pair = play(seed);
      pair.check();
      for (const { link, malformed } of [pair.parent, pair.child]) {
        assert.equal(malformed, 0);
        assert.equal(link.figures.pending + link.figures.unacked, 0);
      }
    } catch (error) {
      throw new Error(`seed=${seed} (again: KRAKEN_SEED=${seed} KRAKEN_SEEDS=1)`, { cause: error });
    }
  }
});
