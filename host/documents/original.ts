/**
 * The node as the original writes it (`extensions` as a list with `@type`, `services` as a list with `id`; the JSON mapping of
 * proto3), and as it is here. Nothing is lost either way: extensions without a schema are kept under `other`, and what the original
 * has no field for travels in an extension of our own, `Kraken.Node`.
 */
import type { Json } from '../core/declaration.ts';
import { type Doc, isObject } from '../core/pointer.ts';
import { followed } from '../core/variables.ts';
import { CORE_SCHEMA, OTHER } from './declared.ts';
import { refuseFor } from './problem.ts';
import type { Schemas } from './schemas.ts';

const PREFIX = 'type.googleapis.com/';
const TYPE = '@type';
const OURS = 'Kraken.Node';
/** The core's members that are fields of the original's node. */
const SHARED = new Set(['id', 'nodename', 'runState', 'physState', 'arch', 'platform', 'parentId', 'busy']);

type Members = { [member: string]: Json };

/** Whether the document can only be the original's: ours has no lists there. */
export function isOriginal(node: Doc): boolean {
  return Array.isArray(node['extensions']) || Array.isArray(node['services']);
}

/** Throws a RefusalError for lists that are not what they must be; whether the values are right is the schemas' to say. */
export function fromOriginal(node: Doc, schemas: Schemas, where: string): Doc {
  const doc: Members = {};
  for (const [member, value] of Object.entries(renamed(node, CORE_SCHEMA, CORE_SCHEMA) as Doc)) {
    if (member === 'services') doc['services'] = servicesByName(value, where);
    else if (member !== 'extensions') doc[member] = value;
  }
  const extensions = node['extensions'] ?? [];
  if (!Array.isArray(extensions)) throw refuse(where, '/extensions', 'it is not a list', 'Write it as a list of objects with @type');
  extensions.forEach((extension, index) => {
    placeExtension(doc, extension, schemas, where, `/extensions/${index}`);
  });
  return doc;
}

export function toOriginal(doc: Doc, schemas: Schemas): Doc {
  const node: Members = {};
  const ours: Members = {};
  const extensions: Json[] = [];
  for (const [member, value] of Object.entries(doc)) {
    const type = schemas.member(member)?.type;
    if (member === 'services' && isObject(value)) node['services'] = servicesAsList(value);
    else if (member === 'busy' && isObject(value)) ours[member] = value;
    else if (SHARED.has(member)) node[member] = value;
    else if (member === OTHER && isObject(value)) {
      for (const [name, fields] of Object.entries(value)) extensions.push({ [TYPE]: typeUrl(name), ...(fields as Members) });
    } else if (type !== undefined && isObject(value)) extensions.push({ [TYPE]: typeUrl(type), ...value });
    else ours[member] = value;
  }
  // A lease is BUSY to whoever knows only the original's two words.
  if (ours['busy'] !== undefined) node['busy'] = 'BUSY';
  if (Object.keys(ours).length > 0) extensions.push({ [TYPE]: typeUrl(OURS), ...ours });
  if (extensions.length > 0) node['extensions'] = extensions;
  return node;
}

function placeExtension(doc: Members, extension: Json, schemas: Schemas, where: string, path: string): void {
  const url = isObject(extension) ? extension[TYPE] : undefined;
  if (!isObject(extension) || typeof url !== 'string' || url === '')
    throw refuse(where, path, 'it has no @type', `Add one, such as ${typeUrl('PXE.Client')}`);
  const { [TYPE]: _type, ...fields } = extension;
  const name = url.startsWith(PREFIX) ? url.slice(PREFIX.length) : url;
  if (name === OURS) {
    for (const [member, value] of Object.entries(fields)) if (member === 'busy' || !SHARED.has(member)) doc[member] = value;
    return;
  }
  const known = schemas.type(name);
  const others = isObject(doc[OTHER]) ? doc[OTHER] : {};
  const [target, member] = known ? [doc, known.member] : [others, name];
  if (Object.hasOwn(target, member)) throw refuse(where, path, `${name} is there twice`, 'Leave one of them out');
  target[member] = known ? renamed(fields, known.schema, known.schema) : fields;
  if (!known) doc[OTHER] = others;
}

function typeUrl(name: string): string {
  return name.includes('/') ? name : `${PREFIX}${name}`;
}

function servicesByName(services: Json, where: string): Json {
  if (!Array.isArray(services)) return services;
  const byName: Members = {};
  for (const [index, service] of services.entries()) {
    const id = isObject(service) ? service['id'] : undefined;
    const path = `/services/${index}`;
    if (!isObject(service) || typeof id !== 'string' || id === '') throw refuse(where, path, 'it has no id', 'Add the name of the service');
    if (Object.hasOwn(byName, id)) throw refuse(where, path, `service ${id} is there twice`, 'Leave one of them out');
    const { id: _id, ...fields } = service;
    byName[id] = fields;
  }
  return byName;
}

function servicesAsList(services: Doc): Json[] {
  return Object.entries(services).map(([id, fields]) => ({ id, ...(fields as Members) }));
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

function refuse(where: string, path: string, why: string, todo: string) {
  return refuseFor(where, [{ path, why, todo }]);
}
