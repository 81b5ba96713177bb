/** BMCs that speak Redfish, many in one process, each at its own port; each can be made to misbehave as real ones do. */
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Socket } from 'node:net';
import { type Certificate, selfSigned } from './certificate.ts';
import { type Behaviour, Machine, NORMAL } from './machine.ts';

export interface Emulator {
  readonly certificate: Certificate;
  /** `https://127.0.0.1:PORT`. */
  url(bmc: number): string;
  machine(bmc: number): Machine;
  set(bmc: number, behaviour: Partial<Behaviour>): void;
  close(): Promise<void>;
}

export interface EmulatorOptions {
  readonly user: string;
  readonly password: string;
  readonly isPlain?: boolean;
  /** Its certificate is one that has ended. */
  readonly ended?: boolean;
  /** Where they are: the same port at each address; default: 127.0.0.1, any port. */
  readonly at?: { readonly addresses: readonly string[]; readonly port: number };
  /** Systems behind each BMC; default 1. */
  readonly systems?: number;
}

const LARGEST = 65_536;

export async function startEmulator(count: number, options: EmulatorOptions): Promise<Emulator> {
  const certificate = selfSigned(options.ended);
  const machines: Machine[] = [];
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  for (let bmc = 0; bmc < count; bmc++) {
    const machine = new Machine(options, options.systems ?? 1);
    const serve = (req: IncomingMessage, res: ServerResponse): void => void answer(machine, req, res);
    const server = options.isPlain ? createHttp(serve) : createHttps({ key: certificate.key, cert: certificate.cert }, serve);
    server.on('connection', (socket: Socket) => {
      machine.connections++;
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(options.at?.port ?? 0, options.at?.addresses[bmc] ?? '127.0.0.1', resolve));
    machines.push(machine);
    servers.push(server);
  }
  const machineOf = (bmc: number): Machine => {
    const machine = machines[bmc];
    if (machine === undefined) throw new Error(`there is no BMC ${bmc}`);
    return machine;
  };
  return {
    certificate,
    url: (bmc) => `${options.isPlain ? 'http' : 'https'}://127.0.0.1:${portOf(servers[bmc])}`,
    machine: machineOf,
    set: (bmc, behaviour) => {
      machineOf(bmc).behaviour = { ...NORMAL, ...behaviour };
    },
    close: async () => {
      for (const machine of machines) machine.stop();
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

async function answer(machine: Machine, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= LARGEST) chunks.push(chunk);
  }
  const { silent, slowMs } = machine.behaviour;
  if (silent) return;
  if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
  let body: Record<string, unknown> = {};
  try {
    if (size > 0) body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {}
  const { status, headers = {}, body: out } = machine.answer(req.method ?? 'GET', req.url ?? '/', req.headers, body);
  if (status === 0) {
    req.socket.destroy();
    return;
  }
  const bytes = out === undefined ? '' : typeof out === 'string' ? out : JSON.stringify(out);
  res.writeHead(status, {
    'odata-version': '4.0',
    ...(bytes === '' ? {} : { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(bytes),
    ...headers,
  });
  res.end(bytes);
}

function portOf(server: Server | undefined): number {
  const address = server?.address();
  if (typeof address !== 'object' || address === null) throw new Error('there is no such BMC');
  return address.port;
}
