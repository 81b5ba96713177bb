/** A node as the original writes it, read into a document of ours; the way back is `toOriginal`. */
import type { Json } from '../wire/methods.ts';
import { OTHER, OURS, SHARED, TYPE_PREFIX, typeUrl, type Vocabulary } from './original.ts';
import { type Doc, followed, isObject } from './pointer.ts';

/** What is wrong with a document of the original, and where (a JSON Pointer). */
export class DialectError extends Error {
  override readonly name = 'DialectError';
  readonly path: string;
  readonly todo: string;

  constructor(path: string, why: string, todo: string) {
    super(why);
    this.path = path;
    this.todo = todo;
  }
}

type Members = { [member: string]: Json };

/** A document of ours from the original's. Throws DialectError for lists that are not what they must be; whether values are right is the schemas' to say. */
export function fromOriginal(node: Doc, words: Vocabulary): Doc {
  const doc: Members = {};
  for (const [member, value] of Object.entries(renamed(node, words.core, words.core) as Doc)) {
    if (member === 'services') doc['services'] = servicesByName(value);
    else if (member !== 'extensions') doc[member] = value;
  }
  const extensions = node['extensions'] ?? [];
  if (!Array.isArray(extensions)) throw new DialectError('/extensions', 'it is not a list', 'Write it as a list of objects with @type');
  extensions.forEach((extension, index) => {
    placeExtension(doc, extension, words, `/extensions/${index}`);
  });
  return doc;
}

function placeExtension(doc: Members, extension: Json, words: Vocabulary, path: string): void {
  const url = isObject(extension) ? extension['@type'] : undefined;
  if (!isObject(extension) || typeof url !== 'string' || url === '')
    throw new DialectError(path, 'it has no @type', `Add one, such as ${typeUrl('PXE.Client')}`);
  const { '@type': _type, ...fields } = extension;
  const name = url.startsWith(TYPE_PREFIX) ? url.slice(TYPE_PREFIX.length) : url;
  if (name === OURS) {
    for (const [member, value] of Object.entries(fields)) if (member === 'busy' || !SHARED.has(member)) doc[member] = value;
    return;
  }
  const known = words.type(name);
  const others = isObject(doc[OTHER]) ? doc[OTHER] : {};
  const [target, member] = known ? [doc, known.member] : [others, name];
  if (Object.hasOwn(target, member)) throw new DialectError(path, `${name} is there twice`, 'Leave one of them out');
  target[member] = known ? renamed(fields, known.schema, known.schema) : fields;
  if (!known) doc[OTHER] = others;
}

function servicesByName(services: Json): Json {
  if (!Array.isArray(services)) return services;
  const byName: Members = {};
  for (const [index, service] of services.entries()) {
    const id = isObject(service) ? service['id'] : undefined;
    const path = `/services/${index}`;
    if (!isObject(service) || typeof id !== 'string' || id === '')
      throw new DialectError(path, 'it has no id', 'Add the name of the service');
    if (Object.hasOwn(byName, id)) throw new DialectError(path, `service ${id} is there twice`, 'Leave one of them out');
    const { id: _id, ...fields } = service;
    byName[id] = fields;
  }
  return byName;
}

/**
 * proto3's JSON may spell a field either way, `fs_type` or `fsType`, and a reader takes both; a document here has the one spelling of
 * its schema. Goes only where the schema goes.
 */
function renamed(value: Json | Doc, given: Json | Doc | undefined, root: Doc): Json {
  const schema = followed(given, root);
  if (Array.isArray(value)) return schema ? value.map((item) => renamed(item, schema['items'], root)) : value;
  if (!isObject(value) || !schema) return value as Json;
  const { properties, additionalProperties } = schema;
  const known = isObject(properties) ? properties : {};
  const result: Members = {};
  for (const [member, below] of Object.entries(value)) {
    const name = Object.hasOwn(known, member)
      ? member
      : [camelCase(member), snakeCase(member)].find((other) => isFree(other, known, value));
    result[name ?? member] = renamed(below, name === undefined ? additionalProperties : known[name], root);
  }
  return result;
}

function isFree(name: string, known: Doc, value: Doc): boolean {
  return Object.hasOwn(known, name) && !Object.hasOwn(value, name);
}

function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
