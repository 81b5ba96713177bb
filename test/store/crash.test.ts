import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../host/core/random.ts';
import type { Change, Turn } from '../../host/core/record.ts';
import { openStore } from '../../host/store/store.ts';
import { applyTurn, engineOf, nodeId, recordsOf, replay, START, type State } from './samples.ts';
import { type Faults, PowerOff, SimDisk } from './simdisk.ts';

interface Seen {
  /** The state after each turn ever appended, by seq; later lives write over what a crash lost. */
  readonly states: Map<number, { values: [string, number][]; count: number }>;
  acknowledged: number;
  appended: number;
  cuts: number;
  checkpoints: number;
}

const OPTIONS = { now: () => START, log: () => {}, segmentBytes: 1_500, mergeBytes: 800 };

function snapshotOf(state: State): { values: [string, number][]; count: number } {
  return { values: [...state.values].sort(([a], [b]) => (a < b ? -1 : 1)), count: state.count };
}

/** One life of a host: opens, checks what it finds against what was acknowledged, works until the power goes. Complaints in words. */
async function live(disk: SimDisk, seen: Seen, random: () => number, turns: number, historyBytes: number): Promise<string[]> {
  const opened = await openStore('/data', { ...OPTIONS, historyBytes, disk });
  const state = replay(opened);
  const { store } = opened;
  const complaints = check(state, store.lastSeq, seen);
  if (complaints.length > 0) return complaints;
  seen.appended = store.lastSeq;
  seen.cuts += opened.warnings.length;
  // What was found is acknowledged: the host shows it.
  seen.acknowledged = Math.max(seen.acknowledged, store.lastSeq);
  store.onDurable((seq) => {
    seen.acknowledged = seq;
  });
  let dirty = new Set<string>(state.values.keys());
  const touched = [...opened.tail].flatMap(({ changes }) => changes.map(({ node }) => node));
  let removed = new Set(touched.filter((id) => !state.values.has(id)));
  for (let count = 0; count < turns && !disk.isOff; count += 1) {
    const turn = randomTurn(store.lastSeq + 1, random);
    applyTurn(state, turn);
    for (const { node, to } of turn.changes) (to === undefined ? removed : dirty).add(node);
    seen.states.set(turn.seq, snapshotOf(state));
    seen.appended = turn.seq;
    store.append(turn, random() < 0.5);
    if (random() < 0.15) {
      seen.checkpoints += 1;
      const [ids, gone] = [dirty, removed];
      [dirty, removed] = [new Set(), new Set()];
      const done = store.checkpoint({
        seq: turn.seq,
        engine: engineOf(state),
        nodes: recordsOf(state, ids),
        removed: [...gone].filter((id) => !state.values.has(id)),
      });
      void done.catch(() => {});
      if (random() < 0.3) await Promise.race([done, disk.off]);
    }
    if (random() < 0.3) await Promise.race([store.flush(), disk.off]);
    else if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
  }
  if (!disk.isOff && random() < 0.3) await Promise.race([store.close(), disk.off]);
  return [];
}

function randomTurn(seq: number, random: () => number): Turn {
  const changes: Change[] = [];
  for (let count = Math.floor(random() * 3); count >= 0; count -= 1) {
    const node = nodeId(Math.floor(random() * 8));
    const common = { rev: seq, node, view: 'cfg' as const, by: 'test' };
    changes.push(
      random() < 0.2 ? { ...common, path: '' } : { ...common, path: '/value', to: seq, why: 'y'.repeat(Math.floor(random() * 300)) },
    );
  }
  return { seq, at: START + seq, rev: seq, changes, engine: { count: seq } };
}

function check(state: State, lastSeq: number, seen: Seen): string[] {
  const complaints: string[] = [];
  if (lastSeq < seen.acknowledged) complaints.push(`turn ${seen.acknowledged} was acknowledged, ${lastSeq} is the last one found`);
  if (lastSeq > seen.appended) complaints.push(`turn ${lastSeq} was never appended, ${seen.appended} was the last`);
  const expected = lastSeq === 0 ? { values: [], count: 0 } : seen.states.get(lastSeq);
  if (JSON.stringify(snapshotOf(state)) !== JSON.stringify(expected))
    complaints.push(
      `the state after turn ${lastSeq} is not what it was: ${JSON.stringify(snapshotOf(state))} instead of ${JSON.stringify(expected)}`,
    );
  return complaints;
}

/** Several lives on one disk, each ended by a power loss (or a kill) at a random operation, in opening too. */
async function lives(seed: number, faults: Faults = {}): Promise<{ complaints: string[]; seen: Seen }> {
  const random = seededRandom(seed);
  const seen: Seen = { states: new Map(), acknowledged: 0, appended: 0, cuts: 0, checkpoints: 0 };
  // Half of them without old segments to fall back on.
  const historyBytes = seed % 2 === 0 ? 0 : 1_000_000;
  let disk = new SimDisk(seed, { ...faults, powerOffAt: 1 + Math.floor(random() * 150) });
  for (let life = 0; life < 5; life += 1) {
    const complaints = await Promise.race([
      live(disk, seen, random, 10 + Math.floor(random() * 30), historyBytes),
      disk.off.then(() => []),
    ]).catch((error: unknown) => (error instanceof PowerOff || disk.isOff ? [] : [error instanceof Error ? error.message : String(error)]));
    if (complaints.length > 0) return { complaints, seen };
    disk.cutPower();
    const next = { ...faults, powerOffAt: life === 3 ? 0 : 1 + Math.floor(random() * 150) };
    disk = random() < 0.2 ? disk.afterKill(seed + life, next) : disk.afterPowerLoss(seed * 7 + life, next);
  }
  return { complaints: [], seen };
}

const SEEDS = Number(process.env.KRAKEN_SEEDS ?? 100);
const FIRST = Number(process.env.KRAKEN_SEED ?? 1);

test(`power loss and kill at any operation: nothing acknowledged is missing, every state found is one that was (${SEEDS} seeds, 5 lives each)`, async () => {
  const total = { acknowledged: 0, cuts: 0, checkpoints: 0 };
  for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
    const { complaints, seen } = await lives(seed);
    assert.deepEqual(complaints, [], `seed ${seed}`);
    total.acknowledged += seen.acknowledged;
    total.cuts += seen.cuts;
    total.checkpoints += seen.checkpoints;
  }
  // It has tested something: turns were acknowledged, writes were cut short, checkpoints were made.
  assert.ok(total.acknowledged > SEEDS * 10 && total.cuts > SEEDS / 10 && total.checkpoints > SEEDS, JSON.stringify(total));
});

test('the checker finds the loss where flushing is switched off, of files or of directories', async () => {
  for (const faults of [{ flushFiles: false }, { flushDirs: false }]) {
    let found = 0;
    for (let seed = 1; seed <= 60; seed += 1) if ((await lives(seed, faults)).complaints.length > 0) found += 1;
    assert.ok(found > 20, `${JSON.stringify(faults)}: found in ${found} of 60 seeds`);
  }
});

test('disk full, or broken: failed, said, nothing acknowledged any more; what was acknowledged is there afterwards', async () => {
  for (const code of ['ENOSPC', 'EIO'] as const) {
    for (let seed = 1; seed <= 40; seed += 1) {
      const disk = new SimDisk(seed, { failAt: 40 + seed, code });
      const lines: string[] = [];
      const { store } = await openStore('/data', { ...OPTIONS, disk, log: (level, message) => lines.push(`${level}: ${message}`) });
      let acknowledged = 0;
      let told: Error | undefined;
      store.onDurable((seq) => {
        assert.equal(told, undefined, `seed ${seed}: turn ${seq} acknowledged after the failure`);
        acknowledged = seq;
      });
      store.onFailed((error) => {
        told = error;
      });
      const state: State = { values: new Map(), count: 0, lastSeq: 0 };
      for (let seq = 1; !told && seq < 500; seq += 1) {
        const turn = randomTurn(seq, seededRandom(seed * 1_000 + seq));
        applyTurn(state, turn);
        store.append(turn, true);
        await store.flush().catch(() => {});
      }
      const pattern = code === 'ENOSPC' ? /no space left on device.*Everything up to turn \d+ is on disk/ : /i\/o error.*restart the host/;
      assert.match(told?.message ?? '', pattern, `seed ${seed}`);
      assert.ok(lines.some((line) => line.startsWith('error:') && pattern.test(line)));
      assert.throws(() => store.append(randomTurn(store.lastSeq + 1, Math.random), true), /the store has failed/);
      await assert.rejects(store.flush(), /the store has failed/);
      await store.close();
      const again = await openStore('/data', { ...OPTIONS, disk: disk.afterPowerLoss(seed) });
      assert.ok(again.store.lastSeq >= acknowledged, `seed ${seed}: ${again.store.lastSeq} < ${acknowledged}`);
      await again.store.close();
    }
  }
});
