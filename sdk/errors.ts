/** What a handler throws to say more than "it failed". Each is a row of schemas/errors.json. An ordinary throw is a failed attempt (StepFailed). */
import { CODES, type ErrorName, type Failure } from './wire/index.ts';

/** Characters of a failure's message. */
const LONGEST = 4096;

abstract class ModuleError extends Error {
  readonly code: number;
  readonly retryAfter: number | undefined;

  constructor(name: ErrorName, message: string, retryAfter?: number) {
    super(message);
    this.code = CODES[name];
    this.retryAfter = retryAfter;
  }
}

/** Not now, and nothing has failed: not before `ms` milliseconds. */
export class TryLater extends ModuleError {
  override readonly name = 'TryLater';

  constructor(ms: number, message = `again in ${ms} ms`) {
    super('TryLater', message, ms);
  }
}

/** The device that acts for the node (BMC, hypervisor) did not answer. Nothing has failed: tried for ever, at the backoff's cap. */
export class Unreachable extends ModuleError {
  override readonly name = 'Unreachable';

  constructor(message: string) {
    super('NodeUnreachable', message);
  }
}

/** The device refused our login. Nothing has failed; a person must act. */
export class LoginRefused extends ModuleError {
  override readonly name = 'LoginRefused';

  constructor(message: string) {
    super('LoginRefused', message);
  }
}

/** The device answered that it is busy. Nothing has failed. */
export class Busy extends ModuleError {
  override readonly name = 'Busy';

  constructor(message: string) {
    super('DeviceBusy', message);
  }
}

/** It can never succeed as asked: not tried again until cfg changes or an operator says so. */
export class Terminal extends ModuleError {
  override readonly name = 'Terminal';

  constructor(message: string) {
    super('Terminal', message);
  }
}

/** With its causes: `fetch failed` alone says nothing, `connect ECONNREFUSED` does. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${textOf(error.cause)}` : error.message;
}

export function failureOf(error: unknown): Failure {
  const message = textOf(error).slice(0, LONGEST);
  if (!(error instanceof ModuleError)) return { code: CODES.StepFailed, message };
  return error.retryAfter === undefined ? { code: error.code, message } : { code: error.code, message, retryAfter: error.retryAfter };
}

/** For the log: where a defect is; of what a person has to change, the words alone. */
export function toldOf(error: unknown): string {
  if (error instanceof Terminal) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
