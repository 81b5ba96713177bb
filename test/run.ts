/**
 * `npm test [-- WORD…] [-- --test-name-pattern=…]`: lists the test files itself (on Node 20 `node --test DIR` finds no .ts, and
 * does not fail), and hands them to Node's runner. A WORD takes the files that have it in their path; `--real` takes the tests that
 * need real tools (`*.real.test.ts`) instead of the others. `KRAKEN_LONG=1` takes those that are long, too (long.ts).
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleTests } from './bundles.ts';
import { isLong, LONG } from './long.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Those that wait most come first, after the one folder that computes for a minute, so that none is left alone at the end. */
const FOLDERS = ['plugins', 'test', 'sdk', 'host', 'templates'];
const LONGEST = 'test/sim/sync/';
const NEVER = new Set(['node_modules', 'dist', 'fixtures']);
/** Five at once: the machines that run this have two cores, and half of the tests wait. Real tests share ports and tools, and wait minutes on purpose. */
const KINDS = {
  usual: { ending: '.test.ts', atOnce: 5, timeout: 4 * 60_000 },
  real: { ending: '.real.test.ts', atOnce: 1, timeout: 40 * 60_000 },
};

function testFiles(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return NEVER.has(entry.name) ? [] : testFiles(path);
      return path.endsWith('.test.ts') ? [path] : [];
    });
}

const args = process.argv.slice(2);
const real = args.includes('--real');
const kind = real ? KINDS.real : KINDS.usual;
const forNode = args.filter((arg) => arg.startsWith('--') && arg !== '--real');
const given = args.filter((arg) => !arg.startsWith('--'));
const words = given.filter((word) => !word.startsWith('!')).map((word) => word.replace(/^\.\//, ''));
const without = given.filter((word) => word.startsWith('!')).map((word) => word.slice(1));
const files = FOLDERS.flatMap(testFiles)
  .filter((file) => file.endsWith(KINDS.real.ending) === real)
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .filter((file) => !without.some((word) => file.includes(word)))
  .filter((file) => LONG || words.length > 0 || !isLong(file))
  .sort((a, b) => Number(b.startsWith(LONGEST)) - Number(a.startsWith(LONGEST)));

if (files.length === 0) {
  const asked = words.length > 0 ? ` with ${words.map((word) => `"${word}"`).join(' or ')} in its path` : '';
  console.error(`no ${real ? 'real ' : ''}test file${asked} under ${FOLDERS.join(', ')}: nothing was tested, which is not a success`);
  process.exit(1);
}

/** A simulated cluster makes much that is gone at once: with room for it a storm takes a fifth less. */
const node = ['--max-semi-space-size=32', '--enable-source-maps', '--test', '--test-reporter=spec'];
const limits = [`--test-concurrency=${kind.atOnce}`, `--test-timeout=${kind.timeout}`];
const bundles = await bundleTests(ROOT, files);
process.on('exit', bundles.remove);
const child = spawn(process.execPath, [...node, ...limits, ...forNode, ...bundles.files], {
  cwd: ROOT,
  stdio: ['ignore', 'inherit', 'inherit'],
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
