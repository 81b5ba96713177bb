import type { FailureKind } from './node.ts';

/** Codes of `schemas/errors.json` that the engine treats apart; a test holds them equal to the table. */
export const CODES = {
  unreachable: -32001,
  busy: -32002,
  login: -32003,
  later: -32004,
  failed: -32005,
  terminal: -32006,
  unknownNode: -32011,
  notPermitted: -32012,
  invalidValue: -32013,
  contradiction: -32014,
  conflict: -32015,
  tooMany: -32017,
  notFound: -32018,
  notReady: -32019,
  cancelled: -32021,
  deadline: -32022,
} as const;

/** How a failure counts: only `failed` is one of the node; the others say that its device did not take the command. */
export function failureKind(code: number): FailureKind {
  switch (code) {
    case CODES.unreachable:
      return 'unreachable';
    case CODES.busy:
      return 'busy';
    case CODES.login:
      return 'login';
    case CODES.later:
    case CODES.notReady:
      return 'later';
    default:
      return 'failed';
  }
}
