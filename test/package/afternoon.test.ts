/**
 * Does what sdk/AFTERNOON.md says, block by block, in a folder that knows nothing of this repository. Changed are two things only: the
 * strip's port is a free one, and what npm would fetch is there already (our packages from their tarballs).
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { emptyFolder, ROOT, run, strangersEnv } from './packed.ts';

/** What needs a network, and is there already. */
const FETCHES = /^(?:mkdir -p afternoon|npm init|npm install|cd pdu && npm install)/;
const READY = /listens on port|kraken is up/;
const PATIENCE = 20_000;

interface Block {
  /** `file=PATH`, or for `sh`: background, fails, eventually; for `text`: output. */
  readonly how: string;
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(({ index, 1: language = '', 2: how = '', 3: text = '' }) => ({
    language,
    how,
    text,
    line: page.slice(0, index).split('\n').length,
  }));
}

let folder: string;
let exported = '';
/** What the last command said; undefined where there was nothing to do. */
let said: string | undefined = '';
const behind: ChildProcess[] = [];
const PORT = await new Promise<number>((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number };
    server.close(() => resolve(port));
  });
});
const env = (): NodeJS.ProcessEnv =>
  strangersEnv({ PATH: `${join(folder, 'node_modules/.bin')}:${process.env['PATH']}`, STRIP_PORT: String(PORT) });

before(async () => {
  ({ folder } = await emptyFolder());
  symlinkSync(join(ROOT, 'node_modules/typescript'), join(folder, 'node_modules/typescript'));
  symlinkSync('../typescript/bin/tsc', join(folder, 'node_modules/.bin/tsc'));
});

after(async () => {
  for (const child of behind.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = new Promise((resolve) => child.on('exit', resolve));
    process.kill(-(child.pid as number), 'SIGTERM');
    await gone;
  }
  rmSync(folder, { recursive: true, force: true });
});

/** The lines that can be done here; what is exported holds in every later terminal too. */
function script(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '' && !FETCHES.test(line));
  exported += lines
    .filter((line) => line.startsWith('export '))
    .map((line) => `${line}\n`)
    .join('');
  const done = lines.filter((line) => !line.startsWith('export '));
  return done.length === 0
    ? ''
    : `set -e -o pipefail\n${exported}${done.join('\n')}`.replaceAll('npx ', '').replaceAll(':8099', `:${PORT}`);
}

async function inBackground(text: string): Promise<void> {
  const child = spawn('bash', ['-c', script(text)], { cwd: folder, env: env(), detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  behind.push(child);
  let heard = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
  for (let waited = 0; !READY.test(heard); waited += 50) {
    assert.ok(waited < PATIENCE && child.exitCode === null, `it does not come up:\n${heard}`);
    await pause(50);
  }
}

const has = (lines: string): boolean =>
  lines
    .trim()
    .split('\n')
    .every((line) => said?.includes(line.trim()));

async function perform({ language, how, text }: Block, next: Block | undefined): Promise<void> {
  if (how.startsWith('file=')) {
    const file = join(folder, how.slice('file='.length));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text.replaceAll(':8099', `:${PORT}`));
    return;
  }
  if (how === 'output' && said === undefined) return;
  if (how === 'output') return assert.ok(has(text), `expected:\n${text}\nbut it says:\n${said}`);
  assert.equal(language, 'sh', `what is to be done with ${language} ${how}?`);
  if (how === 'background') return inBackground(text);
  const lines = script(text);
  said = undefined;
  if (lines === '') return;
  const expected = how === 'eventually' && next?.how === 'output' ? next.text : '';
  for (const started = Date.now(); ; await pause(200)) {
    const { code, stdout, stderr } = await run('bash', ['-c', lines], folder, env());
    said = stdout + stderr;
    if (how !== 'eventually' || (code === 0 && has(expected)) || Date.now() - started > PATIENCE) {
      assert.equal(code !== 0, how === 'fails', said);
      return;
    }
  }
}

const page = readFileSync(join(ROOT, 'sdk/AFTERNOON.md'), 'utf8');
const blocks = blocksOf(page);
let broken = false;
for (const [index, block] of blocks.entries())
  test(`line ${block.line}: ${block.how || block.language} ${block.text.split('\n')[0]}`, async (t) => {
    if (broken) return t.skip('a step before it has failed');
    broken = true;
    await perform(block, blocks[index + 1]);
    broken = false;
  });

test('the page has what it promises: every block is one that is done', () => {
  assert.ok(blocks.length > 30);
  assert.equal(page.match(/^```/gm)?.length, blocks.length * 2);
});
