/** HTTP/1.1 on addresses of this machine, for reading only: scripts, kernels and initramfs for machines that boot, thousands at once. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Complaints } from '../files/complaints.ts';
import { bytesReader, FileTable } from '../files/file-table.ts';
import { explainListenError, plainAddress, spell } from '../files/listening.ts';
import { Pace } from '../files/pace.ts';
import { unreadable } from '../files/unreadable.ts';
import type { Log, Served, Source } from '../served.ts';
import { type Answer, answerTo } from './answer.ts';
import { Connections } from './connections.ts';
import { nameOf } from './request.ts';
import { Sending } from './sending.ts';

export interface HttpLimits {
  /** At once, of all clients; idle ones make room for new ones. */
  readonly connections: number;
  /** At once, of one address. A reader that takes nothing holds up to 4 MB of the kernel's (net.ipv4.tcp_wmem) in each until it is let go. */
  readonly perAddress: number;
  /** Of one address, in the long run, connections counted too; twice as many at once. Who asks more often is cut off. */
  readonly requestsPerSecond: number;
  /** Milliseconds for a request to be there in full. */
  readonly requestMs: number;
  /** Milliseconds for a client to take 64 KiB. */
  readonly stallMs: number;
  /** Milliseconds that a connection may wait for its next request. */
  readonly idleMs: number;
  readonly cacheBytes: number;
}

const LIMITS: HttpLimits = {
  connections: 4096,
  perAddress: 8,
  requestsPerSecond: 500,
  requestMs: 10_000,
  stallMs: 30_000,
  idleMs: 5000,
  cacheBytes: 64 * 1024 * 1024,
};
/** What a request that is not for its sender costs of that sender's pace. */
const STRANGERS_CHARGE = 20;
const HEADER_BYTES = 8192;
const MOST_HEADERS = 64;

export interface HttpOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly source: Source;
  readonly log: Log;
  readonly limits?: Partial<HttpLimits>;
}

type Refusal = 400 | 403 | 404 | 405 | 408 | 414 | 416 | 431 | 503;

export class HttpService {
  readonly #source: Source;
  readonly #complaints: Complaints;
  readonly #limits: HttpLimits;
  readonly #files: FileTable;
  readonly #pace: Pace;
  readonly #connections: Connections;
  readonly #servers: Server[] = [];
  readonly #sendings = new Map<Socket, Sending>();
  readonly #sweeper: NodeJS.Timeout;

  /** Listens on all of the addresses, or rejects with what a person can do about the one that it cannot have. Port 0: any. */
  static async open(options: HttpOptions): Promise<HttpService> {
    const service = new HttpService(options);
    try {
      for (const address of options.addresses) await service.#listen(address, options.port);
    } catch (error) {
      await service.close();
      throw error;
    }
    return service;
  }

  private constructor({ source, log, limits }: HttpOptions) {
    this.#source = source;
    this.#complaints = new Complaints(log);
    this.#limits = { ...LIMITS, ...limits };
    this.#files = new FileTable(this.#limits.cacheBytes);
    this.#pace = new Pace(this.#limits.requestsPerSecond);
    this.#connections = new Connections(this.#limits.connections, this.#limits.perAddress);
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(1000, this.#limits.stallMs / 4));
    this.#sweeper.unref();
  }

  /** `ADDRESS:PORT` of each. */
  get listens(): readonly string[] {
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo;
      return spell(address, port);
    });
  }

  /** What it holds now: connections, descriptors of files, bytes of them in memory. */
  get held(): { readonly connections: number; readonly files: number; readonly bytes: number } {
    return { connections: this.#connections.size, ...this.#files.held };
  }

  /** Answers that are under way are cut off. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of this.#servers) server.closeAllConnections();
    this.#files.close();
    await Promise.all(closed);
    this.#servers.length = 0;
  }

  async #listen(address: string, port: number): Promise<void> {
    const { requestMs, idleMs, stallMs } = this.#limits;
    const server = createServer({
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(1000, requestMs / 2),
      noDelay: true,
    });
    // Whatever else a connection may wait for.
    server.timeout = 2 * stallMs;
    server.maxHeadersCount = MOST_HEADERS;
    server.on('connection', (socket) => this.#admit(socket));
    server.on('request', (request, response) => void this.#serve(request, response));
    // Nobody is told to go on with a body: none is wanted.
    server.on('checkContinue', (request, response) => void this.#serve(request, response));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseUnread(error, socket as Socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(explainListenError('HTTP (TCP)', address, port, error)));
      server.listen({ host: address, port, backlog: 4096 }, resolve);
    });
    server.on('error', (error) => this.#complaints.tell('server', 'error', `HTTP: ${error.message}`, performance.now(), 'error'));
    this.#servers.push(server);
  }

  #admit(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    if (!this.#pace.allows(address, performance.now())) {
      socket.destroy();
      return;
    }
    const outcome = this.#connections.admit(socket, address);
    const { connections, perAddress } = this.#limits;
    if (outcome === 'full') {
      const what = `HTTP: all ${connections} connections that are allowed at once are in use; who connects now is turned away`;
      this.#complaints.tell('server', 'full', what, performance.now());
    } else if (outcome === 'address full') {
      const what = `HTTP: ${address} has ${perAddress} requests under way, the most that are allowed; it is turned away`;
      this.#complaints.tell(address, 'full', what, performance.now());
    }
  }

  /** Never rejects. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const since = performance.now();
    const from = plainAddress(socket.remoteAddress ?? '');
    if (!this.#connections.begin(socket) || !this.#pace.allows(from, since)) {
      socket.destroy();
      return;
    }
    response.once('close', () => this.#connections.end(socket));
    const asked = nameOf(request);
    if ('refused' in asked) {
      refuse(request, response, asked.refused, asked.why);
      return;
    }
    try {
      const served = await this.#source.open(asked.name, from, 'http');
      if (response.destroyed) return;
      if (served.kind === 'refused') {
        this.#complaints.tell(from, asked.name, `HTTP: ${asked.name} was refused to ${from}: ${served.why}`, since);
        // A stranger has no reason to ask again.
        if (served.status === 403) this.#pace.charge(from, STRANGERS_CHARGE);
        refuse(request, response, served.status, served.why);
      } else await this.#give(request, response, asked.name, from, served, since);
    } catch (error) {
      this.#trouble(request, response, asked.name, from, error);
    }
  }

  async #give(
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
    from: string,
    served: Exclude<Served, { kind: 'refused' }>,
    since: number,
  ): Promise<void> {
    const size = served.kind === 'bytes' ? served.bytes.length : served.size;
    const answer = answerTo(request.method === 'HEAD' ? 'HEAD' : 'GET', request.headers, { ...served, size });
    if (answer.status === 416) {
      refuse(request, response, 416, `${name} has ${size} bytes, none of which are in that range`, answer.headers);
      return;
    }
    const isWhole = answer.range?.from === 0 && answer.range.to === size;
    if (isWhole) response.once('finish', () => this.#source.done(name, from, 'http', size, performance.now() - since));
    if (answer.range === undefined || size === 0) response.writeHead(answer.status, answer.headers).end();
    else await this.#send(response, served, { ...answer, range: answer.range });
  }

  async #send(response: ServerResponse, served: Exclude<Served, { kind: 'refused' }>, answer: Required<Answer>): Promise<void> {
    const reader = served.kind === 'bytes' ? bytesReader(served.bytes) : await this.#files.open(served);
    const { socket } = response;
    try {
      if (socket === null || response.destroyed) return;
      response.writeHead(answer.status, answer.headers);
      const sending = new Sending(response, reader, answer.range, performance.now());
      this.#sendings.set(socket, sending);
      response.once('close', () => this.#sendings.delete(socket));
      await sending.run(() => performance.now());
    } finally {
      reader.release();
    }
  }

  /** Where bytes have gone already, only the end of the connection tells the client that this is not all. */
  #trouble(request: IncomingMessage, response: ServerResponse, name: string, from: string, error: unknown): void {
    const { client, person, isPassing } = unreadable(error, name);
    this.#complaints.tell('server', name, `HTTP: an answer to ${from} was broken off: ${person}`, performance.now());
    if (response.headersSent) response.destroy();
    else refuse(request, response, 503, client, isPassing ? { 'Retry-After': 2 } : {});
  }

  #sweep(): void {
    const now = performance.now();
    for (const [socket, sending] of this.#sendings) {
      if (!sending.isStuck(now - this.#limits.stallMs)) continue;
      const what = `took no more for ${this.#limits.stallMs / 1000} s, after ${sending.bytes} bytes`;
      const from = plainAddress(socket.remoteAddress ?? '');
      this.#complaints.tell(from, 'slow', `HTTP: a connection of ${from} was closed, because it ${what}`, now);
      this.#sendings.delete(socket);
      socket.destroy();
    }
  }
}

/** One plain sentence. Who may ask again soon keeps the connection. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: Refusal,
  why: string,
  headers: Readonly<Record<string, string | number>> = {},
): void {
  const body = Buffer.from(`${why}\n`);
  const stays = status === 404 || status === 416 || status === 503;
  response.writeHead(status, {
    ...headers,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    ...(stays ? {} : { Connection: 'close' }),
    ...(status === 405 ? { Allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** What Node's parser gave up on: there is no request to answer, only a socket. */
function refuseUnread(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const [status, why] = unread(error.code);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close`;
  socket.end(`${head}\r\nContent-Length: ${why.length}\r\n\r\n${why}`, () => socket.destroy());
}

function unread(code: string | undefined): readonly [status: Refusal, why: string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, `the request is larger than ${HEADER_BYTES} bytes\n`];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'the request took too long to come\n'];
    default:
      return [400, 'this is no request of HTTP/1.1 that can be read\n'];
  }
}
