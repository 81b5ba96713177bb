/** WebSockets beside the routes: who may open one, how many, how large a word of theirs may be, and when they are given up. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Access, SUBPROTOCOL } from '../access/access.ts';
import type { Principal } from '../access/roles.ts';
import { answerAtOnce, Refused, refusedOf } from '../problem.ts';

/** Throws Refused. */
export type Check = (url: URL) => void;
/** What is done with an open one. */
export type Open = (socket: WebSocket, principal: Principal, url: URL) => void;

/** Bytes of a message of theirs. */
const MOST_WORDS = 65_536;
const MOST_SOCKETS = 1_000;
/** Milliseconds between pings, and without an answer until it is given up: a stopped client comes back, a lost one does not. */
const PING = 30_000;
const PATIENCE = 900_000;

export class Sockets {
  readonly #access: Access;
  readonly #routes = new Map<string, { readonly open: Open; readonly check: Check }>();
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MOST_WORDS,
    perMessageDeflate: false,
    clientTracking: true,
    handleProtocols: (offered) => [...offered].find((name) => !name.startsWith(SUBPROTOCOL)) ?? [...offered][0] ?? false,
  });
  readonly #heard = new WeakMap<WebSocket, number>();
  readonly #pings: NodeJS.Timeout;

  constructor(access: Access) {
    this.#access = access;
    this.#pings = setInterval(() => this.#ping(), PING).unref();
    this.#server.on('wsClientError', ({ message }, socket, request) => {
      const words = { what: 'the WebSocket is refused', where: '', why: message, todo: 'Ask for it as RFC 6455 says' };
      answerAtOnce(socket, new Refused(400, words, { field: 'headers' }), request.url ?? '');
    });
  }

  get count(): number {
    return this.#server.clients.size;
  }

  /** Whoever may read may open it; `check` refuses what stands in the URL before it is open. */
  route(path: string, open: Open, check: Check = () => undefined): void {
    this.#routes.set(path, { open, check });
  }

  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy());
      try {
        this.#upgrade(request, socket, head);
      } catch (error) {
        const refused = refusedOf(error);
        if (!refused) throw error;
        answerAtOnce(socket, refused, request.url ?? '');
      }
    });
  }

  close(): void {
    clearInterval(this.#pings);
    for (const socket of this.#server.clients) socket.close(1001, 'the service ends');
    setTimeout(() => {
      for (const socket of this.#server.clients) socket.terminate();
    }, 500).unref();
    this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(`http://localhost${request.url?.startsWith('/') ? request.url : '/'}`);
    const route = this.#routes.get(url.pathname.replace(/(?<=.)\/$/, ''));
    if (!route)
      throw new Refused(404, {
        what: 'there is nothing here',
        where: url.pathname,
        why: 'no WebSocket is here',
        todo: 'GET /ws tells where',
      });
    const principal = this.#access.principal({ headers: request.headers, ip: request.socket.remoteAddress ?? '' });
    route.check(url);
    if (this.count >= MOST_SOCKETS)
      throw new Refused(503, { what: 'it is refused', where: url.pathname, why: `${MOST_SOCKETS} are open`, todo: 'Try again later' });
    this.#server.handleUpgrade(request, socket, head, (opened) => {
      this.#heard.set(opened, Date.now());
      opened.on('pong', () => this.#heard.set(opened, Date.now()));
      opened.on('error', () => opened.terminate());
      route.open(opened, principal, url);
    });
  }

  #ping(): void {
    for (const socket of this.#server.clients) {
      if (Date.now() - (this.#heard.get(socket) ?? 0) > PATIENCE) socket.terminate();
      else if (socket.bufferedAmount === 0) socket.ping();
    }
  }
}
