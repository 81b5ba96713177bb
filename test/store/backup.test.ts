import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '../../host/core/random.ts';
import { restoreInto } from '../../host/store/backup.ts';
import { scanFrames } from '../../host/store/frame.ts';
import { openStore } from '../../host/store/store.ts';
import { allNodes, applyTurn, engineOf, opened, recordsOf, replay, START, type State, temporary, turnOf } from './samples.ts';
import { PowerOff, SimDisk } from './simdisk.ts';

test('a backup made while turns and checkpoints go on is the state of one moment; restored it goes on from there', async (t) => {
  const dir = temporary(t);
  const file = join(dirname(dir), 'backup.kraken');
  const { store } = await opened(dir, { segmentBytes: 20_000, mergeBytes: 5_000 });
  const state: State = { values: new Map(), count: 0, lastSeq: 0 };
  const append = (count: number) => {
    for (let turn = 0; turn < count; turn += 1) {
      applyTurn(state, turnOf(store.lastSeq + 1));
      store.append(turnOf(store.lastSeq + 1), true);
    }
  };
  const checkpoint = () =>
    store.checkpoint({ seq: store.lastSeq, engine: engineOf(state), nodes: recordsOf(state, [...state.values.keys()]), removed: [] });
  append(500);
  await checkpoint();
  append(300);
  const before = store.lastSeq;
  const writing = setInterval(() => append(20), 1);
  const [summary] = await Promise.all([store.backup(file), checkpoint(), checkpoint()]);
  clearInterval(writing);
  const after = store.lastSeq;
  await assert.rejects(store.backup(file), /backup\.kraken: the backup was not made: a file of this name is there already/);
  await store.close();
  assert.equal(summary.nodes, 10);
  assert.equal(summary.bytes, readFileSync(file).length);
  assert.ok(summary.revision >= before && summary.revision <= after, `${before} ${summary.revision} ${after}`);

  const fresh = temporary(t);
  assert.deepEqual(await restoreInto(fresh, file), { nodes: 10, revision: summary.revision });
  const restored = await opened(fresh);
  const found = replay(restored);
  assert.deepEqual([restored.warnings, found.lastSeq, found.count], [[], summary.revision, summary.revision]);
  for (const [id, value] of found.values)
    assert.ok(value > summary.revision - 10 && value % 10 === Number(id.slice(-12)), `${id} ${value}`);
  restored.store.append(turnOf(summary.revision + 1), true);
  await restored.store.flush();
  await assert.rejects(restoreInto(fresh, file), /the data directory is in use/);
  await restored.store.close();

  const over = await restoreInto(dir, file);
  assert.equal(over.before, join(dir, 'store.before'));
  const back = await opened(dir);
  assert.equal(back.store.lastSeq, summary.revision);
  await back.store.close();
});

/** Each frame whole, but not in the order in which they were written. */
function exchanged(backup: Buffer): Buffer {
  const frames = [...scanFrames((offset, length) => backup.subarray(offset, offset + length), backup.length)];
  const parts = frames.map(({ at, length }) => backup.subarray(at, at + length));
  const [head, first, second, ...rest] = parts;
  return Buffer.concat([head, second, first, ...rest].filter((part) => part !== undefined));
}

test('a damaged, foreign or cut backup is refused before anything is touched', async (t) => {
  const dir = temporary(t);
  const file = join(dirname(dir), 'backup.kraken');
  const { store } = await opened(dir);
  for (let seq = 1; seq <= 40; seq += 1) store.append(turnOf(seq), false);
  await store.checkpoint({ seq: 20, engine: { rev: 20, count: 20 }, nodes: allNodes(), removed: [] });
  await store.backup(file);
  store.append(turnOf(41), true);
  await store.close();
  const good = readFileSync(file);
  const random = seededRandom(7);
  const cases: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['foreign', Buffer.from('PK\x03\x04 something else')],
    ['a journal segment', readFileSync(join(dir, 'store', 'journal', '0000000000000001.journal'))],
    ['a node taken out', Buffer.concat([good.subarray(0, 200), good.subarray(500)])],
    ['something behind', Buffer.concat([good, Buffer.from('x')])],
    ['twice', Buffer.concat([good, good])],
    ['two nodes exchanged', exchanged(good)],
  ];
  for (let cut = 0; cut < 40; cut += 1) cases.push([`cut ${cut}`, good.subarray(0, Math.floor(random() * good.length))]);
  for (let flip = 0; flip < 100; flip += 1) {
    const bad = Buffer.from(good);
    const at = Math.floor(random() * bad.length);
    bad[at] = (bad[at] ?? 0) ^ (1 + Math.floor(random() * 255));
    cases.push([`byte ${at}`, bad]);
  }
  for (const [what, bytes] of cases) {
    writeFileSync(file, bytes);
    await assert.rejects(restoreInto(dir, file), /backup\.kraken: nothing was restored: .*Nothing was changed\. Use another backup/, what);
  }
  await assert.rejects(restoreInto(dir, `${file}.not`), /nothing was restored: there is no such file/);
  const again = await opened(dir);
  assert.equal(replay(again).lastSeq, 41);
  await again.store.close();
});

test('power loss at any operation of a restore: the old state or the new one, whole', async () => {
  const options = { now: () => START, log: () => {} };
  const outcomes = new Map<number, number>();
  for (let powerOffAt = 1; powerOffAt < 60; powerOffAt += 1) {
    const first = new SimDisk(powerOffAt);
    const { store } = await openStore('/data', { ...options, disk: first });
    for (let seq = 1; seq <= 5; seq += 1) store.append(turnOf(seq), true);
    await store.backup('/backup');
    store.append(turnOf(6), true);
    await store.close();
    first.operations = 0;
    first.faults.powerOffAt = powerOffAt;
    await Promise.race([restoreInto('/data', '/backup', { disk: first }), first.off]).catch((error: unknown) =>
      assert.ok(error instanceof PowerOff, String(error)),
    );
    const disk = first.afterPowerLoss(powerOffAt);
    const again = await openStore('/data', { ...options, disk });
    const { lastSeq } = replay(again);
    assert.ok(lastSeq === 5 || lastSeq === 6, `at operation ${powerOffAt}: ${lastSeq}`);
    outcomes.set(lastSeq, (outcomes.get(lastSeq) ?? 0) + 1);
    await again.store.close();
  }
  assert.equal(outcomes.size, 2);
});
