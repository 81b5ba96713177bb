import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { allNodes, nodeId, nodeOf, opened, replay, START, temporary, turnOf } from './samples.ts';

test('a new directory is empty; what is appended is there after a restart, in order, without gaps', async (t) => {
  const dir = temporary(t);
  const first = await opened(dir);
  assert.deepEqual([first.engine, [...first.nodes], [...first.tail], first.warnings], [undefined, [], [], []]);
  const durable: number[] = [];
  first.store.onDurable((seq) => durable.push(seq));
  for (let seq = 1; seq <= 100; seq += 1) first.store.append(turnOf(seq), seq % 2 === 0);
  await first.store.flush();
  assert.equal(first.store.durableSeq, 100);
  assert.equal(durable.at(-1), 100);
  await first.store.close();

  const second = await opened(dir);
  assert.deepEqual(
    [...second.tail],
    Array.from({ length: 100 }, (_, index) => turnOf(index + 1)),
  );
  assert.deepEqual(second.warnings, []);
  assert.throws(() => second.store.append(turnOf(102), true), /turn 102 does not follow turn 100/);
  second.store.append(turnOf(101), true);
  await second.store.close();
  const third = await opened(dir);
  assert.equal([...third.tail].at(-1)?.seq, 101);
  await third.store.close();
});

test('a turn that nobody waits for is on disk within 100 ms', async (t) => {
  const { store } = await opened(temporary(t));
  const since = performance.now();
  const done = new Promise<number>((resolve) => store.onDurable(() => resolve(performance.now() - since)));
  store.append(turnOf(1), false);
  assert.equal(store.durableSeq, 0);
  const lag = await done;
  assert.ok(lag > 20 && lag < 200, `${lag} ms`);
  await store.close();
});

test('a checkpoint takes turns out of the tail; removed nodes are gone; later turns are replayed over it', async (t) => {
  const dir = temporary(t);
  const { store } = await opened(dir);
  for (let seq = 1; seq <= 20; seq += 1) store.append(turnOf(seq), false);
  await store.checkpoint({
    seq: 20,
    engine: { rev: 20, count: 20 },
    nodes: [nodeOf(1, 11), nodeOf(2, 12), nodeOf(3, 13)],
    removed: [0, 4, 5, 6, 7, 8, 9].map(nodeId),
  });
  store.append(turnOf(21), true);
  await store.checkpoint({ seq: 21, engine: { rev: 21, count: 21 }, nodes: [nodeOf(1, 21)], removed: [nodeId(2)] });
  store.append(turnOf(22), true);
  assert.equal(store.snapshotSeq, 21);
  await store.close();
  const again = await opened(dir);
  assert.deepEqual(
    [...again.nodes].map(({ id, cfg }) => [id, cfg.value]),
    [
      [nodeId(3), 13],
      [nodeId(1), 21],
    ],
  );
  assert.deepEqual(again.engine, { rev: 21, count: 21 });
  assert.deepEqual(
    [...again.tail].map(({ seq }) => seq),
    [22],
  );
  assert.equal(again.nodeCount, 2);
  await again.store.close();
});

test('many checkpoints are merged into full files, and stay the same state', async (t) => {
  const dir = temporary(t);
  const expected = new Map<string, number>();
  let { store } = await opened(dir, { segmentBytes: 4096 });
  for (let seq = 1; seq <= 200; seq += 1) {
    store.append(turnOf(seq), false);
    // A node that was not there may be removed too.
    const removed = seq % 7 === 0 ? [nodeId((seq + 3) % 10)] : [];
    for (const id of removed) expected.delete(id);
    expected.set(nodeId(seq % 10), seq);
    await store.checkpoint({ seq, engine: { rev: seq, count: seq }, nodes: [nodeOf(seq % 10, seq)], removed });
    if (seq % 60 !== 0) continue;
    await store.close();
    ({ store } = await opened(dir, { segmentBytes: 4096 }));
  }
  await store.close();
  const files = readdirSync(join(dir, 'store', 'snapshot'));
  assert.ok(files.filter((name) => name.endsWith('.full')).length <= 2, files.join());
  assert.ok(files.length < 140, `${files.length} files`);
  const again = await opened(dir);
  assert.deepEqual(replay(again).values, expected);
  await again.store.close();
});

test('a checkpoint that leaves out a changed or removed node is refused, and nothing is lost', async (t) => {
  const dir = temporary(t);
  const first = await opened(dir);
  for (let seq = 1; seq <= 4; seq += 1) first.store.append(turnOf(seq), true);
  await assert.rejects(
    first.store.checkpoint({ seq: 4, engine: { rev: 4 }, nodes: [1, 2, 3].map((number) => nodeOf(number, number)), removed: [] }),
    /the checkpoint of turn 4 leaves out node .*004, which was changed or removed by turn 4/,
  );
  first.store.append(turnOf(5), true);
  // What a failed one should have given is owed by the next.
  await assert.rejects(first.store.checkpoint({ seq: 5, engine: { rev: 5 }, nodes: [nodeOf(5, 5)], removed: [] }), /leaves out node/);
  await first.store.close();

  const second = await opened(dir);
  assert.deepEqual(replay(second).values.size, 5);
  second.store.append(turnOf(6), true);
  // A host that forgets the tail that it replayed.
  await assert.rejects(
    second.store.checkpoint({ seq: 6, engine: { rev: 6 }, nodes: [nodeOf(6, 6)], removed: [] }),
    /leaves out node .*001/,
  );
  await second.store.checkpoint({ seq: 6, engine: { rev: 6 }, nodes: allNodes(6), removed: [] });
  assert.equal(second.store.snapshotSeq, 6);
  await second.store.close();
});

test('a node that was removed when its record was to be pulled, and came back, is not missing: the tail is replayed', async (t) => {
  const dir = temporary(t);
  const first = await opened(dir);
  first.store.append(turnOf(1), true);
  first.store.append(turnOf(2), true);
  const gone = { rev: 3, node: nodeId(1), view: 'cfg' as const, path: '', by: 'test' };
  const nodes = function* () {
    first.store.append(turnOf(3, { changes: [gone] }), true);
    yield nodeOf(2, 2);
    first.store.append(turnOf(4, { changes: [{ ...gone, rev: 4, path: '/value', to: 4 }] }), true);
  };
  await first.store.checkpoint({ seq: 2, engine: { rev: 2 }, nodes: nodes(), removed: [] });
  await first.store.close();
  const second = await opened(dir);
  assert.deepEqual([...replay(second).values].sort(), [
    [nodeId(1), 4],
    [nodeId(2), 2],
  ]);
  await second.store.close();
});

test('a record is pulled lazily: one newer than the journal on disk waits for the journal', async (t) => {
  const { store } = await opened(temporary(t));
  store.append(turnOf(1), true);
  await store.flush();
  const nodes = function* () {
    store.append(turnOf(2), false);
    yield* [nodeOf(1, 1), nodeOf(2, 2)];
  };
  await store.checkpoint({ seq: 1, engine: { rev: 1 }, nodes: nodes(), removed: [] });
  assert.equal(store.durableSeq, 2);
  await assert.rejects(store.checkpoint({ seq: 9, engine: { rev: 9 }, nodes: allNodes(), removed: [] }), /the newest is 2/);
  await store.close();
});

test('a turn over 64 MiB is refused in words, and the next one is stored', async (t) => {
  const { store } = await opened(temporary(t));
  assert.throws(
    () => store.append(turnOf(1, { pad: 65 * 1024 * 1024 }), true),
    /turn 1: one change is too large: it takes 66 MiB, the limit is 64 MiB.*several parts/,
  );
  store.append(turnOf(1), true);
  await store.flush();
  assert.equal(store.durableSeq, 1);
  await store.close();
  assert.throws(() => store.append(turnOf(2), true), /closed/);
});

test('history: newest first, by node, in pages that part no revision, over segments and restarts', async (t) => {
  const dir = temporary(t);
  const first = await opened(dir, { segmentBytes: 2000 });
  for (let seq = 1; seq <= 100; seq += 1) {
    const changes = [0, 1].map((number) => ({ rev: seq, node: nodeId(number), view: 'dsc' as const, path: '/x', to: seq, by: 'test' }));
    first.store.append(turnOf(seq, seq % 10 === 0 ? { changes } : {}), false);
    if (seq % 5 === 0) await first.store.flush();
  }
  await first.store.checkpoint({ seq: 90, engine: { rev: 90 }, nodes: allNodes(), removed: [] });
  const { store } = first;
  const revs = async (query: Parameters<typeof store.history>[0]) => (await store.history(query)).changes.map(({ rev }) => rev);
  assert.ok(readdirSync(join(dir, 'store', 'journal')).length > 5);
  assert.deepEqual(await revs({ limit: 4 }), [100, 100, 99, 98]);
  assert.deepEqual(await revs({ limit: 1 }), [100, 100]);
  assert.deepEqual(await revs({ limit: 3, nodes: new Set([nodeId(7)]) }), [97, 87, 77]);
  assert.deepEqual(await revs({ limit: 3, nodes: new Set([nodeId(7)]), before: 80 }), [77, 67, 57]);
  assert.deepEqual(await revs({ limit: 99, nodes: new Set([nodeId(7)]), since: START + 77 }), [97, 87, 77]);
  assert.deepEqual(await revs({ limit: 3, nodes: new Set(Array.from({ length: 50 }, (_, number) => nodeId(number + 7))) }), [99, 98, 97]);
  assert.deepEqual(await revs({ limit: 3, nodes: new Set(['"']) }), []);
  const paged: number[] = [];
  for (let before: number | undefined; ; ) {
    const page = await store.history({ limit: 7, before });
    paged.push(...page.changes.map(({ rev }) => rev));
    before = page.next;
    if (before === undefined) break;
  }
  assert.deepEqual(paged, await revs({ limit: 10_000 }));
  assert.equal(paged.length, 110);
  const [one] = (await store.history({ limit: 1, nodes: new Set([nodeId(7)]) })).changes;
  assert.deepEqual(one, { ...turnOf(97).changes[0], at: START + 97 });
  await store.close();
});

test('history is bounded by bytes and by age, says what goes, and keeps what the snapshot does not include', async (t) => {
  const cases = [
    { what: 'bytes', options: { historyBytes: 20_000 }, least: 200, gone: true },
    { what: 'age', options: { historyAge: 100, now: () => START + 500 }, least: 300, gone: true },
    { what: 'neither', options: {}, least: 1, gone: false },
  ];
  for (const { what, options, least, gone } of cases) {
    const { store, lines } = await opened(temporary(t), { segmentBytes: 2000, ...options });
    for (let seq = 1; seq <= 500; seq += 1) {
      store.append(turnOf(seq), false);
      if (seq % 5 === 0) await store.flush();
    }
    const all = async () => (await store.history({ limit: 10_000 })).changes.length;
    assert.equal(await all(), 500, what);
    await store.checkpoint({ seq: 100, engine: { rev: 100 }, nodes: allNodes(), removed: [] });
    assert.ok((await all()) >= 400, `${what}: turns after the snapshot stay`);
    await store.checkpoint({ seq: 500, engine: { rev: 500 }, nodes: allNodes(), removed: [] });
    const left = await all();
    assert.equal(left < 500 - least, gone, `${what}: ${left} left`);
    assert.ok(left > 20, `${what}: ${left} left`);
    assert.equal(
      lines.some((line) => /info: history before 20.* is gone: 1 MiB in \d+ segments, over the limit/.test(line)),
      gone,
      lines.join(),
    );
    await store.close();
  }
});

test('only the owner can read: directories 0700, files 0600; a directory open to others is closed, and said', async (t) => {
  const dir = temporary(t);
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const { store, warnings } = await opened(dir);
  assert.match(warnings.join(), /others could enter it \(mode 755\); it is now 700/);
  store.append(turnOf(1), true);
  await store.checkpoint({ seq: 1, engine: { rev: 1 }, nodes: [nodeOf(1, 1)], removed: [] });
  const backup = join(dir, '..', 'backup.kraken');
  await store.backup(backup);
  const modes = (path: string): string[] => {
    const stat = statSync(path);
    const mode = `${(stat.mode & 0o777).toString(8)}`;
    return [
      `${stat.isDirectory() ? 'd' : 'f'}${mode}`,
      ...(stat.isDirectory() ? readdirSync(path).flatMap((name) => modes(join(path, name))) : []),
    ];
  };
  assert.deepEqual([...new Set([...modes(dir), ...modes(backup)])].sort(), ['d700', 'f600']);
  await store.close();
});

test('format: 0 is migrated and kept beside; one newer than known is refused; unreadable is refused, or accepted', async (t) => {
  const old = temporary(t);
  mkdirSync(old, { recursive: true, mode: 0o700 });
  writeFileSync(
    join(old, 'state.json'),
    JSON.stringify({ seq: 2, at: START, engine: { rev: 2, count: 2 }, nodes: [nodeOf(1, 1), nodeOf(2, 2)] }),
  );
  writeFileSync(join(old, 'turns.ndjson'), [2, 3, 4].map((seq) => `${JSON.stringify(turnOf(seq))}\n`).join(''));
  const migrated = await opened(old);
  assert.match(migrated.warnings.join(), /brought from format 0 to 1.*kept in .*store\.before/);
  assert.deepEqual(Object.fromEntries(replay(migrated).values), { [nodeId(1)]: 1, [nodeId(2)]: 2, [nodeId(3)]: 3, [nodeId(4)]: 4 });
  migrated.store.append(turnOf(5), true);
  await migrated.store.close();
  assert.ok(existsSync(join(old, 'store.before', 'state.json')));
  const again = await opened(old);
  assert.deepEqual([again.warnings, replay(again).lastSeq], [[], 5]);
  await again.store.close();

  writeFileSync(join(old, 'store', 'format.json'), '{"kraken":"store","version":2}');
  await assert.rejects(
    opened(old),
    /the store has format 2: this Kraken knows formats up to 1: a newer one wrote it\. Nothing was changed/,
  );
  writeFileSync(join(old, 'store', 'format.json'), '{"kraken":"st');
  await assert.rejects(opened(old), /the format of the store is unknown.*--accept-loss/);
  const accepted = await opened(old, { acceptLoss: true });
  assert.equal(replay(accepted).lastSeq, 5);
  await accepted.store.close();
});
