/** Every enum that a node may hold, by number, as the original's dashboard fills its menus. */
import { type Doc, followed, isObject, TYPE_PREFIX } from '@kraken-hpc/sdk/state';
import type { Words } from '../replica/words.ts';

interface Enumerable {
  readonly name: string;
  readonly url: string;
  readonly options: Readonly<Record<string, string>>;
}

/** Those of extensions that have a name outside, then the core's two. */
export function enumerablesOf(words: Words): readonly Enumerable[] {
  const extensions = [...words.members.values()].flatMap(({ type, schema }) => (type === undefined ? [] : ofExtension(type, schema)));
  return [...extensions, ofCore('PhysState', 'physState', words.core), ofCore('RunState', 'runState', words.core)];
}

function ofExtension(type: string, schema: Doc): Enumerable[] {
  return Object.keys(propertiesOf(schema)).flatMap((name) => {
    const values = enumOf(propertiesOf(schema)[name] as Doc, schema);
    return values === undefined ? [] : [{ name, url: `${TYPE_PREFIX}${type}/${name}`, options: numbered(values) }];
  });
}

function ofCore(name: string, field: string, core: Doc): Enumerable {
  return { name, url: field, options: numbered(enumOf(propertiesOf(core)[field] as Doc, core) ?? []) };
}

function propertiesOf(schema: Doc): Doc {
  return isObject(schema['properties']) ? schema['properties'] : {};
}

function enumOf(given: Doc, root: Doc): readonly unknown[] | undefined {
  const schema = followed(given, root);
  const values = schema?.['enum'];
  // Where the original has a plain string, the schema's enum is ours alone.
  return Array.isArray(values) && schema?.['x-original'] !== 'string' ? values : undefined;
}

function numbered(values: readonly unknown[]): Record<string, string> {
  return Object.fromEntries(values.map((value, number) => [String(number), String(value)]));
}
