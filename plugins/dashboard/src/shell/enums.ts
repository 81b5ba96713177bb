/** The fields that have named values, out of the schemas of all that a node may hold. Pure. */
import type { Schema } from '../api/answers.ts';

export interface EnumField {
  readonly path: string;
  readonly values: readonly string[];
  /** Those that somebody may want. */
  readonly wanted: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

export function enumsOf({ core, extensions }: Schema): EnumField[] {
  const found: EnumField[] = [];
  collect('', core as Json, core as Json, found, 0);
  for (const [member, { schema }] of Object.entries(extensions)) collect(`/${member}`, schema as Json, schema as Json, found, 0);
  return found;
}

function collect(path: string, given: Json, root: Json, found: EnumField[], depth: number): void {
  const schema = followed(given, root);
  const values = schema['enum'];
  if (Array.isArray(values) && values.every((value) => typeof value === 'string')) {
    const never = Array.isArray(schema['x-never-wanted']) ? (schema['x-never-wanted'] as unknown[]) : [];
    const unknown = schema['default'] ?? values[0];
    found.push({ path, values, wanted: values.filter((value) => !never.includes(value) && value !== unknown) });
  }
  const properties = schema['properties'];
  if (depth > 4 || typeof properties !== 'object' || properties === null) return;
  for (const [name, below] of Object.entries(properties)) collect(`${path}/${name}`, below as Json, root, found, depth + 1);
}

function followed(schema: Json, root: Json): Json {
  const name = /^#\/\$defs\/([^/]+)$/.exec(String(schema['$ref'] ?? ''))?.[1];
  const definitions = root['$defs'] as Readonly<Record<string, Json>> | undefined;
  return name === undefined ? schema : { ...definitions?.[name], ...schema };
}
