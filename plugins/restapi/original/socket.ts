/**
 * The original's WebSocket: nothing before SUBSCRIBE, one payload a frame unless a client asks for lists (`"batch": true` with
 * SUBSCRIBE). Its clients know one way to begin anew, which is to connect again: one that does not keep up is closed with 1013.
 */
import type { WebSocket } from 'ws';
import type { Context } from '../context.ts';
import type { Told } from '../events/hub.ts';
import { payloadsOf, TYPES, type TypeName } from './payload.ts';

/** Bytes that a client has not read yet, before it is closed. */
const SLOW = 1_000_000;
const BEHIND = 1013;

interface Client {
  readonly types: Set<number>;
  isBatched: boolean;
  leave: (() => void) | undefined;
}

export function originalSocket(context: Context): (socket: WebSocket) => void {
  const { hub, replica, log } = context;
  const shared = new Shared(() => replica.words);
  return (socket) => {
    const client: Client = { types: new Set(), isBatched: false, leave: undefined };
    let isListening = false;
    const listen = async (): Promise<void> => {
      if (isListening) return;
      isListening = true;
      try {
        const anew = (): void => socket.close(BEHIND, 'read everything anew');
        const leave = await hub.listen({ events: (told) => send(socket, client, shared.of(told)), resync: anew });
        if (socket.readyState === socket.OPEN) client.leave = leave;
        else leave();
      } catch (error) {
        log('warn', `a WebSocket is not told of events: ${String(error)}`);
        socket.close(1011, 'events are not told');
      }
    };
    socket.on('message', (data) => {
      if (command(client, String(data))) void listen();
    });
    socket.on('close', () => client.leave?.());
  };
}

/** Payloads of a batch of events are made once for all clients. */
class Shared {
  readonly #words: () => Context['replica']['words'];
  #told: readonly Told[] | undefined;
  #payloads: readonly { readonly type: number; readonly text: string }[] = [];

  constructor(words: () => Context['replica']['words']) {
    this.#words = words;
  }

  of(told: readonly Told[]): readonly { readonly type: number; readonly text: string }[] {
    if (told !== this.#told) {
      this.#told = told;
      const payloads = payloadsOf(
        told.map(({ event }) => event),
        this.#words(),
      );
      this.#payloads = payloads.map((payload) => ({ type: payload.type, text: JSON.stringify(payload) }));
    }
    return this.#payloads;
  }
}

function send(
  socket: WebSocket,
  { types, isBatched }: Client,
  payloads: readonly { readonly type: number; readonly text: string }[],
): void {
  if (socket.readyState !== socket.OPEN) return;
  const wanted = payloads.filter(({ type }) => types.has(type));
  if (wanted.length === 0) return;
  if (isBatched) socket.send(`[${wanted.map(({ text }) => text).join(',')}]`);
  else for (const { text } of wanted) socket.send(text);
  if (socket.bufferedAmount > SLOW) socket.close(BEHIND, 'it reads too slowly: read everything anew');
}

/** Takes a word of a client; what is none is passed over, as the original does. True: it wants to be told. */
function command(client: Client, text: string): boolean {
  const { command: verb, type, batch } = parsed(text);
  const number = typeof type === 'string' && Object.hasOwn(TYPES, type) ? TYPES[type as TypeName] : undefined;
  if (number === undefined) return false;
  if (verb === 'UNSUBSCRIBE') client.types.delete(number);
  if (verb !== 'SUBSCRIBE') return false;
  client.types.add(number);
  if (batch === true) client.isBatched = true;
  return true;
}

function parsed(text: string): { readonly command?: unknown; readonly type?: unknown; readonly batch?: unknown } {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? json : {};
  } catch {
    return {};
  }
}
