/** Which of the two dialects a document is, and the original's read into ours, its refusals in the words of all others. */
import { DialectError, type Doc, fromOriginal as readOriginal } from '@kraken-hpc/sdk/state';
import { refuseFor } from './problem.ts';
import type { Schemas } from './schemas.ts';

/** Whether the document can only be the original's: ours has no lists there. */
export function isOriginal(node: Doc): boolean {
  return Array.isArray(node['extensions']) || Array.isArray(node['services']);
}

/** Throws a RefusalError for lists that are not what they must be; whether the values are right is the schemas' to say. */
export function fromOriginal(node: Doc, schemas: Schemas, where: string): Doc {
  try {
    return readOriginal(node, schemas);
  } catch (error) {
    if (!(error instanceof DialectError)) throw error;
    throw refuseFor(where, [{ path: error.path, why: error.message, todo: error.todo }]);
  }
}
