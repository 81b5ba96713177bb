/** Schemas for paths that a definition names and nobody has declared, from the values that it gives them. */
import { covers, isObject, parsePath } from '@kraken-hpc/sdk/state';
import type { Json, Path, Scalar } from '../core/declaration.ts';
import { isScalar } from '../core/variables.ts';
import { CORE_MEMBERS } from '../documents/declared.ts';
import type { Schemas } from '../documents/schemas.ts';
import type { Declared } from './definition.ts';

const UNKNOWN = 'UNKNOWN';
/** What is none is for others to refuse. */
const PATH = /^(?:\/(?:[^/~]|~[01])+)+$/;

/** The declaration with them; what was made up is noted. */
export function schemasFor(declared: Declared, words: Schemas, notes: string[]): Declared {
  const state: { [path: string]: Json } = { ...(isObject(declared.state) ? declared.state : {}) };
  const isKnown = (path: Path): boolean => {
    const member = parsePath(path)[0] ?? '';
    if (CORE_MEMBERS.includes(member) || words.member(member) || Object.hasOwn(declared.extensions ?? {}, member)) return true;
    return Object.keys(state).some((known) => known === path || covers(known, path) || covers(`${known}/`, path));
  };
  for (const [path, values] of uses(declared)) {
    if (!PATH.test(path) || isKnown(path)) continue;
    const schema = schemaOf(values);
    state[path] = schema;
    const shown =
      isObject(schema) && Array.isArray(schema['enum'])
        ? `with the values ${schema['enum'].join(', ')}`
        : `as any ${isObject(schema) ? String(schema['type']) : 'value'}`;
    notes.push(`${path} is in no schema: it is declared ${shown}`);
  }
  const { config, state: _before, ...rest } = declared;
  return Object.keys(state).length === 0 ? declared : { ...(config === undefined ? {} : { config }), state, ...rest };
}

/** Every path with the values that are said of it. */
function uses({ mutations = {}, pollers = {}, discoveries = {}, requires }: Declared): Map<Path, Set<Scalar>> {
  const found = new Map<Path, Set<Scalar>>();
  const add = (path: unknown, ...values: readonly unknown[]): void => {
    if (typeof path !== 'string') return;
    const known = found.get(path) ?? new Set();
    for (const value of values) if (isScalar(value)) known.add(value);
    found.set(path, known);
  };
  const conditions = (given: Json | undefined): void => {
    if (isObject(given)) for (const [path, value] of Object.entries(given)) add(path, ...(Array.isArray(value) ? value : [value]));
  };
  for (const entry of Object.values(mutations)) for (const part of ['mutates', 'requires', 'excludes', 'failTo']) conditions(entry[part]);
  for (const entry of [...Object.values(pollers), ...Object.values(discoveries)]) {
    conditions(entry['requires']);
    if (Array.isArray(entry['discovers'])) for (const path of entry['discovers']) add(path);
  }
  conditions(requires);
  return found;
}

function schemaOf(values: ReadonlySet<Scalar>): Json {
  const all = [...values];
  if (all.length > 0 && all.every((value) => typeof value === 'boolean')) return { type: 'boolean' };
  if (all.length > 0 && all.every((value) => typeof value === 'number')) return { type: 'number' };
  if (all.length === 0) return { type: 'string' };
  return { enum: [...new Set<Scalar>([UNKNOWN, ...all])] };
}
