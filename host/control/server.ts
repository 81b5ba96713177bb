/** The control socket: the protocol's framing, one peer a connection, every one of them bounded. */
import { createServer, type Socket } from 'node:net';
import { CODES, createPeer, createWriter, LineDecoder, type LineFault, METHODS, type PeerOptions, RpcError } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { RefusalError } from '../core/refusal.ts';
import type { ApiSession } from './session.ts';
import { openSocket } from './socket.ts';

export interface ControlLimits {
  readonly connections: number;
  /** Requests of one connection answered at a time. */
  readonly inFlight: number;
  /** Bytes that may wait for a client before it is cut off. */
  readonly unread: number;
}

const CONTROL_LIMITS: ControlLimits = { connections: 256, inFlight: 64, unread: 64 * 1024 * 1024 };
/** A client that leaves so much unread is not read from until it has caught up. */
const PAUSE_BYTES = 8 * 1024 * 1024;
/** How long a client has to read what it is told last. */
const FAREWELL_MS = 500;

export interface ControlOptions {
  readonly socket: string;
  /** The name of a group that may use it. */
  readonly group?: string;
  readonly api: { handle(method: string, params: Json, session: ApiSession): Promise<Json> };
  readonly limits?: Partial<ControlLimits>;
  log(level: 'info' | 'warn' | 'error', message: string): void;
}

export interface ControlServer {
  close(): Promise<void>;
}

/** Rejects with a RefusalError where the socket cannot be opened. */
export async function startControl(options: ControlOptions): Promise<ControlServer> {
  const limits = { ...CONTROL_LIMITS, ...options.limits };
  const open = new Set<Socket>();
  const server = createServer((connection) => {
    if (open.size >= limits.connections) {
      options.log('warn', `control socket: a client was turned away: ${limits.connections} are connected, the most there may be`);
      farewell(connection, CODES.TooMany, `${limits.connections} clients are connected already: end some of them`);
      return;
    }
    open.add(connection);
    connection.once('close', () => open.delete(connection));
    serve(connection, options, limits);
  });
  await openSocket(server, options.socket, options.group);
  return {
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(() => {
          for (const connection of open) connection.destroy();
        }, FAREWELL_MS);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
        for (const connection of open) connection.destroySoon();
      }),
  };
}

/** One client, from its first line to its last. */
function serve(connection: Socket, options: ControlOptions, limits: ControlLimits): void {
  const closers = new Set<() => void>();
  const complain = (text: string): void => options.log('info', `control socket: ${text}`);
  const writer = createWriter(connection, {
    limit: limits.unread,
    onOverflow: (pending) => {
      complain(`a client was cut off: it left ${pending} bytes unread, the limit is ${limits.unread}`);
      connection.destroy();
    },
  });
  const session: ApiSession = {
    author: { user: 'somebody on the control socket' },
    permissions: 'all',
    sendRaw: (line) => writer.send(line),
    get pendingBytes() {
      return writer.pendingBytes;
    },
    drained: () => writer.drained(),
    onClose: (listener) => void closers.add(listener),
  };
  const peer = createPeer<'control'>({
    end: 'control',
    send: (line) => writer.send(line),
    answers: answersOf(options.api, session),
    hears: {},
    onFault: ({ text }) => complain(text),
    errorOf: (error) => errorOf(error, options.log),
    maxInFlight: limits.inFlight,
  });
  const decoder = new LineDecoder();
  connection.on('data', (chunk: Buffer) => {
    for (const line of decoder.push(chunk)) {
      if (typeof line === 'string') peer.receive(line);
      else return cutOff(connection, line, complain);
    }
    if (writer.pendingBytes <= PAUSE_BYTES) return;
    connection.pause();
    void writer.drained().then(() => connection.resume());
  });
  connection.on('error', () => connection.destroy());
  connection.once('close', () => {
    peer.close('the client is gone');
    for (const listener of closers) listener();
  });
}

/** One handler for each request of the table that people may send. */
function answersOf(api: ControlOptions['api'], session: ApiSession): PeerOptions<'control'>['answers'] {
  const answers: Record<string, (params: Json) => Promise<Json>> = {};
  for (const [method, { control, kind }] of Object.entries(METHODS))
    if (control && kind === 'request') answers[method] = (params) => api.handle(method, params, session);
  return answers as unknown as PeerOptions<'control'>['answers'];
}

/** What is no line of text cannot be followed by one. */
function cutOff(connection: Socket, fault: LineFault, complain: (text: string) => void): void {
  const text = fault.fault === 'tooLong' ? `a line of more than ${fault.limit} bytes` : 'a line that is not UTF-8';
  complain(`a client was cut off: it sent ${text}`);
  connection.removeAllListeners('data');
  const code = fault.fault === 'tooLong' ? CODES.TooLarge : CODES.ParseError;
  farewell(connection, code, `${text} was sent: the connection is closed`);
}

/** A last word. What still comes is read and dropped (unread, it would take the word with it), and who does not hang up is hung up on. */
function farewell(connection: Socket, code: number, message: string): void {
  const late = setTimeout(() => connection.destroy(), FAREWELL_MS);
  connection.once('close', () => clearTimeout(late));
  connection.on('error', () => connection.destroy());
  connection.end(`${JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } })}\n`);
  connection.resume();
}

/** A refusal in its own words; what we did not expect is logged whole and told shortly. */
function errorOf(error: unknown, log: ControlOptions['log']): { readonly code: number; readonly message: string; readonly data?: unknown } {
  if (error instanceof RefusalError) {
    const { code, ...data } = error.refusal;
    return { code, message: error.message, data };
  }
  if (error instanceof RpcError) return error;
  log('error', `a request failed unexpectedly: ${error instanceof Error ? error.stack : String(error)}`);
  const why = error instanceof Error ? error.message : String(error);
  const todo = 'This is a defect: report it with the log of the host.';
  return {
    code: CODES.InternalError,
    message: `the request failed: ${why}`,
    data: { what: 'the request failed', where: 'the host', why, todo },
  };
}
