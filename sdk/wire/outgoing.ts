/** The requests of this end: sent, waited for, given up; and what the other end answers to them. */
import type { JSONRPCResponse } from 'json-rpc-2.0';
import { RpcError, rpcError } from './fault.ts';
import { LINE_LIMIT } from './methods.ts';
import type { LateAnswer, PeerFault, RequestOptions, SentCall } from './peer.ts';
import { resultMisfit } from './validate.ts';

/** How many calls that were given up are remembered, to know a late answer by its method. */
const REMEMBERED = 4096;
/** A longer setTimeout fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

export interface Connection {
  /** False = over the limit of a line: nothing was sent. */
  write(message: unknown): boolean;
  fault(kind: PeerFault['kind'], text: string, method?: string): void;
}

/** One request that is under way. */
class Waiter {
  readonly method: string;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: RpcError) => void;
  timer: NodeJS.Timeout | undefined;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;

  constructor(method: string, resolve: (result: unknown) => void, reject: (error: RpcError) => void) {
    this.method = method;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/**
 * json-rpc-2.0's client is not used: what it does (an id finds its promise) is needed here anyway, for timeouts, cancelling and late
 * answers.
 */
export class Outgoing {
  readonly #connection: Connection;
  readonly #onLate: ((late: LateAnswer) => void) | undefined;
  readonly #waiters = new Map<number, Waiter>();
  readonly #givenUp = new Map<number, string>();
  #nextId = 1;
  #closed: string | undefined;

  constructor(connection: Connection, onLate: ((late: LateAnswer) => void) | undefined) {
    this.#connection = connection;
    this.#onLate = onLate;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** A request whose id nobody needs. */
  request(method: string, params: unknown, options?: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => this.#send(this.#nextId++, new Waiter(method, resolve, reject), params, options));
  }

  call(method: string, params: unknown, options?: RequestOptions): SentCall<unknown> {
    const id = this.#nextId++;
    const answer = new Promise((resolve, reject) => this.#send(id, new Waiter(method, resolve, reject), params, options));
    return { id, answer, cancel: (reason, nodes) => this.#cancel(id, reason, nodes) };
  }

  /** A message that has no method: an answer, or nothing that we know. */
  receive(message: JSONRPCResponse, line: string): void {
    const { id } = message;
    const waiter = typeof id === 'number' ? this.#waiters.get(id) : undefined;
    const whole = (message.result === undefined) !== (message.error === undefined);
    if (message.jsonrpc !== '2.0' || !whole || (message.error !== undefined && !isError(message.error))) {
      this.#connection.fault('notRpc', `neither a call nor an answer: ${line.slice(0, 80)}`);
    } else if (waiter !== undefined) {
      this.#taken(id as number, waiter);
      if (message.error === undefined) this.#accept(waiter, message.result);
      else waiter.reject(new RpcError(message.error.code, message.error.message, message.error.data));
    } else if (typeof id === 'number' || typeof id === 'string') {
      this.#late(id, message);
    } else {
      this.#connection.fault('notRpc', `the other end could not read a line of ours: ${message.error?.message ?? ''}`);
    }
  }

  close(reason: string): void {
    this.#closed ??= reason;
    for (const [id, waiter] of [...this.#waiters]) {
      this.#taken(id, waiter);
      waiter.reject(rpcError('Disconnected', `${waiter.method}: ${reason}`));
    }
  }

  #send(id: number, waiter: Waiter, params: unknown, options: RequestOptions | undefined): void {
    const { method } = waiter;
    if (this.#closed !== undefined) return waiter.reject(rpcError('Disconnected', `${method}: ${this.#closed}`));
    if (options?.signal?.aborted === true) return waiter.reject(rpcError('Cancelled', `${method}: cancelled before it was sent`));
    if (!this.#connection.write({ jsonrpc: '2.0', id, method, params }))
      return waiter.reject(rpcError('TooLarge', `${method}: over the limit of ${LINE_LIMIT} bytes a line`));
    this.#waiters.set(id, waiter);
    if (options !== undefined) this.#limit(id, waiter, options);
  }

  /** Gives it up after a time, or when a signal says so. */
  #limit(id: number, waiter: Waiter, { timeoutMs, signal }: RequestOptions): void {
    if (timeoutMs !== undefined)
      waiter.timer = setTimeout(
        () => this.#giveUp(id, 'DeadlineExceeded', `not answered in ${timeoutMs} ms`),
        Math.min(timeoutMs, LONGEST_TIMER),
      );
    if (signal === undefined) return;
    waiter.signal = signal;
    waiter.onAbort = () => this.#giveUp(id, 'Cancelled', signal.reason instanceof Error ? signal.reason.message : 'cancelled');
    signal.addEventListener('abort', waiter.onAbort, { once: true });
  }

  /** Nobody waits under this id any more. */
  #taken(id: number, { timer, signal, onAbort }: Waiter): void {
    this.#waiters.delete(id);
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }

  #cancel(id: number, reason: string, nodes?: readonly string[]): void {
    if (!this.#waiters.has(id)) return;
    this.#connection.write({ jsonrpc: '2.0', method: '$/cancel', params: nodes === undefined ? { id, reason } : { id, nodes, reason } });
  }

  #giveUp(id: number, name: 'DeadlineExceeded' | 'Cancelled', reason: string): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#cancel(id, reason);
    this.#givenUp.set(id, waiter.method);
    if (this.#givenUp.size > REMEMBERED) this.#givenUp.delete(this.#givenUp.keys().next().value as number);
    this.#taken(id, waiter);
    waiter.reject(rpcError(name, `${waiter.method}: ${reason}`));
  }

  #accept({ method, resolve, reject }: Waiter, result: unknown): void {
    const misfit = resultMisfit(method, result);
    if (misfit === undefined) {
      resolve(result);
      return;
    }
    const text = `the answer to ${method} does not fit: ${misfit.field === '' ? 'it' : misfit.field} ${misfit.message}`;
    this.#connection.fault('badResult', text, method);
    reject(rpcError('InternalError', text, misfit));
  }

  #late(id: string | number, message: JSONRPCResponse): void {
    const method = typeof id === 'number' ? this.#givenUp.get(id) : undefined;
    if (typeof id === 'number') this.#givenUp.delete(id);
    if (method !== undefined && message.error === undefined && resultMisfit(method, message.result) !== undefined) {
      this.#connection.fault('badResult', `a late answer to ${method} does not fit`, method);
      return;
    }
    const outcome = message.error === undefined ? { result: message.result as unknown } : { error: message.error };
    this.#onLate?.({ id, ...(method !== undefined && { method }), ...outcome });
  }
}

function isError(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    Number.isInteger(error.code) &&
    'message' in error &&
    typeof error.message === 'string'
  );
}
