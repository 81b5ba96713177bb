/** The life of a module as a table: what happened, and what comes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Ladder, rungText, stopLadder } from '../../host/modules/ladder.ts';
import { backoff, type Life, type LifeAct, type LifeEvent, newborn, next, type Phase, restartDelay } from '../../host/modules/restart.ts';

type Told = string | readonly [event: string, afterSeconds: number];

const EVENTS: Record<string, LifeEvent> = {
  start: { type: 'start' },
  restart: { type: 'restart', why: 'operator' },
  stop: { type: 'stop', why: 'operator' },
  declared: { type: 'declared' },
  ready: { type: 'ready' },
  rejected: { type: 'rejected', why: 'config refused' },
  broke: { type: 'broke', why: 'too much memory' },
  hung: { type: 'hung', why: 'no answer to ping' },
  exit: { type: 'exit', why: 'code 1' },
  retry: { type: 'retry' },
};

function live(told: readonly Told[], random = 0): { life: Life; acts: LifeAct[] } {
  let now = 1_000_000;
  let life = newborn(now);
  const acts: LifeAct[] = [];
  for (const one of told) {
    const [name, after] = typeof one === 'string' ? [one, 1] : one;
    now += after * 1000;
    const event = EVENTS[name];
    assert.ok(event, name);
    const step = next(life, event, now, random);
    life = step.life;
    acts.push(step.act);
  }
  return { life, acts };
}

function check(told: readonly Told[], phase: Phase, acts: readonly LifeAct[], more: Partial<Life> = {}): void {
  test(`${told.map(String).join(' ')} → ${phase}`, () => {
    const got = live(told);
    assert.equal(got.life.phase, phase);
    assert.deepEqual(got.acts, acts);
    for (const [key, value] of Object.entries(more)) assert.deepEqual(got.life[key as keyof Life], value, key);
  });
}

const up = ['start', 'declared', 'ready'];
const upActs: LifeAct[] = ['spawn', 'none', 'none'];

check(['start'], 'starting', ['spawn'], { alive: true, starts: 1 });
check(up, 'ready', upActs);
check(['start', 'ready'], 'starting', ['spawn', 'none']);
check(['start', 'start'], 'starting', ['spawn', 'none'], { starts: 1 });
check([...up, 'stop'], 'stopping', [...upActs, 'stop']);
check([...up, 'stop', 'stop'], 'stopping', [...upActs, 'stop', 'none']);
check([...up, 'stop', 'exit'], 'stopped', [...upActs, 'stop', 'none'], { alive: false, why: 'operator' });
check([...up, 'stop', 'exit', 'retry'], 'stopped', [...upActs, 'stop', 'none', 'none']);
check([...up, 'stop', 'start', 'exit'], 'starting', [...upActs, 'stop', 'none', 'spawn'], { starts: 2 });
check([...up, 'stop', 'start', 'stop', 'exit'], 'stopped', [...upActs, 'stop', 'none', 'none', 'none']);
check([...up, 'restart', 'exit'], 'starting', [...upActs, 'stop', 'spawn']);
check(['restart'], 'starting', ['spawn']);
check([...up, 'exit'], 'crashed', [...upActs, 'wait'], { why: 'code 1', streak: 1 });
check([...up, 'exit', 'exit'], 'crashed', [...upActs, 'wait', 'none'], { streak: 1 });
check([...up, 'exit', 'retry'], 'starting', [...upActs, 'wait', 'spawn'], { starts: 2 });
check([...up, 'exit', 'stop'], 'stopped', [...upActs, 'wait', 'none']);
check([...up, 'exit', 'start'], 'starting', [...upActs, 'wait', 'spawn']);
check([...up, 'hung'], 'unresponsive', [...upActs, 'kill']);
check([...up, 'hung', 'ready', 'hung'], 'unresponsive', [...upActs, 'kill', 'none', 'none']);
check([...up, 'hung', 'exit'], 'crashed', [...upActs, 'kill', 'wait'], { why: 'no answer to ping' });
check([...up, 'broke', 'exit'], 'crashed', [...upActs, 'kill', 'wait'], { why: 'too much memory' });
check(['start', 'broke', 'exit'], 'crashed', ['spawn', 'kill', 'wait']);
check(['start', 'rejected'], 'rejected', ['spawn', 'stop'], { alive: true, why: 'config refused' });
check(['start', 'rejected', 'exit', 'retry'], 'rejected', ['spawn', 'stop', 'none', 'none'], { alive: false });
check(['start', 'rejected', 'exit', 'start'], 'starting', ['spawn', 'stop', 'none', 'spawn']);
check(['start', 'rejected', 'start', 'exit'], 'starting', ['spawn', 'stop', 'none', 'spawn']);
check(['start', 'rejected', 'exit', 'stop'], 'stopped', ['spawn', 'stop', 'none', 'none']);
check(['start', 'exit', 'retry', 'exit', 'retry', 'exit'], 'failed', ['spawn', 'wait', 'spawn', 'wait', 'spawn', 'none'], { alive: false });
check(['start', 'exit', 'retry', 'exit', 'retry', 'exit', 'retry'], 'failed', ['spawn', 'wait', 'spawn', 'wait', 'spawn', 'none', 'none']);
check(
  ['start', 'exit', 'retry', 'exit', 'retry', 'exit', 'start', 'exit'],
  'crashed',
  ['spawn', 'wait', 'spawn', 'wait', 'spawn', 'none', 'spawn', 'wait'],
  { streak: 1 },
);
check(['start', 'exit', ['retry', 200], 'exit', ['retry', 200], 'exit'], 'crashed', ['spawn', 'wait', 'spawn', 'wait', 'spawn', 'wait'], {
  streak: 3,
});
check([...up, 'exit', 'retry', 'declared', 'ready', ['exit', 301]], 'crashed', [...upActs, 'wait', 'spawn', 'none', 'none', 'wait'], {
  streak: 1,
});
check(
  [...up, 'exit', 'retry', 'declared', 'ready', ['hung', 301], 'exit'],
  'crashed',
  [...upActs, 'wait', 'spawn', 'none', 'none', 'kill', 'wait'],
  { streak: 1 },
);

test('the restart comes at once, then after 1, 2, 4 … 60 s, half of it jitter', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 99].map((streak) => restartDelay(streak, 0.999_999)),
    [0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000],
  );
  assert.deepEqual(
    [1, 2, 3, 8].map((streak) => restartDelay(streak, 0)),
    [0, 500, 1000, 30_000],
  );
});

test('whatever happens: one process at most, never more than 3 crashes in 5 minutes by itself, exits always settle', () => {
  const happening = fc.record({ event: fc.constantFrom(...Object.keys(EVENTS)), after: fc.integer({ min: 0, max: 200_000 }) });
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), (told) => {
      let now = 0;
      let life = newborn(now);
      for (const { event, after } of told) {
        now += after;
        const before = life;
        const step = next(before, EVENTS[event] as LifeEvent, now, 0.5);
        life = step.life;
        if (step.act === 'spawn') assert.ok(!before.alive || event === 'exit', 'a second process');
        if (step.act === 'stop' || step.act === 'kill') assert.ok(before.alive, 'nobody to end');
        if (step.act === 'wait') assert.ok(life.retryAt !== undefined && life.retryAt >= now && life.retryAt <= now + backoff.cap);
        assert.ok(life.crashes.filter((at) => now - at < backoff.window).length <= backoff.crashes);
        if (['stopped', 'crashed', 'failed'].includes(life.phase)) assert.equal(life.alive, false);
        if (['starting', 'declared', 'ready', 'stopping', 'unresponsive'].includes(life.phase)) assert.equal(life.alive, true);
      }
    }),
    { numRuns: 500 },
  );
});

test('the stop ladder', () => {
  const expected: Ladder = [{ by: 'shutdown', wait: 5000 }, { by: 'stdin', wait: 2000 }, { by: 'SIGTERM', wait: 2000 }, { by: 'SIGKILL' }];
  assert.deepEqual(stopLadder, expected);
  assert.deepEqual(stopLadder.map(rungText), ['shutdown (5 s)', 'the end of its input (2 s)', 'SIGTERM (2 s)', 'SIGKILL']);
});
