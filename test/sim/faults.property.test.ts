/**
 * Random storms (`KRAKEN_SEEDS=2000` for more): faults, orders and changes over virtual hours, then all is healed. What must hold is
 * in checkers.ts and knows only the truth. Each guard taken away must be noticed: a checker that cannot fail checks nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Turn } from '../../host/core/record.ts';
import type { Lab } from './lab.ts';
import { type StormOptions, storm } from './storm.ts';
import { commit } from './sync/commit.ts';

const SEEDS = Number(process.env['KRAKEN_SEEDS'] ?? 15);
const FIRST = Number(process.env['KRAKEN_SEED'] ?? 1);

test(`${SEEDS} random storms: no wrong power action, and every node at goal or explained afterwards`, () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const breaches = storm(seed);
    assert.deepEqual(breaches, [], `seed=${seed} commit=${commit()} (again: KRAKEN_SEED=${seed} KRAKEN_SEEDS=1)`);
  }
});

/** Commands of this kind are acknowledged, and forgotten. */
function deaf(kind: 'busy' | 'hold' | 'freeze'): StormOptions {
  return {
    sabotage: (lab) => {
      const operate = lab.operate.bind(lab);
      lab.operate = (command) => {
        if (command.kind !== kind) operate(command);
      };
    },
  };
}

/** A store that loses what was sent. */
function forgetfulStore(lab: Lab): void {
  const restart = lab.restart.bind(lab);
  lab.restart = (after, lose) => {
    lab.turns.splice(0, lab.turns.length, ...lab.turns.map(withoutIntents));
    restart(after, lose);
  };
}

function withoutIntents(turn: Turn): Turn {
  if (!turn.records) return turn;
  const records = Object.entries(turn.records).map(([id, { sent: _, ...rest }]) => [id, rest] as const);
  return { ...turn, records: Object.fromEntries(records) };
}

const MUTANTS: readonly (readonly [name: string, options: StormOptions, expect: RegExp])[] = [
  ['no grace', { settings: { graceLeast: 0, graceUnknown: 0, graceFactor: 0 } }, /after it was last heard|could have heard/],
  ['no brake', { settings: { brakeLeast: 1e6, brakeDomainLeast: 1e6 } }, /cut off together/],
  ['no end of repairs', { settings: { stuckCycles: 1e6, stuckFailures: 1e6 } }, /repair number 4/],
  ['repairs at once after the start', { settings: { repairAfterUp: 0, graceLeast: 0, graceUnknown: 0, graceFactor: 0 } }, /host's start/],
  ['busy ignored', deaf('busy'), /while it is busy/],
  ['holds ignored', deaf('hold'), /while it is held/],
  ['freeze ignored', deaf('freeze'), /while the engine is frozen/],
  ['intents lost', { sabotage: forgetfulStore }, /a second time before the first was over/],
];

for (const [name, options, expect] of MUTANTS) {
  test(`a checker notices: ${name}`, () => {
    for (let seed = 1; seed <= 150; seed++) if (storm(seed, options).some((breach) => expect.test(breach))) return;
    assert.fail(`no checker noticed in 150 storms: ${name}`);
  });
}
