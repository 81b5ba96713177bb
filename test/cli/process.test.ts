/** The command as a process: a real host that is started, used, and stopped by a signal; pipes that close. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'kraken-up-'));
const dataDir = join(folder, 'data');
const entry = fileURLToPath(new URL('../../host/bin/kraken.js', import.meta.url));
const running: ChildProcess[] = [];

interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

function start(...args: string[]): ChildProcess {
  const env = { ...process.env, KRAKEN_DATA_DIR: dataDir, KRAKEN_CONFIG: '', KRAKEN_SOCKET: '', XDG_CONFIG_HOME: folder, SUDO_USER: 'ada' };
  const child = spawn(process.execPath, [entry, ...args], { env });
  running.push(child);
  return child;
}

async function kraken(...args: string[]): Promise<Ended> {
  return ended(start(...args));
}

async function ended(child: ChildProcess): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  const [exit] = (await once(child, 'close')) as [number | null];
  return { exit, out, err };
}

let host: ChildProcess;
let hostEnd: Promise<Ended>;

before(async () => {
  writeFileSync(join(folder, 'k.yaml'), 'services: {}\nsettings: {}\n');
  host = start('up', '--config', join(folder, 'k.yaml'));
  hostEnd = ended(host);
  const [line] = (await once(host.stdout ?? assert.fail(), 'data')) as [Buffer];
  assert.equal(line.toString(), `kraken is up: 1 node, socket ${dataDir}/control.sock, data ${dataDir}\n`);
});

after(() => {
  for (const child of running) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

test('a file larger than a line of the protocol is applied whole, under the name of who ran sudo', async () => {
  const nodes = Array.from({ length: 4_000 }, (_, index) => ({
    nodename: `kr${index + 1}`,
    labels: { rack: `r${index % 40}`, ...Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((label) => [label, label.repeat(240)])) },
  }));
  const file = join(folder, 'nodes.json');
  writeFileSync(file, JSON.stringify(nodes));
  assert.ok(readFileSync(file).length > 4 * 1024 * 1024);
  assert.deepEqual(await kraken('node', 'create', file), { exit: 0, out: '4000 nodes created, 0 changed, 0 unchanged.\n', err: '' });
  const listed = await kraken('node', 'list', '-o', 'name');
  assert.equal(listed.out.split('\n').length, 4_002);
  const [history] = (await kraken('node', 'history', 'kr4000', '-n', '1')).out.split('\n').slice(1);
  assert.match(history ?? '', /kr4000 +created +ada/);
});

test('what node get prints, node apply takes', async () => {
  const { out } = await kraken('node', 'get', 'kr[1-3]', '-o', 'yaml');
  writeFileSync(join(folder, 'got.yaml'), out);
  const { out: again, exit } = await kraken('node', 'apply', join(folder, 'got.yaml'));
  assert.deepEqual([exit, again], [0, '0 nodes created, 0 changed, 3 unchanged.\n']);
});

test('one wrong node of many: its number in the file, and nothing was applied', async () => {
  const file = join(folder, 'wrong.yaml');
  writeFileSync(file, '- {nodename: new1}\n- {nodename: new2, physState: POWER_UP}\n');
  const { exit, err } = await kraken('node', 'apply', file);
  assert.equal(exit, 3);
  assert.match(err, /^kraken: .*wrong\.yaml: node 2 of 2.*physState.*POWER_UP/);
  assert.equal((await kraken('node', 'get', 'new1')).exit, 5);
});

test('who reads what is printed may stop at any time', async () => {
  const child = start('node', 'list', '-o', 'json');
  let err = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  await once(child.stdout ?? assert.fail(), 'data');
  child.stdout?.destroy();
  const [exit] = await once(child, 'exit');
  assert.deepEqual([exit, err], [0, '']);
});

for (const [tool, file, nodes] of [
  ['warewulf', 'nodes.conf', 3],
  ['hosts', 'hosts', 5],
  ['genders', 'genders', 18],
] as const) {
  test(`a host takes what is imported from ${tool}, once, and what is written down of it`, async () => {
    const from = join(folder, file);
    writeFileSync(from, readFileSync(new URL(`../fixtures/import/${file}`, import.meta.url), 'utf8').replaceAll('kr', 'other'));
    const said = await kraken('node', 'import', from, '--from', tool);
    assert.deepEqual([said.exit, said.out], [0, `${nodes} nodes created, 0 changed, 0 unchanged.\n`], said.err);
    assert.match((await kraken('node', 'import', from, '--from', tool)).out, new RegExp(`^0 nodes created, 0 changed, ${nodes} unchanged`));
    const { out } = await kraken('node', 'import', from, '--from', tool, '-o', 'yaml');
    writeFileSync(join(folder, 'imported.yaml'), out);
    assert.match(
      (await kraken('node', 'apply', join(folder, 'imported.yaml'))).out,
      new RegExp(`^0 nodes created, 0 changed, ${nodes} unchanged`),
    );
  });
}

test('the doctor sees the host that runs, and says what it found as data', async () => {
  const { exit, out, err } = await kraken('doctor', '--config', join(folder, 'k.yaml'), '-o', 'json');
  const { findings } = JSON.parse(out) as { findings: readonly { check: string; status: string; found: string }[] };
  const one = (check: string): string =>
    findings
      .filter((finding) => finding.check === check)
      .map(({ status, found }) => `${status}: ${found}`)
      .join('\n');
  assert.match(one('host'), new RegExp(`^ok: answers on ${dataDir}/control.sock, open to `), err);
  assert.equal(one('version'), 'ok: host and command are 0.1.0');
  assert.equal(one('configuration'), `ok: ${folder}/k.yaml`);
  assert.match(one('data'), /^(?:ok|warning|problem): (?:only )?\d+ MiB are free/);
  assert.equal(one('nodes'), 'ok: none of 4027 waits for a person');
  assert.equal(exit, findings.some(({ status }) => status === 'problem') ? 1 : 0);
});

test('a second host is refused the same data, in words', async () => {
  const { exit, err } = await kraken('up', '--socket', join(folder, 'other.sock'));
  assert.equal(exit, 3);
  assert.match(err, /^kraken: .+\n {2}.+\.\n$/m);
  assert.doesNotMatch(err, /defect|\n {4}at /);
});

test('SIGTERM stops the host cleanly', async () => {
  host.kill('SIGTERM');
  const { exit, err } = await hostEnd;
  assert.equal(exit, 0, err);
  assert.equal(existsSync(join(dataDir, 'control.sock')), false);
  const { exit: unreachable, err: words } = await kraken('node', 'list');
  assert.equal(unreachable, 4);
  assert.equal(
    words,
    `kraken: no host answers on ${dataDir}/control.sock: is it running?\n  Start it with: kraken up; name another with --socket.\n`,
  );
});
