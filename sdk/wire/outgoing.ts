/** The requests of this end: sent, waited for, given up; and what the other end answers to them. */
import { JSONRPCClient, type JSONRPCRequest, type JSONRPCResponse } from 'json-rpc-2.0';
import { RpcError, rpcError } from './fault.ts';
import { LINE_LIMIT } from './methods.ts';
import type { LateAnswer, PeerFault, RequestOptions, SentCall } from './peer.ts';
import { resultMisfit } from './validate.ts';

/** How many calls that were given up are remembered, to know a late answer by its method. */
const REMEMBERED = 4096;

export interface Connection {
  /** False = over the limit of a line: nothing was sent. */
  write(message: unknown): boolean;
  fault(kind: PeerFault['kind'], text: string, method?: string): void;
}

interface Waiter {
  readonly method: string;
  settle(response: JSONRPCResponse | RpcError): void;
}

export class Outgoing {
  readonly #connection: Connection;
  readonly #onLate: ((late: LateAnswer) => void) | undefined;
  readonly #client: JSONRPCClient;
  readonly #waiters = new Map<number, Waiter>();
  readonly #givenUp = new Map<number, string>();
  #nextId = 1;
  #closed: string | undefined;

  constructor(connection: Connection, onLate: ((late: LateAnswer) => void) | undefined) {
    this.#connection = connection;
    this.#onLate = onLate;
    this.#client = new JSONRPCClient((message: JSONRPCRequest) => this.#send(message));
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  call(method: string, params: unknown, { timeoutMs, signal }: RequestOptions = {}): SentCall<unknown> {
    const id = this.#nextId++;
    const cancel = (reason: string, nodes?: readonly string[]): void => this.#cancel(id, reason, nodes);
    if (this.#closed !== undefined) return { id, cancel, answer: Promise.reject(rpcError('Disconnected', `${method}: ${this.#closed}`)) };
    if (signal?.aborted === true)
      return { id, cancel, answer: Promise.reject(rpcError('Cancelled', `${method}: cancelled before it was sent`)) };
    const answer = new Promise<unknown>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => this.#giveUp(id, 'Cancelled', signal?.reason instanceof Error ? signal.reason.message : 'cancelled');
      const settle = (response: JSONRPCResponse | RpcError): void => {
        this.#waiters.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (response instanceof RpcError) reject(response);
        else if (response.error !== undefined) reject(new RpcError(response.error.code, response.error.message, response.error.data));
        else this.#accept(method, response.result, resolve, reject);
      };
      this.#waiters.set(id, { method, settle });
      if (timeoutMs !== undefined)
        timer = setTimeout(() => this.#giveUp(id, 'DeadlineExceeded', `not answered in ${timeoutMs} ms`), timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#client
        .requestAdvanced({ jsonrpc: '2.0', id, method, params })
        .then(settle, (error: unknown) => settle(rpcError('InternalError', `${method}: ${error}`)));
    });
    return { id, answer, cancel };
  }

  /** A message that has no method: an answer, or nothing that we know. */
  receive(message: JSONRPCResponse, line: string): void {
    const { id } = message;
    const whole = (message.result === undefined) !== (message.error === undefined);
    if (message.jsonrpc !== '2.0' || !whole || (message.error !== undefined && !isError(message.error))) {
      this.#connection.fault('notRpc', `neither a call nor an answer: ${line.slice(0, 80)}`);
    } else if (typeof id === 'number' && this.#waiters.has(id)) {
      this.#client.receive(message);
    } else if (typeof id === 'number' || typeof id === 'string') {
      this.#late(id, message);
    } else {
      this.#connection.fault('notRpc', `the other end could not read a line of ours: ${message.error?.message ?? ''}`);
    }
  }

  close(reason: string): void {
    this.#closed ??= reason;
    for (const { method, settle } of [...this.#waiters.values()]) settle(rpcError('Disconnected', `${method}: ${reason}`));
  }

  #send(message: JSONRPCRequest): void {
    if (this.#connection.write(message)) return;
    this.#waiters
      .get(message.id as number)
      ?.settle(rpcError('TooLarge', `${message.method}: over the limit of ${LINE_LIMIT} bytes a line`));
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
    waiter.settle(rpcError(name, `${waiter.method}: ${reason}`));
  }

  #accept(method: string, result: unknown, resolve: (result: unknown) => void, reject: (error: RpcError) => void): void {
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
