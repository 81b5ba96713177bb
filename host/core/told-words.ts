/** The members of what a parent tells that are no cfg: what operators said, where nodes are, what others observed. */

import { isObject, sameJson } from '@kraken-hpc/sdk/state';
import { letIn, shutOut } from './admission.ts';
import { attach, attachedBelow, isElsewhere } from './attach.ts';
import { noteLost } from './brake.ts';
import { revoke } from './claim.ts';
import { noteDeaf } from './deaf.ts';
import type { Json, Path } from './declaration.ts';
import { heardOf } from './items.ts';
import { leave } from './leave.ts';
import type { Hold, Node, Order } from './node.ts';
import { retry } from './operate.ts';
import type { Fact, NodeId } from './record.ts';
import { BUSY, RUN } from './situation.ts';
import type { Frozen } from './tree.ts';
import { forgive } from './walk.ts';
import { settleWindows } from './window.ts';
import type { World } from './world.ts';

/** Those that end when they are not told any more. */
export const TOLD_STANDING: readonly string[] = ['@hold', '@order', '@force', '@token', '@deaf', '@frozen'];

export function toldWord(w: World, parent: NodeId, node: Node, member: string, value: Json | undefined): void {
  switch (member) {
    case '@hold':
      return hold(w, node, isObject(value) ? (value as unknown as Hold) : undefined);
    case '@order':
      return order(w, node, isObject(value) ? (value as unknown as Order) : undefined);
    case '@force':
      w.book(node, 'force', typeof value === 'string' ? value : undefined);
      w.dirty.add(node);
      return;
    case '@token':
      if (!isObject(value)) w.book(node, 'token', undefined);
      else if (typeof value['hash'] === 'string' && typeof value['until'] === 'number' && value['hash'] !== node.book.tokenUsed)
        w.book(node, 'token', { hash: value['hash'], until: value['until'] });
      return;
    case '@revoked':
      if (Array.isArray(value))
        revoke(
          w,
          node,
          value.map(String).filter((key) => !node.book.revoked?.includes(key)),
        );
      return;
    case '@deaf':
      node.deafAbove = Array.isArray(value) ? value.map(String) : [];
      noteDeaf(w, node);
      return;
    case '@at':
      return at(w, parent, node, value);
    case '@heard':
      return heardOf(w, node, value, parent);
    case '@frozen':
      return frozen(w, node, isObject(value) ? (value as unknown as Frozen) : undefined);
    case '@sync':
      return sync(w, parent, node, value);
    default:
      return asked(w, node, member, value);
  }
}

/** What was asked for once: told again, it is not done again. */
function asked(w: World, node: Node, member: string, value: Json | undefined): void {
  if (!isObject(value)) return;
  const { id, by, kind, why } = value;
  if (typeof id !== 'number' || typeof by !== 'string') return;
  const more = { id, by, ...(typeof why === 'string' ? { why } : {}) };
  if (member === '@admit' && node.book.admitted?.id !== id) {
    const isShut = value['shut'] === true;
    w.book(node, 'admitted', { ...more, ...(isShut ? { shut: true } : {}) });
    w.note(node, isShut ? 'revoke' : 'admit', true, by, more.why);
    if (isShut) shutOut(w, node);
    else letIn(w, node, by);
  } else if (member === '@retry' && node.book.retried?.id !== id) {
    if (kind !== 'retry' && kind !== 'disruptive' && kind !== 'on') return;
    w.book(node, 'retried', { ...more, kind });
    if (kind === 'on') {
      w.book(node, 'foundOff', undefined);
      if (node.book.stuck) forgive(w, node);
    } else retry(w, node, kind === 'disruptive', { user: by, ...(more.why ? { why: more.why } : {}) });
  }
  w.dirty.add(node);
}

function hold(w: World, node: Node, told: Hold | undefined): void {
  const { hold: known, refused } = node.book;
  if (sameJson(known as unknown as Json | undefined, told as unknown as Json | undefined)) return;
  // What this host itself holds a stolen name by is not ended by the end of somebody's hold.
  if (!told && known?.by === 'core' && refused?.why === 'second') return;
  w.book(node, 'hold', told);
  if (told) w.note(node, 'held', told.until ?? true, told.by, told.why);
  else w.note(node, 'released', true, 'core');
  if (told?.until !== undefined) w.wake(node, told.until);
  w.dirty.add(node);
}

function order(w: World, node: Node, told: Order | undefined): void {
  const { order: known, doneOrder } = node.book;
  if (!told) {
    if (known) w.book(node, 'order', undefined);
    w.dirty.add(node);
    return;
  }
  if (told.id === doneOrder || (known?.id === told.id && (known.off || !told.off))) return;
  w.book(node, 'order', told);
  if (known?.id !== told.id) {
    forgive(w, node);
    w.note(node, 'order', told.kind, told.by, told.why);
  }
  w.dirty.add(node);
}

/** The freeze of a host above is one here, too. */
function frozen(w: World, node: Node, told: Frozen | undefined): void {
  if (node.id !== w.self || sameJson(w.tree.frozenAbove as unknown as Json | undefined, told as unknown as Json | undefined)) return;
  w.tree.frozenAbove = told;
  w.keep('frozenAbove', told ? { ...told } : null);
  // Those below are told what is in force here, whosever freeze it is.
  w.keep('frozen', w.frozen ? { ...w.frozen } : null);
  settleWindows(w);
  for (const other of w.nodes.values()) if (other.walk !== 'atGoal') w.dirty.add(other);
}

/** The parent leads this host to SYNC. */
function sync(w: World, parent: NodeId, node: Node, number: Json | undefined): void {
  const { synced } = node.book;
  if (node.id !== w.self || number === undefined || (synced?.parent === parent && sameJson(synced.number, number))) return;
  w.book(node, 'synced', { parent, number });
  if (node.seen(RUN) !== 'SYNC') w.setFact(node, RUN, 'SYNC', 'core');
}

/** Where its host is: with the highest admission, which may be one that this host has given and the parent has not heard of yet. */
function at(w: World, parent: NodeId, node: Node, value: Json | undefined): void {
  if (!isObject(value) || node.id === w.self) return;
  const { host, term, live, key } = value;
  if (typeof host !== 'string' || typeof term !== 'number' || typeof live !== 'boolean') return;
  const known = node.book.at;
  // Two admissions of one number, each given without knowing of the other: the one that was heard of first above stands.
  const isOurs = known && attachedBelow(w, node) && (known.host === host || known.term > term);
  if (known && (isOurs ? known.term >= term : known.term > term)) return;
  const wasAway = isElsewhere(w, node);
  if (known && attachedBelow(w, node)) leave(w, node);
  // A session here that this host has forgotten is none.
  const isLive = live && host !== w.self;
  attach(w, node, { host, term, live: isLive, ...(typeof key === 'string' ? { key } : {}) });
  if (isLive && !wasAway) leave(w, node);
  const { everSync, order, offByUs, foundOff, lost } = node.book;
  if (wasAway && !isLive && w.isChild(node)) {
    node.heardAt = w.now;
    if (everSync && !order && !offByUs && !foundOff && !lost) noteLost(w, node);
  }
  for (const path of node.told?.keys() ?? []) settleTold(w, parent, node, path);
}

/** `=PATH`: `[value, by]`. It is kept, and taken where nobody here knows better. */
export function toldFact(w: World, parent: NodeId, node: Node, path: Path, value: Json | undefined): void {
  const [seen, by] = Array.isArray(value) ? value : [];
  if (seen === undefined || typeof by !== 'string') node.told?.delete(path);
  else {
    node.told ??= new Map();
    node.told.set(path, [seen, by]);
  }
  settleTold(w, parent, node, path);
}

function settleTold(w: World, parent: NodeId, node: Node, path: Path): void {
  const said = node.told?.get(path);
  const fact = node.facts.get(path);
  const isOwnLease = node.id === w.self && path === BUSY;
  if (!said) {
    if (fact?.via !== parent) return;
    // Of its own node this host always has a word: it holds no lease, and only it can say so.
    if (isOwnLease) w.setFact(node, path, 'FREE', 'core');
    else w.setFact(node, path, undefined, fact.by, { via: parent });
    return;
  }
  if (isOwnLease && fact && fact.via === undefined && sameJson(fact.value, said[0])) return;
  if (!yields(w, node, path, fact)) return;
  const [value, by] = said;
  if (fact?.via === parent && sameJson(fact.value, value)) {
    fact.at = w.now;
    delete fact.stale;
    return;
  }
  w.setFact(node, path, value, by, { via: parent });
  if (path === RUN && value === 'SYNC') w.book(node, 'everSync', true);
}

/** Whether what is known here gives way to what the parent says. */
function yields(w: World, node: Node, path: Path, fact: Fact | undefined): boolean {
  if (!fact) return true;
  if (fact.via !== undefined) return !w.nodes.has(fact.via);
  if (path === BUSY && fact.value === 'FREE') return true;
  if (node.id === w.self || (fact.boot !== undefined && node.live)) return false;
  if (isElsewhere(w, node) && (path === RUN || fact.boot !== undefined)) return true;
  return fact.by === 'core' || w.services.get(fact.by)?.state !== 'ready';
}
