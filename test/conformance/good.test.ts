/** Modules that keep to the protocol, in three ways of being written: they pass, and quickly. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkConformance, type Verdict } from '../../host/conformance/check.ts';
import { checkPlugin } from '../../host/conformance/plugin.ts';
import { commandOf } from '../fixtures/bad/index.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const fromSource = (path: string): string[] => [
  process.execPath,
  '--import',
  import.meta.resolve('tsx'),
  '--conditions=kraken-source',
  at(path),
];

function folders(t: TestContext): (name: string) => string {
  const dir = folder(t);
  return (name) => join(dir, name);
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'kraken-good-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function check(
  name: string,
  command: readonly string[],
  config: Record<string, string>,
  passes: readonly string[],
  skip?: string | false,
): void {
  test(`${name} passes`, { skip }, async (t) => {
    const told: Verdict[] = [];
    const onVerdict = (verdict: Verdict): unknown => told.push(verdict);
    const { verdicts, failed, declaration } = await checkConformance({
      command,
      module: 'tried',
      folder: folders(t),
      config,
      permissions: [],
      onVerdict,
    });
    assert.deepEqual(
      verdicts.filter(({ verdict }) => verdict === 'fail'),
      [],
    );
    assert.equal(failed, 0);
    assert.deepEqual(told, verdicts);
    assert.ok(declaration);
    for (const id of passes) assert.equal(verdicts.find((one) => one.id === id)?.verdict, 'pass', id);
    for (const { verdict, why, id } of verdicts) assert.ok(verdict === 'pass' || (why && why !== 'it did not come so far'), id);
  });
}

const LIFE = [
  'wire.json',
  'init.noCommonVersion',
  'ping.busy',
  'shutdown.answers',
  'exit.ends',
  'stdin.ends',
  'sigterm.ends',
  'end.children',
];
const noPython = spawnSync('python3', ['--version']).status !== 0 && 'there is no python3';

check('a module without the SDK', commandOf('good'), {}, [...LIFE, 'mutation.idempotent', 'mutation.many', 'poller.many', 'stdin.busy']);
check('the ideal of the design', fromSource('../fixtures/sdk/http-bmc.main.ts'), { bmc: 'http://127.0.0.1:1' }, [
  ...LIFE,
  'config.update',
  'config.refused',
]);
check(
  'a module in Python',
  ['python3', at('../fixtures/python-module/module.py')],
  {},
  [...LIFE, 'mutation.idempotent', 'stdin.busy'],
  noPython,
);

test('without a config that it needs, it says what to do', async (t) => {
  const command = fromSource('../fixtures/sdk/http-bmc.main.ts');
  const { verdicts, declaration } = await checkConformance({ command, module: 'tried', folder: folders(t), config: {}, permissions: [] });
  assert.deepEqual(
    verdicts.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id),
    ['init.config'],
  );
  assert.match(verdicts.find(({ id }) => id === 'init.config')?.why ?? '', /bmc.*--config FILE/);
  assert.equal(declaration, undefined);
});

test('a plugin of schemas alone is held against what a host takes in', async (t) => {
  const dir = folder(t);
  const asked = { words: [dir], config: undefined, permissions: [], signal: new AbortController().signal };
  await assert.rejects(checkPlugin(asked), /neither a package.json/);
  mkdirSync(join(dir, 'schemas'));
  const extensions = { rack: 'schemas/rack.json', broken: 'schemas/broken.json', gone: 'schemas/gone.json' };
  writeFileSync(join(dir, 'module.json'), JSON.stringify({ name: 'racks', version: '1.0.0', protocol: 1, extensions }));
  writeFileSync(join(dir, 'schemas/rack.json'), JSON.stringify({ type: 'object', properties: { slot: { type: 'integer' } } }));
  writeFileSync(join(dir, 'schemas/broken.json'), JSON.stringify({ type: 'no type' }));
  const { verdicts } = await checkPlugin(asked);
  assert.deepEqual(
    verdicts.map(({ id, verdict }) => `${id} ${verdict}`),
    ['extension.rack pass', 'extension.broken fail', 'extension.gone fail'],
  );
});
