/** Whose doing it is that a node is off: a power-off of ours may be carried out long after the plan went another way. */

import type { Mutation } from './declaration.ts';
import type { Node } from './node.ts';
import { isPowerOff } from './steps.ts';
import type { World } from './world.ts';

/** A power-off is sent now: until its deadline the machine may carry it out, whatever becomes of the step. */
export function noteOffSent(w: World, node: Node, mutation: Mutation): void {
  w.book(node, 'offByUs', true);
  w.book(node, 'offUntil', w.now + w.limits.timeout(mutation, w.subject(node)));
}

/** Seen on: what is not carried out by its deadline never will be, and explains no OFF that is seen later. */
export function noteStillOn(w: World, node: Node): void {
  if (node.book.offUntil !== undefined && w.now > node.book.offUntil) w.book(node, 'offUntil', undefined);
}

/**
 * The OFF that is seen now is ours: a power-off of ours was sent since it was last seen on, is in flight, or may just have been
 * carried out though it was outrun. Where nobody looked in time (a restart, a BMC out of reach) the first look soon after counts too.
 */
export function isOffByUs(w: World, node: Node): boolean {
  const { offByUs, offUntil } = node.book;
  if (offByUs || (offUntil !== undefined && w.now <= offUntil + w.settings.sessionWait)) return true;
  return node.flights.some((flight) => {
    const mutation = w.graph.mutation(flight.mutation);
    return mutation !== undefined && isPowerOff(mutation);
  });
}
