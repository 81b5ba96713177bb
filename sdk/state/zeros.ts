/** The original leaves out every field at its zero value, as proto3's JSON mapping does; whoever reads it takes a missing one as zero. */
import type { Json } from '../wire/methods.ts';
import type { Vocabulary } from './original.ts';
import { type Doc, followed, isObject } from './pointer.ts';

const PREFIX = /^type\.googleapis\.com\//;

/** Of a node in the original's dialect, the same node without its zero values: '', 0, false, an enum's first name, empty lists and maps. */
export function withoutZeros(node: Doc, words: Vocabulary): Doc {
  const { services, extensions, ...fields } = node;
  const result = message(fields, words.core, words.core);
  if (result['busy'] === 'FREE') delete result['busy'];
  const { Service } = words.core['$defs'] as { readonly Service: Doc };
  if (Array.isArray(services) && services.length > 0)
    result['services'] = services.map((service) => message(service as Doc, Service, words.core));
  if (Array.isArray(extensions) && extensions.length > 0) {
    result['extensions'] = extensions.map((extension) => {
      const schema = words.type(String((extension as Doc)['@type']).replace(PREFIX, ''))?.schema;
      return schema ? message(extension as Doc, schema, schema) : extension;
    });
  }
  return result;
}

function message(value: Doc, schema: Doc, root: Doc): { [member: string]: Json } {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const result: { [member: string]: Json } = {};
  for (const [member, below] of Object.entries(value)) {
    const known = followed(properties[member], root);
    if (known && isZero(below, known)) continue;
    result[member] = known ? within(below, known, root) : below;
  }
  return result;
}

/** Elements of lists and maps are kept at zero too: only fields have a zero that goes without saying. */
function within(value: Json, schema: Doc | undefined, root: Doc): Json {
  if (schema === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => within(item, followed(schema['items'], root), root));
  if (!isObject(value)) return value;
  if (isObject(schema['properties'])) return message(value, schema, root);
  const below = followed(schema['additionalProperties'], root);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, within(item, below, root)]));
}

function isZero(value: Json, schema: Doc): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return Object.keys(value).length === 0 && !isObject(schema['properties']);
  const names = schema['enum'];
  // Where the original has a plain string, the schema's enum is ours alone.
  if (Array.isArray(names) && schema['x-original'] !== 'string') return value === names[0];
  return value === '' || value === 0 || value === false;
}
