/**
 * A hundred WebSocket clients at 500 changes a second, ten of them stopped like a laptop that is shut: the others see every change, once
 * and in order, memory stays flat, and the stopped ones find back when they go on. KRAKEN_REST_SECONDS says how long (300).
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '../../host/cli/client.ts';
import { service } from '../e2e/lab.ts';
import { startRest } from '../restapi/lab.ts';
import type { Report } from './rest/listener.ts';

const SECONDS = Number(process.env['KRAKEN_REST_SECONDS'] ?? 300);
const PER_SECOND = 500;
const NODES = 200;
/** Of one connection, under the limit of the socket. */
const MOST_UNDER_WAY = 48;
const LISTENER = fileURLToPath(new URL('rest/listener.ts', import.meta.url));

class Crowd {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(url: string, dialect: string, count: number) {
    const args = ['--import', 'tsx', '--conditions=kraken-source', LISTENER, url, dialect, String(count)];
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const out = this.#child.stdout ?? assert.fail('it has no output');
    this.#lines = createInterface({ input: out })[Symbol.asyncIterator]();
  }

  async open(): Promise<void> {
    const { value } = await this.#lines.next();
    assert.equal(value, 'open');
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  goOn(): void {
    this.#child.kill('SIGCONT');
  }

  async report(): Promise<Report> {
    this.#child.stdin?.write('\n');
    const { value } = await this.#lines.next();
    return JSON.parse(String(value)) as Report;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

/** MiB of the process. */
function rssOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** So many a second, each a write of its own that is acknowledged; returns the number of the last. */
async function drive(control: Client, seconds: number, first: number): Promise<number> {
  let sequence = first;
  const started = performance.now();
  const under = new Set<Promise<unknown>>();
  const isBehind = (): boolean => sequence - first < ((performance.now() - started) / 1_000) * PER_SECOND;
  while (performance.now() - started < seconds * 1_000) {
    while (isBehind() && under.size < MOST_UNDER_WAY) {
      const set = `n${1 + (sequence % NODES)}`;
      const written = control.ask('node/set', { set, values: { '/labels/tick': `${sequence} ${Date.now()}` } });
      under.add(written);
      written.finally(() => under.delete(written)).catch(() => undefined);
      sequence++;
    }
    await (isBehind() ? Promise.race(under) : sleep(5));
  }
  await Promise.all(under);
  return sequence - 1;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

test('a hundred clients, ten of them stopped', { timeout: (SECONDS + 120) * 1_000 }, async (t) => {
  const { url, control } = await startRest(t);
  const nodes = Array.from({ length: NODES }, (_, i) => ({ nodename: `n${i + 1}` }));
  await control.ask('node/apply', { nodes, mode: 'create' });
  const awake = [new Crowd(url, 'v1', 45), new Crowd(url, 'original', 45)];
  const asleep = [
    ...Array.from({ length: 5 }, () => new Crowd(url, 'v1', 1)),
    ...Array.from({ length: 5 }, () => new Crowd(url, 'original', 1)),
  ];
  t.after(() => Promise.all([...awake, ...asleep].map((crowd) => crowd.end())));
  await Promise.all([...awake, ...asleep].map((crowd) => crowd.open()));
  const pids = { restapi: await service(control, 'restapi', 'ready') };
  let last = await drive(control, 3, 1);
  for (const crowd of asleep) crowd.stop();
  const rss: number[] = [];
  const sampling = setInterval(() => rss.push(rssOf(pids.restapi)), 500);
  last = await drive(control, SECONDS, last + 1);
  clearInterval(sampling);
  for (const crowd of asleep) crowd.goOn();
  last = await drive(control, 5, last + 1);
  await sleep(2_000);
  const [v1, original] = await Promise.all(awake.map((crowd) => crowd.report()));
  t.diagnostic(`${last} changes; v1 ${JSON.stringify(v1)}; original ${JSON.stringify(original)}`);
  for (const { received, clients, outOfOrder, resyncs, closed, p50 } of [v1, original] as Report[]) {
    assert.deepEqual([received, outOfOrder, resyncs, closed], [last * clients, 0, 0, 0], 'every change, once, in order');
    // How late the last of a hundred comes is printed; on a machine that does much else that says little.
    assert.ok(p50 < 250, `half of the changes came within ${p50} ms`);
  }
  for (const [index, crowd] of asleep.entries()) {
    const report = await crowd.report();
    t.diagnostic(`stopped client ${index}: ${JSON.stringify(report)}`);
    // In a short run all that happens while it sleeps may find room in the kernel.
    assert.ok(report.resyncs > 0 || (SECONDS < 200 && report.received === last), 'it was told that it has lost something');
    assert.equal(report.outOfOrder, 0);
    assert.equal(report.last, last, 'and knows the last change');
  }
  const quarter = Math.ceil(rss.length / 4);
  const [before, after] = [median(rss.slice(quarter, 2 * quarter)), median(rss.slice(-quarter))];
  t.diagnostic(`restapi: ${before.toFixed(0)} MiB in the second quarter of the time, ${after.toFixed(0)} MiB in the last`);
  assert.ok(after < before * 1.15 + 10, 'memory stays flat');
});
