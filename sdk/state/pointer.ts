/**
 * Paths into a node's document: JSON Pointers (RFC 6901), and what is done with documents by them.
 * Documents are never changed in place: what returns a document shares every untouched part with the one it was given.
 */
import type { Json, Path } from '../wire/methods.ts';

/** A JSON object: a node's document, or a part of one. */
export type Doc = { readonly [member: string]: Json };

/** Enough for every path of a large cluster's schemas; beyond it the cache starts anew rather than grow with hostile input. */
const CACHE_LIMIT = 65_536;
const parsed = new Map<Path, readonly string[]>();
/** RFC 6901 section 4: no leading zeros, no sign. */
const ARRAY_INDEX = /^(?:0|[1-9]\d*)$/;

/**
 * The members that a pointer names, unescaped, outermost first; '' is the whole document, a subtree's trailing slash names nothing.
 * Throws a RangeError for what is no pointer (RFC 6901 section 3): no leading slash, or a `~` that is not `~0` or `~1`.
 */
export function parsePath(path: Path): readonly string[] {
  const known = parsed.get(path);
  if (known) return known;
  if (path !== '' && !path.startsWith('/')) throw new RangeError(`"${path}" is no path: a path starts with a slash, as in /physState`);
  if (/~(?![01])/.test(path)) throw new RangeError(`"${path}" is no path: ~ is written ~0 in a path, and / inside a name ~1`);
  const whole = isSubtree(path) ? path.slice(0, -1) : path;
  const members = whole === '' ? [] : whole.slice(1).split('/').map(unescapeMember);
  if (parsed.size >= CACHE_LIMIT) parsed.clear();
  parsed.set(path, members);
  return members;
}

/** The pointer of these members: the inverse of `parsePath`. */
export function formatPath(members: readonly string[]): Path {
  let path = '';
  for (const member of members) path += `/${escapeMember(member)}`;
  return path;
}

/** A path one level down. */
export function childPath(path: Path, member: string): Path {
  return `${isSubtree(path) ? path.slice(0, -1) : path}/${escapeMember(member)}`;
}

/** A declaration may name a subtree by a trailing slash: `/ipv4/ifaces/`. */
export function isSubtree(path: Path): boolean {
  return path.endsWith('/');
}

/** Whether what a declaration names takes in this path (or narrower subtree). A subtree takes in its own root. */
export function covers(declared: Path, path: Path): boolean {
  if (declared === path) return true;
  return isSubtree(declared) && (path.startsWith(declared) || (path.length === declared.length - 1 && declared.startsWith(path)));
}

/** The value there; undefined where there is none. Elements of arrays can be read by their index. */
export function get(doc: Json | Doc | undefined, path: Path): Json | undefined {
  let at: Json | Doc | undefined = doc;
  for (const member of parsePath(path)) {
    if (Array.isArray(at)) at = ARRAY_INDEX.test(member) ? at[Number(member)] : undefined;
    else if (isObject(at) && Object.hasOwn(at, member)) at = at[member];
    else return undefined;
  }
  return at as Json | undefined;
}

/** Every value that has no members of its own, with its path, in document order: scalars, nulls, arrays, empty objects. */
export function leaves(doc: Doc): [Path, Json][] {
  const found: [Path, Json][] = [];
  collect(doc, '', found);
  return found;
}

/** The document that has these leaves: the inverse of `leaves`. Of two that stand in each other's way the later wins. */
export function nest(entries: Iterable<readonly [Path, Json]>): Doc {
  const root: Record<string, Json> = {};
  // A value that came with an entry is its owner's: only what was made here may be filled.
  const made = new Set<Json>();
  for (const [path, value] of entries) {
    const members = parsePath(path);
    const last = members.at(-1);
    if (last === undefined) throw new RangeError('a leaf needs a path: "" names the whole document');
    let at = root;
    for (const member of members.slice(0, -1)) {
      let next = Object.hasOwn(at, member) ? at[member] : undefined;
      if (!isObject(next) || !made.has(next)) {
        next = isObject(next) ? { ...next } : {};
        made.add(next);
        put(at, member, next);
      }
      at = next;
    }
    put(at, last, value);
  }
  return root;
}

/**
 * The document with this value there; undefined removes it (objects left empty stay). What stands in the way without having
 * members, an array or a scalar, gives way to an object, as in a merge patch: whether that may be is the schema's to say.
 */
export function setPath(doc: Doc, path: Path, value: Json | undefined): Doc {
  const members = parsePath(path);
  if (members.length === 0) throw new RangeError('"" names the whole document, which is replaced, not set');
  return setIn(doc, members, 0, value);
}

/** JSON Merge Patch (RFC 7396): members at null are removed, objects merge, all else replaces. The same document where nothing changes. */
export function mergePatch(doc: Doc, patch: Doc): Doc {
  let merged: Record<string, Json> | undefined;
  for (const [member, wanted] of Object.entries(patch)) {
    const had = Object.hasOwn(doc, member) ? doc[member] : undefined;
    if (wanted === null) {
      if (had === undefined) continue;
      merged ??= { ...doc };
      delete merged[member];
      continue;
    }
    const value = isObject(wanted) ? mergePatch(isObject(had) ? had : {}, wanted) : wanted;
    if (sameJson(value, had)) continue;
    merged ??= { ...doc };
    put(merged, member, value);
  }
  return merged ?? doc;
}

/** Deep equality of JSON; the order of members does not count. */
export function sameJson(a: Json | Doc | undefined, b: Json | Doc | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]));
  if (Array.isArray(b)) return false;
  const members = Object.keys(a);
  return members.length === Object.keys(b).length && members.every((member) => Object.hasOwn(b, member) && sameJson(a[member], b[member]));
}

/** Whether it is an object with members: not null, not a list. */
export function isObject(value: unknown): value is { [member: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function setIn(doc: Doc, members: readonly string[], index: number, value: Json | undefined): Doc {
  const member = members[index] as string;
  const had = Object.hasOwn(doc, member) ? doc[member] : undefined;
  if (index === members.length - 1) {
    if (had === value) return doc;
    const copy = { ...doc };
    if (value === undefined) delete copy[member];
    else put(copy, member, value);
    return copy;
  }
  if (value === undefined && !isObject(had)) return doc;
  const below = isObject(had) ? had : {};
  const next = setIn(below, members, index + 1, value);
  if (next === had) return doc;
  const copy = { ...doc };
  put(copy, member, next);
  return copy;
}

function collect(at: Doc, path: Path, found: [Path, Json][]): void {
  for (const member of Object.keys(at)) {
    const value = at[member] as Json;
    const below = `${path}/${escapeMember(member)}`;
    if (isObject(value) && Object.keys(value).length > 0) collect(value, below, found);
    else found.push([below, value]);
  }
}

/** Assigning to `__proto__` would change what the object is instead of giving it a member. */
function put(object: Record<string, Json>, member: string, value: Json | Doc): void {
  if (member === '__proto__') Object.defineProperty(object, member, { value, writable: true, enumerable: true, configurable: true });
  else object[member] = value as Json;
}

function escapeMember(member: string): string {
  return member.includes('~') || member.includes('/') ? member.replaceAll('~', '~0').replaceAll('/', '~1') : member;
}

function unescapeMember(member: string): string {
  return member.includes('~') ? member.replaceAll('~1', '/').replaceAll('~0', '~') : member;
}

/** What a schema says, its reference followed: `#/$defs/NAME` of the root is the one kind that there is. */
export function followed(given: Json | Doc | undefined, root: Json | Doc | undefined): Doc | undefined {
  if (!isObject(given)) return undefined;
  if (typeof given['$ref'] !== 'string') return given;
  const name = /^#\/\$defs\/([^/]+)$/.exec(given['$ref'])?.[1];
  const definitions = isObject(root) ? root['$defs'] : undefined;
  const target = name !== undefined && isObject(definitions) ? definitions[name] : undefined;
  return isObject(target) && target['$ref'] === undefined ? { ...target, ...given } : undefined;
}
