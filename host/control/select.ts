/** From what people name to nodes. Naming something that does not exist is the caller's error, and is told as such. */

import { isNamed, matches, type NodeSet, NodeSetError, namesOf, parseNodeSet } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import { closest } from '../core/closest.ts';
import type { Queries } from '../core/queries.ts';
import type { NodeId } from '../core/record.ts';
import { refusal } from './session.ts';

/** How many near names are told, and how many missing ones. */
const NEAREST = 3;
const MISSING = 5;

/** Throws a RefusalError (InvalidParams) that says at which character the text is wrong. */
export function parseSet(text: string): NodeSet {
  try {
    return parseNodeSet(text);
  } catch (error) {
    if (!(error instanceof NodeSetError)) throw error;
    const todo = 'Name nodes as kr1, kr[1-4,9], @rack=r3 or physState=POWER_OFF';
    throw refusal(CODES.InvalidParams, 'the set cannot be read', '', error.message, todo);
  }
}

/** The nodes of a set, each once; absent or empty = all. Throws UnknownNode where it names one that does not exist. */
export function selectNodes(engine: Queries, text: string | undefined): NodeId[] {
  if (text === undefined || text === '') return [...engine.ids()];
  const set = parseSet(text);
  const names = namesOf(set);
  if (names) return namedNodes(engine, names);
  return [...engine.ids()].filter((id) => matches(set, engine.subject(id)));
}

/** The nodes of a set that must be some: one that is empty, or matches nothing, is refused instead of meaning all or none. */
export function selectSome(engine: Queries, text: string, verb: string): NodeId[] {
  if (text === '') throw refusal(CODES.InvalidParams, `${verb} is refused`, 'set', 'it names no nodes', 'Name them, or write all');
  const ids = selectNodes(engine, text);
  if (ids.length === 0) throw refusal(CODES.UnknownNode, `${verb} is refused`, text, 'no node matches it', 'kraken node list shows all');
  return ids;
}

/** The nodes that something is to be done to. This host's own node is among them only where it is named: `power off all` keeps it on. */
export function selectTargets(engine: Queries, text: string, verb: string): NodeId[] {
  const ids = selectSome(engine, text, verb);
  const { self } = engine;
  if (!ids.includes(self) || isNamed(parseSet(text), engine.subject(self))) return ids;
  const others = ids.filter((id) => id !== self);
  if (others.length > 0) return others;
  const name = engine.node(self)?.name || self;
  throw refusal(
    CODES.UnknownNode,
    `${verb} is refused`,
    text,
    'only the node of this host itself matches it',
    `If you mean it, name it: ${name}`,
  );
}

function namedNodes(engine: Queries, names: readonly string[]): NodeId[] {
  const found = new Set<NodeId>();
  const missing: string[] = [];
  for (const name of names) {
    const node = engine.named(name) ?? engine.node(name) ?? engine.node(name.toLowerCase());
    if (node) found.add(node.id);
    else missing.push(name);
  }
  const [first] = missing;
  if (first === undefined) return [...found];
  const rest = missing.length > MISSING ? ` and ${missing.length - MISSING} more` : '';
  const near = nearest(engine, first);
  const todo = `${near.length > 0 ? `Nearest: ${near.join(', ')}; ` : ''}kraken node list shows all`;
  throw refusal(
    CODES.UnknownNode,
    `no node is named ${missing.slice(0, MISSING).join(', ')}${rest}`,
    '',
    'neither a name nor an id is so',
    todo,
  );
}

/** Names that may have been meant: a slip of the finger, then those that begin alike. */
function nearest(engine: Queries, name: string): string[] {
  const names = [...engine.ids()].map((id) => engine.node(id)?.name ?? '').filter((known) => known !== '');
  const slip = closest(name, names);
  const near = new Set<string>(slip === undefined ? [] : [slip]);
  const beginning = name.replace(/\d+\D*$/, '').toLowerCase();
  for (const known of names) {
    if (near.size >= NEAREST) break;
    if (beginning !== '' && known.toLowerCase().startsWith(beginning)) near.add(known);
  }
  return [...near];
}
