/** How much of a child's word is taken: a host that lies neither fills this one nor uses up the numbers of admissions. */
import type { Json } from './declaration.ts';
import type { Node } from './node.ts';

/** More admissions of one node than this host can have missed. */
const MOST_MISSED = 1_000_000;

/** The highest admission of a node that is believed, when this is known: what is made up leaves numbers for those to come. */
function highestTerm(node: Node): number {
  return Math.max(node.book.key?.term ?? 0, node.book.at?.term ?? 0) + MOST_MISSED;
}

export function isTerm(node: Node, term: Json | undefined): term is number {
  return typeof term === 'number' && Number.isSafeInteger(term) && term >= 0 && term <= highestTerm(node);
}

/** An admission that a claim names, which is its host's own word; what cannot be is none. */
export function termOf(node: Node, term: number): number {
  return isTerm(node, term) ? term : 0;
}

/** The longest hash of a key or a token, in characters. */
const MOST_HASH = 128;

export function isHash(value: Json | undefined): value is string {
  return typeof value === 'string' && value.length <= MOST_HASH;
}

/** The longest sentence about a node, in characters. */
const MOST_TEXT = 1_000;

export function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value.slice(0, MOST_TEXT) : undefined;
}

/** More paths than any node has, and longer than any path is. */
const MOST_PATHS = 1_024;
const LONGEST_PATH = 256;

/** One more path, where a host has said this many of a node. */
export function hasRoom(known: ReadonlyMap<string, unknown> | undefined, path: string): boolean {
  return path.length <= LONGEST_PATH && (known === undefined || known.has(path) || known.size < MOST_PATHS);
}
