/** How this service says no: what, where, why and what to do, with the status that HTTP has for it (RFC 9457 problem documents). */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { CODES, RpcError } from '@kraken-hpc/sdk/wire';

export interface Words {
  readonly what: string;
  readonly where: string;
  readonly why: string;
  readonly todo: string;
}

/** A refusal with its HTTP status. `field` is a JSON Pointer into the body, or the name of a parameter. */
export class Refused extends Error {
  readonly status: number;
  readonly words: Words;
  readonly field: string | undefined;
  /** Of schemas/errors.json, where the host said it. */
  readonly code: number | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, words: Words, about: { readonly field?: string; readonly code?: number; readonly retryAfter?: number } = {}) {
    super([words.where, `${words.what}: ${words.why}`, words.todo].filter((part) => part !== '').join(' — '));
    this.name = 'Refused';
    this.status = status;
    this.words = words;
    this.field = about.field;
    this.code = about.code;
    this.retryAfter = about.retryAfter;
  }
}

/** A problem document (RFC 9457), with the four words that every refusal here has. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly where: string;
  readonly why: string;
  readonly todo: string;
  readonly code?: number;
  readonly field?: string;
}

const STATUS: ReadonlyMap<number, number> = new Map([
  [CODES.InvalidParams, 400],
  [CODES.InvalidValue, 400],
  [CODES.NotPermitted, 403],
  [CODES.UnknownNode, 404],
  [CODES.NotFound, 404],
  [CODES.MethodNotFound, 404],
  [CODES.Conflict, 409],
  [CODES.Contradiction, 409],
  [CODES.Gone, 410],
  [CODES.TooLarge, 413],
  [CODES.TooMany, 503],
  [CODES.NotReady, 503],
  [CODES.TryLater, 503],
  [CODES.DeadlineExceeded, 503],
  [CODES.Cancelled, 503],
  [CODES.StepFailed, 422],
  [CODES.Terminal, 422],
]);

/** What was thrown, as a refusal; undefined: it is a fault of ours. */
export function refusedOf(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error;
  if (!(error instanceof RpcError)) return undefined;
  const status = STATUS.get(error.code);
  if (status === undefined) return undefined;
  const data = (error.data ?? {}) as Partial<Words>;
  const words = {
    what: data.what ?? 'the host refuses it',
    where: data.where ?? '',
    why: data.why ?? error.message,
    todo: data.todo ?? '',
  };
  return new Refused(status, words, { code: error.code });
}

export function problemOf(refused: Refused, instance: string): Problem {
  const { status, words, field, code } = refused;
  return {
    type: code === undefined ? 'about:blank' : `urn:kraken:error:${-code}`,
    title: words.what,
    status,
    detail: refused.message,
    instance,
    where: words.where,
    why: words.why,
    todo: words.todo,
    ...(code === undefined ? {} : { code }),
    ...(field === undefined ? {} : { field }),
  };
}

/** Says no where no request has come about, and ends the connection. */
export function answerAtOnce(socket: Duplex, refused: Refused, path: string): void {
  const body = JSON.stringify(problemOf(refused, path.slice(0, 1_000)));
  const head = [
    `HTTP/1.1 ${refused.status} ${STATUS_CODES[refused.status] ?? ''}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
