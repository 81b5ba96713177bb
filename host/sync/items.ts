/**
 * The items of an update as a CBOR sequence (RFC 8742): a node's id, then for each of its items an array [member, value], or [member]
 * where it is gone. Only what JSON has is let through (RFC 8949 major types 0, 1, 3, 4, 5 and numbers, true, false, null of 7), of
 * definite length: the bytes are walked once before cbor-x, which knows far more than that, sees them.
 */
import { Encoder } from 'cbor-x';
import type { Json } from '../core/declaration.ts';
import type { Item } from '../core/event.ts';
import type { NodeId } from '../core/record.ts';

/** What came is not a message of this protocol; says why. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

const DEPTH_MOST = 64;
/** The key that would reach the prototype. */
const PROTO = '__proto__';

const cbor = new Encoder({ useRecords: false, variableMapSize: true, structuredClone: false });

export const encodeNode = (node: NodeId): Uint8Array => cbor.encode(node);

export const encodeItem = (member: string, value: Json | undefined): Uint8Array =>
  cbor.encode(value === undefined ? [member] : [member, value]);

/** Why this is not plain JSON that arrives as it was sent; undefined where it is. */
export function flawOf(value: unknown, depth = 0): string | undefined {
  if (depth > DEPTH_MOST - 2) return `nested deeper than ${DEPTH_MOST - 2}`;
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `the number ${value}`;
    case 'string':
      return isWhole(value) ? undefined : 'a string with half a surrogate pair';
    case 'object':
      break;
    default:
      return `a value of type ${typeof value}`;
  }
  if (value === null) return undefined;
  if (Array.isArray(value)) {
    for (const element of value) {
      const flaw = flawOf(element, depth + 1);
      if (flaw) return flaw;
    }
    return undefined;
  }
  const prototype = Object.getPrototypeOf(value) as unknown;
  if (prototype !== Object.prototype && prototype !== null) return 'an object that is not plain';
  for (const key of Object.keys(value)) {
    const flaw = key === PROTO ? 'a key __proto__' : (flawOf(key, depth) ?? flawOf((value as Record<string, unknown>)[key], depth + 1));
    if (flaw) return flaw;
  }
  return undefined;
}

/** UTF-8 has no halves of surrogate pairs. Most text has no surrogates at all, which is seen sooner. */
function isWhole(text: string): boolean {
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xf800) === 0xd800) return !/\p{Surrogate}/u.test(text);
  return true;
}

/** Throws `MalformedError`. */
export function readItems(bytes: Buffer): readonly Item[] {
  for (let at = 0; at < bytes.length; ) at = walk(bytes, at, 0);
  const items: Item[] = [];
  let node: NodeId | undefined;
  for (const element of decodeAll(bytes)) {
    if (typeof element === 'string') {
      node = element;
      continue;
    }
    if (!Array.isArray(element) || element.length < 1 || element.length > 2 || typeof element[0] !== 'string')
      throw new MalformedError('an item is [member] or [member, value]');
    if (node === undefined) throw new MalformedError('an item before any node');
    items.push(element.length === 1 ? { node, member: element[0] } : { node, member: element[0], value: element[1] as Json });
  }
  return items;
}

function decodeAll(bytes: Buffer): readonly unknown[] {
  if (bytes.length === 0) return [];
  try {
    return cbor.decodeMultiple(bytes) as unknown[];
  } catch (error) {
    throw new MalformedError(`the items are no CBOR: ${error instanceof Error ? error.message : error}`);
  }
}

/** Where the element that begins at `at` ends. */
function walk(bytes: Buffer, at: number, depth: number): number {
  if (depth > DEPTH_MOST) throw new MalformedError(`nested deeper than ${DEPTH_MOST}`);
  const first = byteAt(bytes, at);
  const major = first >> 5;
  const info = first & 0x1f;
  if (major === 7) return walkSimple(bytes, at, info);
  if (info > 26) throw new MalformedError(`a length or number of kind ${info} in byte ${at}`);
  const size = info < 24 ? 0 : 1 << (info - 24);
  byteAt(bytes, at + size);
  const argument = size === 0 ? info : bytes.readUIntBE(at + 1, size);
  let next = at + 1 + size;
  switch (major) {
    case 0:
    case 1:
      return next;
    case 3:
      return walkText(bytes, next, argument);
    case 4:
      for (let i = 0; i < argument; i++) next = walk(bytes, next, depth + 1);
      return next;
    case 5:
      for (let i = 0; i < argument; i++) next = walk(bytes, walkKey(bytes, next, depth), depth + 1);
      return next;
    default:
      throw new MalformedError(`JSON has nothing of CBOR's major type ${major} (byte ${at})`);
  }
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new MalformedError(`cut off after ${bytes.length} bytes`);
  return byte;
}

function walkText(bytes: Buffer, at: number, length: number): number {
  if (length > bytes.length - at) throw new MalformedError(`cut off after ${bytes.length} bytes`);
  return at + length;
}

/** Keys are text, and none of them reaches the prototype. */
function walkKey(bytes: Buffer, at: number, depth: number): number {
  const first = byteAt(bytes, at);
  if (first >> 5 !== 3) throw new MalformedError(`a key that is no text (byte ${at})`);
  const next = walk(bytes, at, depth + 1);
  const info = first & 0x1f;
  const start = at + 1 + (info < 24 ? 0 : 1 << (info - 24));
  if (next - start === PROTO.length && bytes.toString('latin1', start, next) === PROTO) throw new MalformedError('a key __proto__');
  return next;
}

/** false, true, null, and numbers of double precision that are finite. */
function walkSimple(bytes: Buffer, at: number, info: number): number {
  if (info >= 20 && info <= 22) return at + 1;
  if (info !== 27) throw new MalformedError(`JSON has nothing of CBOR's simple value ${info} (byte ${at})`);
  byteAt(bytes, at + 8);
  if (!Number.isFinite(bytes.readDoubleBE(at + 1))) throw new MalformedError(`a number that is not finite (byte ${at})`);
  return at + 9;
}
