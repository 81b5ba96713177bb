/** The step from what is installed to what was staged: done, or as before, whatever of it fails and whenever somebody goes away. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ServiceEntry } from '../../host/core/installing.ts';
import { readManifest } from '../../host/modules/manifest.ts';
import { type Book, writeBook } from '../../host/plugins/book.ts';
import { Keeper } from '../../host/plugins/keeper.ts';
import type { Staged } from '../../host/plugins/stage.ts';
import { switchTo } from '../../host/plugins/switch.ts';
import { asker, entry, FakeGround, folder, installed, namesIn, onDisk, options, put, refused } from './lab.ts';

const MODULE = { main: 'main.mjs' };
const SCHEMAS = { extensions: { rack: 'rack.json' } };

interface Lab {
  readonly data: string;
  readonly ground: FakeGround;
  readonly keeper: Keeper;
  readonly before: Book;
  /** Switches to a version whose files lie in the store already. */
  to(version: string, by?: ReturnType<typeof asker>, made?: Staged['entry']): Promise<string[]>;
  /** The list cannot be written any more: not even by root. */
  block(): void;
}

function lab(t: TestContext, manifest: object, was?: Parameters<typeof entry>[1], services: Book['services'] = {}): Lab {
  const data = folder(t);
  const ground = new FakeGround(data);
  const kind = manifest === SCHEMAS ? 'extension' : 'module';
  const plugins = was ? { pdu: entry(installed(data, 'pdu', '1.0.0', manifest), { kind, ...was }) } : {};
  const before: Book = { plugins, services };
  if (was) writeBook(join(data, 'plugins'), before);
  const keeper = new Keeper(options(data, ground));
  const to: Lab['to'] = (version, by = asker(), made) => {
    const place = join(data, 'plugins/store', `pdu-${version}-aa`);
    const found = readManifest(join(data, 'plugins', installed(data, 'pdu', version, manifest)));
    assert.ok(found);
    const into = join(data, 'stage');
    const schemas = kind === 'extension' ? { schemas: { [`rack${version}`]: {} } } : {};
    const staged = { options: { source: '/new' }, into, found: { ...found, dir: found.dir.replace(place, into) }, ...schemas };
    return switchTo(keeper, { ...staged, ...(made ? { entry: made } : {}) } as Staged, { place, integrity: `sha256-${version}` }, by);
  };
  const block = (): void => {
    rmSync(join(data, 'plugins/plugins.json'), { force: true });
    mkdirSync(join(data, 'plugins/plugins.json'), { recursive: true });
  };
  return { data, ground, keeper, before, to, block };
}

const store = ({ data }: Lab): string[] => namesIn(data, 'plugins', 'store').filter((name) => !name.includes('/'));
const isAsBefore = ({ keeper, before, data }: Lab): void => {
  assert.deepEqual(keeper.book, before);
  if (Object.keys(before.plugins).length === 0) return;
  assert.deepEqual(onDisk(data), { version: 1, ...before });
};

const MADE = { service: 'left', entry: { module: 'pdu', serves: 'n1' } satisfies ServiceEntry };
const SERVICES = { left: { module: 'pdu' }, right: { module: 'pdu', serves: 'n2' } };

test('a first version is written down, and runs', async (t) => {
  const made = lab(t, MODULE);
  const by = asker();
  made.ground.during = () => assert.equal(onDisk(made.data).plugins['pdu']?.version, '1.0.0', 'it is there before it runs');
  assert.deepEqual(await made.to('1.0.0', by, MADE), ['left']);
  assert.deepEqual(made.ground.calls, ['run left@1.0.0']);
  assert.deepEqual(by.told, ['starting left']);
  const { plugins, services } = onDisk(made.data);
  assert.deepEqual(services, { left: MADE.entry });
  const dir = 'store/pdu-1.0.0-aa/node_modules/@site/pdu';
  assert.deepEqual(plugins, { pdu: { ...entry(dir), source: '/new', integrity: 'sha256-1.0.0', installedAt: 42 } });
});

test('a first version that does not run is taken out again', async (t) => {
  const made = lab(t, MODULE);
  made.ground.fails.run = 1;
  await assert.rejects(made.to('1.0.0', asker(), MADE), refused(/run failed/));
  assert.deepEqual(made.ground.calls, ['run left@1.0.0', 'forget left']);
  isAsBefore(made);
  assert.deepEqual(onDisk(made.data), { version: 1, plugins: {}, services: {} });
});

test('a first version that cannot be written down, or whose service cannot be made, was never run', async (t) => {
  const made = lab(t, MODULE);
  await assert.rejects(made.to('1.0.0', asker(), { service: 'core', entry: { module: 'pdu' } }), refused(/name of a service/));
  assert.deepEqual(made.keeper.book, made.before);
  made.block();
  await assert.rejects(made.to('1.0.0', asker(), MADE), /EISDIR|EEXIST|ENOTEMPTY/);
  assert.deepEqual([made.keeper.book, made.ground.calls], [made.before, []]);
});

test('a later version runs and shows itself, then it is the one, and the files of the other go', async (t) => {
  const made = lab(t, MODULE, {}, SERVICES);
  const versions: (string | undefined)[] = [];
  made.ground.during = () => void versions.push(onDisk(made.data).plugins['pdu']?.version);
  assert.deepEqual(await made.to('2.0.0'), ['left', 'right']);
  assert.deepEqual(made.ground.calls, ['run left@2.0.0 right@2.0.0', 'prove left right']);
  assert.deepEqual(versions, ['1.0.0', '1.0.0'], 'until then the other is the installed one');
  assert.equal(onDisk(made.data).plugins['pdu']?.version, '2.0.0');
  assert.deepEqual(onDisk(made.data).services, SERVICES);
  assert.deepEqual(store(made), ['pdu-2.0.0-aa']);
});

for (const deed of ['run', 'prove'] as const) {
  test(`a later version that fails to ${deed}: the one before runs again`, async (t) => {
    const made = lab(t, MODULE, {}, SERVICES);
    made.ground.fails[deed] = 1;
    const by = asker();
    await assert.rejects(made.to('2.0.0', by), refused(new RegExp(`${deed} failed`)));
    assert.equal(made.ground.calls.at(-1), 'run left@1.0.0 right@1.0.0');
    assert.match(by.told.at(-1) ?? '', /going back to the version before/);
    isAsBefore(made);
    assert.ok(store(made).includes('pdu-1.0.0-aa'), 'its files are there');
  });
}

test('a later version that cannot be written down: the one before runs again', async (t) => {
  const made = lab(t, MODULE, {}, SERVICES);
  made.block();
  await assert.rejects(made.to('2.0.0'), /EISDIR|EEXIST|ENOTEMPTY/);
  assert.deepEqual(made.ground.calls.slice(1), ['prove left right', 'run left@1.0.0 right@1.0.0']);
  assert.deepEqual(made.keeper.book, made.before);
  assert.ok(store(made).includes('pdu-1.0.0-aa'));
});

test('whoever goes away at any of the things that they are told: all is as before', async (t) => {
  for (const was of [undefined, {}]) {
    let told = 0;
    for (let at = 1; at <= told + 1; at++) {
      const made = lab(t, MODULE, was, was && SERVICES);
      const by = asker(at);
      const switched = made.to('2.0.0', by, was ? undefined : MADE);
      if (at > (was ? 2 : 1)) {
        await switched;
        break;
      }
      await assert.rejects(switched, /gone/);
      isAsBefore(made);
      assert.equal(made.ground.calls.at(-1), was ? 'run left@1.0.0 right@1.0.0' : 'forget left');
      told = by.told.length;
    }
  }
});

test('a later version of one that is disabled, or of a host that does not run, is written down and not run', async (t) => {
  const disabled = lab(t, MODULE, { enabled: false }, SERVICES);
  assert.deepEqual(await disabled.to('2.0.0'), []);
  assert.deepEqual([disabled.ground.calls, onDisk(disabled.data).plugins['pdu']?.enabled], [[], false]);
  const stopped = lab(t, MODULE, {}, SERVICES);
  stopped.ground.isRunning = false;
  assert.deepEqual(await stopped.to('2.0.0'), ['left', 'right']);
  assert.deepEqual([stopped.ground.calls, onDisk(stopped.data).plugins['pdu']?.version], [[], '2.0.0']);
  const alone = lab(t, MODULE, {});
  assert.deepEqual(await alone.to('2.0.0'), []);
  assert.deepEqual([alone.ground.calls, store(alone)], [[], ['pdu-2.0.0-aa']]);
});

test('what the configuration says of a service counts, of one that was written down besides too', async (t) => {
  const made = lab(t, MODULE, {}, SERVICES);
  made.ground.configured = { left: { module: 'sim' }, pdu: { permissions: [] } };
  assert.deepEqual(await made.to('2.0.0'), ['pdu', 'right']);
  assert.deepEqual(made.ground.calls, ['run pdu@2.0.0 right@2.0.0', 'prove pdu right']);
});

test('schemas are taken in, then written down; where that fails, the ones before are taken in again', async (t) => {
  const first = lab(t, SCHEMAS);
  assert.deepEqual(await first.to('1.0.0'), []);
  assert.deepEqual([first.ground.calls, onDisk(first.data).plugins['pdu']?.kind], [['extend pdu rack1.0.0'], 'extension']);
  const later = lab(t, SCHEMAS, {});
  later.block();
  await assert.rejects(later.to('2.0.0'), /EISDIR|EEXIST|ENOTEMPTY/);
  assert.deepEqual(later.ground.calls, ['extend pdu rack2.0.0', 'extend pdu rack']);
  assert.deepEqual(later.keeper.book, later.before);
  const fresh = lab(t, SCHEMAS);
  fresh.block();
  await assert.rejects(fresh.to('1.0.0'), /EISDIR|EEXIST|ENOTEMPTY/);
  assert.deepEqual(fresh.ground.calls, ['extend pdu rack1.0.0', 'extend pdu nothing']);
  const disabled = lab(t, SCHEMAS, { enabled: false });
  await disabled.to('2.0.0');
  assert.deepEqual([disabled.ground.calls, store(disabled)], [[], ['pdu-2.0.0-aa']]);
});

test('schemas that are refused leave those before', {}, async (t) => {
  const made = lab(t, SCHEMAS, {});
  made.ground.fails.extend = 1;
  await assert.rejects(made.to('2.0.0'), refused(/extend failed/));
  isAsBefore(made);
  assert.deepEqual(made.ground.calls, ['extend pdu rack2.0.0', 'extend pdu rack']);
});

test('schemas that are broken can be replaced', async (t) => {
  const made = lab(t, SCHEMAS, {});
  put(join(made.data, 'plugins', made.before.plugins['pdu']?.dir ?? ''), { 'rack.json': '{' });
  await made.to('2.0.0');
  assert.equal(onDisk(made.data).plugins['pdu']?.version, '2.0.0');
});
