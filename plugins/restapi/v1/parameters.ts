/** What stands in parameters and headers, read; what is wrong there is refused by its name. */
import { NodeSetError, parsePath } from '@kraken-hpc/sdk/state';
import type { Path, Revision } from '@kraken-hpc/sdk/wire';
import { Refused } from '../problem.ts';
import type { ReplicaNode } from '../replica/node.ts';
import type { Replica } from '../replica/replica.ts';

const MOST_FIELDS = 256;

/** `physState,images.state,/ipv4/` → paths. Throws Refused. */
export function fieldsOf(text: string): Path[] {
  const paths = text.split(',').map((part) => pathOf(part.trim(), 'fields'));
  if (paths.length > MOST_FIELDS) throw wrong('fields', `it names ${paths.length} fields`, `Name at most ${MOST_FIELDS}`);
  return paths;
}

/** `images.state` and `/images/state` are the same. Throws Refused that names the field it stands in. */
export function pathOf(text: string, field: string): Path {
  if (text === '') throw wrong(field, 'a path is empty', 'Write paths as physState, images.state or /images/state');
  const path = text.startsWith('/') ? text : `/${text.replaceAll('.', '/')}`;
  try {
    parsePath(path);
  } catch (error) {
    throw wrong(field, (error as Error).message, 'Write paths as physState, images.state or /images/state');
  }
  return path;
}

/** The nodes of a set, sorted. Throws Refused. */
export function selected(replica: Replica, selector: string): readonly ReplicaNode[] {
  try {
    return replica.select(selector);
  } catch (error) {
    throw unreadable(error);
  }
}

/** A set that cannot be read, as a refusal; every other error as it is. */
export function unreadable(error: unknown): unknown {
  if (!(error instanceof NodeSetError)) return error;
  return wrong('selector', error.message, 'Name nodes as kr1, kr[1-4,9], @rack=r3 or physState=POWER_OFF');
}

/** Throws Refused (404). */
export function nodeOf(replica: Replica, given: string): ReplicaNode {
  const node = replica.find(given);
  if (node) return node;
  throw new Refused(
    404,
    { what: 'there is no such node', where: given, why: 'no node has this id or name', todo: 'GET /api/v1/nodes lists all' },
    { field: 'node' },
  );
}

/** What the holder of an entity tag has seen; undefined: it did not say; '*': anything. Throws Refused. */
export function matchOf(header: string | undefined): Revision | '*' | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return '*';
  const revision = /^\s*"(\d{1,15})(?:\.\d+)?"\s*$/.exec(header)?.[1];
  if (revision !== undefined) return Number(revision);
  throw wrong('if-match', `${header.slice(0, 100)} is no tag of ours`, 'Send the ETag as GET answered it, or "REV" of the node');
}

/** Whether the holder of these tags has what there is now (RFC 9110, 13.1.2). */
export function isKnown(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const strong = tag.replace(/^W\//, '');
  return header.split(',').some((one) => {
    const known = one.trim();
    return known === '*' || known.replace(/^W\//, '') === strong;
  });
}

export function wrong(field: string, why: string, todo: string): Refused {
  return new Refused(400, { what: 'the request is refused', where: field, why, todo }, { field });
}
