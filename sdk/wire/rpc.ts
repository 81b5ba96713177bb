/**
 * One end of a JSON-RPC 2.0 connection, typed by the table of the protocol. json-rpc-2.0 does the matching of requests and answers;
 * what it leaves open is settled here, once: thrown errors have a code of errors.json, a timeout tells the other end, `null` and
 * batches are refused, calls can be cancelled, and answers that nobody waits for any more are handed on, because they are observations.
 */
import { createJSONRPCErrorResponse, type JSONRPCRequest, type JSONRPCResponse } from 'json-rpc-2.0';
import { CODES } from './codes.ts';
import type { End, NotificationsTo, Params } from './ends.ts';
import { rpcError } from './fault.ts';
import { Incoming } from './incoming.ts';
import { encodeLine } from './lines.ts';
import { LINE_LIMIT } from './methods.ts';
import { type Connection, Outgoing } from './outgoing.ts';
import type { Peer, PeerFault, PeerOptions } from './peer.ts';

/** A notification as a message, for `encodeLine` and `sendRaw`. */
export function notification<E extends End, M extends NotificationsTo<E>>(
  method: M,
  params: Params<M>,
): { jsonrpc: '2.0'; method: M; params: Params<M> } {
  return { jsonrpc: '2.0', method, params };
}

/**
 * One end of a connection. Params and results are checked in both directions; what does not fit is a fault of the other end, told by
 * `onFault`, and never reaches a handler.
 */
export function createPeer<E extends End>(options: PeerOptions<E>): Peer<E> {
  let open = true;
  const fault = (kind: PeerFault['kind'], text: string, method?: string): void =>
    options.onFault(method === undefined ? { kind, text } : { kind, text, method });
  const write = (message: unknown): boolean => {
    if (!open) return true;
    const line = encodeLine(message);
    if (line !== undefined) options.send(line);
    return line !== undefined;
  };
  const connection: Connection = { write, fault };
  const outgoing = new Outgoing(connection, options.onLate?.bind(options));
  const incoming = new Incoming(connection, options as unknown as PeerOptions<End>);
  /** What cannot be read has no id to answer to. */
  const refuse = (kind: PeerFault['kind'], name: 'ParseError' | 'InvalidRequest', text: string): void => {
    fault(kind, text);
    write(createJSONRPCErrorResponse(null, CODES[name], text));
  };
  const peer = {
    request: (method: string, params: unknown, given?: object) => outgoing.request(method, params, given),
    call: (method: string, params: unknown, given?: object) => outgoing.call(method, params, given),
    notify(method: string, params: unknown): void {
      if (!write({ jsonrpc: '2.0', method, params })) throw rpcError('TooLarge', `${method}: over the limit of ${LINE_LIMIT} bytes a line`);
    },
    sendRaw(line: string): void {
      if (open) options.send(line);
    },
    receive(line: string): void {
      if (!open) return;
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch (error) {
        refuse('notJson', 'ParseError', `not JSON: ${(error as Error).message}: ${line.slice(0, 80)}`);
        return;
      }
      if (typeof message !== 'object' || message === null)
        refuse('notRpc', 'InvalidRequest', `not a JSON-RPC message: ${line.slice(0, 80)}`);
      else if (Array.isArray(message))
        refuse('notRpc', 'InvalidRequest', `a batch of ${message.length} messages: send each on its own line`);
      else if ('method' in message) incoming.receive(message as JSONRPCRequest);
      else outgoing.receive(message as JSONRPCResponse, line);
    },
    get waiting(): number {
      return outgoing.waiting;
    },
    get inFlight(): number {
      return incoming.inFlight;
    },
    close(reason: string): void {
      if (!open) return;
      open = false;
      outgoing.close(reason);
      incoming.close(reason);
    },
  };
  return peer as unknown as Peer<E>;
}
