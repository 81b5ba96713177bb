/** What a module and all that it started use, and when that is too much. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { endFamily, family } from '../../host/modules/confine/family.ts';
import { residentBytes } from '../../host/modules/memory.ts';
import { Usage } from '../../host/modules/usage.ts';

test('processors kept busy are those of the last minute, of one life', () => {
  const usage = new Usage();
  let busy = 0;
  const look = (pid: number, seconds: number): number | undefined => usage.look(pid, seconds * 1000, () => busy);
  assert.equal(look(1, 0), undefined);
  busy = 30_000;
  assert.equal(look(1, 30), undefined, 'a minute has not passed');
  assert.equal(look(1, 60), 0.5);
  busy = 150_000;
  assert.equal(look(1, 90), 2, 'two processors since the look at 30 s');
  assert.equal(look(1, 150), 0, 'and none since');
  busy = 10;
  assert.equal(look(1, 210), 0, 'what a child had used ends with it, and is no debt');
  assert.equal(look(2, 270), undefined, 'another process begins anew');
});

test('a grandchild counts, and more memory than the limit is said in a sentence', async (t) => {
  const grandchild = "require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });";
  const child = spawn(process.execPath, ['-e', `${grandchild} process.stdout.write('up'); setInterval(() => {}, 1000)`], {
    detached: true,
  });
  const pid = child.pid ?? assert.fail();
  t.after(() => process.kill(-pid, 'SIGKILL'));
  await once(child.stdout, 'data');
  assert.equal(family(pid).length, 2);
  const bytes = residentBytes(pid) ?? 0;
  assert.ok(bytes > 40 * 1024 * 1024, String(bytes));
  const usage = new Usage();
  assert.equal(usage.excess(pid, {}, 4 * 1024 ** 3), undefined);
  assert.match(usage.excess(pid, { memoryMiB: 1 }, 4 * 1024 ** 3) ?? '', /^it uses more memory than its limit of 1 MiB \(\d+ MiB\)$/);
  assert.equal(usage.excess(pid, { cpus: 0.1 }, 4 * 1024 ** 3), undefined, 'not before a minute has passed');
});

test('a process that is gone uses nothing', () => {
  assert.equal(residentBytes(2 ** 22 - 3), undefined);
  assert.equal(new Usage().excess(2 ** 22 - 3, { memoryMiB: 64, cpus: 1 }, 1), undefined);
});

test('a family ends whole, those that have a session of their own with it', { skip: process.platform !== 'linux' }, async () => {
  const child = spawn('sh', ['-c', 'setsid -w sleep 300 & setsid -w sh -c "sleep 300; true" & echo up; wait'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  const pid = child.pid ?? assert.fail();
  while (family(pid).length < 4) await new Promise((resolve) => setTimeout(resolve, 10));
  const all = family(pid);
  endFamily(pid);
  await ended;
  const isThere = (one: number): boolean => {
    try {
      return !/^State:\s*Z/m.test(readFileSync(`/proc/${one}/status`, 'latin1'));
    } catch {
      return false;
    }
  };
  for (const end = Date.now() + 5_000; all.some(isThere) && Date.now() < end; ) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(all.filter(isThere), []);
});
