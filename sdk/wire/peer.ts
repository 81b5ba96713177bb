/** What a peer is given and what it gives: one end of a connection, typed by the table of the protocol. */
import type { CallContext } from './call.ts';
import type { End, NotificationsTo, Other, Params, RequestsTo, Result } from './ends.ts';

/** The other end did not keep to the protocol. `text` is a sentence. */
export interface PeerFault {
  readonly kind: 'notJson' | 'notRpc' | 'badParams' | 'badResult' | 'unknownMethod' | 'tooMany' | 'handlerFailed';
  readonly text: string;
  readonly method?: string;
}

/** An answer that nobody waits for: too late (its method is known) or a second one. */
export interface LateAnswer {
  readonly id: string | number;
  /** Absent = not one of the calls that were given up lately: a duplicate, or an id that was never sent. */
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** What an end is made of. */
export interface PeerOptions<E extends End> {
  readonly end: E;
  /** Sends a whole line, newline included. */
  send(line: string): void;
  /** What this end answers; anything else is -32601. */
  readonly answers: { readonly [M in RequestsTo<E>]?: (params: Params<M>, context: CallContext) => Result<M> | Promise<Result<M>> };
  /** What this end listens to. */
  readonly hears: { readonly [M in NotificationsTo<E>]?: (params: Params<M>) => void };
  onFault(fault: PeerFault): void;
  onLate?(late: LateAnswer): void;
  /** What an error thrown by a handler is on the wire; default: an RpcError is itself, all else InternalError. */
  errorOf?(error: unknown): { readonly code: number; readonly message: string; readonly data?: unknown };
  /** Requests of the other end answered at a time; default 1024. Over it: -32017. */
  readonly maxInFlight?: number;
}

/** How long a request may take, and how it is given up. */
export interface RequestOptions {
  /** Milliseconds; then the promise rejects with DeadlineExceeded and the other end is told to give up. */
  readonly timeoutMs?: number;
  /** Aborted: the promise rejects with Cancelled and the other end is told to give up. */
  readonly signal?: AbortSignal;
}

/** A request under way, which can be cancelled in part. */
export interface SentCall<R> {
  readonly id: number;
  readonly answer: Promise<R>;
  /** Asks the other end to give up the call, or these nodes of it; `answer` still settles with what it then answers. */
  cancel(reason: string, nodes?: readonly string[]): void;
}

/** One end of a connection, as `createPeer` makes it. Requests reject with an `RpcError`. */
export interface Peer<E extends End> {
  request<M extends RequestsTo<Other<E>>>(method: M, params: Params<M>, options?: RequestOptions): Promise<Result<M>>;
  call<M extends RequestsTo<Other<E>>>(method: M, params: Params<M>, options?: RequestOptions): SentCall<Result<M>>;
  notify<M extends NotificationsTo<Other<E>>>(method: M, params: Params<M>): void;
  /** A line that was serialised once (`encodeLine(notification(…))`) and is written to many. */
  sendRaw(line: string): void;
  /** One line of the other end, without its newline. Never throws. */
  receive(line: string): void;
  /** Requests of ours that are not answered yet. */
  readonly waiting: number;
  /** Requests of theirs that are not answered yet. */
  readonly inFlight: number;
  /** The other end is gone: what waits rejects with Disconnected, what runs is cancelled, nothing more is sent. */
  close(reason: string): void;
}
