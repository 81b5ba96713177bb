/** A host as it runs in production: the built command as a process of its own, driven by other `kraken` commands and by its control socket. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '../../host/cli/client.ts';
import type { Call } from '../../host/cli/io.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const KRAKEN = join(ROOT, 'host/dist/kraken.js');
const START_LIMIT = 30_000;

/** One `kraken` command that has ended. */
export interface Said {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

export class KrakenHost {
  /** Its own, removed with it: configuration, data, socket, log. */
  readonly folder = mkdtempSync(join(tmpdir(), 'kraken-real-'));
  readonly #running = new Set<ChildProcess>();
  #process: ChildProcess | undefined;
  #client: Client | undefined;
  #log = '';

  static build(): void {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'host/build.mjs')], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`host/build.mjs failed: ${stderr}`);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** All that the host has written, over all of its starts. */
  get log(): string {
    return this.#log;
  }

  file(name: string, content?: string): string {
    const path = join(this.folder, name);
    if (content !== undefined) writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  /** `kraken up`, and until every service is ready. */
  async up(config: object): Promise<void> {
    const child = this.#spawn('up', '--config', this.file('kraken.json', JSON.stringify(config)));
    this.#process = child;
    const keep = (chunk: Buffer): void => void (this.#log += chunk.toString());
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    for (const end = Date.now() + START_LIMIT; ; await sleep(50)) {
      if (child.exitCode !== null || Date.now() > end) throw new Error(`the host does not come up:\n${this.#log}`);
      if (await this.#isReady()) return;
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      const { services } = await this.control('service/list', {});
      return services.every(({ state }) => state === 'ready');
    } catch {
      return false;
    }
  }

  /** The process ids of its modules. */
  async modules(): Promise<number[]> {
    const { services } = await this.control('service/list', {});
    return services.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** One question on the control socket. */
  control: Client['ask'] = async (method, params) => {
    if (this.#client === undefined) {
      const call = { paths: { socket: join(this.folder, 'data/control.sock') }, user: 'real', io: { err: () => {} } } as unknown as Call;
      const client = await openClient(call, {});
      this.#client = client;
      void client.ended.then(() => {
        if (this.#client === client) this.#client = undefined;
      });
    }
    return this.#client.ask(method, params);
  };

  /** Runs a command to its end. Rejects where it does not end well. */
  async kraken(...args: readonly string[]): Promise<string> {
    const { exit, out, err } = await this.tried(...args);
    if (exit !== 0) throw new Error(`kraken ${args.join(' ')} ended with ${exit}: ${err}${out}`);
    return out;
  }

  async tried(...args: readonly string[]): Promise<Said> {
    const child = this.#spawn(...args);
    let out = '';
    let err = '';
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [exit] = (await once(child, 'close')) as [number | null];
    return { exit, out, err };
  }

  /** kill -9, and until nothing is left of it and of its modules. */
  async kill(): Promise<void> {
    const pids = [this.pid, ...(await this.modules())];
    process.kill(this.pid, 'SIGKILL');
    for (const end = Date.now() + 10_000; pids.some(isAlive); await sleep(10))
      if (Date.now() > end) throw new Error(`of ${pids.join(', ')} some outlive the host: ${pids.filter(isAlive).join(', ')}`);
  }

  /** Until the host that was told to stop has ended. */
  async gone(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** Files of the data directory that have the word in them. */
  holding(word: string): string[] {
    const { stdout } = spawnSync('grep', ['-rlF', word, join(this.folder, 'data')], { encoding: 'utf8' });
    return stdout.split('\n').filter(Boolean);
  }

  /** Ends the host and removes what it kept. */
  async end(): Promise<void> {
    this.#client?.close();
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await Promise.race([once(child, 'exit'), sleep(15_000, undefined, { ref: false })]);
    }
    for (const left of this.#running) left.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(...args: readonly string[]): ChildProcess {
    const env = { PATH: process.env.PATH, HOME: this.folder, KRAKEN_DATA_DIR: join(this.folder, 'data'), USER: 'ada', COLUMNS: '400' };
    const child = spawn(process.execPath, [KRAKEN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }
}

/** A zombie that its parent has not yet been told of is dead. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
