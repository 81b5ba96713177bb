/**
 * A node as the original writes it (`extensions` as a list with `@type`, `services` as a list with `id`; the JSON mapping of proto3).
 * Nothing is lost: extensions without a schema are kept under `other`, and what the original has no field for travels in an extension
 * of our own, `Kraken.Node`. `node/apply` takes what this makes.
 */
import type { Json } from '../wire/methods.ts';
import { type Doc, isObject } from './pointer.ts';

/** What stands before the name of an extension in its `@type`. */
export const TYPE_PREFIX = 'type.googleapis.com/';
/** The extension that carries what the original has no field for. */
export const OURS = 'Kraken.Node';
/** The member with extensions of the original that nobody here has a schema for, by the name in their @type. */
export const OTHER = 'other';
/** The core's members that are fields of the original's node. */
export const SHARED: ReadonlySet<string> = new Set(['id', 'nodename', 'runState', 'physState', 'arch', 'platform', 'parentId', 'busy']);

/** An extension of the node, or any other member that modules brought in. */
export interface Member {
  readonly member: string;
  /** Its name in the original's dialect: `PXE.Client`. */
  readonly type: string | undefined;
  readonly schema: Doc;
}

/** The schemas of all that a node may hold; over the wire they come by `schema/get`. */
export interface Vocabulary {
  /** The schema of the core's members, with `$defs`. */
  readonly core: Doc;
  /** By the name inside Kraken. */
  member(name: string): Member | undefined;
  /** By the name in the original's dialect. */
  type(name: string): Member | undefined;
}

type Members = { [member: string]: Json };

/** A document of ours in the original's dialect. */
export function toOriginal(doc: Doc, words: Vocabulary): Doc {
  const node: Members = {};
  const ours: Members = {};
  const extensions: Json[] = [];
  for (const [member, value] of Object.entries(doc)) {
    const type = words.member(member)?.type;
    if (member === 'services' && isObject(value)) node['services'] = servicesAsList(value);
    else if (member === 'busy' && isObject(value)) ours[member] = value;
    else if (SHARED.has(member)) node[member] = value;
    else if (member === OTHER && isObject(value)) {
      for (const [name, fields] of Object.entries(value)) extensions.push({ '@type': typeUrl(name), ...(fields as Members) });
    } else if (type !== undefined && isObject(value)) extensions.push({ '@type': typeUrl(type), ...value });
    else ours[member] = value;
  }
  // A lease is BUSY to whoever knows only the original's two words.
  if (ours['busy'] !== undefined) node['busy'] = 'BUSY';
  if (Object.keys(ours).length > 0) extensions.push({ '@type': typeUrl(OURS), ...ours });
  if (extensions.length > 0) node['extensions'] = extensions;
  return node;
}

/** The `@type` of an extension. */
export function typeUrl(name: string): string {
  return name.includes('/') ? name : `${TYPE_PREFIX}${name}`;
}

function servicesAsList(services: Doc): Json[] {
  return Object.entries(services).map(([id, fields]) => ({ id, ...(fields as Members) }));
}
