/** Backup of a host under load; restored into a running host, and into a new data directory; nothing is switched by that. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readLedger } from '../../plugins/simulator/ledger.ts';
import { goal, Lab, service, simulated, until } from './lab.ts';

const CONFIG = { services: { sim: { module: 'simulator', config: { scale: 0.02, pollEvery: '1s' } } } };

/** What each machine has counted: switched on, switched off. */
const counts = (lab: Lab): string =>
  readLedger(join(lab.dataDir, 'services', 'sim'))
    .map(([id, , , , , , , ons, offs]) => `${id} ${ons} ${offs}`)
    // Whom nobody ever switched may be known by then, or not yet.
    .filter((line) => !line.endsWith(' 0 0'))
    .sort()
    .join('\n');

test('backup under load, restored into the running host: watchers are told, no machine is switched', async (t) => {
  const lab = new Lab(t, CONFIG);
  await lab.up();
  const client = await lab.client();
  await client.ask('node/apply', { nodes: simulated(16), mode: 'create' });
  await goal(client, 'kr[1-16]');

  let marks = 0;
  let loading = true;
  const loader = await lab.client();
  const load = (async () => {
    while (loading) await loader.ask('node/set', { set: 'all', values: { '/labels/mark': `m${++marks}` } });
  })();
  await until('there is load', () => marks > 20);
  const before = marks;
  const file = join(lab.folder, 'kraken.backup');
  const { exit, out, err } = await lab.kraken('backup', file);
  assert.equal(exit, 0, err);
  assert.match(out, /17 nodes/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  loading = false;
  await load;
  assert.ok(marks > before, 'the host went on meanwhile');
  await client.ask('node/set', { set: 'kr1', values: { '/labels/after': 'yes' } });
  await client.ask('node/apply', { nodes: [{ nodename: 'late', platform: 'sim' }], mode: 'create' });

  const switched = counts(lab);
  const told: unknown[] = [];
  const watcher = await lab.client({ 'state/changed': (change) => void told.push(change) });
  await watcher.ask('state/watch', { set: 'all', view: 'cfg' });
  const restored = await lab.kraken('restore', file, '--yes');
  assert.equal(restored.exit, 0, restored.err);
  await until(
    'the watcher is told to read anew',
    () => told.some((change) => (change as { resync?: boolean }).resync === true),
    5_000,
    20,
    () => told,
  );

  await service(client, 'sim', 'ready');
  const { nodes } = await client.ask('state/read', { set: 'all', view: 'cfg' });
  assert.equal(nodes.length, 17, 'late is not in it');
  // The host's own node is in no set that something is done to, unless it is named.
  const marked = nodes.filter(({ name }) => name?.startsWith('kr'));
  const labels = marked.map(({ cfg }) => (cfg as { labels?: { mark?: string; after?: string } } | undefined)?.labels);
  assert.equal(new Set(labels.map((one) => one?.mark)).size, 1, 'no change is in it by half');
  assert.ok(Number(labels[0]?.mark?.slice(1)) >= before, 'all that was acknowledged before the backup is in it');
  assert.ok(!labels.some((one) => one?.after !== undefined));
  await goal(client, 'kr[1-16]');
  assert.equal(counts(lab), switched, 'nobody was switched');
});

test('a backup restored on a new data directory beside the running machines: nobody is switched', async (t) => {
  const lab = new Lab(t, CONFIG);
  const first = await lab.up();
  const client = await lab.client();
  await client.ask('node/apply', { nodes: simulated(8), mode: 'create' });
  await goal(client, 'kr[1-8]');
  const file = join(lab.folder, 'kraken.backup');
  assert.equal((await lab.kraken('backup', file)).exit, 0);
  const switched = counts(lab);
  first.child.kill('SIGTERM');
  await first.ended;

  // Another disk, the same machines.
  const machines = join(lab.folder, 'machines');
  cpSync(join(lab.dataDir, 'services'), machines, { recursive: true });
  rmSync(lab.dataDir, { recursive: true });
  mkdirSync(lab.dataDir, { mode: 0o700 });
  cpSync(machines, join(lab.dataDir, 'services'), { recursive: true });

  await lab.up();
  const again = await lab.client();
  const { exit, out, err } = await lab.kraken('restore', file, '--yes');
  assert.equal(exit, 0, err);
  assert.match(out, /Restored: 9 nodes.* frozen.*kraken engine thaw/);
  await service(again, 'sim', 'ready');
  await goal(again, 'kr[1-8]');
  assert.match(JSON.stringify(await again.ask('engine/status', {})), /"frozen":\{[^}]*kraken\.backup/);
  assert.equal((await lab.kraken('engine', 'thaw')).exit, 0);
  await goal(again, 'kr[1-8]');
  assert.equal(counts(lab), switched);
});

test('what is no backup is refused in words, and the host goes on as it was', async (t) => {
  const lab = new Lab(t, { services: {} });
  await lab.up();
  const client = await lab.client();
  await client.ask('node/apply', { nodes: [{ nodename: 'n1' }], mode: 'create' });
  for (const [file, words] of [
    [lab.config, /kraken\.json.*(?:not|no) /],
    [join(lab.folder, 'nothing'), /nothing.*(?:no|not) /],
    [lab.folder, /director|folder/i],
  ] as const) {
    const { exit, err } = await lab.kraken('restore', file, '--yes');
    assert.notEqual(exit, 0);
    assert.match(err, words);
    assert.equal((await client.ask('state/read', { set: 'all', view: 'cfg' })).nodes.length, 2);
  }
  const twice = join(lab.folder, 'b');
  assert.equal((await lab.kraken('backup', twice)).exit, 0);
  const { exit, err } = await lab.kraken('backup', twice);
  assert.notEqual(exit, 0);
  assert.match(err, /is there already/);
});

test("a stopped host takes a backup too, and nobody else's directory", async (t) => {
  const lab = new Lab(t, { services: {} });
  await lab.up();
  const client = await lab.client();
  await client.ask('node/apply', { nodes: [{ nodename: 'n1' }], mode: 'create' });
  const file = join(lab.folder, 'b');
  assert.equal((await lab.kraken('backup', file)).exit, 0);
  await client.ask('node/apply', { nodes: [{ nodename: 'n2' }], mode: 'create' });
  assert.equal((await lab.kraken('engine', 'stop')).exit, 0);
  await until('the host has stopped', () => lab.processes().length === 0);
  const { exit, out, err } = await lab.kraken('restore', file, '--yes');
  assert.equal(exit, 0, err);
  assert.match(out, /for the next kraken up/);
  await lab.up();
  const names = (await (await lab.client()).ask('state/read', { set: 'all', view: 'cfg' })).nodes.map((node) => node.name);
  assert.ok(names.includes('n1') && !names.includes('n2'), names.join());
});
