/**
 * WebSocket clients of one dialect in a process of their own, so that it can be stopped as a whole: they check that every change comes,
 * once and in order, and how late. `node listener.ts URL DIALECT COUNT`; a line on stdin ends it, a line of JSON is its report.
 */
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

export interface Report {
  readonly clients: number;
  readonly received: number;
  /** Changes that did not come next after the one before, and were not announced by a resync. */
  readonly outOfOrder: number;
  readonly resyncs: number;
  /** The last change that every client knows of, by event or by reading anew. */
  readonly last: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  readonly closed: number;
}

/** The value of `/labels/tick` is `SEQUENCE TIME`. */
const TICK = '/labels/tick';

/** Milliseconds until the server has surely read what we subscribe to. */
const SUBSCRIBED = 100;

interface Client {
  next: number | undefined;
  /** By reading everything: changes up to it that are still on their way are nothing new. */
  known: number;
}

const [url = '', dialect = 'v1', count = '1'] = process.argv.slice(2);
const clients: Client[] = Array.from({ length: Number(count) }, () => ({ next: undefined, known: 0 }));
const delays: number[] = [];
let received = 0;
let outOfOrder = 0;
let resyncs = 0;
let closed = 0;
let open = 0;

function take(client: Client, value: unknown): void {
  const [sequence = Number.NaN, time = 0] = String(value).split(' ').map(Number);
  if (!Number.isInteger(sequence) || sequence <= client.known) return;
  received++;
  delays.push(Date.now() - time);
  if (client.next !== undefined && sequence !== client.next) outOfOrder++;
  client.next = sequence + 1;
}

/** What a client does that has lost something: it reads everything, and goes on from there. */
async function readAnew(client: Client): Promise<void> {
  resyncs++;
  client.next = undefined;
  const answer = await fetch(`${url}/api/v1/nodes?fields=${TICK}&view=cfg&limit=100000`);
  const { nodes } = (await answer.json()) as { readonly nodes: readonly { readonly cfg: Readonly<Record<string, string>> }[] };
  const newest = Math.max(0, ...nodes.map(({ cfg }) => Number(String(cfg[TICK] ?? '').split(' ')[0])).filter(Number.isInteger));
  client.known = newest;
  client.next = Math.max(client.next ?? 0, newest + 1);
}

function connectV1(client: Client): void {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/events?kinds=state`);
  socket.on('open', opened);
  socket.on('close', () => closed++);
  socket.on('message', (data) => {
    for (const event of JSON.parse(String(data)) as { readonly kind: string; readonly path?: string; readonly to?: unknown }[]) {
      if (event.kind === 'resync') void readAnew(client).catch(() => undefined);
      else if (event.path === TICK) take(client, event.to);
      // The first label of a node comes as all its labels.
      else if (event.path === '/labels') take(client, (event.to as { readonly tick?: string }).tick);
    }
  });
}

async function connectOriginal(client: Client, isBack = false): Promise<void> {
  const where = (await (await fetch(`${url}/ws`)).json()) as {
    readonly host: string;
    readonly port: string | number;
    readonly url: string;
  };
  const socket = new WebSocket(`ws://${where.host}:${where.port}${where.url}`);
  socket.on('open', () => {
    socket.send(JSON.stringify({ command: 'SUBSCRIBE', type: 'STATE_CHANGE' }));
    // What happens from here on comes by itself; the original's clients know one way to learn of the rest.
    if (isBack) setTimeout(() => void readAnew(client).catch(() => undefined), SUBSCRIBED);
    else opened();
  });
  socket.on('close', () => {
    closed++;
    client.next = undefined;
    void connectOriginal(client, true).catch(() => undefined);
  });
  socket.on('message', (data) => {
    const { value } = JSON.parse(String(data)) as { readonly value?: unknown };
    if (value !== undefined) take(client, value);
  });
}

function opened(): void {
  open++;
  if (open === clients.length) process.stdout.write('open\n');
}

function report(): Report {
  const sorted = delays.sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  const last = Math.min(...clients.map(({ next }) => (next ?? 0) - 1));
  return { clients: clients.length, received, outOfOrder, resyncs, last, p50: at(0.5), p99: at(0.99), most: at(1), closed };
}

for (const client of clients) {
  if (dialect === 'v1') connectV1(client);
  else await connectOriginal(client);
}
createInterface({ input: process.stdin }).on('line', () => {
  process.stdout.write(`${JSON.stringify(report())}\n`);
  process.exit(0);
});
