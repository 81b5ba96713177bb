/** Durable appends, one at a time and with 64 waiting; load of 10,000 nodes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeDisk } from '../../host/store/disk.ts';
import { openStore, type Store } from '../../host/store/store.ts';
import { realNode, turnOf } from '../store/samples.ts';

interface Options {
  readonly rounds?: number;
  readonly nodes?: number;
}

const quiet = { now: () => Date.now(), log: () => {} };

/** `onePerSecond`, `manyPerSecond`: acknowledged durable turns; `load10kMs`: open and read all nodes; `usPerFsync`: a bare 400-byte append and fdatasync. */
export async function run(options: Options = {}): Promise<Record<string, number>> {
  const { rounds = 5, nodes = 10_000 } = options;
  const dir = mkdtempSync(join(tmpdir(), 'kraken-bench-'));
  try {
    const figures: Record<string, number[]> = { onePerSecond: [], manyPerSecond: [], load10kMs: [], usPerFsync: [] };
    await filled(join(dir, 'nodes'), nodes);
    const { store } = await openStore(join(dir, 'turns'), quiet);
    await appends(store, 500, 1);
    for (let round = 0; round < rounds; round += 1) {
      figures.usPerFsync?.push(await bareFsync(join(dir, `bare${round}`), 500));
      figures.onePerSecond?.push(await appends(store, 1_000, 1));
      figures.manyPerSecond?.push(await appends(store, 20_000, 64));
      figures.load10kMs?.push(await load(join(dir, 'nodes')));
    }
    await store.close();
    return Object.fromEntries(Object.entries(figures).map(([name, values]) => [name, Math.round(median(values))]));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function filled(dir: string, nodes: number): Promise<void> {
  const { store } = await openStore(dir, quiet);
  store.append(turnOf(1), true);
  await store.checkpoint({
    seq: 1,
    engine: { rev: 1 },
    nodes: Array.from({ length: nodes }, (_, number) => realNode(number)),
    removed: [],
  });
  await store.close();
}

async function load(dir: string): Promise<number> {
  const since = performance.now();
  const { store, nodes } = await openStore(dir, quiet);
  let count = 0;
  for (const node of nodes) count += node.id.length > 0 ? 1 : 0;
  const took = performance.now() - since;
  await store.close();
  if (count === 0) throw new Error('nothing was loaded');
  return took;
}

/** Turns a second, with `waiting` callers that each append their next turn when their last is durable. */
async function appends(store: Store, count: number, waiting: number): Promise<number> {
  const from = store.lastSeq;
  const since = performance.now();
  await new Promise<void>((resolve) => {
    const stop = store.onDurable((seq) => {
      while (store.lastSeq - seq < waiting && store.lastSeq < from + count) store.append(turnOf(store.lastSeq + 1), true);
      if (seq < from + count) return;
      stop();
      resolve();
    });
    for (let caller = 0; caller < waiting; caller += 1) store.append(turnOf(store.lastSeq + 1), true);
  });
  return (count / (performance.now() - since)) * 1_000;
}

async function bareFsync(path: string, count: number): Promise<number> {
  const file = nodeDisk.open(path, 'create');
  const chunk = [Buffer.alloc(400)];
  const since = performance.now();
  for (let turn = 0; turn < count; turn += 1) {
    await file.write(chunk);
    await file.sync();
  }
  const took = performance.now() - since;
  await file.close();
  return (took / count) * 1_000;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
