/** The operator methods about nodes. */

import { isObject, mergePatch } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json, Path } from '../core/declaration.ts';
import type { CfgChange, Command } from '../core/event.ts';
import type { PeerStatus } from '../core/peer-status.ts';
import type { Change, Millis, NodeId, Revision } from '../core/record.ts';
import { changeText, showChange } from './changes.ts';
import { ITEM_BYTES } from './lines.ts';
import type { HostPort } from './port.ts';
import { selectNodes, selectSome, selectTargets } from './select.ts';
import { type ApiSession, authorOf, need, type Params, refusal } from './session.ts';
import type { Transactions } from './transactions.ts';

type Mode = 'create' | 'update' | 'put' | 'merge';
/** An explanation is some kilobytes: so many surely fit into a line. */
const MOST_EXPLAINED = 500;
/** Changes of all nodes that are looked through for those of a set. */
const MOST_SEARCHED = 100_000;

export async function apply(port: HostPort, transactions: Transactions, params: Params, session: ApiSession): Promise<Json> {
  const { nodes, tx, part, last, mode, dryRun } = params;
  const docs = nodes as Json[];
  const items = typeof tx === 'string' ? transactions.take(session, tx, Number(part ?? 0), last !== false, docs) : docs;
  if (!items) return {};
  const change = documents(port, items, mode as Mode);
  if (dryRun !== true) return write(port, change, params, session);
  const { revision, changed } = port.engine.plan(change, port.now());
  const created = change.nodes?.filter(({ id }) => !port.engine.node(id)).length ?? 0;
  return { revision, created, changed: Math.max(0, changed - created), unchanged: Math.max(0, items.length - changed) };
}

/** Documents as people write them, in either dialect; each is checked before any is applied. */
function documents(port: HostPort, items: readonly Json[], mode: Mode): CfgChange {
  const seen = new Set<NodeId>();
  const nodes = items.map((item, index) => {
    const where = items.length > 1 ? `node ${index + 1} of ${items.length}` : '';
    const { id, doc } = document(port, withId(port, item, where), where, mode);
    if (seen.has(id))
      throw refusal(CODES.Conflict, 'the change is refused', where || id, `node ${id} stands in it twice`, 'Leave one of them out');
    seen.add(id);
    return { mode, id, doc };
  });
  return { nodes };
}

function document(
  port: HostPort,
  item: Json,
  where: string,
  mode: Mode,
): { readonly id: NodeId; readonly doc: { readonly [member: string]: Json } } {
  if (mode !== 'merge') return port.parseNode(item, where);
  const doc = port.parsePatch(item, where);
  const id = String(doc['id']);
  port.checkDocument(mergePatch(port.engine.node(id)?.cfg ?? {}, doc), where, id);
  return { id, doc };
}

/** A document without an id is that of the node of its name, else a new one whose id is made from the name. */
function withId(port: HostPort, item: Json, where: string): Json {
  if (!isObject(item) || item['id'] !== undefined) return item;
  const name = item['nodename'];
  if (typeof name !== 'string' || name === '')
    throw refusal(
      CODES.InvalidValue,
      'the change is refused',
      where,
      'it has neither id nor nodename',
      'Give it a nodename; its id is made from that',
    );
  return { id: port.engine.named(name)?.id ?? port.idOfName(name), ...item };
}

function write(port: HostPort, change: CfgChange, params: Params, session: ApiSession): Promise<Json> {
  const author = authorOf(params, session);
  const { force, unchangedSince } = params;
  const checked = typeof unchangedSince === 'number' ? { ...change, unchangedSince } : change;
  return port.ask((request) => ({ type: 'apply', request, author, change: checked, ...(typeof force === 'string' ? { force } : {}) }));
}

/** What a person saw of nodes, value by value; the schemas are asked before anything is taken. */
export async function observe(port: HostPort, params: Params, session: ApiSession): Promise<Json> {
  need(session, 'dsc:write', 'node/observe');
  const values = new Map<NodeId, Readonly<Record<Path, Json>>>();
  for (const { node, values: seen } of params['observed'] as unknown as { node: NodeId; values: Record<Path, Json> }[]) {
    const name = port.engine.node(node)?.name;
    if (name === undefined)
      throw refusal(CODES.UnknownNode, 'node/observe is refused', node, 'no node has this id', 'kraken node list shows all');
    port.checkValues(seen, name || node, true);
    const gone = Object.keys(seen).find((path) => seen[path] === null);
    if (gone !== undefined)
      throw refusal(CODES.InvalidValue, 'node/observe is refused', `${name} ${gone}`, 'null is no value that can be seen', 'Leave it out');
    values.set(node, { ...values.get(node), ...seen });
  }
  const command: Command = { kind: 'observe', nodes: [...values.keys()], values };
  return port.ask((request) => ({ type: 'operate', request, author: authorOf(params, session), command }));
}

export async function set(port: HostPort, params: Params, session: ApiSession): Promise<Json> {
  const ids = selectTargets(port.engine, String(params['set']), 'node/set');
  const answer = await write(port, setChange(port, ids, params['values'] as Record<Path, Json>), params, session);
  return { ...(isObject(answer) ? answer : {}), nodes: ids.length };
}

function setChange(port: HostPort, nodes: readonly NodeId[], values: Record<Path, Json>): CfgChange {
  port.checkValues(values, 'the values');
  return { set: { nodes, values } };
}

export async function remove(port: HostPort, params: Params, session: ApiSession): Promise<Json> {
  const ids = selectTargets(port.engine, String(params['set']), 'node/delete');
  const answer = await write(port, { remove: ids }, params, session);
  return { ...(isObject(answer) ? answer : {}), nodes: ids.length };
}

export function explain(port: HostPort, params: Params): Json {
  const ids = selectNodes(port.engine, String(params['set']));
  if (ids.length > MOST_EXPLAINED) {
    const why = `it names ${ids.length} nodes, and at most ${MOST_EXPLAINED} are explained at once`;
    throw refusal(
      CODES.TooLarge,
      'node/explain is refused',
      String(params['set']),
      why,
      'Name fewer; kraken node waiting groups all by reason',
    );
  }
  const now = port.now();
  const peers = new Map(port.peers().map((peer) => [peer.id, peer]));
  return { nodes: ids.map((id) => ({ ...port.engine.explain(id, now), ...outOfSync(port, peers.get(id)) })) } as unknown as Json;
}

/** Its own host as a neighbour, where that is not as it should be. */
function outOfSync(port: HostPort, peer: PeerStatus | undefined): { readonly peer?: PeerStatus } {
  if (!peer) return {};
  const isFine = peer.state === 'connected' && peer.behind === 0;
  return isFine && (peer.role === 'parent' || port.engine.node(peer.id)?.facts.get('/runState')?.value === 'SYNC') ? {} : { peer };
}

/** Whole documents, values for a set, an order, or nothing: what is going to happen anyway. */
export function plan(port: HostPort, params: Params): Json {
  const { engine } = port;
  const now = port.now();
  const { nodes, values, order } = params;
  if (Array.isArray(nodes)) return engine.plan(documents(port, nodes, 'put'), now) as unknown as Json;
  const text = String(params['set']);
  const ids = selectTargets(engine, text || 'all', 'node/plan');
  if (order !== undefined) return engine.planOrder(ids, now) as unknown as Json;
  return engine.plan(setChange(port, ids, isObject(values) ? values : {}), now) as unknown as Json;
}

export async function history(port: HostPort, params: Params): Promise<Json> {
  const { limit, before, since } = params;
  const text = params['set'];
  const ids = typeof text === 'string' && text !== '' ? selectSome(port.engine, text, 'node/history') : undefined;
  const options = {
    limit: Number(limit),
    ...(typeof before === 'number' ? { before } : {}),
    ...(typeof since === 'number' ? { since } : {}),
  };
  const { changes, next } = ids && ids.length > 1 ? await searched(port, new Set(ids), options) : await port.history(ids?.[0], options);
  return inLine(changes, next) as unknown as Json;
}

/** As many as fit into a line; a revision is not parted, as the next page begins below it, but where it is larger than a line itself. */
function inLine(found: Found['changes'], next: Revision | undefined): { readonly changes: readonly unknown[]; readonly next?: Revision } {
  const texts = found.map((change) => changeText(showChange(change, change.at)));
  let bytes = 0;
  let end = 0;
  for (; end < texts.length; end++) {
    bytes += Buffer.byteLength(texts[end] ?? '') + 1;
    if (bytes > ITEM_BYTES) break;
  }
  if (end === texts.length) return { changes: texts.map((text) => JSON.parse(text)), ...(next === undefined ? {} : { next }) };
  let whole = end;
  while (whole > 0 && found[whole - 1]?.rev === found[end]?.rev) whole--;
  const taken = whole || end;
  return { changes: texts.slice(0, taken).map((text) => JSON.parse(text)), next: found[taken - 1]?.rev ?? 0 };
}

interface Found {
  readonly changes: readonly (Change & { readonly at: Millis })[];
  readonly next?: Revision;
}

/** The history of some nodes: that of all, looked through, newest first, until there is enough or it has been long. */
async function searched(
  port: HostPort,
  nodes: ReadonlySet<NodeId>,
  { limit, ...given }: { readonly limit: number; readonly before?: Revision; readonly since?: Millis },
): Promise<Found> {
  const changes: (Change & { readonly at: Millis })[] = [];
  let options = given;
  for (let seen = 0; ; ) {
    const found = await port.history(undefined, { ...options, limit: 1_000 });
    for (const change of found.changes) {
      seen++;
      if (!nodes.has(change.node)) continue;
      changes.push(change);
      if (changes.length === limit) return { changes, next: change.rev };
    }
    const { next } = found;
    if (next === undefined) return { changes };
    if (seen >= MOST_SEARCHED) return { changes, next };
    options = { ...options, before: next };
  }
}

/** What names a set and changes no cfg (power: physState alone). */
export async function command(port: HostPort, word: string, params: Params, session: ApiSession): Promise<Json> {
  const nodes = selectTargets(port.engine, String(params['set']), `node/${word}`);
  const { until } = params;
  if (typeof until === 'number' && until <= port.now())
    throw refusal(CODES.InvalidParams, `node/${word} is refused`, 'until', 'that time has passed', 'Give a time to come, e.g. --for 2h');
  const given = commandOf(word, nodes, params);
  const answer = await port.ask((request) => ({ type: 'operate', request, author: authorOf(params, session), command: given }));
  return { ...(isObject(answer) ? answer : {}), nodes: nodes.length };
}

function commandOf(word: string, nodes: readonly NodeId[], params: Params): Command {
  const until = typeof params['until'] === 'number' ? { until: params['until'] } : {};
  const force = typeof params['force'] === 'string' ? { force: params['force'] } : {};
  switch (word) {
    case 'hold':
      return { kind: 'hold', nodes, why: String(params['why']), ...until };
    case 'release':
      return { kind: 'release', nodes, busy: params['busy'] === true };
    case 'busy':
      return { kind: 'busy', nodes, owner: String(params['owner']), ...until };
    case 'retry':
      return { kind: 'retry', nodes, disruptive: params['disruptive'] === true };
    case 'power':
      return { kind: 'power', nodes, to: params['to'] === 'off' ? 'off' : 'on', ...force };
    case 'reboot':
      return { kind: 'reboot', nodes, cycle: params['cycle'] === true, ...force };
    case 'cancel':
      return { kind: 'cancel', nodes };
    case 'admit':
      return { kind: 'admit', nodes, ...(typeof params['why'] === 'string' ? { why: params['why'] } : {}) };
    case 'revoke':
      return { kind: 'revoke', nodes, why: String(params['why']) };
    default:
      throw new Error(`node/${word} is no command`);
  }
}

export function waiting(port: HostPort, params: Params): Json {
  const text = params['set'];
  const only = typeof text === 'string' && text !== '' ? new Set(selectNodes(port.engine, text)) : undefined;
  return { waiting: port.engine.waiting(port.now(), only) } as unknown as Json;
}

export function holds(port: HostPort, params: Params): Json {
  const text = params['set'];
  const only = typeof text === 'string' && text !== '' ? new Set(selectNodes(port.engine, text)) : undefined;
  return { holds: port.engine.holds(port.now()).filter(({ node }) => only === undefined || only.has(node)) } as unknown as Json;
}
