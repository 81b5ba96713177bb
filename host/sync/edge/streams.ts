/** Tethers: the plain TCP connections that carry sealed frames, those that came in and those that were dialled. */
import { connect, type Socket } from 'node:net';
import type { Address, StreamId } from '../actions.ts';
import { FrameReader, writeFrame } from './frames.ts';
import type { WaitingRoom } from './waiting-room.ts';

export type CloseReason =
  /** Nobody listens there. */
  | 'refused'
  /** It did not open in time. */
  | 'timeout'
  /** The other end closed it. */
  | 'ended'
  | 'error'
  /** More waits to be written than may. */
  | 'full'
  /** A frame that is too long. */
  | 'malformed';

export interface StreamLimits {
  /**
   * Largest frame, once proved; before that `unprovedFrame`, and only one. What a neighbour says first may be a piece of something large: of
   * all who are not proved that is 16 MB at most, for a few seconds.
   */
  readonly frame: number;
  readonly unprovedFrame: number;
  readonly dialMs: number;
  /** Bytes that may wait to be written. */
  readonly queue: number;
  /** How long what was written before may still take when it is hung up. */
  readonly hangUpMs: number;
}

const DEFAULT_LIMITS: StreamLimits = {
  frame: 16_384 + 64,
  unprovedFrame: 16_384 + 64,
  dialMs: 3_000,
  queue: 4 * 1024 * 1024,
  hangUpMs: 5_000,
};

export interface StreamEvents {
  opened(stream: StreamId, from: Address, incoming: boolean): void;
  frame(stream: StreamId, bytes: Uint8Array): void;
  /** Not after `hangUp`. */
  closed(stream: StreamId, why: CloseReason): void;
}

const KEEPALIVE_MS = 15_000;

interface Stream {
  readonly id: StreamId;
  readonly socket: Socket;
  readonly reader: FrameReader;
  proved: boolean;
  /** Frames that came before it was proved. */
  early: number;
  /** Of a dial that has not been answered. */
  timer: NodeJS.Timeout | undefined;
}

export class Streams {
  readonly figures = { malformed: 0, full: 0 };
  readonly #limits: StreamLimits;
  readonly #room: WaitingRoom;
  readonly #events: StreamEvents;
  readonly #streams = new Map<StreamId, Stream>();
  #next = 1;

  constructor(limits: Partial<StreamLimits>, room: WaitingRoom, events: StreamEvents) {
    this.#room = room;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#events = events;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** A connection that came in and is in the waiting room, and what has been read of it. */
  take(socket: Socket, head: Buffer): void {
    const stream = this.#add(this.#next++, socket, false);
    this.#events.opened(stream.id, addressOf(socket), true);
    this.#listen(stream);
    this.#read(stream, head);
  }

  dial(id: StreamId, to: Address, localAddress?: string): void {
    const socket = connect({ ...to, noDelay: true, ...(localAddress !== undefined && { localAddress }) });
    const stream = this.#add(id, socket, true);
    stream.timer = setTimeout(() => this.#drop(stream, 'timeout'), this.#limits.dialMs);
    socket.once('connect', () => {
      clearTimeout(stream.timer);
      if (this.#streams.get(id) === stream) this.#events.opened(id, to, false);
    });
    this.#listen(stream);
  }

  /** Who speaks through it is known: more and larger frames, for as long as it lasts. */
  accept(id: StreamId): void {
    const stream = this.#streams.get(id);
    if (!stream || stream.proved) return;
    stream.proved = true;
    this.#room.leave(stream.socket);
    stream.socket.setKeepAlive(true, KEEPALIVE_MS);
    stream.socket.resume();
    // Not now: whoever accepts is in the middle of something.
    setImmediate(() => this.#read(stream));
  }

  frame(id: StreamId, bytes: Uint8Array): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    if (stream.socket.writableLength + bytes.length > this.#limits.queue) return this.#drop(stream, 'full');
    stream.socket.write(writeFrame(bytes));
  }

  /** What was written before is still sent, to whom reads it within a moment. */
  hangUp(id: StreamId): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    this.#forget(stream);
    const { socket } = stream;
    const timer = setTimeout(() => socket.destroy(), this.#limits.hangUpMs).unref();
    socket.once('close', () => clearTimeout(timer));
    socket.destroySoon();
  }

  close(): void {
    for (const stream of [...this.#streams.values()]) {
      this.#forget(stream);
      stream.socket.destroy();
    }
  }

  #add(id: StreamId, socket: Socket, proved: boolean): Stream {
    const stream: Stream = { id, socket, reader: new FrameReader(), proved, early: 0, timer: undefined };
    this.#streams.set(id, stream);
    if (proved) socket.setKeepAlive(true, KEEPALIVE_MS);
    return stream;
  }

  #listen(stream: Stream): void {
    const { socket } = stream;
    socket.on('data', (chunk: Buffer) => this.#read(stream, chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#drop(stream, error.code === 'ECONNREFUSED' ? 'refused' : 'error'));
    const ended = (): void => this.#drop(stream, 'ended');
    socket.on('end', ended);
    socket.on('close', ended);
  }

  /** Of a connection that is not proved one small frame is passed on; the rest waits, in the kernel where it can. */
  #read(stream: Stream, chunk?: Buffer): void {
    // Of whom was hung up on nothing is kept.
    if (this.#streams.get(stream.id) !== stream) return;
    if (chunk) stream.reader.push(chunk);
    while (this.#streams.get(stream.id) === stream) {
      if (!stream.proved && stream.early > 0) return void stream.socket.pause();
      const frame = stream.reader.next(stream.proved ? this.#limits.frame : this.#limits.unprovedFrame);
      if (frame === undefined) return;
      if (frame === 'long') return this.#drop(stream, 'malformed');
      if (!stream.proved) stream.early++;
      this.#events.frame(stream.id, frame);
    }
  }

  #drop(stream: Stream, why: CloseReason): void {
    if (this.#streams.get(stream.id) !== stream) return;
    this.#forget(stream);
    stream.socket.destroy();
    if (why === 'malformed' || why === 'full') this.figures[why]++;
    this.#events.closed(stream.id, why);
  }

  #forget(stream: Stream): void {
    clearTimeout(stream.timer);
    this.#streams.delete(stream.id);
  }
}

/** IPv4 in dotted form also where it came over IPv6. */
function addressOf({ remoteAddress = '', remotePort = 0 }: Socket): Address {
  return { host: remoteAddress.replace(/^::ffff:(?=\d+\.)/, ''), port: remotePort };
}
