/** rpc: requests a second over a child's stdio, against a bare dispatcher over the same pipes; a round trip; one change told to 8 modules. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createPeer, createWriter, encodeLine, LineDecoder, notification, type Peer } from '@kraken-hpc/sdk/wire';
import { PARAMS } from './rpc-payload.ts';

export interface RpcOptions {
  /** Milliseconds of each measurement. */
  readonly ms?: number;
  readonly rounds?: number;
}

const CHILD = fileURLToPath(new URL('./rpc-child.ts', import.meta.url));
/** Requests under way at once, as a busy host has them. */
const WINDOW = 64;

interface Connection {
  readonly child: ChildProcess;
  send(line: string): void;
  close(): Promise<void>;
}

function connect(mode: 'peer' | 'bare', receive: (line: string) => void): Connection {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=kraken-source', CHILD, mode], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const writer = createWriter(child.stdin, { limit: 1 << 28, onOverflow: () => child.kill() });
  const decoder = new LineDecoder();
  child.stdout.on('data', (chunk: Buffer) => {
    for (const line of decoder.push(chunk)) receive(line as string);
  });
  const close = async (): Promise<void> => {
    child.stdin.end();
    await once(child, 'exit');
  };
  return { child, send: writer.send, close };
}

/** Keeps WINDOW calls under way for `ms`; calls a second. */
async function rate(call: () => Promise<unknown>, ms: number): Promise<number> {
  let done = 0;
  const start = performance.now();
  const end = start + ms;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      await call();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, worker));
  return (done * 1000) / (performance.now() - start);
}

function openPeer(): { peer: Peer<'host'>; connection: Connection } {
  const connection = connect('peer', (line) => peer.receive(line));
  const peer = createPeer({ end: 'host', send: connection.send, answers: {}, hears: {}, onFault: ({ text }) => console.error(text) });
  return { peer, connection };
}

function openBare(): { call: () => Promise<unknown>; connection: Connection } {
  const waiting = new Map<number, (result: unknown) => void>();
  let nextId = 1;
  const connection = connect('bare', (line) => {
    const { id, result } = JSON.parse(line) as { id: number; result: unknown };
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  const call = (): Promise<unknown> =>
    new Promise((resolve) => {
      const id = nextId++;
      waiting.set(id, resolve);
      connection.send(`${JSON.stringify({ jsonrpc: '2.0', id, method: 'mutation/run', params: PARAMS })}\n`);
    });
  return { call, connection };
}

async function roundTrip(peer: Peer<'host'>, times: number): Promise<number> {
  const each: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await peer.request('mutation/run', PARAMS);
    each.push((performance.now() - start) * 1000);
  }
  return median(each);
}

/** Microseconds of this process's CPU for one change to 8 children, its writes included. */
async function fanOut(changes: number): Promise<number> {
  const all = Array.from({ length: 8 }, openPeer);
  await Promise.all(all.map(({ peer }) => peer.request('ping', {})));
  const change = {
    node: PARAMS.nodes[0]?.id ?? '',
    path: '/physState',
    view: 'dsc',
    from: 'POWER_OFF',
    to: 'POWER_ON',
    rev: 1_234_568,
    by: 'ipmi',
  } as const;
  const before = process.cpuUsage();
  for (let revision = 1; revision <= changes; revision++) {
    const line = encodeLine(notification<'module', 'state/changed'>('state/changed', { watch: 1, revision, changes: [change] })) ?? '';
    for (const { peer } of all) peer.sendRaw(line);
    // What arrives in one turn of the loop is written together, as the host does it.
    if (revision % 16 === 0) await new Promise(setImmediate);
  }
  const { user, system } = process.cpuUsage(before);
  await Promise.all(all.map(({ peer }) => peer.request('ping', {})));
  await Promise.all(all.map(({ connection }) => connection.close()));
  return (user + system) / changes;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

export async function run({ ms = 1000, rounds = 5 }: RpcOptions = {}): Promise<Record<string, number>> {
  const typed = openPeer();
  const bare = openBare();
  const call = (): Promise<unknown> => typed.peer.request('mutation/run', PARAMS);
  await rate(call, ms / 2);
  await rate(bare.call, ms / 2);
  const rates: { readonly wire: number; readonly bare: number }[] = [];
  for (let round = 0; round < rounds; round++) rates.push({ wire: await rate(call, ms), bare: await rate(bare.call, ms) });
  const roundTripUs = await roundTrip(typed.peer, 2000);
  await Promise.all([typed.connection.close(), bare.connection.close()]);
  return {
    perSecond: median(rates.map(({ wire }) => wire)),
    barePerSecond: median(rates.map((one) => one.bare)),
    ratio: median(rates.map(({ wire, bare: other }) => wire / other)),
    roundTripUs,
    bytes: JSON.stringify(PARAMS).length + 60,
    fanOutUs: await fanOut(20_000),
  };
}
