/** The connection of a command to the host: requests, and what the host tells meanwhile. */
import { connect, type Socket } from 'node:net';
import {
  CODES,
  createPeer,
  createWriter,
  LineDecoder,
  type NotificationsTo,
  type Params,
  type Peer,
  type RequestsTo,
  type Result,
  RpcError,
} from '@kraken-hpc/sdk/wire';
import { EXIT, Failure } from './failure.ts';
import type { Call } from './io.ts';

/** Longer than a backup of a large host takes. */
const PATIENCE = 10 * 60_000;
/** What may wait to be read by the host: all parts of a large file. */
const MOST_PENDING = 512 * 1024 * 1024;

/** What changes nothing. */
const READS = /^(?:state|events|graph)\/|^node\/(?:explain|plan|history|waiting)$|^service\/(?:list|logs)$|^engine\/status$/;

type Method = RequestsTo<'control'>;
type Heard = { readonly [M in NotificationsTo<'client'>]?: (params: Params<M>) => void };

export interface Client {
  /** Names the person as author. Rejects with an RpcError. */
  ask<M extends Method>(method: M, params: Params<M>): Promise<Result<M>>;
  /** Settles with the reason when the connection ends, whoever ended it. */
  readonly ended: Promise<string>;
  close(): void;
}

/** Throws a Failure in words where no host answers. */
export async function openClient(call: Call, hears: Heard = {}): Promise<Client> {
  const socket = await open(call.paths.socket);
  const writer = createWriter(socket, { limit: MOST_PENDING, onOverflow: () => socket.destroy() });
  const peer: Peer<'client'> = createPeer({
    end: 'client',
    send: (line) => writer.send(line),
    answers: {},
    // How far it is may be left unsaid.
    hears: { 'plugin/progress': () => undefined, ...hears },
    // An answer that does not fit rejects its request, and is said there.
    onFault: ({ kind, text }) => (kind === 'badResult' ? undefined : call.io.err(`kraken: the host sent what cannot be read: ${text}.\n`)),
  });
  const ended = listen(socket, peer);
  return {
    ask: async (method, params) => {
      try {
        return await peer.request(method, { ...params, onBehalfOf: { user: call.user } } as typeof params, { timeoutMs: PATIENCE });
      } catch (error) {
        if (error instanceof RpcError && error.code === CODES.Disconnected) throw gone(call.paths.socket, READS.test(method));
        throw error;
      }
    },
    ended,
    close: () => socket.destroy(),
  };
}

/** Opens, does, closes. */
export async function withClient<T>(call: Call, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await openClient(call);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

function listen(socket: Socket, peer: Peer<'client'>): Promise<string> {
  const decoder = new LineDecoder();
  return new Promise((resolve) => {
    const end = (why: string): void => {
      peer.close(why);
      resolve(why);
    };
    socket.on('data', (chunk) => {
      for (const line of decoder.push(chunk)) {
        if (typeof line === 'string') peer.receive(line);
        else socket.destroy(new Error('the host sent what is no line of the protocol'));
      }
    });
    socket.on('error', (error) => end(error.message));
    socket.on('close', () => end('the host closed the connection'));
  });
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => reject(noHost(path, error)));
  });
}

function noHost(path: string, { code, message }: NodeJS.ErrnoException): Failure {
  if (code === 'EACCES' || code === 'EPERM')
    return new Failure(
      EXIT.unreachable,
      `you may not use the control socket ${path}`,
      'Use sudo, or have the host started with a group that you are in: kraken up --group GROUP',
    );
  if (code === 'ENOENT' || code === 'ECONNREFUSED')
    return new Failure(
      EXIT.unreachable,
      `no host answers on ${path}: is it running?`,
      'Start it with: kraken up; name another with --socket',
    );
  return new Failure(EXIT.unreachable, `no host answers on ${path}: ${message}`, 'Name the socket of the host with --socket');
}

function gone(path: string, isRead: boolean): Failure {
  const text = `the host on ${path} went away before it answered`;
  if (isRead) return new Failure(EXIT.unreachable, text, 'Look whether it runs; start it with: kraken up');
  return new Failure(EXIT.unreachable, text, 'Whether it was done is not known: look with kraken node history when it runs again');
}
