/** The world as it was stored: the snapshot's nodes, then the turns after it. What is remembered is stale until it is seen again. */

import { type Doc, isObject, setPath } from '@kraken-hpc/sdk/state';
import { adopt } from './apply.ts';
import type { Json } from './declaration.ts';
import type { Remembered } from './engine.ts';
import type { Limit } from './event.ts';
import { type Book, type Flight, Node, type Sent } from './node.ts';
import type { Change, Fact, Mark, Millis, NodeId, NodeRecord, Turn } from './record.ts';
import { beginRestored } from './restored.ts';
import type { Frozen } from './tree.ts';
import { resumeWindows } from './window.ts';
import type { World } from './world.ts';

export function remember(w: World, stored: Remembered): void {
  const engine: Record<string, Json> = { ...stored.engine };
  w.revision = stored.engine?.rev ?? 0;
  if (typeof engine['seq'] === 'number') w.seq = engine['seq'];
  for (const record of stored.nodes) w.nodes.set(record.id, restoreNode(record));
  let last: Millis = 0;
  for (const turn of stored.tail) {
    replay(w, turn, engine);
    last = turn.at;
  }
  restoreEngine(w, engine);
  beginRestored(w, last);
  for (const node of w.nodes.values()) {
    adopt(w, node, node.cfg);
    for (const fact of node.facts.values()) {
      fact.stale ??= fact.at;
      if (fact.via !== undefined) w.tree.heardThrough(fact.via, node);
    }
    if (node.book.at?.via !== undefined) w.tree.heardThrough(node.book.at.via, node);
    resumeFlights(w, node);
    if (node.book.hold?.until !== undefined) w.wake(node, node.book.hold.until);
  }
  restoreBrakes(w, engine['brakes']);
  resumeWindows(w, last, engine['upAt']);
}

function restoreNode(record: NodeRecord): Node {
  const node = new Node(record.id);
  node.cfg = record.cfg;
  for (const path in record.marks) node.marks.set(path, record.marks[path] as Mark);
  for (const path in record.dsc) node.facts.set(path, { ...(record.dsc[path] as Fact) });
  Object.assign(node.book, record.record);
  return node;
}

/** One turn's values over what is there; all absolute, so that a newer snapshot is not harmed. */
function replay(w: World, turn: Turn, engine: Record<string, Json>): void {
  w.seq = Math.max(w.seq, turn.seq);
  w.revision = Math.max(w.revision, turn.rev);
  for (const change of turn.changes) {
    if (change.view === 'cfg') replayCfg(w.nodes, change, turn.at);
    else if (change.view === 'dsc') replayFact(w.nodes.get(change.node), change, turn.at);
  }
  for (const id in turn.records) {
    const node = w.nodes.get(id);
    const members = turn.records[id];
    if (!node || !members) continue;
    for (const member in members) {
      const value = members[member];
      if (value === null || value === undefined) delete node.book[member as keyof Book];
      else Object.assign(node.book, { [member]: value });
    }
  }
  for (const member in turn.engine) {
    const value = turn.engine[member];
    if (value === null || value === undefined) delete engine[member];
    else engine[member] = value;
  }
}

function replayCfg(nodes: Map<NodeId, Node>, change: Change, at: Millis): void {
  const mark: Mark = { by: change.by, at, rev: change.rev, ...(change.why ? { why: change.why } : {}) };
  if (change.path === '') {
    if (change.to === undefined) {
      nodes.delete(change.node);
      return;
    }
    const node = nodes.get(change.node) ?? new Node(change.node);
    if (isObject(change.to)) node.cfg = change.to as Doc;
    node.marks.set('', mark);
    nodes.set(change.node, node);
    return;
  }
  const node = nodes.get(change.node);
  if (!node) return;
  node.cfg = setPath(node.cfg, change.path, change.to);
  node.marks.set(change.path, mark);
}

function replayFact(node: Node | undefined, change: Change, at: Millis): void {
  if (!node) return;
  if (change.to === undefined) {
    node.facts.delete(change.path);
    return;
  }
  const more = {
    ...(change.boot ? { boot: change.boot } : {}),
    ...(change.over === undefined ? {} : { over: change.over }),
    ...(change.via === undefined ? {} : { via: change.via }),
  };
  node.facts.set(change.path, { value: change.to, by: change.by, at, rev: change.rev, ...more });
}

/** Steps that were in flight wait for their deadline, and are observed before they are sent again. */
function resumeFlights(w: World, node: Node): void {
  const { sent } = node.book;
  for (const mutation in sent) {
    const intent: Sent | undefined = sent[mutation];
    if (!intent) continue;
    const flight: Flight = { ...intent, mutation, run: 0, accepted: true, orphan: true, cancelled: false };
    node.flights.push(flight);
    w.wake(node, intent.deadline + 1);
  }
}

function restoreEngine(w: World, engine: Record<string, Json>): void {
  if (typeof engine['self'] === 'string') w.self = engine['self'];
  if (isObject(engine['frozen'])) w.frozen = engine['frozen'] as unknown as Frozen;
  if (Array.isArray(engine['limits'])) for (const limit of engine['limits']) w.limits.set(limit as unknown as Limit);
  if (isObject(engine['frozenAbove'])) w.tree.frozenAbove = engine['frozenAbove'] as unknown as Frozen;
  if (Array.isArray(engine['above'])) w.tree.above = engine['above'].map(String);
  if (typeof engine['parent'] === 'string') w.tree.parent = engine['parent'];
  w.kept = engine;
}

function restoreBrakes(w: World, brakes: Json | undefined): void {
  if (!isObject(brakes)) return;
  for (const [name, brake] of Object.entries(brakes)) {
    const domain = w.domains.get(name);
    if (!domain || !isObject(brake) || !Array.isArray(brake['lost'])) continue;
    domain.brake = {
      since: Number(brake['since']),
      lost: new Set(brake['lost'] as string[]),
      back: new Set((brake['back'] ?? []) as string[]),
      most: Number(brake['most']),
    };
  }
}
