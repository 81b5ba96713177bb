/** A cluster in a box under test: the commands that an operator types, the history that he reads, and who was when where. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Change } from '@kraken-hpc/sdk/wire';
import { type Client, openClient } from '../../host/cli/client.ts';
import type { Call } from '../../host/cli/io.ts';
import { Box, type BoxOptions, QUICK } from '../../host/vm/box.ts';
import { partsOf } from '../../host/vm/parts.ts';
import { install, kernelPackage } from './install.ts';
import { KrakenHost } from './kraken-host.ts';

const KRAKEN = [process.execPath, fileURLToPath(new URL('../../host/dist/kraken.js', import.meta.url))];
const UP_LIMIT = 30_000;

export interface LabOptions extends Omit<BoxOptions, 'kraken'> {
  readonly settings?: object;
  /** Of every machine's kernel. */
  readonly args?: string;
  /** Of the head, beside its own. */
  readonly services?: Readonly<Record<string, object>>;
  /** Of the configuration of the service that boots. */
  readonly pxe?: object;
}

export class BoxLab {
  readonly box: Box;
  readonly #options: LabOptions;
  #client: Client | undefined;

  /** The box, its layer 0, its BMCs; the head is up, the machines are off and nobody knows them. */
  static async open(options: LabOptions): Promise<BoxLab> {
    install(partsOf(options.kind, options.firmware));
    KrakenHost.build();
    const lab = new BoxLab(options);
    try {
      await lab.box.build(options.kind === 'qemu' ? { modules: kernelPackage() } : {});
      lab.box.start();
      await lab.up();
      return lab;
    } catch (error) {
      await lab.end();
      throw error;
    }
  }

  private constructor(options: LabOptions) {
    this.#options = options;
    // What a failed run wrote can be looked at afterwards.
    const logs = process.env['KRAKEN_KEEP_LOGS'];
    this.box = new Box({ ...options, kraken: KRAKEN, ...(logs ? { logs } : {}) });
  }

  /** The head, and all its services. */
  async up(): Promise<void> {
    const { settings = QUICK, args = '', services, pxe } = this.#options;
    const { services: own, ...config } = this.box.config(settings, args);
    const boots = own['pxe'] as { readonly config: object };
    this.box.head.start({ ...config, services: { ...own, pxe: { ...boots, config: { ...boots.config, ...pxe } }, ...services } });
    await this.until('the head', UP_LIMIT / 1000, async () => {
      assert.ok(this.box.head.isRunning, `the head has ended: see ${this.box.logs}/head.log`);
      const { services } = await this.control('service/list', {});
      return services.every(({ state }) => state === 'ready');
    });
  }

  /** kill -9 of the head. */
  async kill(): Promise<void> {
    await this.box.head.kill();
    this.#client?.close();
    this.#client = undefined;
  }

  control: Client['ask'] = async (method, params) => {
    if (this.#client === undefined) {
      const call = { paths: { socket: this.box.head.socket }, user: 'real', io: { err: () => {} } } as unknown as Call;
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
    const [program = '', ...words] = KRAKEN;
    const env = { PATH: process.env['PATH'], HOME: this.box.folder, KRAKEN_SOCKET: this.box.head.socket, USER: 'ada', COLUMNS: '400' };
    const child = spawn(program, [...words, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [exit] = (await once(child, 'close')) as [number | null];
    assert.equal(exit, 0, `kraken ${args.join(' ')} ended with ${exit}: ${err}${out}`);
    return out;
  }

  /** `kraken node apply` of all machines; resolves to when it began. */
  async apply(nodes: readonly object[] = this.box.nodes()): Promise<number> {
    const file = join(this.box.folder, 'nodes.json');
    writeFileSync(file, JSON.stringify(nodes));
    const from = Date.now();
    await this.kraken('node', 'apply', file);
    return from;
  }

  /** What is seen of a path, by name of the node. */
  async seen(path: string): Promise<ReadonlyMap<string, unknown>> {
    const { nodes } = await this.control('state/read', { paths: [path], view: 'dsc', limit: 1000 });
    return new Map(nodes.flatMap(({ name, dsc }) => (name?.startsWith('kr') ? [[name, dsc?.[path]] as const] : [])));
  }

  async inSync(): Promise<string[]> {
    return [...(await this.seen('/runState'))].flatMap(([name, run]) => (run === 'SYNC' ? [name] : []));
  }

  /** Every change of the machines since, oldest first; `node` is the name. */
  async history(since = 0): Promise<Change[]> {
    const { nodes } = await this.control('state/read', { paths: ['/physState'], view: 'dsc', limit: 1000 });
    const names = new Map(nodes.map(({ id, name }) => [id, name ?? '']));
    const changes: Change[] = [];
    let before: number | undefined;
    do {
      const page = await this.control('node/history', { limit: 1000, since, ...(before === undefined ? {} : { before }) });
      changes.push(...page.changes);
      before = page.next;
    } while (before !== undefined);
    return changes.reverse().map((change) => ({ ...change, node: names.get(change.node) ?? change.node }));
  }

  /** What the BMC of a machine was told about power since, in order. */
  switched(number: number, since = 0): string[] {
    return this.box.bmcs
      .commands()
      .filter((one) => one.number === number && one.at >= since && !one.words.startsWith('set boot'))
      .map(({ words }) => words);
  }

  /** Milliseconds until it was so. A host that does not answer is one of which it is not so. */
  async until(what: string, seconds: number, isSo: () => Promise<boolean> | boolean): Promise<number> {
    const from = Date.now();
    let last: unknown;
    const tried = async (): Promise<boolean> => {
      try {
        return await isSo();
      } catch (error) {
        last = error;
        return false;
      }
    };
    while (!(await tried())) {
      if (Date.now() - from > seconds * 1000)
        assert.fail(`${what} did not come in ${seconds} s; ${last ?? ''}\n${await this.#situation()}`);
      await sleep(100);
    }
    return Date.now() - from;
  }

  /** Milliseconds that a host's start takes on this machine, whose CPU is not emulated. */
  async nativeStart(): Promise<number> {
    const [program = '', ...words] = KRAKEN;
    const data = join(this.box.folder, 'native');
    const from = performance.now();
    const child = spawn(program, [...words, 'up', '--data-dir', data, '--socket', join(data, 's')], {
      env: { PATH: process.env['PATH'], HOME: this.box.folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const gone = once(child, 'exit');
    let out = '';
    for await (const chunk of child.stdout) if ((out += String(chunk)).includes('kraken is up')) break;
    const ms = performance.now() - from;
    child.kill('SIGTERM');
    await gone;
    assert.match(out, /kraken is up/);
    return ms;
  }

  async #situation(): Promise<string> {
    const said = await this.kraken('node', 'explain', '!vm').catch(String);
    const logs = this.box.machines.slice(0, 3).map(({ number, name }) => {
      const lines = this.box.serial(number).lines().slice(-15);
      return `${name}:\n${lines.map(({ at, text }) => `  ${new Date(at).toISOString().slice(11, 23)} ${text}`).join('\n')}`;
    });
    return `${said.slice(0, 6000)}\n${logs.join('\n')}`;
  }

  async end(): Promise<void> {
    this.#client?.close();
    await this.box.end();
  }
}
