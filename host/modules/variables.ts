/** Reads out of JSON Schemas what the planner must know of each path: its values, which one is unknown, what nobody may want. */
import type { Json, Path, Scalar, Variable } from '../core/declaration.ts';

type Schema = { readonly [key: string]: Json };
export type Problem = (where: string, what: string) => void;

const DEEPEST = 16;

export const isObject = (value: unknown): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));

/** One Variable for each leaf of the schema; what has free keys (a map, an array) is one Variable for its subtree. */
export function variablesOf(path: Path, schema: Json | undefined, problem: Problem): Variable[] {
  const found: Variable[] = [];
  collect(path, schema, schema, 0, found, problem);
  return found;
}

function collect(path: Path, given: Json | undefined, root: Json | undefined, depth: number, found: Variable[], problem: Problem): void {
  const schema = follow(given, root);
  if (schema === undefined) return problem(path, 'its schema is not a JSON Schema object, or refers to what is not there');
  if (depth > DEEPEST) return problem(path, `its schema is nested deeper than ${DEEPEST}`);
  const { properties } = schema;
  if (isObject(properties)) {
    for (const name of Object.keys(properties).sort()) {
      collect(`${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, properties[name], root, depth + 1, found, problem);
    }
  }
  const open =
    schema.type === 'array' ||
    isObject(schema.additionalProperties) ||
    isObject(schema.patternProperties) ||
    (schema.type === 'object' && !isObject(properties));
  if (open) found.push({ path: `${path}/`, means: false, neverWanted: [], terminal: [] });
  else if (!isObject(properties)) found.push(leaf(path, schema, problem));
}

/** `#/$defs/NAME` is the one kind of reference that is followed. */
function follow(given: Json | undefined, root: Json | undefined): Schema | undefined {
  if (!isObject(given)) return undefined;
  if (typeof given.$ref !== 'string') return given;
  const name = /^#\/\$defs\/([^/]+)$/.exec(given.$ref)?.[1];
  const definitions = isObject(root) ? root.$defs : undefined;
  const target = name !== undefined && isObject(definitions) ? definitions[name] : undefined;
  return isObject(target) && target.$ref === undefined ? { ...target, ...given } : undefined;
}

function leaf(path: Path, schema: Schema, problem: Problem): Variable {
  const values = Array.isArray(schema.enum) ? schema.enum.filter(isScalar) : undefined;
  if (Array.isArray(schema.enum) && (values?.length === 0 || values?.length !== schema.enum.length))
    problem(path, 'its enum holds something else than strings, numbers and booleans');
  const list = (key: 'x-never-wanted' | 'x-terminal'): Scalar[] => {
    const given = schema[key];
    if (given === undefined) return [];
    const good = Array.isArray(given) ? given.filter(isScalar) : [];
    const strange = values ? good.find((value) => !values.includes(value)) : undefined;
    if (!Array.isArray(given) || good.length !== given.length) problem(path, `${key} is not a list of values`);
    else if (strange !== undefined) problem(path, `${key} names ${JSON.stringify(strange)}, which is not in its enum`);
    return good;
  };
  const rest = { path, means: schema['x-means'] === true, neverWanted: list('x-never-wanted'), terminal: list('x-terminal') };
  if (!values) return rest;
  const unknown = isScalar(schema.default) ? schema.default : values[0];
  if (unknown === undefined) return rest;
  if (!values.includes(unknown)) problem(path, `its default ${JSON.stringify(unknown)} is not in its enum`);
  return { ...rest, values: [unknown, ...values.filter((value) => value !== unknown)], unknown };
}
