/**
 * Plays a host under load for kill.test.ts: opens the directory, says what it found, then appends turns and makes
 * checkpoints as fast as it can, saying each acknowledged seq on its own line, until it is killed.
 */
import { writeSync } from 'node:fs';
import { openStore } from '../../host/store/store.ts';
import { applyTurn, engineOf, recordsOf, replay, START, turnOf } from './samples.ts';

const [dir = ''] = process.argv.slice(2);
const opened = await openStore(dir, { now: () => START, log: () => {}, segmentBytes: 100_000, mergeBytes: 20_000 });
const { store } = opened;
const state = replay(opened);
// What every turn sets is known from its number, so the state can be checked against the last one alone.
const wrong = [...state.values].filter(
  ([id, value]) => value > state.lastSeq || value % 10 !== Number(id.slice(-12)) || value <= state.lastSeq - 10,
);
writeSync(1, `open ${store.lastSeq} ${state.lastSeq} ${state.count} ${wrong.length} ${state.values.size}\n`);

store.onDurable((seq) => {
  // Written at once: what stands in a pipe's buffer has been acknowledged.
  writeSync(1, `ack ${seq}\n`);
  append();
});

let checkpointing = false;
let dirty = new Set(state.values.keys());

function append(): void {
  for (let count = 0; count < 1 + (store.lastSeq % 7); count += 1) {
    const turn = turnOf(store.lastSeq + 1, { pad: store.lastSeq % 400 });
    applyTurn(state, turn);
    for (const { node } of turn.changes) dirty.add(node);
    store.append(turn, count === 0);
  }
  if (!checkpointing) void checkpoint();
}

async function checkpoint(): Promise<void> {
  checkpointing = true;
  const ids = dirty;
  dirty = new Set();
  await store.checkpoint({ seq: store.lastSeq, engine: engineOf(state), nodes: recordsOf(state, ids), removed: [] });
  checkpointing = false;
}

append();
