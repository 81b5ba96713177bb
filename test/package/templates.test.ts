/**
 * As a new user, from packed packages in an empty folder, for each template: made, its own tests pass, it keeps the protocol, it is
 * installed on a host that runs, and nodes converge by it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { lacking } from '../scaffold/made.ts';
import { emptyFolder, type Ran, ROOT, run, strangersEnv } from './packed.ts';

const PATIENCE = 30_000;
const MODULES = ['module-ts', 'module-python', 'module-bare'];

let folder: string;
let end: () => Promise<void>;
const env = (): NodeJS.ProcessEnv =>
  strangersEnv({ PATH: `${join(folder, 'node_modules/.bin')}:${process.env['PATH']}`, KRAKEN_DATA_DIR: join(folder, 'site') });
const kraken = (...words: string[]): Promise<Ran> => run('kraken', words, folder, env());

/** What it says, where it is done. */
async function done(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await kraken(...words);
  assert.equal(code, 0, `kraken ${words.join(' ')}\n${stdout}${stderr}`);
  return stdout + stderr;
}

async function until(what: string, test: () => Promise<boolean>): Promise<void> {
  for (const began = Date.now(); !(await test()); await pause(100)) assert.ok(Date.now() - began < PATIENCE, what);
}

before(async () => {
  ({ folder } = await emptyFolder());
  // What npm would fetch for TypeScript is there already.
  symlinkSync(join(ROOT, 'node_modules/typescript'), join(folder, 'node_modules/typescript'));
  symlinkSync('../typescript/bin/tsc', join(folder, 'node_modules/.bin/tsc'));
  mkdirSync(join(folder, 'site'));
  const host = spawn('kraken', ['up'], { cwd: folder, env: env(), stdio: 'ignore' });
  const gone = new Promise<void>((resolve) => void host.once('exit', () => resolve()));
  end = async () => {
    host.kill('SIGTERM');
    await gone;
  };
  await until('the host is up', async () => existsSync(join(folder, 'site', 'control.sock')));
});

after(async () => {
  await end();
  rmSync(folder, { recursive: true, force: true });
});

const TESTS: Readonly<Record<string, readonly string[]>> = { 'module-python': ['python3', '-B', '-m', 'unittest'] };

async function ownTests(template: string, dir: string): Promise<void> {
  const [program = '', ...args] = TESTS[template] ?? ['npm', 'test', '--silent'];
  const { code, stdout, stderr } = await run(program, args, dir, env());
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout + stderr, /(?:^# |ℹ )pass [1-9]|^Ran [1-9]\d* tests/m);
}

describe('from nothing to nodes that converge', { concurrency: 2 }, () => {
  for (const template of MODULES)
    test(template, { skip: lacking(template) }, async (t) => {
      const name = `made-${template}`;
      await done('plugin', 'new', name, '--template', template, '--yes');
      await ownTests(template, join(folder, name));
      assert.match(await done('plugin', 'check', `./${name}`), / hold, 0 do not, /);
      const began = performance.now();
      // Two that are installed at once wait for each other.
      await until(`${name} is installed`, async () => (await kraken('plugin', 'install', `./${name}`, '--yes')).code === 0);
      assert.match(await done('service', 'list'), new RegExp(`^${name} +${name} +ready `, 'm'));
      t.diagnostic(`${template}: installed and ready after ${Math.round(performance.now() - began)} ms`);
      const nodes = [1, 2, 3].map((n) => ({ nodename: `${template}-${n}`, platform: name, physState: 'POWER_ON' }));
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(nodes));
      await done('node', 'create', `${name}.json`);
      await until(`nodes of ${template} are on`, async () => {
        const seen = JSON.parse(await done('node', 'list', `${template}-[1-3]`, '-t', 'dsc', '-o', 'json')) as {
          nodes: { dsc?: object }[];
        };
        return JSON.stringify(seen).split('POWER_ON').length === 4;
      });
    });

  test('extension: nodes can hold what it adds, and nothing else', async () => {
    await done('plugin', 'new', 'rack-door', '--template', 'extension', '--member', 'rackDoor', '--yes');
    await ownTests('extension', join(folder, 'rack-door'));
    assert.match(await done('plugin', 'check', './rack-door'), / hold, 0 do not, /);
    await until('it is installed', async () => (await kraken('plugin', 'install', './rack-door', '--yes')).code === 0);
    writeFileSync(join(folder, 'doors.json'), JSON.stringify([{ nodename: 'door-1', rackDoor: { address: 'door.example', port: 3 } }]));
    await done('node', 'create', 'doors.json');
    writeFileSync(join(folder, 'wrong.json'), JSON.stringify([{ nodename: 'door-2', rackDoor: { port: 'three' } }]));
    const wrong = await kraken('node', 'create', 'wrong.json');
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /rackDoor/);
    await until('it is removed', async () => (await kraken('plugin', 'remove', 'rack-door', '--yes')).code === 0);
    assert.doesNotMatch(await done('plugin', 'list'), /rack-door/);
  });
});
