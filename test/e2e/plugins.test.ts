/** Plugins under a real host: installed, upgraded, broken, interrupted, removed; the same in the files of one that does not run. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../host/cli/client.ts';
import { goal, Lab, service, until } from './lab.ts';
import { type LampOptions, writeLamp } from './lamp.ts';

const LAMPS = Array.from({ length: 8 }, (_, i) => ({ nodename: `n${i + 1}`, physState: 'POWER_ON' }));
const ALL = 'n[1-8]';
/** Design: from the command to ready, of a folder. The test machine does other things, too. */
const READY = 3_000;

const lampIn = (lab: Lab, options?: LampOptions): string => writeLamp(join(lab.folder, 'lamp'), options);

async function install(client: Client, source: string, more: object = {}): Promise<readonly string[]> {
  const { stage } = await client.ask('plugin/stage', { source, ...more });
  return (await client.ask('plugin/commit', { stage })).services;
}

const book = (lab: Lab): string => readFileSync(join(lab.dataDir, 'plugins', 'plugins.json'), 'utf8');
const namesIn = (...path: string[]): string[] => (existsSync(join(...path)) ? readdirSync(join(...path)) : []);
/** What an installation leaves behind, or is at work with. */
const left = (lab: Lab): string[] => [
  ...namesIn(lab.dataDir, 'plugins', 'store'),
  ...namesIn(lab.dataDir, 'plugins', 'stage').map((name) => `stage/${name}`),
  ...namesIn(lab.dataDir, 'services').filter((name) => name.startsWith('.')),
];
const ledger = (lab: Lab, name = 'lamp'): string[] =>
  readFileSync(join(lab.dataDir, 'services', name, 'ledger'), 'utf8')
    .split('\n')
    .filter(Boolean);

test('installed, it is told what it means first; ready in time; nodes converge by it, over a restart too; removed, nothing is left', async (t) => {
  const lab = new Lab(t, {});
  await lab.up();
  const client = await lab.client();
  await client.ask('node/apply', { nodes: LAMPS, mode: 'create' });
  const source = lampIn(lab, { permissions: ['net'] });
  const began = performance.now();
  const { stage, report } = await client.ask('plugin/stage', { source });
  assert.deepEqual(report.permissions, [{ permission: 'net', isNew: true }]);
  assert.deepEqual(report.checks.failed, []);
  assert.ok(report.checks.passed > 25, String(report.checks.passed));
  assert.deepEqual(report.adds, [
    'mutation lamp/off: /physState POWER_ON → POWER_OFF',
    'mutation lamp/on: /physState POWER_OFF → POWER_ON',
    'poller lamp/power: /physState every 1 s',
  ]);
  assert.deepEqual([report.service, report.served, report.conflicts], ['lamp', 9, []]);
  assert.deepEqual((await client.ask('service/list', {})).services, [], 'nothing is changed yet');
  assert.deepEqual(
    (await client.ask('plugin/list', {})).plugins.filter(({ isBuiltIn }) => !isBuiltIn),
    [],
  );
  const { services } = await client.ask('plugin/commit', { stage });
  const took = performance.now() - began;
  t.diagnostic(`from plugin/stage to ready: ${took.toFixed(0)} ms`);
  assert.deepEqual(services, ['lamp']);
  assert.ok(took < READY * 2, `${took} ms`);
  await goal(client, ALL);
  const { status, changed, confinement } = await client.ask('plugin/info', { plugin: 'lamp' });
  assert.deepEqual([status.version, status.source, status.installedBy, changed], ['1.0.0', source, 'ada', false]);
  const writes = confinement.find(({ what }) => what === 'cfg:write');
  assert.match(writes?.how ?? '', /^not granted: the host refuses it by name/);
  await client.ask('engine/stop', {});
  await until('it has ended', () => !existsSync(lab.socket));

  await lab.up();
  const again = await lab.client();
  await service(again, 'lamp', 'ready');
  await goal(again, ALL);
  assert.equal(ledger(lab).length, 8, 'each was switched once');
  await again.ask('plugin/disable', { plugin: 'lamp' });
  await service(again, 'lamp', 'stopped');
  await again.ask('plugin/enable', { plugin: 'lamp' });
  await service(again, 'lamp', 'ready');
  await again.ask('plugin/remove', { plugin: 'lamp' });
  assert.deepEqual((await again.ask('service/list', {})).services, []);
  assert.deepEqual(
    left(lab).filter((name) => !name.startsWith('stage/')),
    [],
  );
  await assert.rejects(again.ask('plugin/info', { plugin: 'lamp' }), /there is no such plugin/);
});

test('two instances of a module, each with nodes and data of its own; a third for the same nodes is refused before it is made', async (t) => {
  const lab = new Lab(t, {});
  await lab.up();
  const client = await lab.client();
  await client.ask('node/apply', { nodes: LAMPS, mode: 'create' });
  await install(client, lampIn(lab), { service: 'left', serves: 'n[1-4]' });
  await client.ask('service/create', { service: 'right', module: 'lamp', serves: 'n[5-8]' });
  await goal(client, ALL);
  assert.deepEqual([ledger(lab, 'left').length, ledger(lab, 'right').length], [4, 4]);
  await assert.rejects(client.ask('service/create', { service: 'left', module: 'lamp' }), /there is one of that name/);
  await changes(lab, client);
  await assert.rejects(client.ask('service/create', { service: 'other', module: 'lmap' }), /lmap/);
  await client.ask('service/remove', { service: 'right' });
  assert.deepEqual(
    (await client.ask('service/list', {})).services.map((one) => one.service),
    ['left'],
  );
  assert.deepEqual(Object.keys(JSON.parse(book(lab)).services), ['left']);
});

/** What is refused changes nothing of a service that runs; what is taken outlives it. */
async function changes(lab: Lab, client: Client): Promise<void> {
  const pid = await service(client, 'right', 'ready');
  await assert.rejects(client.ask('service/set', { service: 'right', serves: 'n[4-8]' }), /left.*right|right.*left/);
  await service(client, 'right', 'ready');
  assert.equal(JSON.parse(book(lab)).services.right.serves, 'n[5-8]');
  await assert.rejects(
    client.ask('service/set', { service: 'right', config: { lamp: 'round' } }),
    /\/lamp is no key of this module's config/,
  );
  await client.ask('service/set', { service: 'right', serves: 'n[5-7]' });
  await client.ask('service/set', { service: 'right', config: { lamps: 'round' } });
  const again = await service(client, 'right', 'ready');
  assert.notEqual(again, pid, 'for other nodes it is started anew');
  await assert.rejects(client.ask('service/set', { service: 'right', config: { lamps: 'square' } }), /no lamp is square/);
  await client.ask('service/set', { service: 'right', config: { lamps: 'oval' } });
  assert.equal(await service(client, 'right', 'ready'), again, 'a config is told while it runs');
  const { serves, config } = JSON.parse(book(lab)).services.right;
  assert.deepEqual([serves, config], ['n[5-7]', { lamps: 'oval' }]);
}

test('an upgrade that breaks under load is taken back by itself: nodes notice nothing but waiting', async (t) => {
  const lab = new Lab(t, {});
  const host = await lab.up();
  const client = await lab.client();
  const other = await lab.client();
  await client.ask('node/apply', { nodes: LAMPS, mode: 'create' });
  await install(client, lampIn(lab));
  await goal(client, ALL);
  let wants = 'POWER_ON';
  let turns = 0;
  const flip = async (): Promise<void> => {
    wants = wants === 'POWER_ON' ? 'POWER_OFF' : 'POWER_ON';
    await other.ask('node/set', { set: ALL, values: { '/physState': wants } });
    await goal(other, ALL, 30_000);
    turns++;
  };
  let isOver = false;
  const load = (async () => {
    while (!isOver) await flip();
  })();
  const good = book(lab);
  const broken = lampIn(lab, {
    version: '2.0.0',
    body: "const isReal = existsSync('ledger');",
    onStep: 'if (isReal) process.exit(9);',
  });
  await assert.rejects(install(client, broken, { upgrade: true }), /lamp.*(?:exited with code 9|crashed)/);
  assert.equal(book(lab), good, 'the list is as it was');
  const now = turns;
  await until('it goes on', () => turns > now + 1, 20_000);
  isOver = true;
  await load;
  const states = new Map<string, string>();
  for (const line of ledger(lab)) {
    const [node = '', state = ''] = line.split(' ');
    assert.notEqual(states.get(node), state, `${node} was switched to what it was already`);
    states.set(node, state);
  }
  assert.equal((await client.ask('plugin/info', { plugin: 'lamp' })).status.version, '1.0.0');
  assert.equal(left(lab).length, 1);
  assert.match(host.err(), /lamp/);

  const better = lampIn(lab, {
    version: '1.1.0',
    mutations: { blink: { mutates: { '/physState': ['PHYS_HANG', 'POWER_OFF'] }, timeout: '2s' } },
  });
  const { stage, report } = await client.ask('plugin/stage', { source: better, upgrade: true });
  assert.deepEqual([report.replaces, report.adds], ['1.0.0', ['mutation lamp/blink: /physState PHYS_HANG → POWER_OFF']]);
  await client.ask('plugin/commit', { stage });
  assert.equal((await client.ask('plugin/info', { plugin: 'lamp' })).status.version, '1.1.0');
  await flip();
});

test('given up at any moment: whoever asked goes away, and all is as before', async (t) => {
  const lab = new Lab(t, {});
  await lab.up();
  const client = await lab.client();
  const source = lampIn(lab);
  for (const after of [0, 30, 120, 300, 600]) {
    const asker = await lab.client();
    const gone = install(asker, source).catch(() => undefined);
    await sleep(after);
    asker.close();
    await gone;
    await until('it is taken back', async () => (await client.ask('service/list', {})).services.length === 0, 5_000);
    await until(
      'another may',
      () => client.ask('plugin/remove', { plugin: 'none' }).catch((error: Error) => /no such/.test(error.message)) as Promise<boolean>,
      5_000,
    );
  }
  const staged = await lab.client();
  await staged.ask('plugin/stage', { source });
  staged.close();
  await until('what was staged is forgotten', () => left(lab).length === 0, 3_000);
  assert.deepEqual(await install(client, source), ['lamp']);
});

test('what is wrong is refused in words, and nothing is changed', async (t) => {
  const lab = new Lab(t, { services: { sim: { module: 'simulator', config: {} } } });
  await lab.up();
  const client = await lab.client();
  await service(client, 'sim', 'ready');
  await client.ask('node/apply', { nodes: LAMPS, mode: 'create' });
  const refused = (source: string, words: RegExp, more: object = {}): Promise<void> => assert.rejects(install(client, source, more), words);
  await refused(join(lab.folder, 'nowhere'), /no such file or folder/);
  await refused(lab.folder, /it is no plugin of Kraken/);
  await refused('Bad Name', /neither a name of a package nor a path/);
  await refused(lampIn(lab, { body: "process.stdout.write('hello\\n');" }), /does not keep to the protocol: .*wire\.json/);
  await refused(lampIn(lab, { body: 'process.exit(3);' }), /did not come through the handshake.*code 3/);
  await refused(lampIn(lab, { body: "declaration.extensions = { sim: { type: 'string' } };" }), /sim/);
  await refused(lampIn(lab), /there is nothing to upgrade/, { upgrade: true });
  assert.deepEqual(
    (await client.ask('service/list', {})).services.map((one) => one.service),
    ['sim'],
  );
  const { stage } = await client.ask('plugin/stage', { source: lampIn(lab), serves: 'n9' });
  const [two] = await Promise.allSettled([client.ask('plugin/commit', { stage }), client.ask('plugin/commit', { stage })]);
  assert.equal(two.status, 'fulfilled');
  await refused(lampIn(lab), /it is installed already/);
  const file = join(lab.dataDir, 'plugins', JSON.parse(book(lab)).plugins.lamp.dir, 'main.mjs');
  writeFileSync(file, `${readFileSync(file, 'utf8')}// changed\n`);
  assert.equal((await client.ask('plugin/info', { plugin: 'lamp' })).changed, true);
  await assert.rejects(client.ask('plugin/remove', { plugin: 'simulator' }), /it came with the host/);
});
