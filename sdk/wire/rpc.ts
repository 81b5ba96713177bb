/**
 * One end of a JSON-RPC 2.0 connection, typed by the table of the protocol. json-rpc-2.0 does the matching of requests and answers;
 * what it leaves open is settled here, once: thrown errors have a code of errors.json, a timeout tells the other end, `null` and
 * batches are refused, calls can be cancelled, and answers that nobody waits for any more are handed on, because they are observations.
 */
import { createJSONRPCErrorResponse, JSONRPCClient, type JSONRPCRequest, type JSONRPCResponse, JSONRPCServer } from 'json-rpc-2.0';
import { Call, type CallContext } from './call.ts';
import { CODES } from './codes.ts';
import type { End, NotificationsTo, Params } from './ends.ts';
import { RpcError, rpcError } from './fault.ts';
import { encodeLine } from './lines.ts';
import { LINE_LIMIT } from './methods.ts';
import type { Misfit } from './misfit.ts';
import type { Peer, PeerFault, PeerOptions, RequestOptions, SentCall } from './peer.ts';
import { invalidParams, paramsMisfit, resultMisfit } from './validate.ts';

/** How many calls that were given up are remembered, to know a late answer by its method. */
const REMEMBERED = 4096;
const MAX_IN_FLIGHT = 1024;
const EMPTY = {};

/** A notification as a message, for `encodeLine` and `sendRaw`. */
export function notification<E extends End, M extends NotificationsTo<E>>(
  method: M,
  params: Params<M>,
): { jsonrpc: '2.0'; method: M; params: Params<M> } {
  return { jsonrpc: '2.0', method, params };
}

interface Waiter {
  readonly method: string;
  settle(response: JSONRPCResponse | RpcError): void;
}

type Handler = (params: unknown, context: CallContext) => unknown;
type Listener = (params: unknown) => void;

const handlersOf = <T>(table: object): Map<string, T> =>
  new Map(Object.entries(table).filter((entry): entry is [string, T] => typeof entry[1] === 'function'));

class RpcPeer {
  readonly #options: PeerOptions<End>;
  readonly #client: JSONRPCClient;
  readonly #server = new JSONRPCServer({ errorListener: () => {} });
  readonly #listeners: Map<string, Listener>;
  readonly #waiters = new Map<number, Waiter>();
  readonly #givenUp = new Map<number, string>();
  readonly #calls = new Map<string | number, Call>();
  readonly #maxInFlight: number;
  #nextId = 1;
  #closed: string | undefined;

  constructor(options: PeerOptions<End>) {
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? MAX_IN_FLIGHT;
    this.#client = new JSONRPCClient((message: JSONRPCRequest) => this.#sendRequest(message));
    this.#listeners = handlersOf<Listener>(options.hears);
    for (const [method, handler] of handlersOf<Handler>(options.answers))
      this.#server.addMethodAdvanced(method, (request) => this.#answer(method, handler, request));
    this.#server.handleMethodNotFound = async (request) =>
      createJSONRPCErrorResponse(request.id ?? null, CODES.MethodNotFound, `${request.method} is not answered here`);
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  request(method: string, params: unknown, options?: RequestOptions): Promise<unknown> {
    return this.call(method, params, options).answer;
  }

  call(method: string, params: unknown, { timeoutMs, signal }: RequestOptions = EMPTY): SentCall<unknown> {
    const id = this.#nextId++;
    const cancel = (reason: string, nodes?: readonly string[]): void => {
      if (this.#waiters.has(id))
        this.#write({ jsonrpc: '2.0', method: '$/cancel', params: nodes === undefined ? { id, reason } : { id, nodes, reason } });
    };
    const answer = new Promise<unknown>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const giveUp = (name: 'DeadlineExceeded' | 'Cancelled', reason: string): void => {
        cancel(reason);
        this.#remember(id, method);
        this.#waiters.get(id)?.settle(rpcError(name, `${method}: ${reason}`));
      };
      const onAbort = (): void => giveUp('Cancelled', signal?.reason instanceof Error ? signal.reason.message : 'cancelled');
      const settle = (response: JSONRPCResponse | RpcError): void => {
        this.#waiters.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (response instanceof RpcError) reject(response);
        else if (response.error !== undefined) reject(new RpcError(response.error.code, response.error.message, response.error.data));
        else this.#accept(method, response.result, resolve, reject);
      };
      if (this.#closed !== undefined) return reject(rpcError('Disconnected', `${method}: ${this.#closed}`));
      if (signal?.aborted === true) return reject(rpcError('Cancelled', `${method}: cancelled before it was sent`));
      this.#waiters.set(id, { method, settle });
      if (timeoutMs !== undefined) timer = setTimeout(() => giveUp('DeadlineExceeded', `not answered in ${timeoutMs} ms`), timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#client
        .requestAdvanced({ jsonrpc: '2.0', id, method, params })
        .then(settle, (error: unknown) => settle(rpcError('InternalError', String(error))));
    });
    return { id, answer, cancel };
  }

  notify(method: string, params: unknown): void {
    if (!this.#write({ jsonrpc: '2.0', method, params }))
      throw rpcError('TooLarge', `${method}: over the limit of ${LINE_LIMIT} bytes a line`);
  }

  sendRaw(line: string): void {
    if (this.#closed === undefined) this.#options.send(line);
  }

  receive(line: string): void {
    if (this.#closed !== undefined) return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch (error) {
      this.#refuse('notJson', 'ParseError', `not JSON: ${(error as Error).message}: ${line.slice(0, 80)}`);
      return;
    }
    if (typeof message !== 'object' || message === null)
      this.#refuse('notRpc', 'InvalidRequest', `not a JSON-RPC message: ${line.slice(0, 80)}`);
    else if (Array.isArray(message))
      this.#refuse('notRpc', 'InvalidRequest', `a batch of ${message.length} messages: send each on its own line`);
    else if ('method' in message) this.#receiveCall(message as JSONRPCRequest);
    else this.#receiveAnswer(message as JSONRPCResponse, line);
  }

  close(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    for (const { method, settle } of [...this.#waiters.values()]) settle(rpcError('Disconnected', `${method}: ${reason}`));
    for (const call of this.#calls.values()) call.cancel(undefined, reason);
  }

  /** False = over the limit, nothing was sent. */
  #write(message: unknown): boolean {
    if (this.#closed !== undefined) return true;
    const line = encodeLine(message);
    if (line !== undefined) this.#options.send(line);
    return line !== undefined;
  }

  #sendRequest(message: JSONRPCRequest): void {
    if (!this.#write(message))
      this.#waiters
        .get(message.id as number)
        ?.settle(rpcError('TooLarge', `${message.method}: over the limit of ${LINE_LIMIT} bytes a line`));
  }

  #fault(kind: PeerFault['kind'], text: string, method?: string): void {
    this.#options.onFault(method === undefined ? { kind, text } : { kind, text, method });
  }

  /** Something that has no id to answer to. */
  #refuse(kind: PeerFault['kind'], name: 'ParseError' | 'InvalidRequest', text: string): void {
    this.#fault(kind, text);
    this.#write(createJSONRPCErrorResponse(null, CODES[name], text));
  }

  #remember(id: number, method: string): void {
    this.#givenUp.set(id, method);
    if (this.#givenUp.size > REMEMBERED) this.#givenUp.delete(this.#givenUp.keys().next().value as number);
  }

  #accept(method: string, result: unknown, resolve: (result: unknown) => void, reject: (error: RpcError) => void): void {
    const misfit = resultMisfit(method, result);
    if (misfit === undefined) {
      resolve(result);
      return;
    }
    const text = `the answer to ${method} does not fit: ${misfit.field === '' ? 'it' : misfit.field} ${misfit.message}`;
    this.#fault('badResult', text, method);
    reject(rpcError('InternalError', text, misfit));
  }

  #receiveAnswer(message: JSONRPCResponse, line: string): void {
    const { id } = message;
    const error: unknown = message.error;
    const whole = (message.result === undefined) !== (error === undefined);
    if (message.jsonrpc !== '2.0' || !whole || (error !== undefined && !isError(error)))
      return this.#fault('notRpc', `neither a call nor an answer: ${line.slice(0, 80)}`);
    if (id === null || id === undefined)
      return this.#fault('notRpc', `the other end could not read a line of ours: ${message.error?.message ?? ''}`);
    if (typeof id === 'number' && this.#waiters.has(id)) return this.#client.receive(message);
    const method = typeof id === 'number' ? this.#givenUp.get(id) : undefined;
    if (typeof id === 'number') this.#givenUp.delete(id);
    const outcome = message.error === undefined ? { result: message.result as unknown } : { error: message.error };
    if (method === undefined || message.error !== undefined || resultMisfit(method, message.result) === undefined)
      this.#options.onLate?.({ id, ...(method === undefined ? {} : { method }), ...outcome });
    else this.#fault('badResult', `a late answer to ${method} does not fit`, method);
  }

  #receiveCall(message: JSONRPCRequest): void {
    const { id, method } = message;
    if (typeof method !== 'string' || message.jsonrpc !== '2.0' || !(id === undefined || typeof id === 'string' || typeof id === 'number'))
      return this.#refuse('notRpc', 'InvalidRequest', 'a call needs jsonrpc "2.0", a method, and an id that is a string or a number');
    if (id === undefined) return this.#receiveNotification(method, message.params);
    const refusal = this.#admit(id, method);
    if (refusal !== undefined) {
      this.#write(createJSONRPCErrorResponse(id, refusal.code, refusal.message));
      return;
    }
    const call = new Call(id);
    this.#calls.set(id, call);
    this.#server.receive(message).then((response) => {
      this.#calls.delete(id);
      if (response !== null && !this.#write(response))
        this.#write(
          createJSONRPCErrorResponse(id, CODES.TooLarge, `${method}: the answer is over the limit of ${LINE_LIMIT} bytes a line`),
        );
    });
  }

  #admit(id: string | number, method: string): RpcError | undefined {
    if (this.#calls.has(id)) {
      this.#fault('notRpc', `${method}: id ${id} is of a call that is still running`, method);
      return rpcError('InvalidRequest', `id ${id} is of a call that is still running`);
    }
    if (this.#calls.size < this.#maxInFlight) return undefined;
    this.#fault('tooMany', `${method}: ${this.#calls.size} requests in flight, the limit is ${this.#maxInFlight}`, method);
    return rpcError('TooMany', `${this.#calls.size} requests in flight, the limit is ${this.#maxInFlight}`);
  }

  #receiveNotification(method: string, params: unknown = EMPTY): void {
    const listener = this.#listeners.get(method);
    if (listener === undefined && method !== '$/cancel') {
      if (!method.startsWith('$/')) this.#fault('unknownMethod', `${method} is not listened to here`, method);
      return;
    }
    const misfit = paramsMisfit(method, params);
    if (misfit !== undefined) {
      this.#badParams(method, misfit);
      return;
    }
    if (listener === undefined) {
      const { id, nodes, reason } = params as Params<'$/cancel'>;
      this.#calls.get(id)?.cancel(nodes, reason ?? 'cancelled');
      return;
    }
    try {
      listener(params);
    } catch (error) {
      this.#fault('handlerFailed', `${method}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, method);
    }
  }

  #badParams(method: string, misfit: Misfit): RpcError {
    const error = invalidParams(method, misfit);
    this.#fault('badParams', error.message, method);
    return error;
  }

  async #answer(method: string, handler: Handler, { id, params = EMPTY }: JSONRPCRequest): Promise<JSONRPCResponse> {
    const key = id as string | number;
    const call = this.#calls.get(key) as Call;
    try {
      const misfit = paramsMisfit(method, params);
      if (misfit !== undefined) throw this.#badParams(method, misfit);
      return { jsonrpc: '2.0', id: key, result: (await handler(params, call)) ?? EMPTY };
    } catch (error) {
      return this.#failed(method, key, call, error);
    }
  }

  /** A handler that ends with a throw after a cancel was cancelled, whatever it throws; one that still succeeds has its result told. */
  #failed(method: string, id: string | number, call: Call, error: unknown): JSONRPCResponse {
    if (call.cancelled !== undefined) return createJSONRPCErrorResponse(id, CODES.Cancelled, `${method}: ${call.cancelled}`);
    const mapped = this.#options.errorOf?.(error) ?? errorOf(error);
    if (mapped.code === CODES.InternalError)
      this.#fault('handlerFailed', `${method}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, method);
    return createJSONRPCErrorResponse(id, mapped.code, mapped.message, mapped.data);
  }
}

function errorOf(error: unknown): { code: number; message: string; data?: unknown } {
  if (error instanceof RpcError) return error;
  return { code: CODES.InternalError, message: error instanceof Error ? error.message : String(error) };
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

export function createPeer<E extends End>(options: PeerOptions<E>): Peer<E> {
  return new RpcPeer(options as unknown as PeerOptions<End>) as unknown as Peer<E>;
}
