/** A host that is let in by a token, as processes: the token is in no argument, no log, no file of either host, and no process of theirs. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'kraken-secrets-'));
const entry = fileURLToPath(new URL('../../host/bin/kraken.js', import.meta.url));
const echo = fileURLToPath(new URL('../fixtures/echo', import.meta.url));
const running: ChildProcess[] = [];
let said = '';

after(() => {
  for (const child of running) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

function start(host: 'head' | 'leaf', args: readonly string[], more: Record<string, string> = {}): ChildProcess {
  const own = { KRAKEN_DATA_DIR: join(folder, host), KRAKEN_CONFIG: join(folder, `${host}.yaml`), USER: 'ada' };
  const env = { PATH: process.env['PATH'], HOME: folder, ...own, ...more };
  const child = spawn(process.execPath, [entry, ...args], { env });
  running.push(child);
  return child;
}

async function kraken(host: 'head' | 'leaf', ...args: string[]): Promise<string> {
  const child = start(host, args);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => void (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => void (err += chunk.toString()));
  const [exit] = (await once(child, 'close')) as [number | null];
  assert.equal(exit, 0, `${args.join(' ')}: ${err}`);
  return out;
}

/** All that it says is kept in `said`. */
async function up(host: 'head' | 'leaf', args: readonly string[], more: Record<string, string> = {}): Promise<ChildProcess> {
  const child = start(host, ['up', ...args], more);
  for (const pipe of [child.stdout, child.stderr]) pipe?.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  await Promise.race([once(child.stdout ?? assert.fail(), 'data'), once(child, 'exit')]);
  assert.equal(child.exitCode, null, said);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function connected(): Promise<void> {
  for (const end = Date.now() + 20_000; ; await sleep(200)) {
    const { peers } = JSON.parse(await kraken('leaf', 'peers', '-o', 'json')) as { peers: { state: string; why?: string }[] };
    if (peers[0]?.state === 'connected') return;
    assert.ok(Date.now() < end, `not connected: ${JSON.stringify(peers)}\n${said}`);
  }
}

function* filesIn(path: string): Generator<string> {
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) yield* filesIn(join(path, entry.name));
    else if (entry.isFile()) yield join(path, entry.name);
}

test('a token is shown to the parent, and to nobody else; once is enough', { timeout: 90_000 }, async () => {
  const port = await freePort();
  const init = await kraken('head', 'init');
  const ca = /sha256:\S+/.exec(init)?.[0] ?? '';
  await up('head', ['--listen', `127.0.0.1:${port}`]);
  await kraken('head', 'node', 'create', '--name', 'kr1');
  const id = (await kraken('head', 'node', 'list', 'kr1', '-f', 'id')).trim().split('\n').at(-1) ?? '';
  const token = (await kraken('head', 'token', 'create', 'kr1', '-o', 'name')).trim();
  assert.match(token, /^[A-Z2-7-]{39}$/);
  const services = {
    echo: { module: echo, config: { socket: 'echo.sock' }, env: ['KRAKEN_TOKEN', 'USER'], permissions: ['env'] },
  };
  writeFileSync(join(folder, 'leaf.yaml'), JSON.stringify({ services, sync: { parents: [`127.0.0.1:${port}`], id, ca } }));
  const leaf = await up('leaf', [], { KRAKEN_TOKEN: token });
  await connected();

  const holds = (text: string): boolean => text.includes(token) || text.includes(token.replaceAll('-', ''));
  const list = JSON.parse(await kraken('leaf', 'service', 'list', '-o', 'json')) as { services: { service: string; pid?: number }[] };
  const module = list.services.find(({ service }) => service === 'echo')?.pid;
  assert.ok(module, 'the module runs');
  const environment = readFileSync(`/proc/${module}/environ`, 'latin1').split('\0');
  assert.ok(environment.includes('USER=ada'), 'it is given the variables that it may see');
  assert.ok(!environment.some((one) => one.startsWith('KRAKEN_TOKEN=')), 'and not this one, which it may see too: it was taken out');
  for (const pid of [leaf.pid, module]) assert.ok(!holds(readFileSync(`/proc/${pid}/cmdline`, 'latin1')), `arguments of ${pid}`);
  assert.ok(!holds(said), said);
  const files = [...filesIn(folder)];
  assert.ok(files.length > 10);
  for (const file of files) {
    assert.ok(!holds(readFileSync(file, 'latin1')), file);
    if (/\/keys\//.test(file)) assert.equal(statSync(file).mode & 0o077, 0, `${file} is for this user alone`);
  }
  assert.ok(!holds(await kraken('head', 'node', 'history', 'kr1')));
  assert.match(await kraken('head', 'token', 'list'), /^No token waits/, 'it was used');

  await stop(leaf);
  await up('leaf', []);
  await connected();
});

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      server.close(() => resolve(at && typeof at === 'object' ? at.port : 0));
    }),
  );
}
