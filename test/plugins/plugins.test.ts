/** What people ask of the plugins of a host: what the host is asked for it, what is refused in words, and what stays as it was. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Asker } from '../../host/core/installing.ts';
import { type Book, writeBook } from '../../host/plugins/book.ts';
import { Plugins } from '../../host/plugins/plugins.ts';
import { asker, entry, executable, FakeGround, folder, installed, namesIn, onDisk, options, put, refused } from './lab.ts';

interface Lab {
  readonly data: string;
  readonly ground: FakeGround;
  readonly plugins: Plugins;
  /** What is in the list and in the store. */
  state(): unknown;
}

/** Two modules, one of which has two services, and an extension. */
function lab(t: TestContext, change: (book: Book, data: string) => Book = (book) => book): Lab {
  const data = folder(t);
  const ground = new FakeGround(data);
  const racks = entry(installed(data, 'racks', '1.0.0', { extensions: { rack: 'rack.json' } }), {
    kind: 'extension',
    package: '@site/racks',
  });
  const pdu = entry(installed(data, 'pdu', '1.0.0'));
  const lamp = entry(installed(data, 'lamp', '1.0.0'), { enabled: false, package: '@site/lamp' });
  const services = { left: { module: 'pdu' }, right: { module: 'pdu' }, light: { module: 'lamp' } };
  writeBook(join(data, 'plugins'), change({ plugins: { pdu, lamp, racks }, services }, data));
  const state = (): unknown => [onDisk(data), namesIn(data, 'plugins', 'store'), namesIn(data, 'plugins', 'stage')];
  return { data, ground, plugins: new Plugins(options(data, ground)), state };
}

/** A plugin of schemas alone, which needs no trial. */
const schemasIn = (data: string, version: string, name = 'racks'): string =>
  put(join(data, `src-${name}-${version}`), {
    'package.json': { name: `@site/${name}`, version, kraken: { protocol: 1, extensions: { rack: 'rack.json' } } },
    'rack.json': { type: 'string', title: version },
  });

async function install({ plugins }: Lab, source: string, by: Asker = asker()): Promise<readonly string[]> {
  const { stage } = await plugins.stage({ source }, by);
  try {
    return (await plugins.commit(stage, by)).services;
  } finally {
    plugins.abandon(stage);
  }
}

const storeOf = ({ data }: Lab): string[] => namesIn(data, 'plugins', 'store').filter((name) => !name.includes('/'));

test('disabled, its services are halted and known; enabled, they run; twice is once', async (t) => {
  const made = lab(t);
  const { plugins, ground } = made;
  await plugins.enable('pdu', false, asker());
  await plugins.enable('pdu', false, asker());
  assert.equal(onDisk(made.data).plugins['pdu']?.enabled, false);
  await plugins.enable('pdu', true, asker());
  assert.equal(onDisk(made.data).plugins['pdu']?.enabled, true);
  await plugins.enable('racks', false, asker());
  await plugins.enable('racks', true, asker());
  assert.deepEqual(ground.calls, [
    ...['halt left@1.0.0 right@1.0.0 ada disabled its plugin', 'run left@1.0.0 right@1.0.0'],
    ...['extend racks nothing', 'extend racks rack'],
  ]);
});

test('removed, its services are forgotten, and nothing of it is left; the others stay', async (t) => {
  const made = lab(t);
  await made.plugins.remove('pdu', asker());
  await made.plugins.remove('racks', asker());
  assert.deepEqual(made.ground.calls, ['forget left right', 'extend racks nothing', 'forget']);
  assert.deepEqual(storeOf(made), ['lamp-1.0.0-aa']);
  const { plugins, services } = onDisk(made.data);
  assert.deepEqual([Object.keys(plugins), services], [['lamp'], { light: { module: 'lamp' } }]);
});

test('another service is made of a module, and taken out again where it does not run; removed, it is forgotten', async (t) => {
  const made = lab(t);
  const { plugins, ground, data } = made;
  const by = asker();
  await plugins.create('third', { module: 'pdu', serves: 'n3' }, by);
  await plugins.create('box', { module: 'sim' }, by);
  assert.deepEqual(by.told, ['starting third', 'starting box']);
  assert.deepEqual(onDisk(data).services['third'], { module: 'pdu', serves: 'n3' });
  await plugins.delete('third', asker());
  assert.equal('third' in onDisk(data).services, false);
  const before = made.state();
  ground.fails.run = 3;
  await assert.rejects(plugins.create('third', { module: 'pdu' }, asker()), refused(/run failed/));
  await assert.rejects(plugins.create('third', { module: 'pdu' }, asker(1)), /gone/);
  assert.deepEqual(made.state(), before);
  const again = ['run third@1.0.0', 'forget third'];
  assert.deepEqual(ground.calls, ['run third@1.0.0', 'run box@own', 'forget third', ...again, ...again]);
});

test('a service is changed: its config while it runs, all else by a new start; what is refused changes nothing', async (t) => {
  const made = lab(t);
  const { plugins, ground, data } = made;
  const by = asker();
  await plugins.set('left', { config: { lamp: 1 } }, by);
  await plugins.set('left', { serves: 'n9', memoryMiB: 128 }, by);
  assert.deepEqual(by.told, ['giving left its config', 'starting left anew']);
  const { left } = onDisk(data).services;
  assert.deepEqual([left?.['config'], left?.['serves'], left?.['memoryMiB'], left?.module], [{ lamp: 1 }, 'n9', 128, 'pdu']);
  assert.deepEqual(ground.calls.splice(0), ['configure left {"lamp":1}', 'run left@1.0.0']);
  const before = made.state();
  Object.assign(ground.fails, { configure: 2, run: 2 });
  await assert.rejects(plugins.set('left', { config: { lamp: 2 } }, asker()), refused(/configure failed/));
  await assert.rejects(plugins.set('left', { serves: 'n8' }, asker()), refused(/run failed/));
  await assert.rejects(plugins.set('left', { permissions: ['everything'] }, asker()), refused(/everything/));
  await assert.rejects(plugins.set('left', { serves: 'n8' }, asker(1)), /gone/);
  assert.deepEqual(made.state(), before);
  const back = ['run left@1.0.0', 'run left@1.0.0'];
  assert.deepEqual(ground.calls.splice(0), ['configure left {"lamp":2}', ...back, ...back]);
  await plugins.set('light', { serves: 'n7' }, asker());
  assert.deepEqual(
    [onDisk(data).services['light']?.['serves'], ground.calls],
    ['n7', []],
    'its plugin is disabled: it counts when it is enabled',
  );
  ground.isRunning = false;
  await plugins.set('left', { serves: 'n6' }, asker());
  assert.deepEqual([onDisk(data).services['left']?.['serves'], ground.calls], ['n6', []]);
});

const REFUSED: readonly [what: string, ask: (plugins: Plugins, ground: FakeGround) => Promise<unknown>, ...words: RegExp[]][] = [
  ['removing what is not there', (p) => p.remove('pud', asker()), /plugin pud: there is no such plugin: installed are: lamp, pdu, racks/],
  ['removing what came with the host', (p) => p.remove('sim', asker()), /it was not installed: it came with the host/],
  ['disabling what is not there', (p) => p.enable('pud', false, asker()), /there is no such plugin/],
  ['disabling what came with the host', (p) => p.enable('sim', false, asker()), /it came with the host/],
  ['asking about what is not there', (p) => p.info('pud'), /Did you mean pdu\?/],
  [
    'removing what the configuration makes services of',
    (p, ground) => {
      ground.configured = { pdu: {}, other: { module: 'pdu' }, sim: {} };
      return p.remove('pdu', asker());
    },
    /it is not removed: the configuration makes pdu, other of it/,
    /restart the host/,
  ],
  ['a service whose name is taken', (p) => p.create('left', { module: 'pdu' }, asker()), /service left: .*there is one of that name/],
  [
    'a service whose name is in the configuration',
    (p, ground) => {
      ground.configured = { box: { module: 'sim' } };
      return p.create('box', { module: 'pdu' }, asker());
    },
    /the configuration makes one of that name/,
  ],
  [
    'a service of a plugin that is disabled',
    (p) => p.create('x', { module: 'lamp' }, asker()),
    /disabled\. First: kraken plugin enable lamp/,
  ],
  ['a service of no module', (p) => p.create('x', { module: 'pud' }, asker()), /there is no such module/],
  ['a service of schemas', (p) => p.create('x', { module: 'racks' }, asker()), /racks/],
  ['a service that is called as none may be', (p) => p.create('a/b', { module: 'pdu' }, asker()), /the name of a service is/],
  ['changing a service that is not there', (p) => p.set('lef', { serves: 'n1' }, asker()), /service lef: .*no such service/],
  [
    'changing a service of the configuration',
    (p, ground) => {
      ground.configured = { box: { module: 'sim' } };
      return p.set('box', { serves: 'n1' }, asker());
    },
    /it is not changed: the configuration makes it\. Change it there, and restart the host/,
  ],
  ['removing a service that is not there', (p) => p.delete('lef', asker()), /service lef: .*no such service.*kraken service list/],
  [
    'removing a service of the configuration',
    (p, ground) => {
      ground.configured = { box: { module: 'sim' } };
      return p.delete('box', asker());
    },
    /the configuration makes it\. Take it out/,
  ],
  ['switching to what was never staged', async (p) => p.commit('aabbcc', asker()), /stage aabbcc: .*never staged, or forgotten since/],
];

for (const [what, ask, ...words] of REFUSED) {
  test(`refused in words, and nothing is changed: ${what}`, async (t) => {
    const made = lab(t);
    const before = made.state();
    await assert.rejects(ask(made.plugins, made.ground), refused(...words));
    assert.deepEqual([made.state(), made.ground.calls], [before, []]);
  });
}

for (const [what, ask] of [
  ['remove', (p) => p.remove('constructor', asker())],
  ['disable', (p) => p.enable('constructor', false, asker())],
  ['delete', (p) => p.delete('constructor', asker())],
] as readonly [string, (plugins: Plugins) => Promise<void>][]) {
  test(`a name that every object has is no plugin: ${what}`, async (t) => {
    const made = lab(t);
    const before = made.state();
    await assert.rejects(ask(made.plugins), refused(/no such/));
    assert.deepEqual(made.state(), before);
  });
}

test('schemas: staged, nothing is changed; switched to, the files before are gone; the same again is refused', async (t) => {
  const made = lab(t);
  const before = onDisk(made.data);
  const { stage, report } = await made.plugins.stage({ source: schemasIn(made.data, '2.0.0') }, asker());
  assert.deepEqual([report.replaces, report.kind, report.adds], ['1.0.0', 'extension', ['extension rack']]);
  assert.deepEqual([onDisk(made.data), made.ground.calls], [before, []]);
  await made.plugins.commit(stage, asker());
  assert.deepEqual(made.ground.calls, ['extend racks rack']);
  assert.deepEqual(storeOf(made), ['lamp-1.0.0-aa', 'pdu-1.0.0-aa', `racks-2.0.0-${stage}`]);
  assert.equal((await made.plugins.info('racks')).changed, false);
  await assert.rejects(async () => made.plugins.commit(stage, asker()), refused(/never staged, or forgotten since/));
  const again = made.plugins.stage({ source: schemasIn(made.data, '2.0.0') }, asker());
  await assert.rejects(again, refused(/installed already/, /There is nothing to do/));
  await assert.rejects(made.plugins.stage({ source: schemasIn(made.data, '1.0.0', 'pdu') }, asker()), refused(/plugin of another kind/));
  const none = made.plugins.stage({ source: schemasIn(made.data, '1.0.0', 'rows'), upgrade: true }, asker());
  await assert.rejects(none, refused(/there is nothing to upgrade/));
  assert.deepEqual(namesIn(made.data, 'plugins', 'stage'), []);
});

test('what was abandoned is gone, and cannot be switched to', async (t) => {
  const made = lab(t);
  const { stage } = await made.plugins.stage({ source: schemasIn(made.data, '2.0.0') }, asker());
  assert.ok(namesIn(made.data, 'plugins', 'stage').length > 0);
  made.plugins.abandon(stage);
  made.plugins.abandon(stage);
  assert.deepEqual(namesIn(made.data, 'plugins', 'stage'), []);
  await assert.rejects(async () => made.plugins.commit(stage, asker()), refused(/forgotten since/));
});

test('schemas that contradict what is there are staged and told, and not switched to', async (t) => {
  const made = lab(t);
  made.ground.foresee = () => ({ conflicts: ['rack is of another'], ways: [] });
  const { stage, report } = await made.plugins.stage({ source: schemasIn(made.data, '2.0.0') }, asker());
  assert.deepEqual(report.conflicts, ['rack is of another']);
  const before = onDisk(made.data);
  await assert.rejects(made.plugins.commit(stage, asker()), refused(/rack is of another/, /kraken plugin|--serves/));
  assert.deepEqual([onDisk(made.data), made.ground.calls], [before, []]);
});

test('whoever goes away at any of the things that they are told: list and store are as before', async (t) => {
  for (const name of ['racks', 'rows']) {
    for (let at = 1, isDone = false; !isDone; at++) {
      const made = lab(t);
      const source = schemasIn(made.data, '2.0.0', name);
      const [before, by] = [made.state(), asker(at)];
      isDone = await install(made, source, by).then(
        () => true,
        (error: Error) => error.message !== 'gone',
      );
      assert.equal(by.told.length >= at, !isDone);
      if (isDone) assert.equal(onDisk(made.data).plugins[name]?.version, '2.0.0');
      else assert.deepEqual(made.state(), before);
    }
  }
});

test('one thing at a time: the second is told who is at work', async (t) => {
  const made = lab(t);
  let goOn = (): void => undefined;
  made.ground.during = () => new Promise<void>((resolve) => (goOn = resolve));
  const first = made.plugins.enable('pdu', false, asker());
  const busy = refused(/another installation is under way: ada disables pdu\. Wait until it is done/);
  await assert.rejects(made.plugins.remove('racks', asker()), busy);
  await assert.rejects(made.plugins.stage({ source: schemasIn(made.data, '2.0.0') }, asker()), busy);
  await assert.rejects(made.plugins.delete('left', asker()), busy);
  goOn();
  await first;
  made.ground.during = () => undefined;
  await made.plugins.remove('racks', asker());
});

test('what is staged outlives that another is removed', async (t) => {
  const made = lab(t);
  const { stage } = await made.plugins.stage({ source: schemasIn(made.data, '2.0.0') }, asker());
  await made.plugins.remove('pdu', asker());
  await made.plugins.commit(stage, asker());
});

test('what the list names is there, though the files before cannot be removed', {}, async (t) => {
  // No name may be as long as this, so that even root is refused.
  const dir = `store/${'x'.repeat(300)}/node_modules/racks`;
  const made = lab(t, (book) => ({
    ...book,
    plugins: { ...book.plugins, racks: entry(dir, { kind: 'extension', package: '@site/racks' }) },
  }));
  await install(made, schemasIn(made.data, '2.0.0')).catch(() => undefined);
  const now = onDisk(made.data).plugins['racks'];
  assert.ok(now?.version === '1.0.0' || existsSync(join(made.data, 'plugins', now?.dir ?? '')), 'its files are gone');
});

test('schemas that the host does not take in: list and store are as before', async (t) => {
  for (const name of ['racks', 'rows']) {
    const made = lab(t);
    made.ground.fails.extend = 1;
    const source = schemasIn(made.data, '2.0.0', name);
    const before = made.state();
    await assert.rejects(install(made, source), refused(/extend failed/));
    assert.deepEqual(made.state(), before);
  }
});

/** Tried to the end, and run, they are in test/e2e/plugins.test.ts: that takes a dozen processes each. */
test('a module that ends at once is not installed; tried, or given up meanwhile, it leaves nothing behind', async (t) => {
  const made = lab(t);
  const before = made.state();
  const manifest = { protocol: 1, name: 'torch', version: '1.0.0', command: ['./run'] };
  const source = put(join(made.data, 'torch'), { 'module.json': manifest, run: '#!/bin/sh\nexit 3\n' });
  executable(join(source, 'run'));
  const by = asker();
  await assert.rejects(made.plugins.stage({ source }, by), refused(/did not come through the handshake.*code 3/, /--config/));
  assert.deepEqual(by.told, [`copying ${source}`, 'trying torch 1.0.0']);
  await assert.rejects(made.plugins.stage({ source }, asker(2)), /gone/);
  const taken = made.plugins.stage({ source, service: 'left' }, asker());
  await assert.rejects(taken, refused(/service left: .*another module has a service of that name/, /--service NAME/));
  assert.deepEqual(namesIn(made.data, 'services'), []);
  assert.deepEqual([made.state(), made.ground.calls], [before, []]);
});
