/** The operator methods about neighbouring hosts, and the tokens with which they are let in. */

import { isObject } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { command } from './nodes.ts';
import type { HostPort } from './port.ts';
import { selectTargets } from './select.ts';
import { type ApiSession, authorOf, type Params, refusal } from './session.ts';

/** Each is an event of its own, and a line that a person carries to a node. */
const MOST_TOKENS = 10_000;
/** A secret that lies about for longer is forgotten, and found. */
const LONGEST_TOKEN = 30 * 86_400_000;

export function list(port: HostPort): Json {
  const sync = port.sync();
  return { ...(sync ? { sync } : {}), peers: port.peers() } as unknown as Json;
}

/** Throws a RefusalError (NotReady) where nobody could come. */
function needDoor(port: HostPort, method: string): void {
  if (port.sync()) return;
  const why = 'this host has neither a CA nor a parent, and no host can come to it';
  throw refusal(CODES.NotReady, `${method} is refused`, '', why, 'Make a CA with kraken init, and start this host anew');
}

/** One for each node, told here and nowhere else: the engine keeps its hash. */
export async function createTokens(port: HostPort, params: Params, session: ApiSession): Promise<Json> {
  needDoor(port, 'token/create');
  const set = String(params['set']);
  const until = Number(params['until']);
  const ids = selectTargets(port.engine, set, 'token/create');
  if (ids.length > MOST_TOKENS) {
    const why = `it names ${ids.length} nodes, and tokens are made for at most ${MOST_TOKENS} at once`;
    throw refusal(CODES.TooMany, 'token/create is refused', set, why, 'Name fewer');
  }
  const left = until - port.now();
  if (left <= 0 || left > LONGEST_TOKEN) {
    const why = left <= 0 ? 'that time has passed' : 'a token is good for 30 days at most';
    throw refusal(CODES.InvalidParams, 'token/create is refused', 'until', why, 'Give another time, e.g. --for 1h');
  }
  const author = authorOf(params, session);
  // All are asked for before one is waited for: they share a turn and its fsync.
  const tokens = ids.map(async (node) => {
    const { token, hash } = port.makeToken();
    const name = port.engine.node(node)?.name ?? '';
    await port.ask((request) => ({ type: 'operate', request, author, command: { kind: 'token', nodes: [node], hash, until } }));
    return { node, name, until, token };
  });
  return { tokens: await Promise.all(tokens) };
}

/** Which of the nodes' own hosts are let in. */
export async function admission(port: HostPort, word: 'admit' | 'revoke', params: Params, session: ApiSession): Promise<Json> {
  needDoor(port, `node/${word}`);
  return command(port, word, params, session);
}

export function listTokens(port: HostPort): Json {
  return { tokens: port.engine.tokens(port.now()) } as unknown as Json;
}

export async function revokeTokens(port: HostPort, params: Params, session: ApiSession): Promise<Json> {
  const named = selectTargets(port.engine, String(params['set']), 'token/revoke');
  const known = new Set(port.engine.tokens(port.now()).map(({ node }) => node));
  const nodes = named.filter((id) => known.has(id));
  if (nodes.length === 0) return { nodes: 0 };
  const author = authorOf(params, session);
  const answer = await port.ask((request) => ({ type: 'operate', request, author, command: { kind: 'noToken', nodes } }));
  return { ...(isObject(answer) ? answer : {}), nodes: nodes.length };
}
