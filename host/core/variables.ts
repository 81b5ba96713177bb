/** Reads out of JSON Schemas what the planner must know of each path: its values, which one is unknown, what nobody may want. */

import { childPath, type Doc, followed, isObject } from '@kraken-hpc/sdk/state';
import type { Json, Path, Scalar, Variable } from './declaration.ts';

/** Told of what is wrong with a schema: at which path, and what. */
export type Problem = (where: string, what: string) => void;

const DEEPEST = 16;

export function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

/** One Variable for each leaf of the schema; what has free keys (a map, an array) is one Variable for its subtree. */
export function variablesOf(path: Path, schema: Json | Doc | undefined, problem: Problem): Variable[] {
  const found: Variable[] = [];
  collect(path, schema, schema, 0, found, problem);
  return found;
}

type Given = Json | Doc | undefined;

function collect(path: Path, given: Given, root: Given, depth: number, found: Variable[], problem: Problem): void {
  const schema = followed(given, root);
  if (schema === undefined) return problem(path, 'its schema is not a JSON Schema object, or refers to what is not there');
  if (depth > DEEPEST) return problem(path, `its schema is nested deeper than ${DEEPEST}`);
  const { properties } = schema;
  if (isObject(properties)) {
    for (const name of Object.keys(properties).sort()) collect(childPath(path, name), properties[name], root, depth + 1, found, problem);
  }
  if (isOpen(schema)) found.push({ path: `${path}/`, means: false, neverWanted: [], terminal: [] });
  else if (!isObject(properties)) found.push(leaf(path, schema, problem));
}

/** What may hold members that the schema does not name. */
function isOpen(schema: Doc): boolean {
  if (schema['type'] === 'array' || isObject(schema['additionalProperties']) || isObject(schema['patternProperties'])) return true;
  return schema['type'] === 'object' && !isObject(schema['properties']);
}

function leaf(path: Path, schema: Doc, problem: Problem): Variable {
  const given = schema['enum'];
  const values = Array.isArray(given) ? given.filter(isScalar) : undefined;
  if (Array.isArray(given) && (given.length === 0 || values?.length !== given.length))
    problem(path, 'its enum is empty, or holds something else than strings, numbers and booleans');
  const rest = {
    path,
    means: schema['x-means'] === true,
    neverWanted: listed(path, schema, 'x-never-wanted', values, problem),
    terminal: listed(path, schema, 'x-terminal', values, problem),
    ...(schema['x-progress'] === true && { progress: true as const }),
    ...says(path, schema, values, problem),
  };
  const unknown = isScalar(schema['default']) ? schema['default'] : values?.[0];
  if (!values || unknown === undefined) return rest;
  if (!values.includes(unknown)) problem(path, `its default ${JSON.stringify(unknown)} is not in its enum`);
  return { ...rest, values: [unknown, ...values.filter((value) => value !== unknown)], unknown };
}

/** `x-says`: a sentence for each of some values. */
function says(path: Path, schema: Doc, values: readonly Scalar[] | undefined, problem: Problem): Pick<Variable, 'says'> {
  const given = schema['x-says'];
  if (given === undefined) return {};
  const entries = isObject(given) ? Object.entries(given) : [];
  const strange = entries.find(([value]) => !values?.some((known) => String(known) === value));
  if (entries.length === 0 || entries.some(([, text]) => typeof text !== 'string'))
    problem(path, 'x-says is no table of sentences by value');
  else if (strange) problem(path, `x-says names ${JSON.stringify(strange[0])}, which is not in its enum`);
  else return { says: Object.fromEntries(entries) as Record<string, string> };
  return {};
}

function listed(path: Path, schema: Doc, key: 'x-never-wanted' | 'x-terminal', values: readonly Scalar[] | undefined, problem: Problem) {
  const given = schema[key];
  if (given === undefined) return [];
  const good = Array.isArray(given) ? given.filter(isScalar) : [];
  const strange = values && good.find((value) => !values.includes(value));
  if (!Array.isArray(given) || good.length !== given.length) problem(path, `${key} is not a list of values`);
  else if (strange !== undefined) problem(path, `${key} names ${JSON.stringify(strange)}, which is not in its enum`);
  return good;
}
