/**
 * What the parent tells this host: cfg, through the same door as a change that a person makes; what operators said; where nodes are
 * attached; and what others have observed of them, where nobody here knows better. Its other end is `tell.ts`.
 */

import { type Doc, isObject, parsePath, sameJson } from '@kraken-hpc/sdk/state';
import { commit, removeNode } from './apply.ts';
import type { Json } from './declaration.ts';
import type { Author, Event, Item } from './event.ts';
import { CODES } from './failures.ts';
import { byNode } from './items.ts';
import type { Node } from './node.ts';
import type { Plan } from './planner/plan.ts';
import type { NodeId } from './record.ts';
import { grant } from './request.ts';
import { planOf } from './situation.ts';
import { TOLD_STANDING, toldFact, toldWord } from './told-words.ts';
import type { World } from './world.ts';

type Told = Extract<Event, { type: 'told' }>;

export function told(w: World, event: Told): void {
  const { request, parent, all, items } = event;
  if (w.isRoot || w.nodes.has(parent)) {
    const why = w.isRoot ? 'this host has no parent' : 'it is a child of this host';
    w.refuse(request, {
      code: CODES.notPermitted,
      what: 'cfg is refused',
      where: `from host ${parent}`,
      why,
      todo: 'Correct the parents of both hosts.',
    });
    return;
  }
  if (w.tree.parent !== parent) {
    w.tree.parent = parent;
    w.keep('parent', parent);
  }
  const named = byNode(items);
  const moved: { readonly node: Node; readonly before: Plan }[] = [];
  for (const [id, members] of named) {
    const known = w.nodes.get(id);
    // What was observed comes first: only what cfg changes in the plan is what somebody asked for.
    if (known) takeRest(w, parent, known, members, all);
    const before = known && planOf(w, known);
    const isChanged = takeCfg(w, parent, id, members, all);
    const node = w.nodes.get(id);
    if (!node) continue;
    if (!known) takeRest(w, parent, node, members, all);
    // A node that is new here may run for long: that this host learns of it asks for nothing.
    else if (isChanged && before) moved.push({ node, before });
  }
  if (all) dropOthers(w, parent, named);
  // Who set it asked for it; what the change leads to is known when all of it is here.
  for (const { node, before } of moved) if (w.nodes.has(node.id)) grant(w, node, before, planOf(w, node));
  // On disk, and so told on to this host's own children, without waiting for the journal's lag.
  w.answer(request, { revision: w.revision });
}

/** A node's document as the parent has it; one of which nothing is left is not this host's any more. Nothing is done to the machine. */
function takeCfg(w: World, parent: NodeId, id: NodeId, members: ReadonlyMap<string, Item>, all: boolean): boolean {
  const known = w.nodes.get(id);
  const doc: Record<string, Json> = { id };
  if (known) for (const name in known.cfg) if (name === 'id' || !all) doc[name] = known.cfg[name] as Json;
  for (const { member, value } of members.values()) {
    const [name] = member.startsWith('/') ? parsePath(member) : [];
    if (name === undefined || name === 'id' || name === '__proto__') continue;
    if (value === undefined) delete doc[name];
    else doc[name] = known !== undefined && sameJson(known.cfg[name], value) ? (known.cfg[name] as Json) : value;
  }
  const author = authorOf(parent, members.get('@mark')?.value);
  if (Object.keys(doc).length === 1) {
    if (known && id !== w.self) removeNode(w, known, { user: author.user, why: 'it is not below this host any more' });
    return false;
  }
  if (known && sameJson(known.cfg, doc)) return false;
  commit(w, id, doc as Doc, author, undefined);
  return true;
}

function authorOf(parent: NodeId, mark: Json | undefined): Author {
  if (!isObject(mark) || typeof mark['by'] !== 'string') return { user: `host ${parent}` };
  return { user: mark['by'], ...(typeof mark['why'] === 'string' ? { why: mark['why'] } : {}) };
}

/** Where a node is attached comes before what was observed of it: who is to be believed depends on it. */
function takeRest(w: World, parent: NodeId, node: Node, members: ReadonlyMap<string, Item>, all: boolean): void {
  if (all) for (const member of TOLD_STANDING) if (!members.has(member)) toldWord(w, parent, node, member, undefined);
  for (const { member, value } of members.values()) if (member.startsWith('@')) toldWord(w, parent, node, member, value);
  if (all) for (const path of [...(node.told?.keys() ?? [])]) if (!members.has(`=${path}`)) toldFact(w, parent, node, path, undefined);
  for (const { member, value } of members.values()) if (member.startsWith('=')) toldFact(w, parent, node, member.slice(1), value);
  if (!all) return;
  // Of another parent, or of before a restart.
  for (const [path, fact] of node.facts)
    if (fact.via !== undefined && !w.nodes.has(fact.via) && !node.told?.has(path))
      w.setFact(node, path, undefined, fact.by, { via: fact.via });
}

function dropOthers(w: World, parent: NodeId, named: ReadonlyMap<NodeId, unknown>): void {
  for (const node of [...w.nodes.values()])
    if (node.id !== w.self && !named.has(node.id))
      removeNode(w, node, { user: `host ${parent}`, why: 'it is not below this host any more' });
}
