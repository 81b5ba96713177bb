/** Another version of what came with the host: it takes the place of that, and gives it back. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readManifest } from '../../host/modules/manifest.ts';
import { writeBook } from '../../host/plugins/book.ts';
import { Keeper } from '../../host/plugins/keeper.ts';
import { Plugins } from '../../host/plugins/plugins.ts';
import type { Staged } from '../../host/plugins/stage.ts';
import { switchTo } from '../../host/plugins/switch.ts';
import { asker, entry, FakeGround, folder, installed, namesIn, onDisk, options, put, refused } from './lab.ts';

const MODULE = { main: 'main.mjs' };

function hostWith(t: TestContext): { data: string; ground: FakeGround } {
  const data = folder(t);
  const ground = new FakeGround(data);
  ground.configured = { sim: {}, other: { module: 'sim' } };
  return { data, ground };
}

function switched(data: string, ground: FakeGround): Promise<string[]> {
  const place = join(data, 'plugins/store/sim-0.2.0-aa');
  const found = readManifest(join(data, 'plugins', installed(data, 'sim', '0.2.0', MODULE))) ?? assert.fail();
  const into = join(data, 'stage');
  const staged = { options: { source: '/new' }, into, found: { ...found, dir: found.dir.replace(place, into) } } as Staged;
  return switchTo(new Keeper(options(data, ground)), staged, { place, integrity: 'sha256-x' }, asker());
}

test('its services run with the other version, and are watched', async (t) => {
  const { data, ground } = hostWith(t);
  assert.deepEqual(await switched(data, ground), ['other', 'sim']);
  assert.deepEqual(ground.calls, ['run other@0.2.0 sim@0.2.0', 'prove other sim']);
  assert.equal(onDisk(data).plugins['sim']?.version, '0.2.0');
});

test('one that does not show itself is taken back: the services run with what came with the host', async (t) => {
  const { data, ground } = hostWith(t);
  ground.fails.prove = 1;
  await assert.rejects(switched(data, ground), refused(/prove failed/));
  assert.equal(ground.calls.at(-1), 'run other@own sim@own');
  assert.deepEqual(
    namesIn(data, 'plugins').filter((name) => name === 'plugins.json'),
    [],
  );
});

test('removed, its services go back to what came with the host', async (t) => {
  const { data, ground } = hostWith(t);
  const dir = installed(data, 'sim', '0.2.0', MODULE);
  writeBook(join(data, 'plugins'), { plugins: { sim: entry(dir, { package: '@kraken-hpc/sim' }) }, services: {} });
  await new Plugins(options(data, ground)).remove('sim', asker());
  assert.deepEqual(ground.calls, ['run other@own sim@own']);
  assert.deepEqual([onDisk(data).plugins, namesIn(data, 'plugins', 'store')], [{}, []]);
});

test('a stranger of the same name is refused before it is tried', async (t) => {
  const { data, ground } = hostWith(t);
  const manifest = { name: '@stranger/sim', version: '9.0.0', type: 'module', kraken: { protocol: 1, main: 'main.mjs' } };
  const source = join(put(data, { 'from/package.json': JSON.stringify(manifest), 'from/main.mjs': 'process.exit(1);' }), 'from');
  await assert.rejects(
    new Plugins(options(data, ground)).stage({ source }, asker()),
    refused(/there is another plugin of that name, @kraken-hpc\/sim, and this is @stranger\/sim/, /needs another name/),
  );
  assert.deepEqual(ground.calls, []);
});
