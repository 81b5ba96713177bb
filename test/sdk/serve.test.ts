import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CODES } from '@kraken-hpc/sdk/wire';
import { build } from 'esbuild';
import { bundled } from '../bundle.ts';
import { type Child, fixture, initialize, start } from './child.ts';

const run = (mutation: string) => ({ mutation, deadline: Date.now() + 60_000, nodes: [{ id: 'kr1', cfg: {}, dsc: {}, revision: 5 }] });
const UNRULY = [process.execPath, await bundled(fixture('sdk/unruly.main.ts'))];

async function ready(): Promise<Child> {
  const child = start(UNRULY);
  await child.peer.request('initialize', initialize());
  child.peer.notify('initialized', {});
  return child;
}

test('stdout belongs to the protocol, whatever the module prints', async () => {
  const child = await ready();
  const { observed } = await child.peer.request('mutation/run', run('chatter'));
  assert.deepEqual(observed, [{ node: 'kr1', values: { '/physState': 'POWER_ON' }, asOf: 5 }]);
  child.peer.notify('exit', {});
  assert.equal((await child.ended()).how, 0);
  assert.match(child.stderr(), /a line\n\{ an: 'object' \}\n\{"jsonrpc"/);
  // What the module prints while it is loaded, before `serve`, is its author's fault and the host's to say.
  assert.deepEqual(
    child.faults.map(({ kind }) => kind),
    ['notJson'],
  );
});

test('the process is named as its service', { skip: process.platform !== 'linux' }, async () => {
  const child = await ready();
  const title = readFileSync(`/proc/${child.process.pid}/cmdline`, 'utf8');
  child.process.kill('SIGKILL');
  assert.match(title, /^unruly-1/);
});

test('before it is initialized, and after shutdown, it takes no work', async () => {
  const child = start(UNRULY);
  await assert.rejects(child.peer.request('mutation/run', run('chatter')), { code: CODES.NotReady });
  await assert.rejects(child.peer.request('initialize', initialize({ protocols: [2, 3] })), {
    code: CODES.NoCommonVersion,
    data: { offered: [2, 3], supported: [1] },
  });
  await child.peer.request('initialize', initialize());
  await assert.rejects(child.peer.request('mutation/run', run('chatter')), { code: CODES.NotReady });
  child.peer.notify('initialized', {});
  await assert.rejects(child.peer.request('initialize', initialize()), { code: CODES.InvalidRequest });
  await child.peer.request('mutation/run', run('chatter'));
  void child.peer.request('shutdown', { reason: 'test', grace: 10_000 }).catch(() => {});
  await assert.rejects(child.peer.request('mutation/run', run('chatter')), { code: CODES.NotReady });
  child.process.kill('SIGKILL');
});

test('garbage on stdin is said, and does not end it', async () => {
  const child = await ready();
  child.process.stdin?.write('garbage\n\xff\n[]\nnull\n');
  assert.deepEqual(await child.peer.request('ping', {}), {});
  child.process.stdin?.write(Buffer.from([0xff, 0x0a]));
  await child.peer.request('ping', {});
  child.peer.notify('exit', {});
  await child.ended();
  assert.match(child.stderr(), /not JSON/);
  assert.match(child.stderr(), /invalidUtf8, 1 bytes/);
});

test('the host is gone: the module ends within 2 s, even one that does not come back from stop', async () => {
  const check = async (end: (child: Child) => void): Promise<void> => {
    const child = await ready();
    void child.peer.request('mutation/run', run('never')).catch(() => {});
    await sleep(50);
    const from = performance.now();
    end(child);
    const { how, ms } = await child.ended(from);
    assert.equal(how, 0);
    assert.ok(ms < 2000, `${Math.round(ms)} ms`);
  };
  await Promise.all([
    check((child) => child.process.stdin?.end()),
    check((child) => child.process.kill('SIGTERM')),
    check((child) => {
      child.process.stdout?.destroy();
      child.peer.notify('initialized', {});
      child.process.stdin?.end();
    }),
  ]);
});

test('a Ctrl-C of the terminal is the host’s business', async () => {
  const child = await ready();
  child.process.kill('SIGINT');
  await sleep(50);
  assert.deepEqual(await child.peer.request('ping', {}), {});
  child.process.kill('SIGKILL');
});

test('what was answered is flushed before it exits', async () => {
  const child = start([process.execPath, await bundled(fixture('sdk/plain.main.ts'))]);
  await child.peer.request('initialize', initialize());
  child.peer.notify('initialized', {});
  const nodes = run('any').nodes;
  const answers = Array.from({ length: 10 }, () =>
    child.peer.request('poller/run', { poller: 'inventory', deadline: Date.now() + 60_000, nodes }),
  );
  child.process.stdin?.end();
  // Its exit may be told before what it has written was read.
  const lost = child.ended().then(() => sleep(10_000, 'it exited without them', { ref: false }));
  const settled = await Promise.race([Promise.all(answers), lost]);
  assert.ok(Array.isArray(settled) && settled.length === 10, String(settled));
  assert.equal((await child.ended()).how, 0);
});

test('run by hand on a terminal, it explains itself and exits 64', { skip: spawnSync('script', ['--version']).status !== 0 }, () => {
  const command = UNRULY.map((word) => `'${word}'`).join(' ');
  const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(status, 64, stdout);
  assert.match(stdout, /is a Kraken module: the kraken host starts it/);
});

test('bundled, it starts fast and without ajv', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-sdk-'));
  try {
    const outfile = join(folder, 'main.mjs');
    const { metafile } = await build({
      entryPoints: [fixture('sdk/http-bmc.main.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['kraken-source'],
      outfile,
      metafile: true,
      logLevel: 'silent',
    });
    assert.deepEqual(
      Object.keys(metafile.inputs).filter((name) => name.includes('/ajv')),
      [],
    );
    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const from = performance.now();
      const child = start([process.execPath, outfile]);
      await child.peer.request('initialize', initialize({ config: { bmc: 'http://127.0.0.1:1' } }));
      times.push(performance.now() - from);
      child.process.stdin?.end();
      await child.ended();
    }
    const empty = (): number => {
      const from = performance.now();
      execFileSync(process.execPath, ['-e', '']);
      return performance.now() - from;
    };
    const nothing = Math.min(empty(), empty(), empty());
    const best = Math.min(...times);
    console.log(`initialize answered ${Math.round(best)} ms after spawn (an empty Node: ${Math.round(nothing)} ms)`);
    assert.ok(best < nothing * 4 + 100, `${Math.round(best)} ms, an empty Node ${Math.round(nothing)} ms`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
