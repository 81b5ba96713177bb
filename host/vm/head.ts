/** The host at the head of the cluster in a box: `kraken up` as a process in the box, which may be killed and started again. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEAD, type VmNetwork } from './network.ts';

const STOP_LIMIT = 15_000;

export class Head {
  readonly socket: string;
  readonly #network: VmNetwork;
  readonly #folder: string;
  readonly #log: string;
  readonly #kraken: readonly string[];
  #process: ChildProcess | undefined;

  /** `kraken`: the program and its first arguments. */
  constructor({ network, folder, log, kraken }: { network: VmNetwork; folder: string; log: string; kraken: readonly string[] }) {
    this.#network = network;
    this.#folder = folder;
    this.#log = log;
    this.#kraken = kraken;
    this.socket = join(folder, 'head.sock');
  }

  get pid(): number | undefined {
    return this.isRunning ? this.#process?.pid : undefined;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Its control socket is there some time later. */
  start(config: object): void {
    const file = join(this.#folder, 'kraken.json');
    const data = join(this.#folder, 'data');
    const [program = '', ...words] = this.#kraken;
    writeFileSync(file, JSON.stringify(config, undefined, 1), { mode: 0o600 });
    if (!existsSync(data)) {
      const { status, stderr } = spawnSync(program, [...words, 'init', '--config', file, '--data-dir', data], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`kraken init ended with ${status}: ${stderr}`);
    }
    const place = ['--config', file, '--data-dir', data, '--socket', this.socket];
    const child = this.#network.spawn(program, [...words, 'up', ...place, '--listen', HEAD], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: this.#folder, USER: 'root' },
    });
    const keep = (chunk: Buffer): void => appendFileSync(this.#log, chunk);
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.#process = child;
  }

  /** Without a warning: kill -9. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.isRunning) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.isRunning) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([gone, sleep(STOP_LIMIT, undefined, { ref: false })]);
    await this.kill();
  }
}
