/** `kraken sim`: a whole host beside a simulated cluster, to look at and to break. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { get } from '@kraken-hpc/sdk/state';
import type { NodeId } from './core/record.ts';
import type { Settings } from './core/settings.ts';
import { type Host, startHost } from './main.ts';
import { type SimNode, type SimScene, simScreen } from './sim-screen.ts';

export interface SimOptions {
  readonly nodes: number;
  readonly seed: number;
  /** Multiplied with every latency of the simulated machines. */
  readonly scale: number;
  readonly socket: string;
  /** Where the dashboard and REST are to be found on loopback, if it is free; 0 = nowhere. */
  readonly httpPort: number;
  /** Kept when it ends; absent = a folder of its own that goes with it. */
  readonly dataDir?: string;
}

/** Patience in proportion to machines that boot in seconds; a real cluster keeps the defaults, which are in minutes. */
const QUICK: Partial<Settings> = {
  repairAfterUp: 5_000,
  graceLeast: 5_000,
  graceUnknown: 8_000,
  graceFactor: 1,
  foundOffWait: 5_000,
  backoffMost: 10_000,
  goalFor: 60_000,
};

const REFRESH = 250;

/** Runs until Ctrl-C, `q`, or `kraken engine stop`. Resolves when nothing is left of it; to what failed, where nobody asked for its end. */
export async function runSim(options: SimOptions): Promise<Error | undefined> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'kraken-sim-'));
  const lines: string[] = [];
  const listen = options.httpPort === 0 ? undefined : `127.0.0.1:${await freePort(options.httpPort)}`;
  const host = await startHost({
    dataDir,
    socket: options.socket,
    config: {
      settings: QUICK,
      sync: {},
      services: {
        sim: { module: 'simulator', config: { seed: options.seed, scale: options.scale }, memoryMiB: 512 + Math.ceil(options.nodes / 50) },
        ...(listen === undefined
          ? {}
          : { restapi: { module: 'restapi', config: { listen }, memoryMiB: 512 + Math.ceil(options.nodes / 50) } }),
      },
    },
    log: (level, message) => {
      if (level !== 'info') lines.push(message);
      if (lines.length > 200) lines.shift();
    },
  });
  const sim = new Sim(host, options);
  const end = (): void => void host.stop('the operator ended it');
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  try {
    await sim.describe();
    await sim.show(end);
    return await host.stopped;
  } catch (error) {
    await host.stop('the simulation has failed');
    const failure = await host.stopped;
    if (failure === undefined) throw error;
    return failure;
  } finally {
    process.off('SIGINT', end);
    process.off('SIGTERM', end);
    await host.stop('the simulation has ended');
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}

/** This port, or 0 (any) where something else listens there. */
function freePort(port: number): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}

class Sim {
  readonly #host: Host;
  readonly #options: SimOptions;
  readonly #started = performance.now();
  #reached: number | undefined;
  #lastKey = '';
  #url: string | undefined;
  /** Off a terminal: what the last screen told, once all had come to their goal. */
  #told = '';
  #ids: NodeId[] = [];

  constructor(host: Host, options: SimOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** The cluster as an administrator would describe it: every node on, in sync, its images active. */
  async describe(): Promise<void> {
    const { port } = this.#host;
    const names = Array.from({ length: this.#options.nodes }, (_, i) => `kr${i + 1}`);
    const nodes = names.map((nodename, i) => {
      const id = port.idOfName(nodename);
      this.#ids.push(id);
      const doc = {
        id,
        nodename,
        platform: 'sim',
        labels: { rack: `r${Math.floor(i / 16) + 1}` },
        physState: 'POWER_ON',
        runState: 'SYNC',
        images: { state: 'ACTIVE' },
      };
      return { mode: 'put' as const, id, doc: port.parseNode(doc, nodename).doc };
    });
    await port.ask((request) => ({ type: 'apply', request, author: { user: 'sim' }, change: { nodes } }));
  }

  /** Where it is served, as soon as it is. */
  async #find(): Promise<void> {
    const { services } = this.#host.port;
    if (this.#url !== undefined || services.list().find(({ service }) => service === 'restapi')?.state !== 'ready') return;
    const { url } = ((await services.call('restapi', 'where', {}).catch(() => undefined)) ?? {}) as { readonly url?: string };
    this.#url = url;
  }

  async show(end: () => void): Promise<void> {
    const terminal = process.stdout.isTTY === true;
    const keys = (data: Buffer): void => void this.#key(data.toString(), end);
    if (terminal) process.stdout.write('\u001b[?1049h\u001b[?25l');
    if (process.stdin.isTTY) process.stdin.setRawMode(true).resume().on('data', keys);
    const timer = setInterval(
      () => {
        void this.#find();
        this.#draw(terminal);
      },
      terminal ? REFRESH : 1_000,
    );
    try {
      await this.#host.stopped;
    } finally {
      clearInterval(timer);
      if (process.stdin.isTTY) process.stdin.off('data', keys).setRawMode(false).pause();
      if (terminal) process.stdout.write('\u001b[?25h\u001b[?1049l');
      const reached =
        this.#reached === undefined
          ? 'not all nodes got where they should be'
          : `all nodes were at goal after ${(this.#reached / 1000).toFixed(1)} s`;
      process.stdout.write(`The simulation has ended: ${reached}. Next: kraken --help, or README.md.\n`);
    }
  }

  #scene(): SimScene {
    const { port } = this.#host;
    const now = port.now();
    const nodes: SimNode[] = [];
    let powerOns = 0;
    let powerOffs = 0;
    for (const id of this.#ids) {
      const node = port.engine.node(id);
      if (!node) continue;
      const seen = (path: string): string => String(node.facts.get(path)?.value ?? 'unknown');
      powerOns += Number(node.facts.get('/sim/powerOns')?.value ?? 0);
      powerOffs += Number(node.facts.get('/sim/powerOffs')?.value ?? 0);
      nodes.push({
        name: node.name,
        power: seen('/physState'),
        boot: seen('/pxe/state') === 'unknown' ? '' : seen('/pxe/state'),
        run: seen('/runState'),
        images: seen('/images/state'),
        fault: String(get(node.cfg, '/sim/fault') ?? ''),
        walk: node.walk,
        explain: () => port.engine.explain(id, now),
      });
    }
    const elapsed = performance.now() - this.#started;
    if (this.#reached === undefined && nodes.length > 0 && nodes.every((node) => node.walk === 'atGoal')) this.#reached = elapsed;
    const service = port.services.list().find((one) => one.service === 'sim');
    return {
      nodes,
      elapsed,
      reached: this.#reached,
      powerOns,
      powerOffs,
      service: { state: service?.state ?? 'stopped', pid: service?.pid, restarts: service?.restarts ?? 0 },
      socket: this.#host.socket,
      url: this.#url,
      lastKey: this.#lastKey,
    };
  }

  /** Off a terminal a screen is printed until all are at goal, and once more when it is known later where it is served. */
  #draw(terminal: boolean): void {
    const scene = this.#scene();
    const told = scene.reached === undefined ? '' : `at goal, ${scene.url}`;
    if (terminal) {
      const lines = simScreen(scene, process.stdout.columns || 120, !process.env['NO_COLOR']);
      process.stdout.write(
        `\u001b[H${lines
          .slice(0, (process.stdout.rows || 40) - 1)
          .map((line) => `${line}\u001b[K`)
          .join('\n')}\u001b[J`,
      );
    } else if (told === '' || told !== this.#told) process.stdout.write(`${simScreen(scene, 200, false).join('\n')}\n\n`);
    this.#told = told;
  }

  async #key(key: string, end: () => void): Promise<void> {
    if (key === 'q' || key === '\u0003') return end();
    const victim = this.#ids[Math.floor(Math.random() * this.#ids.length)] ?? '';
    const name = this.#host.port.engine.node(victim)?.name ?? '';
    const say: Readonly<Record<string, [fault: string, text: string]>> = {
      h: ['panic', `${name} hangs (its kernel is dead, its power stays): nobody hears it, after the grace it is power-cycled.`],
      p: ['powerCut', `${name} lost its power: found off, not by us. Press c when the mains are back.`],
      b: [
        'deadBmc',
        `the BMC of ${name} is dead: its last observation stays, marked stale, and nothing is done to the node. Press c to revive it.`,
      ],
    };
    const fault = say[key];
    if (key === 'k') return this.#killModule();
    if (key === 'c') {
      this.#lastKey = 'All faults are cleared.';
      return this.#setFault(this.#ids, 'none');
    }
    if (!fault) return;
    this.#lastKey = fault[1];
    await this.#setFault([victim], fault[0]);
  }

  #killModule(): void {
    const pid = this.#host.port.services.list().find((one) => one.service === 'sim')?.pid;
    if (pid === undefined) return;
    process.kill(pid, 'SIGKILL');
    this.#lastKey = `module sim (pid ${pid}) was killed with -9: it is started again at once, and the machines never noticed.`;
  }

  async #setFault(nodes: readonly NodeId[], fault: string): Promise<void> {
    await this.#host.port.ask((request) => ({
      type: 'apply',
      request,
      author: { user: 'sim' },
      change: { set: { nodes, values: { '/sim/fault': fault } } },
    }));
  }
}
