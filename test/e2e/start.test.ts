/** `npm start`: sixteen simulated nodes to goal, a fault that heals, Ctrl-C; and what a second host is told. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { goal, KRAKEN, Lab, service, simulated, until } from './lab.ts';

/** The simulation without a data directory of its own: it makes one, and takes it away. */
function sim(t: TestContext): { lab: Lab; temporary: string } {
  const lab = new Lab(t, {});
  const temporary = join(lab.folder, 'tmp');
  mkdirSync(temporary);
  return { lab, temporary };
}

const END = /The simulation has ended: all nodes were at goal after ([\d.]+) s\. Next: /;

async function assertCleanEnd(
  lab: Lab,
  temporary: string,
  ended: { readonly exit: number | null; readonly out: string; readonly err: string },
): Promise<void> {
  assert.equal(ended.exit, 0, ended.err);
  assert.match(ended.out, END);
  await lab.assertNothingLeft();
  assert.deepEqual(
    readdirSync(temporary).filter((name) => name.startsWith('kraken')),
    [],
    'its temporary folder is gone',
  );
}

test('kraken sim without a terminal: 16 nodes at goal in under 30 s, a panic heals, SIGINT ends it clean', async (t) => {
  const { lab, temporary } = sim(t);
  const started = performance.now();
  const run = lab.spawn(process.execPath, [KRAKEN, 'sim'], { TMPDIR: temporary, KRAKEN_DATA_DIR: '' });
  await until('the socket answers', () => existsSync(lab.socket), 10_000);
  const client = await lab.client();
  await until('the nodes are there', async () => (await client.ask('engine/status', {})).nodes === 17, 5_000);
  await goal(client, 'kr[1-16]', 30_000);
  t.diagnostic(`16 nodes at goal ${((performance.now() - started) / 1000).toFixed(1)} s after the command`);

  const { exit, out } = await lab.kraken('sim', 'fault', 'kr3', 'panic');
  assert.deepEqual([exit, out], [0, '1 node broken: panic. Look: kraken node explain kr3\n']);
  const dead = async (): Promise<boolean> => (await client.ask('node/explain', { set: 'kr3' })).nodes[0]?.walk !== 'atGoal';
  await until('the panic is noticed', dead, 15_000);
  assert.deepEqual((await lab.kraken('sim', 'clear', 'kr3')).exit, 0);
  const since = performance.now();
  await goal(client, 'kr[1-16]', 60_000);
  t.diagnostic(`the panicked node was back ${((performance.now() - since) / 1000).toFixed(1)} s after the fault was cleared`);
  const { nodes } = await client.ask('state/read', { set: 'kr3', view: 'dsc' });
  assert.equal((nodes[0]?.dsc as { sim?: { powerOffs?: number } } | undefined)?.sim?.powerOffs, 1, 'by one power cycle');

  const { changes } = await client.ask('node/history', { set: 'kr3', limit: 1_000 });
  assert.deepEqual([...new Set(changes.map(({ node }) => node))], [nodes[0]?.id], 'the history of a node is of that node');
  assert.equal(changes.filter(({ path, to }) => path === 'sent' && /^sim\/(powerOff|unhang)$/.test(String(to))).length, 1);

  run.child.kill('SIGINT');
  await assertCleanEnd(lab, temporary, await run.ended);
});

test('kraken sim in a terminal: a live table, which q and Ctrl-C end', async (t) => {
  const { lab, temporary } = sim(t);
  const probe = await lab.spawn('python3', ['-c', 'import pty']).ended.catch(() => ({ exit: 127 }));
  if (probe.exit !== 0) return t.skip('there is no python3 to open a pseudo terminal with');
  const run = lab.spawn('python3', ['-c', TERMINAL, process.execPath, KRAKEN, 'sim', '--scale', '0.2', '--nodes', '4'], {
    TMPDIR: temporary,
    KRAKEN_DATA_DIR: '',
    TERM: 'xterm',
  });
  const ended = await run.ended;
  assert.match(ended.out, /\u001b\[\?1049h/, 'it takes the screen');
  assert.match(ended.out, /kr4/);
  assert.ok(ended.out.indexOf('\u001b[?1049l') > ended.out.indexOf('\u001b[?1049h'), 'and gives it back');
  assert.match(ended.out, /\u001b\[\?25h/, 'with its cursor');
  await assertCleanEnd(lab, temporary, ended);
});

/** Runs a command in a pseudo terminal; presses Ctrl-C when four nodes have their images. */
const TERMINAL = `
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen, pressed, end = b'', False, time.time() + 40
while True:
    ready, _, _ = select.select([fd], [], [], 0.5)
    if ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        sys.stdout.buffer.write(data)
        seen = data
    if not pressed and seen.count(b'ACTIVE') >= 4 and (b'at goal' in seen):
        time.sleep(1)
        os.write(fd, b'\\x03')
        pressed = True
    if time.time() > end:
        os.kill(pid, 9)
        break
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.flush()
sys.exit(os.waitstatus_to_exitcode(status) & 255)
`;

test('a second host is refused in words: on the same data, and on the same socket', async (t) => {
  const lab = new Lab(t, { services: {} });
  const first = await lab.up();
  const check = async (args: readonly string[], expect: RegExp): Promise<void> => {
    const { exit, err } = await lab.kraken('up', ...args);
    assert.equal(exit, 3, err);
    assert.match(err, expect);
  };
  await check(['--socket', join(lab.folder, 'other.sock')], new RegExp(`data directory is in use: process ${first.pid} `));
  await check(['--data-dir', join(lab.folder, 'other')], /k\.sock: .*\n? *.*(another|other).*host/i);
  const { exit } = await lab.kraken('node', 'list');
  assert.equal(exit, 0, 'the first goes on');
  first.child.kill('SIGTERM');
  assert.equal((await first.ended).exit, 0);
  await lab.assertNothingLeft();
});

test('a socket left by a host that was killed does not keep the next one from starting', async (t) => {
  const lab = new Lab(t, { services: {} });
  const first = await lab.up();
  first.child.kill('SIGKILL');
  await first.ended;
  assert.ok(existsSync(lab.socket));
  const { exit, err } = await lab.kraken('node', 'list');
  assert.equal(exit, 4);
  assert.match(err, /no host answers on .*k\.sock/);
  await lab.up();
  assert.equal((await lab.kraken('node', 'list')).exit, 0);
});

test('figures: memory and time to start, empty and with 10,000 nodes', async (t) => {
  const lab = new Lab(t, { services: { sim: { module: 'simulator', serves: 'nothing', config: { parts: ['power'] } } } });
  let started = performance.now();
  const empty = await lab.up();
  const first = performance.now() - started;
  const client = await lab.client();
  const module = await service(client, 'sim', 'ready');
  const rss = (pid: number): string => `${(rssKb(pid) / 1024).toFixed(0)} MB`;
  t.diagnostic(`empty: the socket answers after ${first.toFixed(0)} ms; host ${rss(empty.pid)}, a module ${rss(module)}`);
  const nodes = simulated(10_000).map((node) => ({ ...node, platform: 'other' }));
  for (let part = 0; part < 4; part++)
    await client.ask('node/apply', {
      nodes: nodes.slice(part * 2_500, (part + 1) * 2_500),
      mode: 'create',
      tx: 'all',
      part,
      last: part === 3,
    });
  empty.child.kill('SIGTERM');
  await empty.ended;
  started = performance.now();
  const full = await lab.up();
  const second = performance.now() - started;
  assert.match(full.out(), /kraken is up: 10001 nodes/);
  t.diagnostic(`10,000 nodes: the socket answers after ${second.toFixed(0)} ms; host ${rss(full.pid)}`);
});

const rssKb = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
