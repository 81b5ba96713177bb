/** A file with one JSON Schema in it. */
import { readFileSync } from 'node:fs';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { RefusalError } from '../core/refusal.ts';

export function readSchema(file: string): Json {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Json;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RefusalError({ code: CODES.InvalidValue, what: 'the schema cannot be read', where: file, why, todo: 'Correct the file' });
  }
}
