/** What cannot be done, in words for a person. */
import { CODES } from '@kraken-hpc/sdk/wire';
import { RefusalError } from '../core/refusal.ts';

/** Something that must be there is not: `why` says where it was looked for, `todo` which package has it. */
export function missing(what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: CODES.NotFound, what, where, why, todo });
}

/** Something is there, and is not what it should be. */
export function unfit(what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: CODES.InvalidValue, what, where, why, todo });
}

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
