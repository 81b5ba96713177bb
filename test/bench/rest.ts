/**
 * A real host with the REST service, asked over loopback by 8 clients with kept connections: 10,000 nodes made, listed and filtered in
 * each dialect, then read and changed one at a time. Every change is durable before it is answered. `--nodes N --seconds S --dialect v1|original|both`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { openClient } from '../../host/cli/client.ts';
import type { Call } from '../../host/cli/io.ts';
import { median, peakRssMb, percentile, timed } from './frame.ts';

const KRAKEN = new URL('../../host/dist/kraken.js', import.meta.url).pathname;
const CLIENTS = 8;
const MERGE = { 'content-type': 'application/merge-patch+json' };
const JSON_TYPE = { 'content-type': 'application/json' };
const LIST_ROUNDS = 5;

interface Options {
  readonly nodes?: number;
  readonly seconds?: number;
  readonly dialect?: 'v1' | 'original' | 'both';
}

type Figures = Record<string, number | string>;

export async function run({ nodes = 10_000, seconds = 4, dialect = 'both' }: Options): Promise<Figures> {
  const dir = mkdtempSync(join(tmpdir(), 'kraken-bench-'));
  const config = join(dir, 'config.json');
  const restapi = { module: 'restapi', memoryMiB: 4096, config: { listen: '127.0.0.1:0', pages: '' } };
  writeFileSync(config, JSON.stringify({ services: { restapi } }));
  const socket = join(dir, 'control.sock');
  const args = [KRAKEN, 'up', '--data-dir', join(dir, 'data'), '--socket', socket, '--config', config];
  const host = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  let asked: Asked | undefined;
  try {
    asked = new Asked(await listening(socket));
    return { nodes, clients: CLIENTS, ...(await measure(asked, nodes, seconds, dialect)), rssMb: peakRssMb([host.pid ?? 0]) };
  } finally {
    await asked?.close();
    const ended = new Promise((resolve) => host.once('exit', resolve));
    host.kill('SIGTERM');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(asked: Asked, nodes: number, seconds: number, dialect: string): Promise<Figures> {
  const figures: Figures = {};
  const documents = Array.from({ length: nodes }, (_, i) => documentOf(i));
  figures['create10kSeconds'] =
    (await timed(() => asked.ask('POST', '/api/v1/nodes', JSON.stringify({ nodes: documents }), JSON_TYPE))) / 1_000;
  const ids = (
    JSON.parse(await asked.ask('GET', '/api/v1/nodes?limit=100000&fields=nodename')) as { nodes: { id: string; name: string }[] }
  ).nodes
    .filter(({ name }) => name.startsWith('n'))
    .map(({ id }) => id);
  if (dialect !== 'original') {
    Object.assign(figures, await lists(asked, '', '/api/v1/nodes?limit=100000', '/api/v1/nodes?limit=100000&selector=@rack=r7'));
    figures['fieldsMs'] = await timed(() => asked.ask('GET', '/api/v1/nodes?limit=100000&fields=physState,runState,images.state,/labels/'));
    Object.assign(
      figures,
      await singles(
        asked,
        '',
        seconds,
        ids,
        (id) => ['GET', `/api/v1/nodes/${id}`],
        (id, i) => ['PATCH', `/api/v1/nodes/${id}`, JSON.stringify({ labels: { turn: String(i) } }), MERGE],
      ),
    );
  }
  if (dialect !== 'v1') {
    Object.assign(figures, await lists(asked, 'original', '/cfg/nodes', '/dsc/nodes'));
    const bodies = new Map<string, object>();
    for (const id of ids.slice(0, 500)) bodies.set(id, JSON.parse(await asked.ask('GET', `/cfg/node/${id}`)) as object);
    const some = [...bodies.keys()];
    Object.assign(
      figures,
      await singles(
        asked,
        'original',
        seconds,
        some,
        (id) => ['GET', `/cfg/node/${id}`],
        (id, i) => ['PUT', `/cfg/node/${id}`, JSON.stringify({ ...bodies.get(id), arch: `a${i}` }), JSON_TYPE],
      ),
    );
  }
  return figures;
}

/** A node as sites describe them. */
function documentOf(i: number): object {
  const mac = `52:54:00:${[i >> 16, (i >> 8) & 255, i & 255].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
  const ip = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
  return {
    nodename: `n${i}`,
    arch: 'amd64',
    platform: 'bench',
    runState: 'SYNC',
    physState: 'POWER_ON',
    labels: { rack: `r${i % 100}` },
    ipv4: {
      hostname: { hostname: `n${i}`, domainname: 'local' },
      ifaces: { '0': { eth: { iface: 'eth0', mac }, ip: { ip, subnet: '255.0.0.0' } } },
    },
    pxe: { method: 'iPXE' },
  };
}

async function lists(asked: Asked, dialect: string, list: string, filtered: string): Promise<Figures> {
  const round = async (url: string): Promise<number> => {
    const times: number[] = [];
    await asked.ask('GET', url);
    for (let i = 0; i < LIST_ROUNDS; i++) times.push(await timed(() => asked.ask('GET', url)));
    return median(times);
  };
  const first = await timed(() => asked.ask('GET', list));
  return {
    [named(dialect, 'listFirstMs')]: first,
    [named(dialect, 'list10kMs')]: await round(list),
    [named(dialect, dialect === '' ? 'filteredMs' : 'listDscMs')]: await round(filtered),
  };
}

type Request = readonly [method: string, path: string, body?: string, headers?: Readonly<Record<string, string>>];

async function singles(
  asked: Asked,
  dialect: string,
  seconds: number,
  ids: readonly string[],
  read: (id: string) => Request,
  update: (id: string, i: number) => Request,
): Promise<Figures> {
  const of = (i: number): string => ids[(i * 7919) % ids.length] ?? '';
  const reads = await hammer(asked, seconds, (i) => read(of(i)));
  const updates = await hammer(asked, seconds, (i) => update(of(i), i));
  return {
    [named(dialect, 'readsPerSecond')]: reads.perSecond,
    [named(dialect, 'readP99Ms')]: reads.p99,
    [named(dialect, 'updatesPerSecond')]: updates.perSecond,
    [named(dialect, 'updateP99Ms')]: updates.p99,
  };
}

const named = (dialect: string, name: string): string => (dialect === '' ? name : `${dialect}${name[0]?.toUpperCase()}${name.slice(1)}`);

/** All clients ask one thing after the other, for so many seconds after one of warm-up. */
async function hammer(asked: Asked, seconds: number, call: (i: number) => Request): Promise<{ perSecond: number; p99: number }> {
  const times: number[] = [];
  let count = 0;
  const started = performance.now() + 1_000;
  const end = started + seconds * 1_000;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const took = await timed(() => asked.ask(...call(count++)));
      if (performance.now() >= started) times.push(took);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { perSecond: times.length / seconds, p99: percentile(times, 0.99) };
}

/** Kept connections, as clients that ask much have them; undici, because node:http costs more of a core than what is measured. */
class Asked {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: CLIENTS, pipelining: 1 });
  }

  /** The body. Rejects where the status is no success. */
  async ask(method: string, path: string, body?: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const given = { method: method as 'GET', path, headers, ...(body === undefined ? {} : { body }) };
    const answer = await this.#pool.request(given);
    const text = await answer.body.text();
    if (answer.statusCode < 300) return text;
    throw new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 500)}`);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

/** Where the service listens, as it says itself. */
async function listening(socket: string): Promise<string> {
  const call = { paths: { socket }, user: 'bench', io: { err: (text: string) => process.stderr.write(text) } } as unknown as Call;
  for (let tries = 0; ; tries++) {
    try {
      const client = await openClient(call, {});
      try {
        const { result } = await client.ask('service/call', { service: 'restapi', call: 'where' });
        return String((result as { readonly url: string }).url);
      } finally {
        client.close();
      }
    } catch (error) {
      if (tries > 200) throw error;
      await sleep(50);
    }
  }
}
