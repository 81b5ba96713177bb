import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../host/core/random.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import { restoreInto } from '../../host/store/backup.ts';
import { openStore, type StoreOptions } from '../../host/store/store.ts';
import { LONG } from '../long.ts';
import { applyTurn, engineOf, nodeId, nodeOf, opened, recordsOf, replay, START, type State, temporary, turnOf } from './samples.ts';
import { SimDisk } from './simdisk.ts';

const SEEDS = LONG ? 300 : 100;

const OPTIONS = { now: () => START, segmentBytes: 1_500, mergeBytes: 900 };

async function open(disk: SimDisk, more: Partial<StoreOptions> = {}) {
  const lines: string[] = [];
  return {
    ...(await openStore('/data', { ...OPTIONS, ...more, disk, log: (level, message) => lines.push(`${level}: ${message}`) })),
    lines,
  };
}

/** A cleanly closed store with history, two generations of snapshot and a tail. */
async function filled(seed: number): Promise<{ disk: SimDisk; state: State }> {
  const disk = new SimDisk(seed);
  const { store } = await open(disk);
  const state: State = { values: new Map(), count: 0, lastSeq: 0 };
  for (let seq = 1; seq <= 30; seq += 1) {
    applyTurn(state, turnOf(seq));
    store.append(turnOf(seq), true);
    if (seq % 2 === 0) await store.flush();
    if (seq % 6 === 0 && seq < 28)
      await store.checkpoint({ seq, engine: engineOf(state), nodes: recordsOf(state, [...state.values.keys()]), removed: [] });
  }
  await store.close();
  return { disk, state };
}

/** Opens what was damaged. Silence is only allowed where nothing is missing and somebody was told. */
async function judge(disk: SimDisk, state: State, what: string, format: boolean): Promise<'refused' | 'told' | 'history'> {
  let found: Awaited<ReturnType<typeof open>>;
  try {
    found = await open(disk);
  } catch (error) {
    assert.ok(error instanceof RefusalError, `${what}: ${String(error)}`);
    assert.match(error.message, /^\/data\/store\/.*(kraken restore|newer Kraken)/, what);
    if (/newer Kraken/.test(error.message)) return 'refused';
    assert.match(error.message, /--accept-loss/);
    const accepted = await open(disk, { acceptLoss: true });
    assert.ok(accepted.warnings.length > 0, what);
    assert.ok(
      replay(accepted).lastSeq >= state.lastSeq || accepted.warnings.some((line) => /lost/.test(line)),
      `${what}: ${accepted.warnings.join()}`,
    );
    accepted.store.append(turnOf(accepted.store.lastSeq + 1), true);
    const last = accepted.store.lastSeq;
    await accepted.store.close();
    const again = await open(disk);
    assert.deepEqual([again.warnings, again.store.lastSeq], [[], last], `${what}: after the loss was accepted it is whole`);
    await again.store.close();
    return 'refused';
  }
  assert.deepEqual([...replay(found).values].sort(), [...state.values].sort(), `${what}: opened without a refusal, so nothing is missing`);
  const told = found.warnings.length > 0;
  await found.store.history({ limit: 10_000 });
  assert.ok(
    told || format || found.lines.some((line) => /that part of the history cannot be shown/.test(line)),
    `${what}: nobody was told`,
  );
  await found.store.close();
  return told ? 'told' : 'history';
}

test(`bytes damaged anywhere are detected and said; nothing is silently dropped (${SEEDS} seeds)`, async () => {
  const outcomes = { refused: 0, told: 0, history: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const random = seededRandom(seed);
    const { disk, state } = await filled(seed);
    const files = disk.files().filter(({ path, size }) => size > 0 && !path.endsWith('lock'));
    const file = files[Math.floor(random() * files.length)];
    assert.ok(file);
    const from = Math.floor(random() * file.size);
    const length = random() < 0.5 ? 1 : Math.min(file.size - from, 1 + Math.floor(random() * 400));
    for (let offset = from; offset < from + length; offset += 1) file.flip(offset, 1 + Math.floor(random() * 255));
    const what = `seed ${seed}: ${length} bytes at ${from} of ${file.path} (${file.size})`;
    outcomes[await judge(disk, state, what, file.path.endsWith('format.json'))] += 1;
  }
  for (const [outcome, count] of Object.entries(outcomes)) assert.ok(count > 10, `${outcome}: ${JSON.stringify(outcomes)}`);
});

test('after kill -9: damage to what is known to have been acknowledged is refused, only the last write can be taken for cut short', async () => {
  const cases = [
    { what: 'the first turn', idle: false, turn: 1, expect: 'refused' },
    { what: 'the last but one', idle: false, turn: 3, expect: 'refused' },
    { what: 'the last, killed at once', idle: false, turn: 4, expect: 'cut' },
    { what: 'the last, killed after 100 ms: a mark stands behind it', idle: true, turn: 4, expect: 'refused' },
  ];
  for (const { what, idle, turn, expect } of cases) {
    const disk = new SimDisk(turn);
    const { store } = await open(disk);
    const ends: number[] = [];
    const journal = () => disk.files().find(({ path }) => path.endsWith('.journal'));
    for (let seq = 1; seq <= 4; seq += 1) {
      store.append(turnOf(seq), true);
      await store.flush();
      ends.push(journal()?.size ?? 0);
    }
    if (idle) await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal((journal()?.size ?? 0) > (ends.at(-1) ?? 0), idle, what);
    disk.cutPower();
    const after = disk.afterKill(1);
    after
      .files()
      .find(({ path }) => path.endsWith('.journal'))
      ?.flip((ends[turn - 1] ?? 0) - 20, 1);
    const found = await open(after).then(
      ({ warnings, store: left }) => `cut ${left.lastSeq} ${warnings.join()}`,
      (error: Error) => `refused ${error.message}`,
    );
    assert.match(
      found,
      expect === 'cut' ? /^cut 3 .*a crash cut the last write short; \d+ bytes/ : new RegExp(`^refused .*turn ${turn} is lost`),
      what,
    );
  }
});

test('a snapshot that holds a later turn proves that the journal had it', async () => {
  const disk = new SimDisk(1);
  const { store } = await open(disk);
  store.append(turnOf(1), true);
  await store.flush();
  const journal = () => disk.files().find(({ path }) => path.endsWith('.journal'));
  const size = journal()?.size ?? 0;
  const nodes = function* () {
    store.append(turnOf(2), false);
    yield* [nodeOf(1, 1), nodeOf(2, 2)];
  };
  await store.checkpoint({ seq: 1, engine: { rev: 1 }, nodes: nodes(), removed: [] });
  disk.cutPower();
  const after = disk.afterKill(1);
  await after.truncate(journal()?.path ?? '', size);
  await assert.rejects(open(after), /the journal is damaged: .*turn 2 is lost/);
});

test('a file that is gone or cut short is noticed', async () => {
  const { disk: sample } = await filled(1);
  for (const { path, size } of sample.files().filter((file) => !file.path.endsWith('lock'))) {
    for (const how of ['gone', 'cut'] as const) {
      const { disk, state } = await filled(1);
      if (how === 'gone') disk.remove(path);
      else await disk.truncate(path, Math.floor(size / 2));
      // The older generation of the snapshot is not needed; the newest segment is empty; what only history needs is not looked for at start.
      const found = await open(disk).catch((error: unknown) => error);
      if (found instanceof RefusalError) {
        assert.ok(found.message.startsWith('/data/store'), `${how} ${path}: ${found.message}`);
        continue;
      }
      assert.ok(!(found instanceof Error), `${how} ${path}: ${String(found)}`);
      const store = found as Awaited<ReturnType<typeof open>>;
      assert.deepEqual([...replay(store).values].sort(), [...state.values].sort(), `${how} ${path}`);
      await store.store.close();
    }
  }
});

test('the words of a refusal: file, offset, what is lost, what to do', async () => {
  const damage = async (pick: (path: string) => boolean, offset: number) => {
    const { disk } = await filled(5);
    const file = disk
      .files()
      .filter(({ path }) => pick(path))
      .at(-1);
    assert.ok(file);
    file.flip(offset, 0xff);
    return open(disk).then(
      ({ warnings }) => warnings.join('\n'),
      (error: Error) => error.message,
    );
  };
  assert.match(
    await damage((path) => path.endsWith('0000000000000025.journal'), 300),
    /^\/data\/store\/journal\/0000000000000025\.journal: the journal is damaged: \d+ bytes at offset \d+ are damaged; turn 2\d is lost\. Nothing was changed\. Either restore a backup \(`kraken restore FILE`\), or start with `kraken up --accept-loss`/,
  );
  assert.match(
    await damage((path) => path.endsWith('24.part') || path.endsWith('24.full'), 200),
    /24\.(part|full): \d+ bytes at offset \d+ on are damaged; it is not needed, other files and the journal have what was in it/,
  );
});

test('a damaged snapshot that the journal does not reach back to is refused, and accepted in parts', async () => {
  const disk = new SimDisk(1);
  const { store } = await open(disk, { historyBytes: 0 });
  for (let seq = 1; seq <= 30; seq += 1) {
    store.append(turnOf(seq, { pad: 100 }), true);
    await store.flush();
  }
  const state: State = { values: new Map(Array.from({ length: 10 }, (_, number) => [nodeId(number), number])), count: 30, lastSeq: 30 };
  await store.checkpoint({ seq: 30, engine: { rev: 30, count: 30 }, nodes: recordsOf(state, [...state.values.keys()]), removed: [] });
  await store.close();
  for (const file of disk.files()) if (/snapshot/.test(file.path)) file.flip(700, 0x10);
  await assert.rejects(
    open(disk),
    /the snapshot is damaged: \d+ bytes at offset \d+ on are damaged.*the journal only goes back to turn \d+.*--accept-loss/,
  );
  const accepted = await open(disk, { acceptLoss: true });
  assert.match(accepted.warnings.join(), /goes on with the 9 node records that could be read.*kept as \/data\/lost\//);
  assert.equal([...accepted.nodes].length, 9);
  assert.equal(accepted.engine?.count, 30);
  await accepted.store.close();
  const again = await open(disk);
  assert.deepEqual([again.warnings, again.nodeCount], [[], 9]);
  await again.store.close();
});

test('turns whose loss was accepted leave a gap that is known: restarts, history and backup go on over it', async () => {
  const { disk } = await filled(3);
  const tail = disk
    .files()
    .filter(({ path, size }) => path.endsWith('.journal') && size > 200)
    .at(-1);
  assert.ok(tail);
  tail.flip(300, 0xff);
  await assert.rejects(open(disk), /turn \d+ is lost/);
  const { store, warnings, ...found } = await open(disk, { acceptLoss: true });
  assert.match(warnings.join(), /turn 2\d is lost; the file as it was is kept as \/data\/lost\/000001-/);
  const seqs = [...found.tail].map(({ seq }) => seq);
  // One turn is missing between the first and the last.
  assert.deepEqual([seqs.length, seqs.at(-1)], [30 - (seqs[0] ?? 0), 30]);
  store.append(turnOf(31), true);
  assert.equal((await store.history({ limit: 10_000 })).changes.length, 30);
  await store.backup('/backup');
  await store.close();
  assert.equal((await restoreInto('/other', '/backup', { disk })).revision, 31);
  const other = await openStore('/other', { ...OPTIONS, disk, log: () => {} });
  assert.deepEqual(
    [...other.tail].map(({ seq }) => seq),
    [...seqs, 31],
  );
  await other.store.close();
});

test('words for what the operating system refuses', async (t) => {
  const dir = temporary(t);
  await assert.rejects(opened('/proc/kraken'), /^RefusalError: \/proc\/kraken: the store cannot be opened: ENOENT.*belongs to the user/);
  const { store } = await opened(dir);
  await assert.rejects(store.backup(`${dir}/not/there`), /not\/there: the backup was not made: ENOENT.*Choose a directory that is there/);
  await store.close();
});
