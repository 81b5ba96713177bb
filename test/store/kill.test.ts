import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom } from '../../host/core/random.ts';
import { bundled } from '../bundle.ts';
import { LONG } from '../long.ts';
import { opened, replay, temporary } from './samples.ts';

const KILLS = LONG ? 20 : 10;
const WRITER = await bundled(join(import.meta.dirname, 'writer.ts'));

/** Starts the writer, kills it after a while, and gives all lines that it wrote. */
async function killedAfter(dir: string, ms: number): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const started = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\nack')) resolve();
    });
  });
  const ended = once(child, 'close');
  await Promise.race([started, ended]);
  await new Promise((resolve) => setTimeout(resolve, ms));
  child.kill('SIGKILL');
  await ended;
  return text.split('\n').slice(0, -1);
}

test(`kill -9 under load, ${KILLS} times on one directory: nothing acknowledged is missing`, async (t) => {
  const dir = temporary(t);
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  let acknowledged = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const lines = await killedAfter(dir, Math.floor(random() * 60));
    const what = `seed ${seed}, kill ${kill}`;
    const [last, replayed, count, wrong, nodes] = (/^open (.*)$/.exec(lines[0] ?? '')?.[1] ?? '').split(' ').map(Number);
    assert.ok(last !== undefined && last >= acknowledged, `${what}: ${acknowledged} was acknowledged, ${last} found`);
    assert.deepEqual([replayed, count, wrong, nodes], [last, last, 0, Math.min(10, last)], what);
    acknowledged = Number(lines.at(-1)?.split(' ')[1]);
    assert.ok(acknowledged > last, `${what}: ${lines.at(-1)}`);
  }
  const after = await opened(dir);
  assert.ok(after.store.lastSeq >= acknowledged);
  assert.equal(replay(after).lastSeq, after.store.lastSeq);
  t.diagnostic(`${acknowledged} turns acknowledged over ${KILLS} kills`);
  await after.store.close();
});

test('one host per data directory: a second process is refused with the pid of the first; a killed one holds nothing', async (t) => {
  const dir = temporary(t);
  const child: ChildProcess = spawn(process.execPath, [WRITER, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  await assert.rejects(
    opened(dir),
    new RegExp(`data: the data directory is in use: process ${child.pid} runs on it\\. One host per data directory: stop that one`),
  );
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
  const { store } = await opened(dir);
  await assert.rejects(opened(dir), new RegExp(`process ${process.pid} runs on it`));
  await store.close();
  await (await opened(dir)).store.close();
});
