/** The store's refusals, in words. Codes: `schemas/errors.json`. */
import { RefusalError } from '../core/refusal.ts';

const NOT_READY = -32019;
const CONFLICT = -32015;
const TOO_LARGE = -32016;
const NOT_FOUND = -32018;

/** Something on disk is not what was written there. */
export function damaged(what: string, where: string, why: string): RefusalError {
  const todo =
    'Nothing was changed. Either restore a backup (`kraken restore FILE`), or start with `kraken up --accept-loss`, which puts the damaged part into a file beside the store, says what was lost, and goes on';
  return new RefusalError({ code: NOT_READY, what, where, why, todo });
}

export function notReady(what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: NOT_READY, what, where, why, todo });
}

export function conflict(what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: CONFLICT, what, where, why, todo });
}

export function tooLarge(what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: TOO_LARGE, what, where, why, todo });
}

export function notFound(what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: NOT_FOUND, what, where, why, todo });
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the operating system said (EACCES, ENOSPC …), in words; everything else as it is. */
export async function inWords<T>(what: string, where: string, todo: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'syscall' in error) throw notReady(what, where, error.message, todo);
    throw error;
  }
}
