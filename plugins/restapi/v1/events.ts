/** `/events`: Server-Sent Events, and WebSockets at the same URL. */
import type { Revision } from '@kraken-hpc/sdk/wire';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import type { Context } from '../context.ts';
import type { Told } from '../events/hub.ts';
import { Refused } from '../problem.ts';
import { operation } from './operation.ts';
import { ref, SELECTOR } from './schemas.ts';
import { type Batch, type Outlet, Streams, wantedOf } from './streams.ts';

const PATH = '/api/v1/events';
const MOST_STREAMS = 1_000;

/** Returns the streams, for who counts them. */
export function eventRoutes(app: FastifyInstance, context: Context): Streams {
  const streams = new Streams(context);
  let open = 0;
  app.addHook('preClose', async () => streams.close());
  app.get(
    '/events',
    {
      ...operation({
        id: 'events',
        tag: 'events',
        summary: 'Events as they happen; as a WebSocket each message is a list of them, or [{"kind":"resync","revision"}]',
        query: {
          selector: { ...SELECTOR, default: '' },
          kinds: { type: 'string', maxLength: 200, description: 'state, mutation, discovery, service; several by commas; default all.' },
          from: { type: 'string', maxLength: 15, description: 'A revision: events after it come first.' },
        },
        headers: { 'last-event-id': { type: 'string' } },
        answers: {
          200: {
            description: 'id is the revision, event the kind, data an Event; event: resync = something was lost, read everything anew.',
            schema: ref('Event'),
            type: 'text/event-stream',
          },
        },
      }),
      exposeHeadRoute: false,
    },
    async (request, reply) => {
      const wanted = wantedOf(request.query as object as Record<string, unknown>, lastId(request));
      if (open >= MOST_STREAMS) throw tooMany();
      open++;
      reply.raw.once('close', () => void open--);
      const outlet = new EventStream(reply);
      const left = new Promise<void>((resolve) => void reply.raw.once('close', resolve));
      try {
        const leave = await streams.join(outlet, wanted, request.principal.token);
        void left.then(leave);
      } catch {
        // It has begun: a client that is cut off comes again.
        outlet.close();
      }
    },
  );
  context.sockets.route(
    PATH,
    (socket, principal, url) => {
      const wanted = wantedOf(Object.fromEntries(url.searchParams));
      const left = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
      streams.join(new Socket(socket), wanted, principal.token).then(
        (leave) => void left.then(leave),
        () => socket.close(1011, 'events cannot be told at the moment'),
      );
    },
    (url) => void wantedOf(Object.fromEntries(url.searchParams)),
  );
  return streams;
}

/** What a browser sends when it comes back; anything else is not ours. */
function lastId({ headers }: FastifyRequest): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && /^\d{1,15}$/.test(id) ? id : undefined;
}

function tooMany(): Refused {
  return new Refused(
    503,
    { what: 'it is refused', where: PATH, why: `${MOST_STREAMS} streams of events are open`, todo: 'Try again later' },
    { retryAfter: 10 },
  );
}

class EventStream implements Outlet {
  readonly #reply: FastifyReply;

  constructor(reply: FastifyReply) {
    this.#reply = reply;
    reply.hijack();
    const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' };
    reply.raw.on('error', () => reply.raw.destroy());
    reply.raw.writeHead(200, headers as Record<string, string>);
    reply.raw.write(': events follow\n\n');
  }

  get unread(): number {
    return this.#reply.raw.writableLength;
  }

  send(batch: Batch): void {
    this.#reply.raw.write(batch.as('sse', asStream));
  }

  resync(revision: Revision): void {
    this.#reply.raw.write(`id: ${revision}\nevent: resync\ndata: {"kind":"resync","revision":${revision}}\n\n`);
  }

  beat(): void {
    this.#reply.raw.write(':\n\n');
  }

  close(): void {
    this.#reply.raw.end();
  }
}

/** The id comes with the last event of a revision: who comes back with it has seen all of it. */
function asStream(told: readonly Told[]): string {
  return told
    .map(({ event, text, revision }, at) => {
      const id = told[at + 1]?.revision === revision ? '' : `id: ${revision}\n`;
      return `${id}event: ${event.kind}\ndata: ${text}\n\n`;
    })
    .join('');
}

class Socket implements Outlet {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get unread(): number {
    return this.#socket.bufferedAmount;
  }

  send(batch: Batch): void {
    this.#write(batch.as('list', (told) => `[${told.map(({ text }) => text).join(',')}]`));
  }

  resync(revision: Revision): void {
    this.#write(Buffer.from(`[{"kind":"resync","revision":${revision}}]`));
  }

  /** Pings are the server's own. */
  beat(): void {}

  close(why: string): void {
    this.#socket.close(1008, why);
  }

  #write(bytes: Buffer): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(bytes, { binary: false });
  }
}
