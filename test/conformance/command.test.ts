/** `kraken plugin check`, as it is typed: what it prints, for people and for programs, and its exit code. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FakeHost, type Outcome } from '../cli/fake.ts';

const bad = (name: string): string => fileURLToPath(new URL(`../fixtures/bad/${name}.mjs`, import.meta.url));
const host = new FakeHost();
after(() => host.stop().catch(() => undefined));

const check = (...words: string[]): Promise<Outcome> => host.run({ args: ['plugin', 'check', ...words] });
const command = (name: string): string[] => ['--', process.execPath, bad(name)];

test('a module that keeps to all rules: each with its sentence, and exit code 0', async () => {
  const { exit, out, err } = await check(...command('good'));
  assert.deepEqual([exit, err], [0, '']);
  assert.match(out, /^✓ wire\.json +Every line on stdout is one JSON object.*\.$/m);
  assert.match(out, /^– \S+ +.* \(.*\)$/m, 'what is not applicable says why');
  assert.match(out, /\n\d+ hold, 0 do not, \d+ are not applicable\.\n$/);
});

test('one that breaks a rule: which, why, what was said, and exit code 1', async () => {
  const { exit, out } = await check('--only', 'init', ...command('wrong-version'));
  assert.equal(exit, 1);
  assert.match(out, /^✗ init\.version .*\n {4}\S.*\n(?: {4} *\d+ ms → \{"jsonrpc".*\n)/m);
  assert.doesNotMatch(out, /wire\.json/, 'only what was asked for');
});

test('for programs: JSON, or the ids of what failed', async () => {
  const { exit, out } = await check('-o', 'json', ...command('garbage-on-stdout'));
  const { verdicts, failed } = JSON.parse(out) as { verdicts: { id: string; verdict: string; transcript?: string[] }[]; failed: number };
  assert.deepEqual([exit, failed], [1, 1]);
  const [broken] = verdicts.filter(({ verdict }) => verdict === 'fail');
  assert.equal(broken?.id, 'wire.json');
  assert.ok(broken?.transcript?.some((line) => line.includes('Hello, I am line')));
  assert.equal((await check('-o', 'name', ...command('garbage-on-stdout'))).out, 'wire.json\n');
  assert.deepEqual(Object.keys(JSON.parse((await check('--json', '--only', 'ping', ...command('good'))).out)), ['verdicts', 'failed']);
});

test('what cannot be checked is refused in words', async () => {
  writeFileSync(join(host.folder, 'broken.yaml'), 'a: [1\n');
  const refused = async (exit: number, words: RegExp, ...args: string[]): Promise<void> => {
    const outcome = await check(...args);
    assert.equal(outcome.exit, exit, outcome.err);
    assert.match(outcome.err, words);
  };
  await refused(2, /there is no requirement init\.versoin/, '--only', 'init.versoin', ...command('good'));
  await refused(2, /broken\.yaml/, '--config', 'DIR/broken.yaml', ...command('good'));
  await refused(2, /cannot be read/, '--config', 'DIR/none.yaml', ...command('good'));
  await refused(5, /neither a package\.json .* nor a module\.json/, 'DIR');
});

test('Ctrl-C ends it, and its processes', async () => {
  const began = performance.now();
  const { exit, err } = await host.run({ args: ['plugin', 'check', ...command('never-answers')], interruptAfter: 300 });
  assert.equal(exit, 2);
  assert.match(err, /the check was interrupted/);
  assert.ok(performance.now() - began < 5_000);
});
