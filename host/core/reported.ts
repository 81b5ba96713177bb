/**
 * What a child's host reports of itself and its subtree, taken into dsc. Its own word stands for its own node, but for its power;
 * nodes below it are mirrored as they are: no deaths, brakes or repairs follow from them here. Its other end is `report.ts`.
 */

import { isObject, sameJson } from '@kraken-hpc/sdk/state';
import type { ReasonKind } from './answers.ts';
import { attach } from './attach.ts';
import { hasRoom, isHash, isTerm, textOf } from './bounds.ts';
import { revoke } from './claim.ts';
import type { Json, Path } from './declaration.ts';
import type { Event, Item } from './event.ts';
import { CODES } from './failures.ts';
import { forget } from './forget.ts';
import { byNode, heardOf } from './items.ts';
import { leave } from './leave.ts';
import type { Node } from './node.ts';
import { seenSync } from './observe.ts';
import type { NodeId } from './record.ts';
import { say, settleSaid } from './said.ts';
import { BUSY, PHYS, RUN } from './situation.ts';
import { holdersOf } from './tell.ts';
import type { World } from './world.ts';

export function reportedBy(w: World, event: Extract<Event, { type: 'reported' }>): void {
  const host = w.nodes.get(event.host);
  if (!host?.live || host.book.key?.term !== event.term) {
    w.dropped.authority++;
    const why = host ? `it is not in session here with admission ${event.term}` : 'no node has this id';
    w.refuse(event.request, {
      code: CODES.notPermitted,
      what: 'a report is refused',
      where: host?.name ?? event.host,
      why,
      todo: 'It enrols anew.',
    });
    return;
  }
  const named = byNode(event.items);
  for (const [id, items] of named) takeNode(w, host, id, items, event.all);
  if (event.all) forgetOthers(w, host, named);
  w.answer(event.request, { revision: w.revision }, false);
}

function takeNode(w: World, host: Node, id: NodeId, items: ReadonlyMap<string, Item>, all: boolean): void {
  const node = w.nodes.get(id);
  if (!node) {
    w.dropped.unknownNode++;
    return;
  }
  const isItself = node === host;
  if (id === w.self || (!isItself && !holdersOf(w, node).includes(host.id))) {
    w.dropped.authority++;
    // Nor does what it said stand, while the node was its.
    for (const path of [...(node.said?.get(host.id)?.keys() ?? [])]) say(w, node, host.id, path, undefined);
    return;
  }
  for (const { member, value } of items.values()) if (member.startsWith('/')) takeFact(w, node, host, member, value);
  if (!isItself) {
    // What it does not say any more goes before where the node is: of two admissions, nothing of the one before is believed again.
    if (all) for (const path of [...(node.said?.get(host.id)?.keys() ?? [])]) if (!items.has(path)) say(w, node, host.id, path, undefined);
    const session = items.get('@session');
    if (session) takeSession(w, node, host, session.value);
    settleSaid(w, node, items.keys(), session !== undefined);
  }
  for (const { member, value } of items.values())
    if (!member.startsWith('/') && member !== '@session') takeWord(w, node, host, member, value);
}

/** The highest admission owns the node: whoever had it before has said what it said. */
function takeSession(w: World, node: Node, host: Node, value: Json | undefined): void {
  const known = node.book.at;
  if (!isObject(value)) {
    if (known?.via !== host.id || !known.live) return;
    attach(w, node, { ...known, live: false });
    return;
  }
  const { host: at, term, live, boot, key } = value;
  if (typeof at !== 'string' || !isTerm(node, term) || typeof live !== 'boolean') {
    w.dropped.badValue++;
    return;
  }
  // Over a session that lives here goes only one that lives.
  const isPast = !live && node.live && at !== w.self;
  if (known && (isPast || term < known.term || (term === known.term && known.host !== at))) {
    w.dropped.second++;
    return;
  }
  if (known && (known.host !== at || known.via !== host.id)) leave(w, node);
  if (typeof boot === 'string') w.book(node, 'boot', boot);
  attach(w, node, { host: at, term, live, via: host.id, ...(typeof key === 'string' ? { key } : {}) });
}

/** Two keys in one boot, seen by whichever of its parents: held here too, so that nobody repairs what may be running. */
function takeRefused(w: World, node: Node, refused: Node['book']['refused']): void {
  w.book(node, 'refused', refused);
  if (refused?.why !== 'second' || node.book.hold) return;
  w.book(node, 'hold', { by: 'core', why: refused.text, since: w.now });
  w.note(node, 'held', true, 'core', refused.text);
  w.dirty.add(node);
}

function takeWord(w: World, node: Node, host: Node, member: string, value: Json | undefined): void {
  const { order, token } = node.book;
  switch (member) {
    case '@heard':
      return heardOf(w, node, value, host.id);
    case '@done':
      if (value === undefined || order?.id !== value) return;
      w.book(node, 'order', undefined);
      w.note(node, 'ordered', `${order.kind} is done`, 'core');
      if (!w.isRoot) w.book(node, 'doneOrder', order.id);
      w.dirty.add(node);
      return;
    case '@off':
      if (value !== undefined && order?.id === value && !order.off) w.book(node, 'order', { ...order, off: true });
      return;
    case '@refused':
      return takeRefused(w, node, refusedOf(value));
    case '@revoked':
      // What one of its parents does not trust, none of them does.
      if (!Array.isArray(value)) return;
      return revoke(
        w,
        node,
        value.filter(isHash).filter((key) => !node.book.revoked?.includes(key)),
      );
    case '@waits':
      w.book(node, 'waits', waitsOf(value));
      return;
    case '@used':
      if (!isHash(value)) return;
      w.book(node, 'tokenUsed', value);
      if (token?.hash === value) w.book(node, 'token', undefined);
      return;
    default:
      return;
  }
}

function refusedOf(value: Json | undefined): Node['book']['refused'] {
  if (!isObject(value)) return undefined;
  const { since } = value;
  const [why, text] = [textOf(value['why']), textOf(value['text'])];
  if (typeof since !== 'number' || why === undefined || text === undefined) return undefined;
  return { since, why, text };
}

function waitsOf(value: Json | undefined): Node['book']['waits'] {
  if (!isObject(value)) return undefined;
  const { since } = value;
  const [kind, text, command] = [textOf(value['kind']), textOf(value['text']), textOf(value['command'])];
  if (typeof since !== 'number' || kind === undefined || text === undefined) return undefined;
  return { kind: kind as ReasonKind, text, since, ...(command === undefined ? {} : { command }) };
}

/** One observed value: `[value, by, boot?, over?]`. */
function takeFact(w: World, node: Node, host: Node, path: Path, value: Json | undefined): void {
  const isItself = node === host;
  if (isItself && path === PHYS) {
    w.dropped.authority++;
    return;
  }
  const said = Array.isArray(value) ? value : [];
  const [seen, by] = said;
  const declared = w.graph.variable(path)?.declared;
  const isBad = typeof by !== 'string' || (declared?.values && !declared.values.some((one) => one === seen));
  const known = isItself ? node.facts : node.said?.get(host.id);
  if (value !== undefined && (seen === undefined || isBad || !hasRoom(known, path))) {
    w.dropped.badValue++;
    return;
  }
  const isUnknown = value === undefined || (declared?.unknown !== undefined && seen === declared.unknown);
  if (!isItself) return say(w, node, host.id, path, isUnknown ? undefined : said);
  if (isUnknown) forgetOne(w, node, host, path);
  else takeItsOwn(w, node, path, said);
}

/** Of its own node a host's word stands. */
function takeItsOwn(w: World, node: Node, path: Path, [seen, by, , over]: readonly Json[]): void {
  const fact = node.facts.get(path);
  if (seen === undefined || typeof by !== 'string') return;
  if (fact?.via === node.id && sameJson(fact.value, seen)) {
    fact.at = w.now;
    delete fact.stale;
    return;
  }
  // A lease that this host or a person has set is not ended by the word of another.
  if (path === BUSY && fact && fact.value !== 'FREE' && fact.via === undefined && fact.boot === undefined) {
    w.dropped.second++;
    return;
  }
  const { boot } = node.book;
  w.setFact(node, path, seen, by, { via: node.id, ...(boot === undefined ? {} : { boot }), ...(over === undefined ? {} : { over }) });
  if (path === RUN && seen === 'SYNC') seenSync(w, node);
  forget(w, node, path);
}

function forgetOne(w: World, node: Node, host: Node, path: Path): void {
  const fact = node.facts.get(path);
  if (fact?.via !== host.id || (node === host && path === RUN)) return;
  w.setFact(node, path, undefined, fact.by, { via: host.id });
}

/** It has said everything: what it did not name it does not see any more. */
function forgetOthers(w: World, host: Node, named: ReadonlyMap<NodeId, ReadonlyMap<string, Item>>): void {
  // It has forgotten that it was led to SYNC (it was killed before that was on its disk): it is led there again.
  const run = host.facts.get(RUN);
  const { boot } = host.book;
  if (run?.via === host.id && run.value === 'SYNC' && !named.get(host.id)?.has(RUN))
    w.setFact(host, RUN, 'INIT', 'core', { ...(boot === undefined ? {} : { boot }), why: 'its host does not say that it is in sync' });
  for (const node of [...w.tree.through(host.id)]) {
    const items = named.get(node.id);
    if (!items) for (const path of [...(node.said?.get(host.id)?.keys() ?? [])]) say(w, node, host.id, path, undefined);
    for (const [path, fact] of node.facts) if (fact.via === host.id && !items?.has(path)) forgetOne(w, node, host, path);
    if (node === host || items?.has('@session')) continue;
    takeSession(w, node, host, undefined);
    settleSaid(w, node, [], true);
  }
}
