/**
 * Hosts as they run in production, each in a namespace of its own: the built command, its folder, its control socket. Their boots are
 * told apart by a boot id of the test's making.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '../../host/cli/client.ts';
import type { Call } from '../../host/cli/io.ts';
import type { Network, Place } from './network.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** KRAKEN_COMMAND names another build, as of before a change. */
const KRAKEN = process.env['KRAKEN_COMMAND'] ?? join(ROOT, 'host/bin/kraken.js');
const ECHO = join(ROOT, 'test/fixtures/echo');
const START_LIMIT = 60_000;

export interface HostPlan {
  readonly name: string;
  readonly id: string;
  /** Names of hosts, the best first; none = the root. */
  readonly parents?: readonly string[];
  /** Addresses of parents instead of the hosts' own, as where a proxy stands before them. */
  readonly addresses?: readonly string[];
  /** Runs the module of test/fixtures/echo, by which the test has values observed. */
  readonly echoes?: boolean;
  readonly sync?: object;
  readonly settings?: object;
}

export interface Said {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** A value that a watch has told of, and when (ms, this process's monotonic clock). */
interface Seen {
  readonly value: unknown;
  readonly at: number;
}

/** A change of a run state. */
export interface Turned {
  readonly node: string;
  readonly to: unknown;
  readonly at: number;
}

/** All hosts' folders lie in one, removed with the cluster. */
export class Cluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'kraken-sync-'));
  readonly network: Network;
  readonly hosts = new Map<string, SyncHost>();
  pin = '';

  constructor(network: Network) {
    this.network = network;
  }

  static build(): void {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'host/build.mjs')], { encoding: 'utf8' });
    assert.equal(status, 0, `host/build.mjs failed: ${stderr}`);
  }

  /** A place in the network and a folder; nothing runs yet. */
  add(plan: HostPlan): SyncHost {
    const host = new SyncHost(this, plan, this.network.add(plan.name));
    this.hosts.set(plan.name, host);
    return host;
  }

  host(name: string): SyncHost {
    return this.hosts.get(name) ?? assert.fail(`there is no host ${name}`);
  }

  async end(): Promise<void> {
    await Promise.all([...this.hosts.values()].map((host) => host.stop()));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class SyncHost {
  readonly plan: HostPlan;
  readonly place: Place;
  readonly folder: string;
  readonly #cluster: Cluster;
  #process: ChildProcess | undefined;
  #client: Client | undefined;
  #log = '';
  #boot = randomUUID();
  /** Every run state that the watch has told of, of all nodes, over all starts. */
  readonly runStates: Turned[] = [];
  readonly #seen = new Map<string, Seen>();
  #waiters: { readonly key: string; readonly fits: (value: unknown) => boolean; readonly done: (seen: Seen) => void }[] = [];

  constructor(cluster: Cluster, plan: HostPlan, place: Place) {
    this.#cluster = cluster;
    this.plan = plan;
    this.place = place;
    this.folder = join(cluster.folder, plan.name);
    mkdirSync(this.folder, { mode: 0o700 });
    this.configure();
  }

  get name(): string {
    return this.plan.name;
  }

  get id(): string {
    return this.plan.id;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get log(): string {
    return this.#log;
  }

  configure(): void {
    const echo = { module: ECHO, config: { socket: 'echo.sock' } };
    const { sync = {}, settings = {}, echoes = false } = this.plan;
    writeFileSync(this.file('kraken.json'), JSON.stringify({ settings, sync, services: echoes ? { echo } : {} }), { mode: 0o600 });
  }

  /** The echo's socket, in the one folder that it may write to. */
  get echoSocket(): string {
    return join(this.file('data'), 'services', 'echo', 'echo.sock');
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  #environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      HOME: this.folder,
      USER: 'ada',
      COLUMNS: '400',
      KRAKEN_DATA_DIR: this.file('data'),
      KRAKEN_SOCKET: this.file('k.sock'),
      KRAKEN_CONFIG: this.file('kraken.json'),
    };
  }

  /** `kraken ARGS…` in this host's namespace, to its end. */
  async kraken(...args: readonly string[]): Promise<Said> {
    const [program, all] = this.#cluster.network.inside(this.name, process.execPath, [KRAKEN, ...args]);
    const child = spawn(program, all, { env: this.#environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => void (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (err += chunk.toString()));
    const [exit] = (await once(child, 'close')) as [number | null];
    return { exit, out, err };
  }

  async told(...args: readonly string[]): Promise<string> {
    const { exit, out, err } = await this.kraken(...args);
    assert.equal(exit, 0, `kraken ${args.join(' ')} at ${this.name} ended with ${exit}: ${err}${out}`);
    return out;
  }

  /** The token that it shows at the door; a host with one keeps its key on disk. */
  token(token: string): void {
    writeFileSync(this.file('token'), `${token}\n`, { mode: 0o600 });
  }

  /** `kraken up`, until its socket answers. */
  async start(): Promise<void> {
    const { id, parents = [], addresses = parents.map((name) => this.#cluster.host(name).place.address) } = this.plan;
    const args = ['up', '--id', id, '--listen', this.place.address];
    if (addresses.length > 0) args.push('--parent', addresses.join(','), '--ca', this.#cluster.pin);
    if (existsSync(this.file('token'))) args.push('--token-file', this.file('token'));
    // The namespace has mounts of its own too.
    writeFileSync(this.file('boot_id'), `${this.#boot}\n`);
    const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
    const [program, all] = this.#cluster.network.inside(this.name, 'sh', [
      '-c',
      script,
      this.file('boot_id'),
      process.execPath,
      KRAKEN,
      ...args,
    ]);
    rmSync(this.echoSocket, { force: true });
    const child = spawn(program, all, { env: this.#environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    const keep = (chunk: Buffer): void => void (this.#log += chunk.toString());
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    for (const end = Date.now() + START_LIMIT; ; await sleep(20)) {
      if (child.exitCode !== null || Date.now() > end) throw new Error(`${this.name} does not come up:\n${this.#log}`);
      const isReady = !this.plan.echoes || existsSync(this.echoSocket);
      if (isReady && (await this.#watches())) return;
    }
  }

  /** The machine has booted anew: what it keeps in memory is gone, which is all where it has no token, and so no disk. */
  rebooted(): void {
    this.#boot = randomUUID();
    if (!existsSync(this.file('token'))) rmSync(this.file('data'), { recursive: true, force: true });
  }

  /** Watches all nodes, all paths, both views. */
  async #watches(): Promise<boolean> {
    try {
      const call = { paths: { socket: this.file('k.sock') }, user: 'ada', io: { err: () => {} } } as unknown as Call;
      this.#seen.clear();
      const client = await openClient(call, {
        'state/changed': ({ nodes = [], changes = [] }) => {
          for (const { id, cfg, dsc } of nodes) this.#takeNode(id, cfg, dsc);
          for (const { node, view, path, to } of changes) if (view === 'cfg' || view === 'dsc') this.#take(view, node, path, to);
        },
      });
      const { nodes } = await client.ask('state/watch', { view: 'both' });
      for (const { id, cfg, dsc } of nodes) this.#takeNode(id, cfg, dsc);
      this.#client = client;
      void client.ended.then((why) => {
        if (this.#client === client) this.#log += `\n(the test's watch has ended: ${why})\n`;
      });
      return true;
    } catch {
      return false;
    }
  }

  #takeNode(id: string, cfg: object | undefined, dsc: object | undefined): void {
    for (const [view, doc] of [['cfg', cfg] as const, ['dsc', dsc] as const])
      for (const [name, value] of Object.entries(doc ?? {})) this.#take(view, id, `/${name}`, value);
  }

  /** A document counts as each of the values in it. */
  #take(view: 'cfg' | 'dsc', node: string, path: string, value: unknown): void {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) this.#take(view, node, `${path}/${name}`, inner);
      return;
    }
    const key = `${view} ${node} ${path}`;
    const seen = { value, at: performance.now() };
    if (view === 'dsc' && path === '/runState' && this.#seen.get(key)?.value !== value)
      this.runStates.push({ node, to: value, at: seen.at });
    this.#seen.set(key, seen);
    for (const waiter of this.#waiters.filter((one) => one.key === key && one.fits(value))) waiter.done(seen);
  }

  /** The last value that the watch told of. */
  last(view: 'cfg' | 'dsc', node: string, path: string): unknown {
    return this.#seen.get(`${view} ${node} ${path}`)?.value;
  }

  /** When it has come to this value; fails when it has not in time. */
  async sees(view: 'cfg' | 'dsc', node: string, path: string, wanted: unknown, limit = 10_000): Promise<number> {
    const key = `${view} ${node} ${path}`;
    const fits = typeof wanted === 'function' ? (wanted as (value: unknown) => boolean) : (value: unknown) => value === wanted;
    const known = this.#seen.get(key);
    if (known && fits(known.value)) return known.at;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<number>((resolve, reject) => {
        this.#waiters.push({ key, fits, done: ({ at }) => resolve(at) });
        timer = setTimeout(() => {
          const short = JSON.stringify(this.last(view, node, path))?.slice(0, 100);
          reject(new Error(`${this.name} does not see ${view} ${path} of ${node} as wanted in ${limit} ms; it is ${short}`));
        }, limit);
      });
    } finally {
      clearTimeout(timer);
      this.#waiters = this.#waiters.filter((one) => one.key !== key || one.fits !== fits);
    }
  }

  ask: Client['ask'] = (method, params) => (this.#client ?? assert.fail(`${this.name} does not run`)).ask(method, params);

  /** Has this host's own module observe a value of its node. */
  async echo(value: string): Promise<void> {
    const socket = connect(this.echoSocket);
    await once(socket, 'connect');
    socket.write(`${JSON.stringify({ node: this.id, value })}\n`);
    for await (const line of createInterface({ input: socket })) {
      const { error } = JSON.parse(line) as { error?: string };
      socket.destroy();
      assert.equal(error, undefined);
      return;
    }
    assert.fail(`the echo of ${this.name} hung up`);
  }

  /** Resident memory, MB. */
  get rssMb(): number {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1]) / 1024;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#client?.close();
    this.#client = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await Promise.race([gone, sleep(15_000, undefined, { ref: false })]);
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM');
    await this.kill();
  }
}

/** `n 120  p50 12  p99 80  max 95` in ms. */
export function spread(times: readonly number[]): {
  readonly text: string;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
} {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  const [p50, p99, max] = [at(0.5), at(0.99), at(1)];
  return { text: `n ${sorted.length}  p50 ${p50.toFixed(1)}  p99 ${p99.toFixed(1)}  max ${max.toFixed(1)} ms`, p50, p99, max };
}
