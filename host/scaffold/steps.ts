/** What is to be written in a module that was made from a definition. */
import { isObject } from '@kraken-hpc/sdk/state';
import type { Json } from '../core/declaration.ts';
import type { Declared } from './definition.ts';

export interface Step {
  readonly kind: 'mutation' | 'poller';
  readonly name: string;
  /** What may then be seen of a node: shown to whoever writes the step. */
  readonly example: { readonly [path: string]: Json };
}

export function stepsOf({ mutations = {}, pollers = {} }: Declared): readonly Step[] {
  const changes = Object.entries(mutations).map(([name, { mutates }]) => ({ name, to: toValues(mutates) }));
  const all = Object.assign({}, ...changes.map(({ to }) => to)) as { [path: string]: Json };
  const changing = changes.map(({ name, to }): Step => ({ kind: 'mutation', name, example: to }));
  const looking = Object.entries(pollers).map(([name, { discovers }]): Step => {
    const paths = Array.isArray(discovers) ? discovers.filter((path) => typeof path === 'string') : [];
    return { kind: 'poller', name, example: Object.fromEntries(paths.map((path) => [path, all[path] ?? '…'])) };
  });
  return [...changing, ...looking];
}

function toValues(mutates: Json | undefined): { [path: string]: Json } {
  if (!isObject(mutates)) return {};
  return Object.fromEntries(Object.entries(mutates).map(([path, change]) => [path, Array.isArray(change) ? (change[1] ?? null) : null]));
}

/** From and to of each mutation: what a test holds the declaration against. */
export function changesOf({ mutations = {} }: Declared): Json {
  return Object.fromEntries(Object.entries(mutations).map(([name, { mutates = null }]) => [name, mutates]));
}

/** A config that the module takes: a value for each key that must have one. */
export function sampleConfig({ config = {} }: Declared): Json {
  const needed = Object.entries(config).filter(([, schema]) => isObject(schema) && !('default' in schema) && schema['x-optional'] !== true);
  return Object.fromEntries(needed.map(([key, schema]) => [key, sample(schema)]));
}

function sample(schema: Json): Json {
  if (!isObject(schema)) return 'text';
  const { type, enum: values, examples, format, minLength, minimum, properties, required } = schema;
  if (Array.isArray(examples) && examples[0] !== undefined) return examples[0];
  if (Array.isArray(values) && values[0] !== undefined) return values[0];
  switch (type) {
    case 'integer':
    case 'number':
      return typeof minimum === 'number' ? minimum : 1;
    case 'boolean':
      return true;
    case 'array':
      return [];
    case 'object': {
      const names = Array.isArray(required) ? required.map(String) : [];
      return Object.fromEntries(names.map((name) => [name, sample(isObject(properties) ? (properties[name] ?? {}) : {})]));
    }
    default:
      return format === 'uri' ? 'http://127.0.0.1:8080' : 'text'.padEnd(typeof minLength === 'number' ? minLength : 0, 'x');
  }
}
