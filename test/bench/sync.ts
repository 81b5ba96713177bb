/**
 * One host with `--children N` children (default 1,000), each at an address of its own: what they cost while nothing happens, how long a
 * change takes to get to one, and how long all take to come from nothing. The host is the built command; the children are the real
 * child side without engines, all in one other process (sync-children.ts).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '../../host/cli/client.ts';
import type { Call } from '../../host/cli/io.ts';
import { percentile } from './frame.ts';
import type { Command, Plan, Traffic, Word } from './sync-children.ts';

const KRAKEN = fileURLToPath(new URL('../../host/dist/kraken.js', import.meta.url));
const CHILDREN = fileURLToPath(new URL('./sync-children.ts', import.meta.url));
/** Nodes in one part of a transaction. */
const PART = 5_000;
/** Tokens made at once. */
const TOKENS = 1_000;
const HOUR = 3_600_000;
/** Descriptors beside those of children: each child is one at the host (its tether), two at itself (a UDP socket too). */
const OTHER_FILES = 256;
/** After the last enrolment, until what follows from it has been told. */
const SETTLE_MS = 5_000;
const HELLO_MS = 10_000;
/** IPv4 and UDP headers. */
const HEADERS = 28;
const TICKS = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;

interface Options {
  readonly children?: number;
  /** Hello intervals over which the steady state is measured. */
  readonly hellos?: number;
  /** Changes whose way is timed. */
  readonly samples?: number;
  readonly atOnce?: number;
}

export async function run({ children = 1_000, hellos = 3, samples = 300, atOnce = 64 }: Options): Promise<Record<string, number | string>> {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-bench-'));
  const started: ChildProcess[] = [];
  try {
    const host = await startParent(folder, children, started);
    const nodes = Array.from({ length: children }, (_, i) => idOf(i));
    const tokens = await create(host.client, nodes);
    const player = new Player(children, started);
    await player.loaded;
    const from = machineTime();
    player.send({ kind: 'start', plan: { parent: host.address, caPin: host.pin, nodes: tokens, atOnce, sockets: socketsFor(children) } });
    const { at, tries } = await player.enrolled;
    await sleep(SETTLE_MS);
    const steady = await restOf(host.pid, player, children, hellos);
    const times = await changes(host.client, player, nodes, samples);
    return {
      children,
      ...steady,
      changeMsP50: percentile(times, 0.5),
      changeMsP99: percentile(times, 0.99),
      enrolSeconds: (at - from) / 1000,
      enrolTries: tries,
      peakRssMb: memoryOf(host.pid, 'VmHWM'),
    };
  } finally {
    await Promise.all(started.reverse().map(ended));
    rmSync(folder, { recursive: true, force: true });
  }
}

const machineTime = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;
const idOf = (index: number): string => `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await gone;
  clearTimeout(timer);
}

/** Starts a program that may open so many files, or as many as the system lets it. */
function withFiles(files: number, args: readonly string[], stdio: ('ignore' | 'inherit' | 'ipc')[], env = process.env): ChildProcess {
  const script = `ulimit -n ${files} 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"`;
  return spawn('sh', ['-c', script, process.execPath, ...args], { stdio, env });
}

/** UDP sockets that the process of the children may have beside one tether for each: all of them, if the system lets it. */
function socketsFor(children: number): number {
  const wanted = 2 * children + OTHER_FILES;
  const { stdout } = spawnSync('sh', ['-c', `ulimit -n ${wanted} 2>/dev/null; ulimit -Hn`], { encoding: 'utf8' });
  const allowed = stdout.trim() === 'unlimited' ? wanted : Number(stdout);
  const sockets = Math.min(children, allowed - children - OTHER_FILES);
  if (sockets < 1)
    throw new Error(`${allowed} files may be open, and ${children} children need ${wanted}: raise ulimit -Hn, or name fewer`);
  if (sockets < children) console.error(`${allowed} files may be open: ${children - sockets} of ${children} children share a UDP socket`);
  return sockets;
}

interface Parent {
  readonly pid: number;
  readonly client: Client;
  readonly address: Plan['parent'];
  readonly pin: string;
}

async function startParent(folder: string, children: number, started: ChildProcess[]): Promise<Parent> {
  const socket = join(folder, 'k.sock');
  const config = join(folder, 'kraken.json');
  const env = { ...process.env, KRAKEN_DATA_DIR: join(folder, 'data'), KRAKEN_SOCKET: socket, KRAKEN_CONFIG: config };
  const init = spawnSync(process.execPath, [KRAKEN, 'init'], { env, encoding: 'utf8' });
  const [pin] = /sha256:[\w-]+/.exec(init.stdout) ?? [];
  if (pin === undefined) throw new Error(`kraken init names no pin: ${init.stderr}${init.stdout}`);
  writeFileSync(config, JSON.stringify({ services: {} }));
  const port = await freePort();
  const host = withFiles(children + OTHER_FILES, [KRAKEN, 'up', '--listen', `127.0.0.1:${port}`], ['ignore', 'ignore', 'inherit'], env);
  started.push(host);
  const client = await connected(socket);
  return { pid: host.pid ?? 0, client, address: { host: '127.0.0.1', port }, pin };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      server.close(() => resolve(typeof at === 'object' && at ? at.port : 0));
    });
  });
}

async function connected(socket: string): Promise<Client> {
  const call = { paths: { socket }, user: 'bench', io: { err: (text: string) => process.stderr.write(text) } } as unknown as Call;
  for (let tries = 0; ; tries++) {
    try {
      return await openClient(call);
    } catch (error) {
      if (tries > 200) throw error;
      await sleep(50);
    }
  }
}

/** The nodes, each with a token for its host. */
async function create(client: Client, ids: readonly string[]): Promise<Plan['nodes']> {
  const { nodes } = await client.ask('state/read', { view: 'cfg', limit: 1 });
  const parentId = nodes[0]?.id ?? '';
  for (let from = 0, part = 0; from < ids.length; from += PART, part++) {
    const docs = ids.slice(from, from + PART).map((id, i) => ({ id, nodename: `n${from + i}`, parentId, runState: 'SYNC' }));
    await client.ask('node/apply', { nodes: docs, mode: 'put', tx: 'bench', part, last: from + PART >= ids.length });
  }
  const all: { node: string; token: string }[] = [];
  for (let from = 0; from < ids.length; from += TOKENS) {
    const { tokens } = await client.ask('token/create', { set: ids.slice(from, from + TOKENS).join(','), until: Date.now() + HOUR });
    for (const { node, token = '' } of tokens) all.push({ node, token });
  }
  return all;
}

/** The process of the children. */
class Player {
  readonly loaded: Promise<void>;
  readonly enrolled: Promise<{ readonly at: number; readonly tries: number }>;
  readonly #process: ChildProcess;
  readonly #took = new Map<number, (at: number) => void>();
  #figures: ((traffic: Traffic) => void) | undefined;

  constructor(children: number, started: ChildProcess[]) {
    const args = ['--import', 'tsx', '--conditions=kraken-source', '--max-old-space-size=4096', CHILDREN];
    this.#process = withFiles(2 * children + OTHER_FILES, args, ['ignore', 'inherit', 'inherit', 'ipc']);
    started.push(this.#process);
    let loaded: () => void = () => {};
    let enrolled: (word: Extract<Word, { kind: 'enrolled' }>) => void = () => {};
    let fail: (error: Error) => void = () => {};
    this.loaded = new Promise((resolve) => {
      loaded = resolve;
    });
    this.enrolled = new Promise((resolve, reject) => {
      enrolled = resolve;
      fail = reject;
    });
    this.#process.on('exit', (code) => fail(new Error(`the process of the children ended with ${code}`)));
    this.#process.on('message', (word: Word) => {
      if (word.kind === 'loaded') loaded();
      else if (word.kind === 'enrolled') enrolled(word);
      else if (word.kind === 'took') this.#took.get(word.value)?.(word.at);
      else if (word.kind === 'figures') this.#figures?.(word.traffic);
      else if (word.kind === 'failed') fail(new Error(word.why));
    });
  }

  send(command: Command): void {
    this.#process.send(command);
  }

  traffic(): Promise<Traffic> {
    return new Promise((resolve) => {
      this.#figures = resolve;
      this.send({ kind: 'figures' });
    });
  }

  /** When a child has taken this value. */
  took(value: number): Promise<number> {
    return new Promise((resolve) => this.#took.set(value, resolve));
  }
}

async function restOf(pid: number, player: Player, children: number, hellos: number): Promise<Record<string, number>> {
  const before = { traffic: await player.traffic(), cpu: cpuOf(pid), at: machineTime() };
  await sleep(hellos * HELLO_MS);
  const after = { traffic: await player.traffic(), cpu: cpuOf(pid), at: machineTime() };
  const intervals = (children * (after.at - before.at)) / HELLO_MS;
  const each = (way: 'up' | 'down', headers: number): number => {
    const [old, now] = [before.traffic[way], after.traffic[way]];
    return (now.bytes - old.bytes + headers * (now.count - old.count)) / intervals;
  };
  return {
    bytesUpPerHello: each('up', 0),
    bytesDownPerHello: each('down', 0),
    withHeadersUp: each('up', HEADERS),
    withHeadersDown: each('down', HEADERS),
    streamBytesPerHello: (after.traffic.streamBytes - before.traffic.streamBytes) / intervals,
    parentCpuPercent: (100 * (after.cpu - before.cpu)) / ((after.at - before.at) / 1000),
    rssMb: memoryOf(pid, 'VmRSS'),
  };
}

/** One change after the other, each at another child. */
async function changes(client: Client, player: Player, nodes: readonly string[], samples: number): Promise<number[]> {
  const times: number[] = [];
  const warmUp = Math.ceil(samples / 10);
  for (let sample = -warmUp; sample < samples; sample++) {
    const value = sample + warmUp + 1;
    const taken = player.took(value);
    const node = nodes[(value * 7919) % nodes.length] ?? '';
    const from = machineTime();
    await client.ask('node/set', { set: node, values: { '/labels/bench': `${value}` } });
    const time = (await taken) - from;
    if (sample >= 0) times.push(time);
    await sleep(5);
  }
  return times;
}

/** Seconds of processor time. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
