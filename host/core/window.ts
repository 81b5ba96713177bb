/**
 * The window for a first claim of a boot: opened by what begins a boot, open for a while in which this host really could have
 * been asked. Time while it was down, frozen, or holding the node does not count.
 */

import type { Json } from './declaration.ts';
import { heldBack, playerOf } from './guard.ts';
import type { Node } from './node.ts';
import type { Millis } from './record.ts';
import type { World } from './world.ts';

/** How often it is noted that this host is up, while a window is open. */
const BEAT = 60_000;

/** A boot begins: the next claim is its first. */
export function openWindow(w: World, node: Node, why: string): void {
  if (!w.tree.hosts || node.id === w.self) return;
  const away = heldBack(w, node) ? { awayFrom: w.now } : {};
  w.book(node, 'window', { since: w.now, away: 0, why, ...away });
  w.book(node, 'refused', undefined);
  watch(w, node);
}

export function openOnPower(w: World, node: Node): void {
  if (isOfCore(w, node)) openWindow(w, node, 'this host switched it on');
}

/** Who was there is locked out: what comes now is not the first claim of its boot, and needs a person. */
export function closeWindow(w: World, node: Node): void {
  w.tree.windows.delete(node);
  w.book(node, 'window', undefined);
}

/** Firmware asks several times in one boot. */
export function openOnDhcp(w: World, node: Node): void {
  if (!isOfCore(w, node)) return;
  if (!node.book.dhcp) w.book(node, 'dhcp', true);
  const { window } = node.book;
  if (window && window.claimed === undefined && w.now - window.since < BEAT) return;
  openWindow(w, node, 'its firmware asked for an address');
}

/** Its host speaks with the core itself; whom a module plays makes no claims. */
function isOfCore(w: World, node: Node): boolean {
  return w.tree.hosts && playerOf(w, node)?.declaration.service === 'core';
}

function watch(w: World, node: Node): void {
  if (w.tree.windows.size === 0) beat(w);
  w.tree.windows.add(node);
}

/** How long it is open yet; undefined = there is none, or it is over. */
export function windowLeft(w: World, node: Node): Millis | undefined {
  const { window } = node.book;
  if (!window) return undefined;
  const away = window.away + (window.awayFrom === undefined ? 0 : w.now - window.awayFrom);
  const left = w.settings.claimWindow - (w.now - window.since - away);
  return left > 0 ? left : undefined;
}

/** A time that does not count has begun or ended. */
export function settleWindow(w: World, node: Node): void {
  const { window } = node.book;
  if (!window) return;
  const { awayFrom, ...rest } = window;
  const isAway = heldBack(w, node) !== undefined;
  if (isAway && awayFrom === undefined) w.book(node, 'window', { ...rest, awayFrom: w.now });
  else if (!isAway && awayFrom !== undefined) w.book(node, 'window', { ...rest, away: rest.away + w.now - awayFrom });
}

export function settleWindows(w: World): void {
  for (const node of w.tree.windows) settleWindow(w, node);
}

/** Windows that are over are forgotten; while there are others, that this host is up is kept. */
export function beat(w: World): void {
  for (const node of w.tree.windows) {
    settleWindow(w, node);
    if (windowLeft(w, node) !== undefined) continue;
    closeWindow(w, node);
  }
  w.keep('upAt', w.now);
  w.timers.add(w.now + BEAT, { kind: 'beat' });
}

/** After a start: the time that this host was down does not count. */
export function resumeWindows(w: World, lastTurn: Millis, upAt: Json | undefined): void {
  const down = Math.max(lastTurn, typeof upAt === 'number' ? upAt : 0);
  for (const node of w.nodes.values()) {
    const { window } = node.book;
    if (!window) continue;
    if (window.awayFrom === undefined)
      w.book(node, 'window', { ...window, away: window.away + Math.max(0, w.now - Math.max(down, window.since)) });
    watch(w, node);
  }
}
