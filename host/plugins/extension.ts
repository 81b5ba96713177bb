/** A plugin of schemas alone: members that nodes may have, without a process. */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { isObject } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { RefusalError } from '../core/refusal.ts';
import type { FoundModule } from '../modules/manifest.ts';

/** The schemas by member. Throws a RefusalError that names the file. */
export function readExtensions({ dir, extensions = {}, module }: FoundModule): { readonly [member: string]: Json } {
  const schemas: Record<string, Json> = {};
  for (const [member, file] of Object.entries(extensions)) {
    const wrong = (why: string): RefusalError =>
      new RefusalError({
        code: CODES.InvalidValue,
        what: `the schema of ${member} is refused`,
        where: `plugin ${module}: ${file}`,
        why,
        todo: 'Correct the file',
      });
    if (/^\.\.(?:\/|$)/.test(relative(dir, file))) throw wrong('it is not in the folder of the plugin');
    let schema: unknown;
    try {
      schema = JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      throw wrong(error instanceof Error ? error.message : String(error));
    }
    if (!isObject(schema as Json)) throw wrong('it is not a JSON Schema object');
    schemas[member] = schema as Json;
  }
  return schemas;
}
