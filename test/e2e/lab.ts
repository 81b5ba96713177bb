/**
 * Real hosts for end-to-end tests: the built command as processes on a folder of their own. Whatever becomes of the test, no process
 * and no file of it is left.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '../../host/cli/client.ts';
import type { Call } from '../../host/cli/io.ts';

export const KRAKEN = fileURLToPath(new URL('../../host/dist/kraken.js', import.meta.url));
/** A host starts in a third of a second; so long on a machine that does many other things. */
const START = 20_000;

export interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it has written so far. */
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<Ended>;
}

export class Lab {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'kraken-e2e-')));
  readonly dataDir = join(this.folder, 'data');
  readonly socket = join(this.folder, 'k.sock');
  readonly config = join(this.folder, 'kraken.json');
  readonly #started: Started[] = [];
  readonly #clients: Client[] = [];

  constructor(t: Pick<TestContext, 'after'>, config: object) {
    this.configure(config);
    t.after(() => this.#end());
  }

  configure(config: object): void {
    writeFileSync(this.config, JSON.stringify(config), { mode: 0o600 });
  }

  /** A command of any kind, with this lab's places in its environment. */
  spawn(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
    const places = { KRAKEN_DATA_DIR: this.dataDir, KRAKEN_SOCKET: this.socket, KRAKEN_CONFIG: this.config };
    const child = spawn(program, args, {
      env: { ...process.env, SUDO_USER: 'ada', NO_COLOR: '1', ...places, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => void (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => void (err += chunk.toString()));
    const ended = once(child, 'close').then(([exit]) => ({ exit: exit as number | null, out, err }));
    const started = { child, pid: child.pid ?? assert.fail(`${program} does not start`), out: () => out, err: () => err, ended };
    this.#started.push(started);
    return started;
  }

  /** `kraken ARGS…`, running. */
  start(...args: string[]): Started {
    return this.spawn(process.execPath, [KRAKEN, ...args]);
  }

  /** The same for one of several hosts, whose places are in `env`. */
  krakenWith(env: Readonly<Record<string, string>>, args: readonly string[]): Started {
    return this.spawn(process.execPath, [KRAKEN, ...args], env);
  }

  /** `kraken ARGS…`, when it has ended. */
  kraken(...args: string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** `kraken up`, when its socket answers. */
  async up(...args: string[]): Promise<Started> {
    const host = this.start('up', ...args);
    await until(
      'the host is up',
      () => {
        if (host.child.exitCode !== null) assert.fail(`the host ended with ${host.child.exitCode}:\n${host.err()}`);
        return host.out().includes('kraken is up');
      },
      START,
      10,
    );
    return host;
  }

  client(hears: Parameters<typeof openClient>[1] = {}): Promise<Client> {
    return this.clientAt(this.socket, hears);
  }

  async clientAt(socket: string, hears: Parameters<typeof openClient>[1] = {}): Promise<Client> {
    const call = { paths: { socket }, user: 'ada', io: { err: (text: string) => assert.fail(text) } } as unknown as Call;
    const client = await openClient(call, hears);
    this.#clients.push(client);
    return client;
  }

  /** Processes that work in this lab: those started here and all that they have started. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .map(Number)
      .filter((pid) => isOf(pid, this.folder));
  }

  /** For the end of a test of an end: nothing is left. */
  async assertNothingLeft(): Promise<void> {
    await until('all processes of the host have ended', () => this.processes().length === 0, 3_000);
    assert.equal(existsSync(this.socket), false, `the socket ${this.socket} is left`);
  }

  async #end(): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const { child } of this.#started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    // Modules end by themselves when their host is gone; what does not is not left to the machine all the same.
    for (const end = Date.now() + 6_000; this.processes().length > 0 && Date.now() < end; ) await sleep(20);
    const left = this.processes().map((pid) => [pid, commandOf(pid)] as const);
    for (const [pid] of left) process.kill(pid, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    assert.deepEqual(left, [], 'processes outlived their host by six seconds');
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 300);
  } catch {
    return 'gone';
  }
}

/** A process is a lab's if it works in the lab's folder or was told of it. */
function isOf(pid: number, folder: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) return true;
    const [, state] = /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return state !== 'Z' && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`KRAKEN_DATA_DIR=${folder}`);
  } catch {
    return false;
  }
}

/** Waits for it; fails, and says for what, when it has not come in time. */
export async function until(
  what: string,
  test: () => boolean | Promise<boolean>,
  limit = 10_000,
  every = 20,
  details: () => unknown = () => undefined,
): Promise<void> {
  for (const end = Date.now() + limit; !(await test()); await sleep(every)) {
    if (Date.now() <= end) continue;
    const more = await details();
    assert.fail(
      `${what}: not in ${limit / 1000} s${more === undefined ? '' : `\n${typeof more === 'string' ? more : JSON.stringify(more, null, 1)}`}`,
    );
  }
}

/** Waits until a service is in this state, and tells its pid. */
export async function service(client: Client, name: string, state: string, limit = 10_000): Promise<number> {
  let pid = 0;
  let last: unknown;
  await until(
    `service ${name} is ${state}`,
    async () => {
      const { services } = await client.ask('service/list', {});
      const one = services.find((each) => each.service === name);
      pid = one?.pid ?? 0;
      last = one;
      return one?.state === state;
    },
    limit,
    10,
    () => last,
  );
  return pid;
}

/** Waits until all nodes of the set are where they should be. */
export async function goal(client: Client, set: string, limit = 20_000): Promise<void> {
  let left: unknown;
  await until(
    `${set} at goal`,
    async () => {
      const { nodes } = await client.ask('node/explain', { set });
      const away = nodes.filter(({ walk }) => walk !== 'atGoal');
      left = away.map(({ name, walk, summary, plan }) => ({ name, walk, summary, plan: plan.map((step) => step.mutation) }));
      return nodes.length > 0 && away.length === 0;
    },
    limit,
    50,
    () => left,
  );
}

/** Nodes of the simulator as an administrator describes them: on, in sync, images active. */
export function simulated(
  count: number,
): { nodename: string; platform: string; physState: string; runState: string; images: { state: string } }[] {
  return Array.from({ length: count }, (_, i) => ({
    nodename: `kr${i + 1}`,
    platform: 'sim',
    physState: 'POWER_ON',
    runState: 'SYNC',
    images: { state: 'ACTIVE' },
  }));
}
