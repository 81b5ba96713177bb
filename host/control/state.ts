/** `state/read`, `state/watch`, `state/unwatch`, `state/propose`, `events/watch`. */

import { type Doc, get, isObject, mergePatch, namesOf, setPath } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json, Path } from '../core/declaration.ts';
import type { NodeId } from '../core/record.ts';
import type { EventKind, Events } from './events.ts';
import type { Feeds, Filter } from './feeds.ts';
import type { HostPort } from './port.ts';
import { parseSet, selectNodes } from './select.ts';
import { type ApiSession, authorOf, need, type Params, readable, refusal } from './session.ts';
import type { Transactions } from './transactions.ts';
import { page, type View } from './view.ts';

/** A page is smaller where its nodes are large: it fits into a line. */
const MOST_IN_PAGE = 10_000;

export function read(port: HostPort, params: Params, session: ApiSession): Json {
  const ids = idsOf(port, params);
  const { after } = params;
  const start = typeof after === 'string' ? ids.indexOf(after) + 1 : 0;
  if (typeof after === 'string' && start === 0)
    throw refusal(CODES.Gone, 'the list cannot be continued', 'after', `node ${after} is not in it any more`, 'Read it from the start');
  const limit = Math.min(MOST_IN_PAGE, typeof params['limit'] === 'number' ? params['limit'] : MOST_IN_PAGE);
  const paths = readable(session, pathsOf(params));
  const found = page(port.engine, ids, start, viewOf(params), paths, limit, true);
  const { next, large } = found;
  if (large) {
    const why = 'it is larger than a line of the protocol';
    const todo = `Read it in parts, with paths; then the others with after: ${large.id}`;
    throw refusal(CODES.TooLarge, 'it cannot be read whole', large.name || large.id, why, todo);
  }
  const nodes = params['original'] === true ? inOriginal(port, found.nodes, paths) : found.nodes;
  return { nodes, revision: port.engine.revision, ...(next === undefined ? {} : { next }) };
}

/** Whole documents in the original's dialect: what its tools, and `node/apply`, read without loss. */
function inOriginal(port: HostPort, nodes: readonly Json[], paths: readonly Path[] | undefined): Json[] {
  if (paths) {
    const why = 'single paths have no form in the dialect of the original';
    throw refusal(
      CODES.InvalidParams,
      'it cannot be read',
      'original',
      why,
      'Read whole documents: leave paths out (a module: with state:read *)',
    );
  }
  return (nodes as readonly Doc[]).map((node) => {
    const { cfg, dsc } = node;
    return { ...node, ...(isObject(cfg) ? { cfg: port.toOriginal(cfg) } : {}), ...(isObject(dsc) ? { dsc: port.toOriginal(dsc) } : {}) };
  });
}

export function watch(port: HostPort, feeds: Feeds, params: Params, session: ApiSession): Json {
  const paths = readable(session, pathsOf(params));
  const text = setOf(params);
  const ids = Array.isArray(params['nodes']) ? (params['nodes'] as NodeId[]) : undefined;
  const set = text === undefined ? undefined : parseSet(text);
  // What is named by name is watched by id: a node that is renamed stays in it, and a wrong name is told at once.
  const named = text !== undefined && set !== undefined && namesOf(set) !== undefined ? selectNodes(port.engine, text) : undefined;
  const nodes = ids || named ? [...new Set([...(ids ?? []), ...(named ?? [])])].sort() : undefined;
  const filter: Filter = { set: named ? undefined : set, nodes: nodes && new Set(nodes), paths, view: viewOf(params) };
  const key = JSON.stringify([named ? null : (text ?? null), nodes ?? null, paths ?? null, filter.view]);
  const { from } = params;
  return feeds.watch(session, filter, key, typeof from === 'number' ? from : undefined);
}

export function unwatch(feeds: Feeds, events: Events, params: Params, session: ApiSession): Json {
  const id = Number(params['watch']);
  if (feeds.unwatch(session, id) || events.unwatch(session, id)) return {};
  const why = 'this session has no such watch';
  throw refusal(CODES.NotFound, 'there is nothing to end', `watch ${id}`, why, 'Use the id that state/watch or events/watch answered');
}

export function watchEvents(events: Events, params: Params, session: ApiSession): Json {
  need(session, 'state:read *', 'events/watch');
  const text = setOf(params);
  return { watch: events.watch(session, params['kinds'] as EventKind[], text === undefined ? undefined : parseSet(text)) };
}

/** Values of cfg by node, checked whole, committed together at the last part. */
export async function propose(port: HostPort, transactions: Transactions, params: Params, session: ApiSession): Promise<Json> {
  need(session, 'cfg:write', 'state/propose');
  const { tx, part, last, changes, force } = params;
  const items = transactions.take(session, String(tx), Number(part), last === true, changes as Json[]);
  if (!items) return {};
  const nodes = [...patchesOf(port, items)].map(([id, doc]) => ({ mode: 'merge' as const, id, doc }));
  for (const { id, doc } of nodes) port.checkDocument(mergePatch(port.engine.node(id)?.cfg ?? {}, doc), nameOf(port, id), id);
  const answer = await port.ask((request) => ({
    type: 'apply',
    request,
    author: authorOf(params, session),
    change: { nodes },
    ...(typeof force === 'string' ? { force } : {}),
  }));
  return isObject(answer) && typeof answer['revision'] === 'number' ? { revision: answer['revision'] } : {};
}

/** One merge patch (null removes) for each node, whatever parts its values came in; of two values for one path the later holds. */
function patchesOf(port: HostPort, items: readonly Json[]): ReadonlyMap<NodeId, Doc> {
  const patches = new Map<NodeId, Doc>();
  for (const item of items) {
    const { node, values } = item as { readonly node: NodeId; readonly values: Readonly<Record<Path, Json>> };
    if (!port.engine.node(node))
      throw refusal(
        CODES.UnknownNode,
        'the proposal is refused',
        node,
        'no node has this id',
        'Propose changes for nodes that state/read shows',
      );
    port.checkValues(values, nameOf(port, node));
    let patch = patches.get(node) ?? {};
    for (const [path, value] of Object.entries(values)) if (get(patch, path) !== value) patch = setPath(patch, path, value);
    patches.set(node, patch);
  }
  return patches;
}

function nameOf(port: HostPort, id: NodeId): string {
  return port.engine.node(id)?.name || id;
}

function idsOf(port: HostPort, params: Params): NodeId[] {
  const { nodes } = params;
  if (!Array.isArray(nodes)) return selectNodes(port.engine, setOf(params));
  const ids = nodes as NodeId[];
  const missing = ids.find((id) => !port.engine.node(id));
  if (missing === undefined) return [...new Set(ids)];
  throw refusal(CODES.UnknownNode, 'it cannot be read', missing, 'no node has this id', 'kraken node list shows all');
}

/** Absent = all nodes. */
function setOf(params: Params): string | undefined {
  const { set } = params;
  return typeof set === 'string' && set !== '' ? set : undefined;
}

function pathsOf(params: Params): readonly Path[] | undefined {
  return Array.isArray(params['paths']) ? (params['paths'] as Path[]) : undefined;
}

function viewOf(params: Params): View {
  const { view } = params;
  return view === 'cfg' || view === 'dsc' ? view : 'both';
}
