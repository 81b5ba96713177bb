/** The simulator as a process: the protocol on its stdio, kill -9, what it leaves on disk, what many nodes cost. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const nodeId = (index: number): string => `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;

interface Item {
  readonly node: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly heard?: string;
  readonly session?: { readonly boot: string; readonly live: boolean };
}
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly observed?: readonly Item[] };
  readonly result?: {
    readonly observed?: readonly Item[];
    readonly failed?: readonly { readonly node: string }[];
    readonly answered?: boolean;
  };
  readonly error?: { readonly code: number; readonly message: string };
}

/** A host of nothing but a pipe: as little as the protocol asks for. */
class Pipe {
  readonly child: ChildProcess;
  readonly reports: Item[] = [];
  /** Messages from the module. */
  messages = 0;
  /** Those of them that say what was seen. */
  discovers = 0;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #next = 1;

  constructor(cwd: string) {
    this.child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), '--conditions=kraken-source', MAIN], {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#heard(JSON.parse(line) as Message));
  }

  async open(config: object, nodes: readonly { readonly id: string; readonly cfg: object }[] = []): Promise<void> {
    this.#nodes = nodes;
    const names = { host: { name: 'test', version: '0' }, node: 'self', service: 'sim', module: 'simulator' };
    const { error } = await this.request('initialize', { protocols: [1], ...names, config, capabilities: [], now: Date.now() });
    assert.equal(error, undefined);
    this.#send({ method: 'initialized', params: {} });
    await this.request('ping', {});
  }

  #nodes: readonly object[] = [];

  request(method: string, params: object): Promise<Message> {
    const id = this.#next++;
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.#send({ id, method, params });
    return answer;
  }

  /** A mutation or poll of these nodes; what was seen of them, early and in the answer. */
  async run(method: 'mutation/run' | 'poller/run', what: object, ids: readonly string[]): Promise<Map<string, Item['values']>> {
    const from = this.reports.length;
    const nodes = ids.map((id) => ({ id, cfg: { '/platform': 'sim' }, dsc: {}, revision: 1 }));
    const { result, error } = await this.request(method, { ...what, deadline: Date.now() + 20_000, nodes });
    assert.equal(error, undefined);
    assert.deepEqual(result?.failed, []);
    const seen = new Map<string, Item['values']>();
    for (const { node, values } of [...this.reports.slice(from), ...(result?.observed ?? [])])
      seen.set(node, { ...seen.get(node), ...values });
    return seen;
  }

  async power(id: string): Promise<unknown> {
    return (await this.run('poller/run', { poller: 'power' }, [id])).get(id)?.['/physState'];
  }

  async until(what: string, holds: () => boolean, within = 10_000): Promise<void> {
    for (const end = performance.now() + within; !holds(); ) {
      assert.ok(performance.now() < end, `${what}, within ${within} ms`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  #heard(message: Message): void {
    this.messages++;
    if (message.method === undefined) {
      this.#waiting.get(message.id ?? 0)?.(message);
      this.#waiting.delete(message.id ?? 0);
    } else if (message.method === 'state/discover') {
      this.discovers++;
      this.reports.push(...(message.params?.observed ?? []));
      this.#send({ id: message.id, result: { revision: 1 } });
    } else if (message.method === 'state/watch')
      this.#send({ id: message.id, result: { watch: 1, revision: 1, nodes: this.#nodes, more: false } });
  }

  #send(message: object): void {
    (this.child.stdin as NodeJS.WritableStream).write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}

function folder(t: { after(done: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'kraken-sim-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const sessions = (pipe: Pipe, id: string): string[] =>
  pipe.reports
    .filter(({ node, heard, session }) => node === id && session !== undefined && (heard === 'session' || !session.live))
    .map(({ session }) => `${session?.live === true ? 'live' : 'gone'} ${session?.boot}`);

test('killed with -9 in the middle of everything: the machines are as they were, their hosts come back, the dead are said to be dead', async (t) => {
  const cwd = folder(t);
  const config = { scale: 0.02 };
  const [up, off, crashed, dead] = [0, 1, 2, 3].map(nodeId) as [string, string, string, string];
  const before = new Pipe(cwd);
  t.after(() => before.child.kill('SIGKILL'));
  await before.open(config);
  await before.run('mutation/run', { mutation: 'powerOn' }, [up, off, dead]);
  await before.until('all three phone home', () => [up, off, dead].every((id) => sessions(before, id).length === 1));
  await before.run('mutation/run', { mutation: 'core/sync' }, [up]);
  await before.run('mutation/run', { mutation: 'powerOff' }, [off, dead]);
  assert.equal(await before.power(crashed), 'POWER_OFF');
  await before.kill();
  // The record may end in the middle of a line.
  const record = join(cwd, 'machines.jsonl');
  appendFileSync(record, '["cut');

  for (const round of [1, 2]) {
    const after = new Pipe(cwd);
    t.after(() => after.child.kill('SIGKILL'));
    await after.open(config);
    assert.equal(await after.power(up), 'POWER_ON', `round ${round}`);
    assert.equal(await after.power(off), 'POWER_OFF', `round ${round}`);
    await after.until(
      'what lives comes back, what does not is given up',
      () => sessions(after, up).length > 0 && sessions(after, off).length > 0 && sessions(after, dead).length > 0,
    );
    assert.deepEqual(sessions(after, up), sessions(before, up), 'the same boot');
    assert.deepEqual(sessions(after, off), [`gone ${sessions(before, off)[0]?.split(' ')[1]}`]);
    const home = after.reports.find(({ node, session }) => node === up && session?.live === true);
    assert.equal(home?.values['/runState'], 'SYNC');
    const on = await after.run('mutation/run', { mutation: round === 1 ? 'powerOn' : 'powerOff' }, [crashed]);
    assert.equal(on.get(crashed)?.['/sim/powerOns'], 1, 'counts go on too');
    await after.kill();
  }
  for (const line of readFileSync(record, 'utf8').trimEnd().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line);
});

test('not kept where it shall not be', async (t) => {
  const cwd = folder(t);
  const pipe = new Pipe(cwd);
  t.after(() => pipe.child.kill('SIGKILL'));
  await pipe.open({ scale: 0, persist: false });
  await pipe.run('mutation/run', { mutation: 'powerOn' }, [nodeId(0)]);
  assert.throws(() => readFileSync(join(cwd, 'machines.jsonl')), /ENOENT/);
  await pipe.request('shutdown', { reason: 'test', grace: 1000 });
  (pipe.child.stdin as NodeJS.WritableStream).end();
  const [code] = (await once(pipe.child, 'exit')) as [number];
  assert.equal(code, 0);
});

test('20,000 nodes from cold metal to images: some messages a batch, not a node; little memory', async (t) => {
  const cwd = folder(t);
  const pipe = new Pipe(cwd);
  t.after(() => pipe.child.kill('SIGKILL'));
  await pipe.open({ scale: 0 });
  const nodes = 20_000;
  const batches = Array.from({ length: nodes / 4000 }, (_, batch) =>
    Array.from({ length: 4000 }, (_, index) => nodeId(batch * 4000 + index)),
  );
  const started = performance.now();
  const from = pipe.messages;
  for (const batch of batches) await pipe.run('mutation/run', { mutation: 'powerOn' }, batch);
  await pipe.until('all phone home', () => pipe.reports.filter(({ heard }) => heard === 'session').length === nodes, 30_000);
  for (const mutation of ['core/sync', 'begin', 'start', 'stop', 'core/quiesce', 'powerOff'])
    for (const batch of batches) await pipe.run('mutation/run', { mutation }, batch);
  const messages = pipe.messages - from;
  const seconds = (performance.now() - started) / 1000;
  const isLinux = process.platform === 'linux';
  const rss = isLinux ? Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pipe.child.pid}/status`, 'utf8'))?.[1]) / 1024 : 0;
  t.diagnostic(`${nodes} nodes, 7 mutations: ${seconds.toFixed(1)} s, ${messages} messages, peak ${Math.round(rss)} MB`);
  assert.ok(messages < nodes / 50, `${messages} messages for ${nodes} nodes`);
  assert.ok(rss < 400, `${rss} MB`);
});
