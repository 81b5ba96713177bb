/** How the refusal of a service, and the failure of one node, are written. */
import type { Failure } from '../core/event.ts';
import { RefusalError } from '../core/refusal.ts';

/** `code` is one of `schemas/errors.json`. */
export function refuse(code: number, service: string, what: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code, what, where: `service ${service}`, why, todo });
}

export const failure = (code: number, message: string): Failure => ({ code, message });
