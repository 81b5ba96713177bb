/** What is installed, as it is written down, read, swept and told: the book, schemas of extensions, reports and the list. */
import assert from 'node:assert/strict';
import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Json, ServiceDeclaration } from '../../host/core/declaration.ts';
import { declare } from '../../host/modules/declare.ts';
import type { FoundModule } from '../../host/modules/manifest.ts';
import { type Book, moduleOf, readBook, servicesOf, sweep, writeBook } from '../../host/plugins/book.ts';
import { readExtensions } from '../../host/plugins/extension.ts';
import { Keeper } from '../../host/plugins/keeper.ts';
import { infoOf, listPlugins } from '../../host/plugins/list.ts';
import { broughtBy, reportOf } from '../../host/plugins/report.ts';
import { hashTree } from '../../host/plugins/tree.ts';
import { entry, FakeGround, folder, installed, namesIn, options, put, refused } from './lab.ts';

const PDU = entry('store/pdu-1-aa/node_modules/@site/pdu');
const BOOK: Book = { plugins: { pdu: PDU }, services: { left: { module: 'pdu', serves: 'n[1-4]' } } };

const UNREADABLE: readonly [text: string, ...words: RegExp[]][] = [
  ['', /JSON/],
  ['{"version":1,', /JSON/],
  ['[]', /it is not an object/],
  ['null', /it is not an object/],
  ['{"version":2,"plugins":{},"services":{}}', /it has version 2, this Kraken knows 1/],
  ['{"version":"1","plugins":{},"services":{}}', /it has version "1"/],
  ['{"plugins":{},"services":{}}', /it has version undefined/],
  ['{"version":1,"plugins":{}}', /it lacks plugins or services/],
  ['{"version":1,"plugins":[],"services":{}}', /it lacks plugins or services/],
  ['{"version":1,"plugins":{"pdu":{}},"services":{}}', /where the plugin pdu is/],
  ['{"version":1,"plugins":{"pdu":{"dir":"store"}},"services":{}}', /where the plugin pdu is/],
  ['{"version":1,"plugins":{"pdu":{"dir":"store/../.."}},"services":{}}', /where the plugin pdu is/],
  ['{"version":1,"plugins":{},"services":{"left":{}}}', /what the service left is made of/],
];

for (const [text, ...words] of UNREADABLE) {
  test(`a list is refused, not guessed at: ${text || 'empty'}`, (t) => {
    const dir = put(folder(t), { 'plugins.json': text });
    assert.throws(() => readBook(dir), refused(/plugins\.json: the list of plugins cannot be read/, /Put it back from a backup/, ...words));
  });
}

test('a list that cannot be read is refused; one that is not there is empty', (t) => {
  const dir = folder(t);
  assert.deepEqual(readBook(dir), { plugins: {}, services: {} });
  mkdirSync(join(dir, 'plugins.json'));
  assert.throws(() => readBook(dir), refused(/EISDIR/));
});

test('what is written is read again, by nobody but its owner; what an interrupted one left does no harm', (t) => {
  const dir = join(folder(t), 'plugins');
  writeBook(dir, BOOK);
  assert.deepEqual(readBook(dir), BOOK);
  assert.equal(statSync(join(dir, 'plugins.json')).mode & 0o777, 0o600);
  put(dir, { 'plugins.json.tmp': '{ half' });
  assert.deepEqual(readBook(dir), BOOK);
  writeBook(dir, { ...BOOK, services: {} });
  assert.deepEqual(readBook(dir), { ...BOOK, services: {} });
  assert.deepEqual(namesIn(dir), ['plugins.json']);
});

test('swept are stages, trials and what nobody has named; nothing else', (t) => {
  const data = folder(t);
  put(data, {
    ...{ 'plugins/stage/aa/x.js': '', 'plugins/store/pdu-1-aa/node_modules/@site/pdu/x.js': '', 'plugins/store/pdu-2-bb/x.js': '' },
    ...{ 'plugins/store/loose.js': '', 'plugins/plugins.json': '', 'plugins/other/x.js': '', 'stage/x.js': '', 'store/x.js': '' },
    ...{ 'services/.aa-main/x': '', 'services/.bb/x': '', 'services/left/.x': '', 'services/left/ledger': '' },
  });
  symlinkSync(join(data, 'stage'), join(data, 'plugins/store/link'));
  sweep(join(data, 'plugins'), BOOK);
  const files = namesIn(data).filter((name) => statSync(join(data, name)).isFile());
  assert.deepEqual(
    files,
    [
      ...['plugins/other/x.js', 'plugins/plugins.json', 'plugins/store/pdu-1-aa/node_modules/@site/pdu/x.js'],
      ...['services/left/.x', 'services/left/ledger', 'stage/x.js', 'store/x.js'],
    ],
    'what a link in the store leads to stays, too',
  );
  assert.deepEqual(namesIn(data, 'plugins', 'store').slice(0, 2), ['pdu-1-aa', 'pdu-1-aa/node_modules']);
  sweep(join(data, 'nowhere'), BOOK);
});

test('the services of a module: of the list and of the configuration, which has the last word', () => {
  const book: Book = { plugins: {}, services: { left: { module: 'pdu' }, mine: { module: 'pdu' }, other: { module: 'sim' } } };
  const configured = { mine: { module: 'sim' }, pdu: {}, right: { module: 'pdu' }, bare: null } as const;
  assert.deepEqual(servicesOf(book, configured, 'pdu'), ['left', 'pdu', 'right']);
  assert.deepEqual(servicesOf(book, configured, 'sim'), ['mine', 'other']);
  assert.deepEqual(servicesOf(book, {}, 'pdu'), ['left', 'mine']);
  assert.deepEqual([moduleOf('a', {}), moduleOf('a', null), moduleOf('a', { module: 'b' })], ['a', 'a', 'b']);
});

const extension = (dir: string, extensions: Record<string, string>): FoundModule => ({
  ...{ module: 'racks', version: '1.0.0', dir, command: [], permissions: [], package: '@site/racks' },
  extensions: Object.fromEntries(Object.entries(extensions).map(([member, file]) => [member, join(dir, file)])),
});

test("an extension's schemas are read; a wrong one is refused by its file", (t) => {
  const dir = put(folder(t), {
    ...{ 'ext/rack.json': { type: 'string' }, 'ext/..row.json': { type: 'number' }, 'outside.json': {} },
    ...{ 'ext/none.json': 'type: string', 'ext/list.json': [], 'ext/true.json': 'true' },
  });
  const at = (files: Record<string, string>) => () => readExtensions(extension(join(dir, 'ext'), files));
  assert.deepEqual(at({ rack: 'rack.json', row: '..row.json' })(), { rack: { type: 'string' }, row: { type: 'number' } });
  const wrong: readonly [file: string, ...words: RegExp[]][] = [
    ['../outside.json', /outside\.json/, /not in the folder of the plugin/],
    ['..', /not in the folder of the plugin/],
    ['none.json', /none\.json/, /JSON/],
    ['list.json', /list\.json/, /not a JSON Schema object/],
    ['true.json', /true\.json/, /not a JSON Schema object/],
    ['gone.json', /gone\.json/, /ENOENT/],
    ['', /EISDIR/],
  ];
  for (const [file, ...words] of wrong)
    assert.throws(at({ row: '..row.json', rack: file }), refused(/plugin racks: .*the schema of rack is refused/, ...words));
});

const WIRE = {
  state: { '/pdu/load': { type: 'number' } },
  extensions: { outlet: { type: 'object', properties: { name: { type: 'string' } } } },
  mutations: {
    on: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '2s' },
    cut: { mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] }, timeout: '2s', disruptive: true },
  },
  pollers: { power: { discovers: ['/physState', '/pdu/load'], every: '1500ms' } },
  discoveries: { found: { discovers: ['/outlet/name'] } },
  calls: { blink: { params: { type: 'object' }, result: { type: 'object' } } },
} as const;
const declared = (wire: object): ServiceDeclaration =>
  declare(wire as Json, { service: 'left', module: 'pdu', serves: '', permissions: [] });

test('what a declaration brings, in a few words each', () => {
  assert.deepEqual(broughtBy(declared(WIRE), WIRE as never), [
    'extension outlet',
    'state /pdu/load',
    'mutation left/cut: /physState POWER_ON → POWER_OFF (disruptive)',
    'mutation left/on: /physState POWER_OFF → POWER_ON',
    'poller left/power: /pdu/load, /physState every 1.5 s',
    'discovery left/found: /outlet/name',
    'call blink',
  ]);
  assert.ok(broughtBy(declared(WIRE)).includes('state /outlet/name'), 'the core does not know that it is of an extension');
});

test('a report tells what is new, what goes, what it may do besides, and what failed', () => {
  const found = { ...extension('/x', {}), permissions: ['net', 'root'] as const, version: '2.0.0' };
  const { extensions: _none, ...module } = found;
  const foreseen = { conflicts: ['it contradicts left'], served: 8, ways: [{ count: 1, nodes: 'n1', before: 'a', after: 'b' }] };
  const verdicts = [
    ...[
      { id: 'a', verdict: 'pass' },
      { id: 'b', verdict: 'not applicable' },
      { id: 'c', verdict: 'fail', why: 'it hung' },
    ],
    ...[
      { id: 'd', verdict: 'fail' },
      { id: 'e', verdict: 'pass' },
    ],
  ].map((one) => ({ sentence: `It does ${one.id}.`, ...one }));
  const parts = { found: module, service: 'pdu', conformance: { verdicts } as never, brings: ['x', 'y'], before: ['y', 'z'], foreseen };
  const report = reportOf({ ...parts, replaces: { ...PDU, permissions: ['net'] } });
  assert.deepEqual(report, {
    ...{ plugin: 'racks', package: '@site/racks', version: '2.0.0', kind: 'module', replaces: '1.0.0', service: 'pdu' },
    permissions: [
      { permission: 'net', isNew: false },
      { permission: 'root', isNew: true },
    ],
    checks: {
      ...{ passed: 2, notApplicable: 1 },
      failed: [
        { id: 'c', sentence: 'It does c.', why: 'it hung' },
        { id: 'd', sentence: 'It does d.', why: '' },
      ],
    },
    ...{ adds: ['x'], removes: ['z'], ...foreseen },
  });
  const nothing = { replaces: undefined, service: undefined, conformance: undefined, foreseen: { conflicts: [], ways: [] } };
  const first = reportOf({ ...parts, ...nothing, found });
  assert.equal(first.kind, 'extension');
  assert.deepEqual(
    ['replaces', 'service', 'served'].filter((member) => member in first),
    [],
    'what nobody knows is not told',
  );
  assert.ok(first.permissions.every(({ isNew }) => isNew));
});

test('the list: what was installed by name, then what came with the host; what is gone is said to be', async (t) => {
  const data = folder(t);
  const ground = new FakeGround(data);
  ground.configured = { box: { module: 'sim' } };
  const [pdu, gone] = [installed(data, 'pdu', '1.0.0'), 'store/gone-1-cc/node_modules/gone'];
  const integrity = await hashTree(join(data, 'plugins', 'store/pdu-1.0.0-aa'));
  writeBook(join(data, 'plugins'), {
    plugins: { pdu: entry(pdu, { integrity }), gone: entry(gone), alpha: entry(installed(data, 'alpha', '3.0.0'), { enabled: false }) },
    services: { left: { module: 'pdu' }, right: { module: 'pdu' } },
  });
  const keeper = new Keeper(options(data, ground));
  const list = listPlugins(keeper);
  assert.deepEqual(
    list.map(({ plugin, isBuiltIn, enabled, services, problem }) => [plugin, isBuiltIn, enabled, services, problem]),
    [
      ['alpha', false, false, [], undefined],
      ['gone', false, true, [], `its folder ${gone} is gone: install it again`],
      ['pdu', false, true, ['left', 'right'], undefined],
      ['sim', true, true, ['box'], undefined],
    ],
  );
  const info = await infoOf('pdu', keeper);
  assert.deepEqual([info.dir, info.changed, info.integrity], [join(data, 'plugins', pdu), false, integrity]);
  put(join(data, 'plugins', pdu), { 'more.js': '' });
  assert.equal((await infoOf('pdu', keeper)).changed, true);
  assert.equal((await infoOf('gone', keeper)).changed, true);
  assert.deepEqual(Object.keys(await infoOf('sim', keeper)).includes('changed'), false);
  await assert.rejects(infoOf('pud', keeper), refused(/plugin pud: there is no such plugin/, /Did you mean pdu\?/));
  await assert.rejects(infoOf('constructor', keeper), refused(/there is no such plugin/));
});
