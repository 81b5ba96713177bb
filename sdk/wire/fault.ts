import { CODES, type ErrorName, errorKind } from './codes.ts';

/** An answer that says no. Crosses the wire as {code, message, data}; `code` is one of schemas/errors.json. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** What, where, why, what to do: the `data` of an error that a person will read. */
export interface RefusalText {
  readonly what: string;
  readonly where: string;
  readonly why: string;
  readonly todo: string;
}

/** An error of the table, by its name. */
export function rpcError(name: ErrorName, message: string, data?: unknown): RpcError {
  return new RpcError(CODES[name], message, data);
}

/** A refusal whose `todo` is that of the error table. */
export function refusal(name: ErrorName, what: string, where: string, why: string): RpcError {
  const todo = errorKind(CODES[name])?.operator ?? '';
  const data: RefusalText = { what, where, why, todo };
  return rpcError(name, `${where === '' ? '' : `${where}: `}${what}: ${why}`, data);
}
