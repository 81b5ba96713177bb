/** The nodes' own hosts: heard, in a session of one boot, gone. Knowledge that a host reported lives as long as its session. */

import { attach, detach, isWithAnother, noteHeard } from './attach.ts';
import { noteBack, noteLost } from './brake.ts';
import type { Observed } from './event.ts';
import { forget } from './forget.ts';
import type { Node } from './node.ts';
import { noteStillOn } from './own-off.ts';
import { probe } from './probe.ts';
import { tryAgain } from './reach.ts';
import type { Fact } from './record.ts';
import { BUSY, PHYS, RUN } from './situation.ts';
import { openOnDhcp } from './window.ts';
import type { World } from './world.ts';

/**
 * The node itself was heard, or its session began or ended. Returns false where the observation must not be taken:
 * firmware asks for an address while the old session still seems to live, so that is probed first.
 */
export function hear(w: World, node: Node, service: string, item: Observed): boolean {
  const { session, heard } = item;
  if (session && !session.live) {
    if (node.book.boot === session.boot && inSession(node)) endSession(w, node, session.left ? 'moved' : 'silent');
    return true;
  }
  if (!session && !heard) return true;
  // A session of a key that was revoked, or is another host's now.
  if (session && service === 'core' && !node.book.key) return false;
  node.heardAt = w.now;
  if (heard === 'claim' || heard === 'dhcp') noteHeard(w, node, heard, w.now);
  if (heard === 'claim') return true;
  if (session) {
    node.expectBy = undefined;
    if (!node.live || node.book.boot !== session.boot) startSession(w, node, session.boot, service);
  } else if (heard === 'dhcp') {
    if (node.live) {
      probe(w, node, 'dhcp');
      return false;
    }
    // The host that it is attached to is told, and asks it.
    if (isWithAnother(w, node)) return false;
    openOnDhcp(w, node);
  }
  learnBootTime(w, node);
  observePower(w, node, service, session?.boot);
  return true;
}

/** The first word after our power-on tells how long this machine takes; the longest time stands. */
function learnBootTime(w: World, node: Node): void {
  const { onAt, bootMs } = node.book;
  if (onAt === undefined) return;
  if (w.now - onAt > (bootMs ?? 0)) w.book(node, 'bootMs', w.now - onAt);
  w.book(node, 'onAt', undefined);
}

/** Whoever is heard is on: out of POWER_OFF, PHYS_HANG and unknown alike. */
function observePower(w: World, node: Node, service: string, boot: string | undefined): void {
  noteStillOn(w, node);
  if (node.seen(PHYS) === 'POWER_ON') return;
  w.setFact(node, PHYS, 'POWER_ON', service, boot ? { boot } : undefined);
  w.book(node, 'power', 'on');
  w.book(node, 'offByUs', undefined);
  w.book(node, 'foundOff', undefined);
}

function startSession(w: World, node: Node, boot: string, service: string): void {
  const before = node.book.boot;
  node.live = true;
  const { key } = node.book;
  if (service === 'core' && key) attach(w, node, { host: w.self, term: key.term, live: true, key: key.fp });
  node.conflict = undefined;
  if (node.book.lost) noteBack(w, node);
  tryAgain(w, node);
  // A power-off of ours that did not happen explains no death to come.
  w.book(node, 'offByUs', undefined);
  // It was silence that somebody said not to wait for.
  w.book(node, 'exempt', undefined);
  if (before === boot) {
    // Given up and heard again: it is led to SYNC anew.
    if (service === 'core' && node.seen(RUN) !== 'SYNC') w.setFact(node, RUN, 'INIT', 'core', { boot });
    return;
  }
  for (const [path, fact] of node.facts) {
    if (fact.boot && fact.boot !== boot && path !== BUSY) w.setFact(node, path, undefined, 'core', { why: 'the node has booted anew' });
  }
  if (before !== undefined) freeAfterBoot(w, node);
  w.book(node, 'boot', boot);
  w.book(node, 'terminal', undefined);
  endTerminal(w, node, 'the node has booted anew');
}

function freeAfterBoot(w: World, node: Node): void {
  const busy = node.seen(BUSY);
  if (busy !== undefined && busy !== 'FREE') w.setFact(node, BUSY, 'FREE', 'core', { why: 'the node has booted anew' });
}

/** Terminal values (images FATAL) become unknown: at a retry, a change of cfg, a new boot. */
export function endTerminal(w: World, node: Node, why: string): void {
  for (const [path, fact] of node.facts) {
    const terminal = w.graph.variable(path)?.declared?.terminal;
    if (terminal?.some((value) => value === fact.value)) w.setFact(node, path, undefined, 'core', { why });
  }
}

/** Reported by the node's own host to this one, directly. */
export function isOfHost(node: Node, fact: Fact): boolean {
  return fact.boot !== undefined && (fact.via === undefined || fact.via === node.id);
}

/** In a session, or in one that is remembered from before this host's start and that nobody has seen the end of. */
export function inSession(node: Node): boolean {
  const run = node.facts.get(RUN);
  return node.live || (run !== undefined && isOfHost(node, run));
}

const ENDED = {
  silent: 'its host is not heard any more',
  off: 'the node is switched off',
  revoked: 'its key is not good any more',
  moved: 'its host is attached to another host now',
} as const;

/**
 * `silent`: dead after the probe: runState becomes ERROR, all else that it reported unknown; `revoked`: the same, and no death. `off`:
 * seen switched off, `moved`: in session with another host: all of it is unknown. `busy` is never forgotten with a session.
 */
export function endSession(w: World, node: Node, cause: keyof typeof ENDED): void {
  // A session is heard as long as it lives.
  if (node.live) node.heardAt = w.now;
  node.live = false;
  const wasSync = node.seen(RUN) === 'SYNC';
  const why = ENDED[cause];
  for (const [path, fact] of node.facts)
    if (isOfHost(node, fact) && path !== BUSY && path !== RUN) w.setFact(node, path, undefined, 'core', { why });
  if (node.seen(RUN) !== undefined) w.setFact(node, RUN, cause === 'silent' || cause === 'revoked' ? 'ERROR' : undefined, 'core', { why });
  forget(w, node, RUN);
  if (cause === 'silent' && wasSync) noteDeath(w, node);
  detach(w, node);
  w.dirty.add(node);
}

/** A death that no order, request or power loss explains: it may be one of many. */
function noteDeath(w: World, node: Node): void {
  const { order, offByUs, foundOff } = node.book;
  if (!order && !offByUs && !foundOff) noteLost(w, node);
}
