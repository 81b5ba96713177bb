/** How a command ends when it cannot do what it was asked: an exit code, and words on stderr. */
import { CODES, errorKind, RpcError } from '@kraken-hpc/sdk/wire';
import { RefusalError } from '../core/refusal.ts';

export const EXIT = { ok: 0, failed: 1, usage: 2, refused: 3, unreachable: 4, notFound: 5 } as const;

/** What an operator reads, and the exit code. `text` is a sentence less its full stop; `todo` a whole one. */
export class Failure extends Error {
  readonly exit: number;
  readonly todo: string;

  constructor(exit: number, text: string, todo = '') {
    super(text);
    this.name = 'Failure';
    this.exit = exit;
    this.todo = todo;
  }
}

export function usage(text: string, todo = ''): Failure {
  return new Failure(EXIT.usage, text, todo);
}

/** A selector that is right, and fits nothing. */
export function noMatch(set: string): Failure {
  return new Failure(EXIT.notFound, `no node matches ${set}`, 'kraken node list shows all');
}

/** A host in this process ended, and nobody had asked for it. */
export function stoppedBy(error: Error): Failure {
  return new Failure(EXIT.failed, `the host has stopped: ${error.message}`);
}

/** Anything thrown, as a failure; what is no refusal is a defect, and shows where it came from. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof RefusalError) return refusal(error.refusal.code, error.refusal);
  if (error instanceof RpcError) return isWords(error.data) ? refusal(error.code, error.data) : plain(error);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Failure(EXIT.failed, `this is a defect of the kraken command: ${text}`, 'Please report it with the command that you gave.');
}

interface Words {
  readonly what: string;
  readonly where: string;
  readonly why: string;
  readonly todo: string;
}

function refusal(code: number, { what, where, why, todo }: Words): Failure {
  return new Failure(exitOf(code), [where, what, why].filter((part) => part !== '').join(': '), todo);
}

function plain({ code, message }: RpcError): Failure {
  return new Failure(exitOf(code), message, errorKind(code)?.operator ?? '');
}

function isWords(data: unknown): data is Words {
  if (typeof data !== 'object' || data === null) return false;
  const words = data as Record<string, unknown>;
  return ['what', 'where', 'why', 'todo'].every((name) => typeof words[name] === 'string');
}

function exitOf(code: number): number {
  switch (code) {
    case CODES.UnknownNode:
    case CODES.NotFound:
      return EXIT.notFound;
    case CODES.InvalidParams:
      return EXIT.usage;
    case CODES.Disconnected:
      return EXIT.unreachable;
    case CODES.InvalidValue:
    case CODES.Contradiction:
    case CODES.Conflict:
    case CODES.NotPermitted:
    case CODES.TooLarge:
    case CODES.TooMany:
    case CODES.NotReady:
    case CODES.GoalUnreachable:
    case CODES.Terminal:
      return EXIT.refused;
    default:
      return EXIT.failed;
  }
}

/** As it stands on stderr: the sentence, and what to do on a line of its own. */
export function failureText({ message, todo }: Failure): string {
  const end = /[.?!]$/.test(message) ? '' : '.';
  const next = todo === '' ? '' : `  ${todo}${/[.?!]$/.test(todo) ? '' : '.'}\n`;
  return `kraken: ${message}${end}\n${next}`;
}
