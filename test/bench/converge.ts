/**
 * N simulated nodes through a real host and a real module process: from the change of cfg, over the control socket or with `--via rest`
 * over HTTP, until the last node is seen there. `--story onoff`: OFF → ON; `layercake`: unknown → images ACTIVE. `--nodes N`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Params } from '@kraken-hpc/sdk/wire';
import { type Client, openClient } from '../../host/cli/client.ts';
import type { Call } from '../../host/cli/io.ts';
import { peakRssMb } from './frame.ts';

const KRAKEN = new URL('../../host/dist/kraken.js', import.meta.url).pathname;
/** Steps that one node takes in each story. */
const STEPS = { onoff: 1, layercake: 7 } as const;
const REST = { module: 'restapi', memoryMiB: 4096, config: { listen: '127.0.0.1:0', pages: '' } };
/** Nodes in one part of a transaction: well under a line. */
const PART = 5_000;

interface Options {
  readonly nodes?: number;
  readonly via?: string;
  readonly story?: keyof typeof STEPS;
}

export async function run({ nodes = 10_000, via = 'socket', story = 'onoff' }: Options): Promise<Record<string, number | string>> {
  if (via !== 'socket' && via !== 'rest') throw new Error(`--via ${via}: it is socket or rest`);
  if (!(story in STEPS)) throw new Error(`--story ${story}: it is onoff or layercake`);
  const dir = mkdtempSync(join(tmpdir(), 'kraken-bench-'));
  const socket = join(dir, 'control.sock');
  const parts = story === 'onoff' ? { parts: ['power'], pollEvery: '60s' } : { pollEvery: '60s' };
  const service = { module: 'simulator', memoryMiB: 4096, config: { scale: 0, persist: false, ...parts } };
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ services: { sim: service, ...(via === 'rest' ? { restapi: REST } : {}) } }));
  const host = spawn(
    process.execPath,
    [KRAKEN, 'up', '--data-dir', join(dir, 'data'), '--socket', socket, '--config', join(dir, 'config.json')],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  try {
    const seconds = await measure(socket, nodes, story, via);
    const mutations = nodes * STEPS[story];
    return {
      story,
      via,
      nodes,
      mutations,
      seconds,
      mutationsPerSecond: mutations / seconds,
      rssMb: peakRssMb(host.pid === undefined ? [] : [host.pid]),
    };
  } finally {
    const ended = new Promise((resolve) => host.once('exit', resolve));
    host.kill('SIGTERM');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(socket: string, nodes: number, story: keyof typeof STEPS, via: string): Promise<number> {
  const path = story === 'onoff' ? '/physState' : '/images/state';
  const seen = new Counter(path);
  const client = await connected(socket, seen);
  await ready(client);
  const way = via === 'rest' ? await overRest(client) : overSocket(client);
  await client.ask('state/watch', { paths: [path], view: 'dsc' });
  const goal = story === 'onoff' ? { physState: 'POWER_OFF' } : { physState: 'POWER_ON', runState: 'SYNC', images: { state: 'ACTIVE' } };
  const first = seen.until(story === 'onoff' ? 'POWER_OFF' : 'ACTIVE', nodes);
  let started = performance.now();
  await way.create(Array.from({ length: nodes }, (_, i) => ({ nodename: `n${i}`, platform: 'sim', ...goal })));
  await first;
  if (story === 'layercake') return (performance.now() - started) / 1000;
  await sleep(1_000);
  const on = seen.until('POWER_ON', nodes);
  started = performance.now();
  await way.switchOn();
  await on;
  return (performance.now() - started) / 1000;
}

/** Counts nodes that have come to a value, by what the watch tells. */
class Counter {
  readonly #path: string;
  #value = '';
  #nodes = new Set<string>();
  #wanted = 0;
  #done: () => void = () => undefined;

  constructor(path: string) {
    this.#path = path;
  }

  until(value: string, count: number): Promise<void> {
    this.#value = value;
    this.#nodes = new Set();
    this.#wanted = count;
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  take(changes: readonly { readonly node: string; readonly path: string; readonly to?: unknown }[]): void {
    for (const { node, path, to } of changes) if (path === this.#path && to === this.#value) this.#nodes.add(node);
    if (this.#nodes.size >= this.#wanted) this.#done();
  }
}

async function connected(socket: string, seen: Counter): Promise<Client> {
  const call = { paths: { socket }, user: 'bench', io: { err: (text: string) => process.stderr.write(text) } } as unknown as Call;
  for (let tries = 0; ; tries++) {
    try {
      return await openClient(call, { 'state/changed': ({ changes }) => seen.take(changes) });
    } catch (error) {
      if (tries > 200) throw error;
      await sleep(50);
    }
  }
}

async function ready(client: Client): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { services } = await client.ask('service/list', {});
    if (services.every(({ service, state }) => service === 'core' || state === 'ready')) return;
    await sleep(50);
  }
  throw new Error('a service does not start: kraken service list');
}

/** How nodes are made and changed. */
interface Way {
  create(nodes: readonly object[]): Promise<void>;
  switchOn(): Promise<void>;
}

function overSocket(client: Client): Way {
  return {
    create: async (nodes) => {
      for (let from = 0, part = 0; from < nodes.length; from += PART, part++) {
        const some = nodes.slice(from, from + PART) as Params<'node/apply'>['nodes'];
        await client.ask('node/apply', { nodes: some, mode: 'put', tx: 'bench', part, last: from + PART >= nodes.length });
      }
    },
    switchOn: async () => void (await client.ask('node/set', { set: 'all', values: { '/physState': 'POWER_ON' } })),
  };
}

async function overRest(client: Client): Promise<Way> {
  const { result } = await client.ask('service/call', { service: 'restapi', call: 'where' });
  const ask = async (method: string, path: string, body: object): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${(result as { readonly url: string }).url}/api/v1${path}`, {
      method,
      headers,
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
    await answer.text();
  };
  return {
    create: (nodes) => ask('PUT', '/nodes', { nodes }),
    switchOn: () => ask('PATCH', '/nodes?selector=all', { physState: 'POWER_ON' }),
  };
}
