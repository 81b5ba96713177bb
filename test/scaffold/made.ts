/** Plugins that `kraken plugin new` has made in a folder of this test, and their own tests. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { typed } from './command.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Why this template cannot be tried here, or false. */
export function lacking(template: string): string | false {
  const isMissing = template === 'module-python' && spawnSync('python3', ['--version']).status !== 0;
  return isMissing ? 'there is no python3 here' : false;
}

/** Ends with the test file. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-scaffold-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Its folder. */
export async function make(folder: string, words: readonly string[]): Promise<string> {
  const dir = join(folder, (words[0] ?? '').replace(/.*\//, ''));
  const { exit, err } = await typed([...words, '--dir', dir, '--yes']);
  assert.deepEqual([exit, err], [0, '']);
  return dir;
}

/** Every file by its path, sorted. */
export function listed(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

const TESTS: Readonly<Record<string, readonly string[]>> = {
  'module-ts': ['npm', 'test', '--silent'],
  'module-bare': ['npm', 'test', '--silent'],
  extension: ['npm', 'test', '--silent'],
  'module-python': ['python3', '-B', '-m', 'unittest'],
};

/** Runs its own tests; how many there were. Throws with what they said where one fails. What is installed for us is installed for it. */
export async function ownTests(template: string, dir: string): Promise<number> {
  if (template === 'module-ts') symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  const [file = '', ...args] = TESTS[template] ?? [];
  // A test that is started by a test would report to it.
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
  const said = await new Promise<string>((resolve) => {
    execFile(file, args, { cwd: dir, env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve(`${error ? 'failed\n' : ''}${stdout}${stderr}`),
    );
  });
  assert.doesNotMatch(said, /^failed/, said);
  const count = /(?:^# |ℹ )pass (\d+)$/m.exec(said) ?? /^Ran (\d+) tests/m.exec(said);
  return Number(count?.[1] ?? assert.fail(said));
}

/** What it answers to `initialize`, as a process; it is gone when its input ends. */
export function declared(command: readonly string[], config: object): unknown {
  const names = { host: { name: 'test', version: '0' }, node: 'self', service: 'test', module: 'test' };
  const params = { protocols: [1], ...names, config, capabilities: [], now: Date.now() };
  const input = `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`;
  const [file = '', ...args] = command;
  const { stdout, stderr, status } = spawnSync(file, args, { input, encoding: 'utf8', timeout: 20_000, cwd: tmpdir() });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout).result.declaration;
}
