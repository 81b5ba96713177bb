/** What people and programs send as a node, made into a document that is known to be good. Either dialect will do. */
import { createHash } from 'node:crypto';
import { type Doc, isObject } from '@kraken-hpc/sdk/state';
import type { Json } from '../core/declaration.ts';
import type { NodeId } from '../core/record.ts';
import { checkLimits } from './limits.ts';
import { fromOriginal, isOriginal } from './original.ts';
import { refuseFor } from './problem.ts';
import type { Schemas } from './schemas.ts';

export interface ParsedNode {
  readonly id: NodeId;
  readonly doc: Doc;
}

/**
 * A whole cfg document. `where` is what a person knows it by: a file, a request. `stored` gives the document that the node has now,
 * whose values are never refused where they stay as they are. Throws a RefusalError that names the node, the path and the reason.
 */
export function parseNode(schemas: Schemas, given: unknown, where: string, stored?: (id: NodeId) => Doc | undefined): ParsedNode {
  const doc = read(schemas, given, where, 'refused');
  const named = place(doc, where);
  const { id } = doc;
  if (typeof id !== 'string') {
    const todo = 'Add its UUID; `kraken node create` makes one from the name';
    throw refuseFor(named, [{ path: '/id', why: id === undefined ? 'it is missing' : 'it is not a string', todo }]);
  }
  schemas.check(doc, named, stored?.(id));
  return { id, doc };
}

/** A JSON Merge Patch (RFC 7396) for a node, with ids and spelling put right. Whether what it leads to is good is `Schemas.check`'s to say. */
export function parsePatch(schemas: Schemas, given: unknown, where: string): Doc {
  return read(schemas, given, where, 'allowed');
}

/** The fixed namespace of ids that are made from names. */
const NAMESPACE = Buffer.from('5f0ad1f6c1de5c27b8a9e4f83d2c6b70', 'hex');

/** The same id for the same name, always (UUID version 5, RFC 9562 section 5.5, in Kraken's own namespace). */
export function idOfName(nodename: string): NodeId {
  const hash = createHash('sha1').update(NAMESPACE).update(nodename).digest().subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function read(schemas: Schemas, given: unknown, where: string, nulls: 'refused' | 'allowed'): Doc {
  if (!isObject(given)) {
    const why = Array.isArray(given) ? 'it is a list, not a node' : `it is ${given === null ? 'null' : `a ${typeof given}`}, not a node`;
    throw refuseFor(where || 'the node', [{ path: '', why, todo: 'Write a node as an object with id and nodename' }]);
  }
  const named = place(given, where);
  checkLimits(given, named, nulls);
  return tidied(isOriginal(given) ? fromOriginal(given, schemas, named) : given);
}

/** Names the node where its document does. */
function place(doc: Doc, where: string): string {
  const name = doc['nodename'] ?? doc['id'];
  if (typeof name !== 'string' || where.endsWith(name)) return where || 'the node';
  return where ? `${where}: ${name.slice(0, 80)}` : name.slice(0, 80);
}

/** Ids are spelled in lower case everywhere, and labels are text, though YAML reads `rack: 3` as a number. */
function tidied(doc: Doc): Doc {
  const result: { [member: string]: Json } = { ...doc };
  for (const member of ['id', 'parentId']) {
    const id = result[member];
    if (typeof id === 'string') result[member] = id.toLowerCase();
  }
  const { parents, labels } = result;
  if (Array.isArray(parents)) result['parents'] = parents.map((id) => (typeof id === 'string' ? id.toLowerCase() : id));
  if (isObject(labels)) result['labels'] = Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, asText(value)]));
  return result;
}

function asText(value: Json): Json {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
