/** The requests and notifications of the other end: admitted, checked, answered, cancelled. */
import { createJSONRPCErrorResponse, type JSONRPCRequest, type JSONRPCResponse, JSONRPCServer } from 'json-rpc-2.0';
import { Call, type CallContext } from './call.ts';
import { CODES } from './codes.ts';
import type { End, Params } from './ends.ts';
import { RpcError, rpcError } from './fault.ts';
import { LINE_LIMIT } from './methods.ts';
import type { Misfit } from './misfit.ts';
import type { Connection } from './outgoing.ts';
import type { PeerOptions } from './peer.ts';
import { invalidParams, paramsMisfit } from './validate.ts';

const MAX_IN_FLIGHT = 1024;
const EMPTY = {};

type Handler = (params: unknown, context: CallContext) => unknown;
type Listener = (params: unknown) => void;

const functionsOf = <T>(table: object): Map<string, T> =>
  new Map(Object.entries(table).filter((entry): entry is [string, T] => typeof entry[1] === 'function'));
const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

export class Incoming {
  readonly #connection: Connection;
  readonly #server = new JSONRPCServer({ errorListener: () => {} });
  readonly #listeners: Map<string, Listener>;
  readonly #errorOf: PeerOptions<End>['errorOf'];
  readonly #maxInFlight: number;
  readonly #calls = new Map<string | number, Call>();

  constructor(connection: Connection, { answers, hears, errorOf, maxInFlight = MAX_IN_FLIGHT }: PeerOptions<End>) {
    this.#connection = connection;
    this.#errorOf = errorOf;
    this.#maxInFlight = maxInFlight;
    this.#listeners = functionsOf<Listener>(hears);
    for (const [method, handler] of functionsOf<Handler>(answers))
      this.#server.addMethodAdvanced(method, (request) => this.#answer(method, handler, request));
    this.#server.handleMethodNotFound = async ({ id = null, method }) =>
      createJSONRPCErrorResponse(id, CODES.MethodNotFound, `${method} is not answered here`);
  }

  get inFlight(): number {
    return this.#calls.size;
  }

  /** A message that has a method. */
  receive(message: JSONRPCRequest): void {
    const { id, method } = message;
    if (
      typeof method !== 'string' ||
      message.jsonrpc !== '2.0' ||
      !(id === undefined || typeof id === 'string' || typeof id === 'number')
    ) {
      const text = 'a call needs jsonrpc "2.0", a method, and an id that is a string or a number';
      this.#connection.fault('notRpc', text);
      this.#connection.write(createJSONRPCErrorResponse(null, CODES.InvalidRequest, text));
    } else if (id === undefined) this.#hear(method, message.params ?? EMPTY);
    else this.#call(id, method, message);
  }

  close(reason: string): void {
    for (const call of this.#calls.values()) call.cancel(undefined, reason);
  }

  #call(id: string | number, method: string, message: JSONRPCRequest): void {
    const refused = this.#refused(id, method);
    if (refused !== undefined) {
      this.#connection.write(createJSONRPCErrorResponse(id, refused.code, refused.message));
      return;
    }
    this.#calls.set(id, new Call(id));
    this.#server.receive(message).then((response) => {
      this.#calls.delete(id);
      if (response !== null) this.#respond(id, method, response);
    });
  }

  /** An answer that cannot be said (too large, not JSON) is answered as such: the caller never waits in vain. */
  #respond(id: string | number, method: string, response: JSONRPCResponse): void {
    try {
      if (this.#connection.write(response)) return;
      this.#connection.write(
        createJSONRPCErrorResponse(id, CODES.TooLarge, `${method}: the answer is over the limit of ${LINE_LIMIT} bytes a line`),
      );
    } catch (error) {
      this.#connection.fault('handlerFailed', `${method}: the answer is not JSON: ${stackOf(error)}`, method);
      this.#connection.write(createJSONRPCErrorResponse(id, CODES.InternalError, `${method}: the answer is not JSON`));
    }
  }

  #refused(id: string | number, method: string): RpcError | undefined {
    if (this.#calls.has(id)) {
      const text = `${method}: id ${id} is of a call that is still running`;
      this.#connection.fault('notRpc', text, method);
      return rpcError('InvalidRequest', text);
    }
    if (this.#calls.size < this.#maxInFlight) return undefined;
    const text = `${method}: ${this.#calls.size} requests in flight, the limit is ${this.#maxInFlight}`;
    this.#connection.fault('tooMany', text, method);
    return rpcError('TooMany', text);
  }

  #hear(method: string, params: unknown): void {
    const listener = method === '$/cancel' ? this.#cancel : this.#listeners.get(method);
    if (listener === undefined) {
      if (!method.startsWith('$/')) this.#connection.fault('unknownMethod', `${method} is not listened to here`, method);
      return;
    }
    const misfit = paramsMisfit(method, params);
    if (misfit !== undefined) {
      this.#badParams(method, misfit);
      return;
    }
    try {
      listener(params);
    } catch (error) {
      this.#connection.fault('handlerFailed', `${method}: ${stackOf(error)}`, method);
    }
  }

  readonly #cancel: Listener = (params) => {
    const { id, nodes, reason } = params as Params<'$/cancel'>;
    this.#calls.get(id)?.cancel(nodes, reason ?? 'cancelled');
  };

  #badParams(method: string, misfit: Misfit): RpcError {
    const error = invalidParams(method, misfit);
    this.#connection.fault('badParams', error.message, method);
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
    const { code, message, data } = this.#errorOf?.(error) ?? errorOf(error);
    if (code === CODES.InternalError) this.#connection.fault('handlerFailed', `${method}: ${stackOf(error)}`, method);
    return createJSONRPCErrorResponse(id, code, message, data);
  }
}

function errorOf(error: unknown): { readonly code: number; readonly message: string; readonly data?: unknown } {
  if (error instanceof RpcError) return error;
  return { code: CODES.InternalError, message: error instanceof Error ? error.message : String(error) };
}
