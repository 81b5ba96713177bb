/** Which modules are found, and what a configuration makes of them. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import { createRegistry, parseServices } from '../../host/modules/registry.ts';

const root = mkdtempSync(join(tmpdir(), 'kraken-registry-'));
after(() => rmSync(root, { recursive: true }));

function put(dir: string, files: Record<string, Json | string>): string {
  const whole = join(root, dir);
  mkdirSync(whole, { recursive: true });
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(whole, name), typeof content === 'string' ? content : JSON.stringify(content));
  return whole;
}

const near = put('near/plugins/sim', {
  'package.json': {
    name: '@kraken-hpc/simulator',
    version: '2.0.0',
    kraken: { protocol: 1, main: 'dist/main.js', permissions: ['sessions'] },
  },
});
put('far/node_modules/@kraken-hpc/simulator', {
  'package.json': { name: '@kraken-hpc/simulator', version: '1.0.0', kraken: { protocol: 1, main: 'dist/main.js' } },
});
put('far/node_modules/@kraken-hpc/sdk', { 'package.json': { name: '@kraken-hpc/sdk' } });
put('near/plugins/source', { 'package.json': { name: 'source', kraken: { protocol: 1, main: 'dist/main.js' } }, 'main.ts': '' });
const python = put('near/plugins/py', {
  'module.json': { protocol: 1, name: 'py', version: '0.3.0', command: ['./run.py', '--fast', './fast.ini'] },
});
const broken = put('near/plugins/broken', { 'package.json': '{' });
const roots = [join(root, 'near'), join(root, 'far')];
const registry = createRegistry(roots);

test('nearest first, by the last part of the name; from source a module runs from its source', () => {
  assert.deepEqual(
    registry.list().map((one) => `${one.module} ${one.version}`),
    ['py 0.3.0', 'simulator 2.0.0', 'source 0.0.0'],
  );
  assert.deepEqual(registry.find('simulator').command, [process.execPath, join(near, 'dist/main.js')]);
  assert.deepEqual(registry.find('py').command, [join(python, 'run.py'), '--fast', join(python, 'fast.ini')]);
  assert.deepEqual(registry.find(python), registry.find('py'));
  const source = registry.find('source').command;
  assert.equal(source.at(-1), join(root, 'near/plugins/source/main.ts'));
  assert.ok(source.includes('--conditions=kraken-source'));
});

test('the bundled modules are found from the source tree', () => {
  const names = createRegistry()
    .list()
    .map((one) => one.module);
  for (const name of ['ipmi', 'simulator']) assert.ok(names.includes(name), `${name} in ${names}`);
});

const refusedAs = (says: string) => (error: unknown) => {
  assert.ok(error instanceof RefusalError);
  assert.ok(error.message.includes(says), error.message);
  return true;
};

const MANIFESTS: readonly [manifest: Json, says: string][] = [
  [{ protocol: 2, main: 'x.js' }, 'kraken.protocol is 2; this host speaks 1'],
  [{ protocol: [1], main: 'x.js' }, 'kraken.protocol is [1]; this host speaks 1'],
  [{ protocol: 1 }, 'it has neither kraken.main (a script) nor kraken.command (a program with its arguments)'],
  [{ protocol: 1, command: [] }, 'it has neither kraken.main'],
  [{ protocol: 1, main: 'x.js', permissions: ['fly'] }, 'kraken.permissions ["fly"] names what is no permission'],
  [{ protocol: 1, command: 'run me' }, 'it has neither kraken.main'],
  [{ protocol: 1, main: 'x.js', command: ['x'] }, 'kraken must have exactly one of main, command, extensions'],
  [{ protocol: 1, main: 'x.js', mian: 'y.js' }, 'kraken has a field that nobody knows: mian'],
  ['x', 'kraken is not an object'],
];
for (const [manifest, says] of MANIFESTS) {
  test(`manifest refused: ${says}`, () => {
    const dir = put('elsewhere/one', { 'package.json': { name: 'one', kraken: manifest } });
    assert.throws(() => registry.find(dir), refusedAs(says));
  });
}

test('what is not there is refused with what is', () => {
  assert.throws(
    () => registry.find('impi'),
    refusedAs(`the modules installed are: py, simulator, source; ${join(broken, 'package.json')}: its manifest is refused`),
  );
  assert.throws(() => registry.find(broken), refusedAs('its manifest is refused'));
});

test('services: defaults, instances, grants', () => {
  const specs = parseServices(
    {
      simulator: {},
      'sim-r2': { module: 'simulator', serves: '@rack=r2', config: { nodes: 4 }, permissions: ['sessions', 'cfg:write'], env: ['BMC'] },
      off: { module: 'nothing', enabled: false },
    },
    registry,
    '/data',
  );
  const command = registry.find('simulator').command;
  assert.deepEqual(specs, [
    {
      service: 'simulator',
      module: 'simulator',
      command,
      cwd: '/data/simulator',
      config: {},
      serves: '',
      permissions: ['sessions'],
      env: [],
    },
    {
      service: 'sim-r2',
      module: 'simulator',
      command,
      cwd: '/data/sim-r2',
      config: { nodes: 4 },
      serves: '@rack=r2',
      permissions: ['sessions', 'cfg:write'],
      env: ['BMC'],
    },
  ]);
});

const SERVICES: readonly [data: Json, says: string][] = [
  [[], 'the services are not an object by name'],
  [{ core: { module: 'py' } }, 'core: the name of a service is'],
  [{ 'a/b': { module: 'py' } }, 'a/b: the name of a service is'],
  [{ py: 1 }, 'py: is not an object'],
  [{ py: { modul: 'py' } }, 'py: "modul" is none of module, serves, config, permissions, env, enabled'],
  [{ py: { serves: 1 } }, 'py: serves is not a node set'],
  [{ py: { config: [] } }, 'py: config is not an object'],
  [{ py: { permissions: ['fly'] } }, 'py: there is no permission "fly"'],
  [{ py: { enabled: 'yes' } }, 'py: enabled is not true or false'],
  [{ x: { module: 'nothing' }, py: { env: 'A' } }, 'there is no such module'],
  [{ x: { module: 'nothing' }, py: { env: 'A' } }, 'py: env is not a list of names'],
];
for (const [data, says] of SERVICES)
  test(`services refused: ${says}`, () => assert.throws(() => parseServices(data, registry, '/data'), refusedAs(says)));
