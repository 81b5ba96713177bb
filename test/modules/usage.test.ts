/** What a module and all that it started use, and when that is too much. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { family } from '../../host/modules/confine/family.ts';
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
