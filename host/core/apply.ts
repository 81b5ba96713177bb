/** A change of cfg: everything is checked first, then all of it happens; what it asks for is granted to the nodes it moves. */

import { childPath, type Doc, isObject, mergePatch, sameJson, setPath } from '@kraken-hpc/sdk/state';
import { check, type Drafts, nameIn, refusal } from './check.ts';
import type { Json, Path } from './declaration.ts';
import type { Refusal } from './effect.ts';
import type { Author, CfgChange, Event } from './event.ts';
import { CODES } from './failures.ts';
import { Node, newestMark } from './node.ts';
import { interrupt } from './outcome.ts';
import type { Plan } from './planner/plan.ts';
import type { Mark, NodeId } from './record.ts';
import { grant } from './request.ts';
import { atParent, isNew, observeSelf } from './self.ts';
import { endTerminal } from './session.ts';
import { PHYS, planOf } from './situation.ts';
import { forgive } from './walk.ts';
import type { World } from './world.ts';

export function apply(w: World, event: Extract<Event, { type: 'apply' }>): void {
  const elsewhere = isOwnStart(w, event) ? undefined : atParent(w, 'the change is refused');
  if (elsewhere) {
    w.refuse(event.request, elsewhere);
    return;
  }
  const drafted = draft(w, event.change);
  const refusal = 'refusal' in drafted ? drafted.refusal : (stale(w, event.change, drafted.drafts) ?? check(w, drafted.drafts));
  if (refusal || 'refusal' in drafted) {
    if (refusal) w.refuse(event.request, refusal);
    return;
  }
  const counts = { created: 0, changed: 0, unchanged: 0, removed: 0 };
  const plans = new Map<NodeId, Plan>();
  const was = w.self;
  for (const [id, doc] of drafted.drafts) {
    const node = w.nodes.get(id);
    if (node && doc !== undefined) plans.set(id, planOf(w, node));
  }
  for (const [id, doc] of drafted.drafts) counts[commit(w, id, doc, event.author, event.force)]++;
  // Goals depend on the whole change: only now is it known what was asked for.
  for (const [id, doc] of drafted.drafts) {
    const node = w.nodes.get(id);
    if (!node || doc === undefined || !w.dirty.has(node)) continue;
    grant(w, node, plans.get(id) ?? NO_PLAN, planOf(w, node));
  }
  const self = w.self === was ? undefined : { id: w.self, name: w.nodes.get(w.self)?.name ?? '', was };
  if (self)
    w.log(
      'warn',
      `this host is node ${self.name || self.id} now, and was ${was}: a file makes it the parent of others and names no parent for it`,
    );
  w.answer(event.request, { revision: w.revision, ...counts, ...(self ? { self } : {}) });
}

/** What somebody else changed meanwhile is not overwritten by who has not seen it. */
function stale(w: World, { unchangedSince }: CfgChange, drafts: Drafts): Refusal | undefined {
  if (unchangedSince === undefined) return undefined;
  for (const [id, doc] of drafts) {
    const node = w.nodes.get(id);
    const newest = node && newestMark(node);
    if (!node || newest === undefined || newest.rev <= unchangedSince || node.cfg === doc) continue;
    const why = `${newest.by} changed it at revision ${newest.rev}, and it was read at ${unchangedSince}`;
    return refusal(CODES.conflict, 'the change is refused', node.name || id, why, 'Read it again, and decide anew.');
  }
  return undefined;
}

/** A new host makes its own node itself, until its parent says what it is. */
function isOwnStart(w: World, { author, change }: Extract<Event, { type: 'apply' }>): boolean {
  return author.user === 'core' && (change.nodes ?? []).every(({ id }) => id === w.self) && !change.set && !change.remove;
}

const NO_PLAN: Plan = { kind: 'plan', steps: [], cost: 0, moot: [], branches: [] };

/** Works the change out without touching anything. */
export function draft(w: World, change: CfgChange): { drafts: Drafts } | { refusal: Refusal } {
  const drafts: Drafts = new Map();
  const current = (id: NodeId): Doc | undefined => (drafts.has(id) ? drafts.get(id) : w.nodes.get(id)?.cfg);
  for (const { mode, id, doc } of change.nodes ?? []) {
    const before = current(id);
    if (mode === 'create' && before)
      return refuse(
        CODES.conflict,
        'cannot be created',
        nameIn(doc, id),
        'a node with this id exists already',
        'Use update or apply to change it.',
      );
    if ((mode === 'update' || mode === 'merge') && !before) {
      return refuse(
        CODES.unknownNode,
        `cannot be ${mode === 'merge' ? 'patched' : 'updated'}`,
        nameIn(doc, id),
        'no node has this id',
        'Create it first, or use apply.',
      );
    }
    drafts.set(id, mode === 'merge' ? { ...mergePatch(before ?? {}, doc), id } : { ...doc, id });
  }
  for (const id of change.set?.nodes ?? []) {
    let doc = current(id);
    if (!doc) return refuse(CODES.unknownNode, 'cannot be set', id, 'no node has this id', 'kraken node list shows all.');
    for (const path in change.set?.values) {
      if (path === '/id')
        return refuse(CODES.invalidValue, '/id cannot be set', id, 'the id is what a node is known by', 'Create a new node.');
      doc = setPath(doc, path, change.set.values[path] ?? undefined);
    }
    drafts.set(id, doc);
  }
  for (const id of change.remove ?? []) {
    if (!current(id)) return refuse(CODES.unknownNode, 'cannot be deleted', id, 'no node has this id', 'kraken node list shows all.');
    drafts.set(id, undefined);
  }
  settleParents(w, drafts);
  return { drafts };
}

/** A node without a parent keeps the one it has, else is this host's child; the one that is named as a parent itself, on a new host, is the root. */
function settleParents(w: World, drafts: Drafts): void {
  const root = rootOf(w, drafts);
  for (const [id, doc] of drafts) {
    if (!doc || doc['parentId'] !== undefined || id === w.self || id === root) continue;
    drafts.set(id, { ...doc, parentId: w.nodes.get(id)?.parent ?? w.self });
  }
}

/** The node of a file that a new host becomes: the original's state files name their own root. Of two that might be it neither is. */
function rootOf(w: World, drafts: Drafts): NodeId | undefined {
  if (!isNew(w) || !w.isRoot || drafts.has(w.self)) return undefined;
  const parents = new Set([...drafts.values()].map((doc) => doc?.['parentId']));
  if (parents.has(w.self)) return undefined;
  const roots = [...drafts].filter(([id, doc]) => doc && doc['parentId'] === undefined && parents.has(id));
  return roots.length === 1 ? roots[0]?.[0] : undefined;
}

/** Makes one node's document the one in force. */
export function commit(
  w: World,
  id: NodeId,
  doc: Doc | undefined,
  author: Author,
  force: string | undefined,
): 'created' | 'changed' | 'unchanged' | 'removed' {
  const known = w.nodes.get(id);
  if (doc === undefined) {
    if (known) removeNode(w, known, author);
    return 'removed';
  }
  if (known) {
    if (known.cfg === doc) return 'unchanged';
    const changes = differences(known.cfg, doc);
    if (changes.length === 0) return 'unchanged';
    for (const [path, from, to] of changes) {
      const mark = markOf(w, author);
      known.marks.set(path, mark);
      w.cfgChanged(known, path, from, to, mark);
    }
    adopt(w, known, doc);
    afresh(w, known);
    // What was asked for on the way to another power state is not asked for any more.
    if (changes.some(([path]) => path === PHYS)) w.book(known, 'granted', undefined);
    if (force !== undefined) w.book(known, 'force', force);
    return 'changed';
  }
  if (doc['parentId'] === undefined && id !== w.self && w.isRoot) becomeRoot(w, id);
  const node = new Node(id);
  const mark = markOf(w, author);
  node.marks.set('', mark);
  w.cfgChanged(node, '', undefined, doc as Json, mark);
  node.cfg = doc;
  node.name = typeof doc['nodename'] === 'string' ? doc['nodename'] : '';
  node.parent = typeof doc['parentId'] === 'string' ? doc['parentId'] : undefined;
  node.walkSince = w.now;
  w.add(node);
  if (id === w.self) {
    w.keep('self', id);
    observeSelf(w);
  }
  return 'created';
}

function markOf(w: World, author: Author): Mark {
  return { by: author.user, at: w.now, rev: ++w.revision, ...(author.why ? { why: author.why } : {}) };
}

export function adopt(w: World, node: Node, doc: Doc): void {
  node.cfg = doc;
  const name = typeof doc['nodename'] === 'string' ? doc['nodename'] : '';
  if (name !== node.name) {
    if (w.byName.get(node.name) === node) w.byName.delete(node.name);
    node.name = name;
    if (name) w.byName.set(name, node);
  }
  node.parent = typeof doc['parentId'] === 'string' ? doc['parentId'] : undefined;
  w.reread(node);
}

/** A change of cfg gives a node that was given up a new chance. */
function afresh(w: World, node: Node): void {
  forgive(w, node);
  w.book(node, 'terminal', undefined);
  w.book(node, 'backoff', undefined);
  endTerminal(w, node, 'cfg was changed');
}

/** The file names its own root: a new host takes that identity. */
function becomeRoot(w: World, id: NodeId): void {
  const old = w.nodes.get(w.self);
  if (old) removeNode(w, old, { user: 'core', why: `this host is ${id} now` });
  w.self = id;
  w.keep('self', id);
}

export function removeNode(w: World, node: Node, author: Author): void {
  for (const flight of [...node.flights]) interrupt(w, node, flight, 'the node was deleted');
  w.cfgChanged(node, '', node.cfg as Json, undefined, markOf(w, author));
  w.forgetNode(node);
}

/** Leaf by leaf: path, before, after. What both documents share is passed over unread. */
function differences(before: Doc, after: Doc): Difference[] {
  const found: Difference[] = [];
  differ(before, after, '', found);
  return found;
}

type Difference = [path: Path, from: Json | undefined, to: Json | undefined];

function differ(before: Doc, after: Doc, at: Path, found: Difference[]): void {
  for (const member in after) {
    const from = before[member];
    const to = after[member];
    if (from === to || to === undefined) continue;
    const path = childPath(at, member);
    if (isObject(from) && isObject(to)) differ(from, to, path, found);
    else if (!sameJson(from, to)) found.push([path, from, to]);
  }
  for (const member in before)
    if (after[member] === undefined && before[member] !== undefined) found.push([childPath(at, member), before[member], undefined]);
}

function refuse(code: number, what: string, where: string, why: string, todo: string): { refusal: Refusal } {
  return { refusal: refusal(code, what, where, why, todo) };
}
