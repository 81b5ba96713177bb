/** `kraken sim --vm`: whatever ends it, nothing is left of it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { partsOf } from '../../host/vm/parts.ts';
import { install } from './install.ts';
import { KrakenHost } from './kraken-host.ts';

const KRAKEN = fileURLToPath(new URL('../../host/dist/kraken.js', import.meta.url));
/** Seconds. */
const LIMIT = 90;

before(() => {
  install(partsOf('uml', 'bios'));
  KrakenHost.build();
});

/** Namespaces, folders and processes of boxes, whoever has made them. */
function remains(pid: number): string[] {
  const namespaces = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.startsWith(`krvm${pid}`));
  const processes = readdirSync('/proc').filter((name) => {
    try {
      return (
        /^\d+$/.test(name) && Number(name) !== pid && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(folderOf.get(pid) ?? '\n')
      );
    } catch {
      return false;
    }
  });
  const folder = folderOf.get(pid);
  return [...namespaces, ...processes, ...readdirSync(tmpdir()).filter((name) => name === folder)];
}

const folderOf = new Map<number, string>();

async function started(): Promise<{ child: ChildProcess; told: () => string }> {
  const before = new Set(readdirSync(tmpdir()));
  const child = spawn(process.execPath, [KRAKEN, 'sim', '--vm', '2', '--machine', 'uml'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (told += chunk.toString()));
  for (const end = Date.now() + LIMIT * 1000; !/kr1: POWER_ON.*(?:KERNEL|INITRAMFS)/.test(told); await sleep(100))
    assert.ok(child.exitCode === null && Date.now() < end, `no machine was switched on:\n${told}`);
  const folder = readdirSync(tmpdir()).find((name) => name.startsWith('kraken-box-') && !before.has(name));
  folderOf.set(child.pid ?? 0, folder ?? assert.fail('it has no folder'));
  assert.ok(remains(child.pid ?? 0).length > 3, 'the test does not see what there is of a box');
  return { child, told: () => told };
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const)
  test(`ended by ${signal} while machines boot: no process, no namespace, no file is left`, async () => {
    const { child, told } = await started();
    const gone = once(child, 'exit');
    child.kill(signal);
    const [code] = await gone;
    if (signal !== 'SIGKILL') {
      assert.equal(code, 0, told());
      assert.match(told(), /Nothing is left of the box/);
      assert.deepEqual(remains(child.pid ?? 0), []);
      return;
    }
    for (const end = Date.now() + 20_000; remains(child.pid ?? 0).length > 0 && Date.now() < end; ) await sleep(100);
    assert.deepEqual(remains(child.pid ?? 0), []);
  });

test('who is not root is told so', (t) => {
  // The clone may lie where nobody else may look.
  const folder = mkdtempSync(join(tmpdir(), 'kraken-for-all-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  cpSync(dirname(KRAKEN), join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const words = ['--reuid', '65534', '--regid', '65534', '--clear-groups', process.execPath, join(folder, 'dist/kraken.js')];
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };
  const { stderr } = spawnSync('setpriv', [...words, 'sim', '--vm', '2'], { encoding: 'utf8', env });
  assert.match(stderr, /Run it as root/);
});
