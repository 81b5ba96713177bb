/** A node's walk: look where it stands, settle what is in flight, and take the steps of its plan that may run now. */

import type { WalkState } from './answers.ts';
import type { Mutation } from './declaration.ts';
import { askPaths, launch } from './flights.ts';
import { type Hindrance, hindrance, limitOf, performerOf, playerOf } from './guard.ts';
import type { Flight, Node } from './node.ts';
import { end, failed, interrupt, stick, succeeded } from './outcome.ts';
import { noteOffSent } from './own-off.ts';
import type { Blocked, Plan } from './planner/plan.ts';
import { seekHost } from './probe.ts';
import type { Millis } from './record.ts';
import { isRequested, spend } from './request.ts';
import { PHYS, planOf, stands } from './situation.ts';
import { isPowerOff, isPowerOn } from './steps.ts';
import { openOnPower, settleWindow } from './window.ts';
import type { World } from './world.ts';

export function advance(w: World, node: Node): void {
  settleWindow(w, node);
  seekHost(w, node);
  for (const flight of [...node.flights]) settle(w, node, flight);
  const { plan, blocked } = pursue(w, node);
  if (plan.kind === 'blocked' || plan.steps.length === 0) {
    for (const flight of interruptible(w, node)) interrupt(w, node, flight, 'it is not on the way any more');
    leaveQueue(w, node);
    if (blocked || w.unledNow(node).length > 0)
      setWalk(w, node, isOthers(w, node) || (!blocked && isHosts(w, node)) ? 'waiting' : 'unreachable');
    else arrive(w, node);
    return;
  }
  leaveGoal(w, node);
  const ready = plan.steps.filter((step) => step.after.length === 0).map((step) => step.mutation);
  for (const flight of interruptible(w, node)) {
    if (!ready.some((mutation) => mutation.id === flight.mutation)) interrupt(w, node, flight, 'the plan goes another way now');
  }
  let first: Hindrance | undefined;
  for (const mutation of ready) {
    const refused = step(w, node, mutation);
    if (refused?.until !== undefined) w.wake(node, refused.until);
    first ??= refused;
  }
  setWalk(w, node, walkOf(node, first));
}

/** Another host acts on it: what cannot be done here may be done there. */
export function isOthers(w: World, node: Node): boolean {
  return w.tree.hosts && node.id !== w.self && !w.isChild(node);
}

/** Its own host, which speaks with the core, may run services that this host knows nothing of. */
export function isHosts(w: World, node: Node): boolean {
  return w.tree.hosts && node.id !== w.self && playerOf(w, node)?.declaration.service === 'core';
}

/** The plan towards all goals; where some cannot be reached, towards the others, with why. */
export function pursue(w: World, node: Node): { plan: Plan; blocked: Blocked | undefined } {
  const plan = planOf(w, node);
  if (plan.kind === 'plan') return { plan, blocked: undefined };
  return { plan: plan.rest, blocked: plan };
}

/**
 * Steps from before a restart whose service has not declared itself again are kept: only then can they be judged. A disruptive one
 * is kept until its deadline wherever the plan goes: it may still be carried out, and must not be sent a second time before.
 */
function interruptible(w: World, node: Node): Flight[] {
  return node.flights.filter((flight) => {
    if (!flight.orphan) return true;
    const mutation = w.graph.mutation(flight.mutation);
    return mutation !== undefined && (!mutation.disruptive || w.now > flight.deadline);
  });
}

/** What has become of a step in flight, by what is seen now. */
function settle(w: World, node: Node, flight: Flight): void {
  const mutation = w.graph.mutation(flight.mutation);
  if (!mutation) {
    if (!flight.orphan) end(w, node, flight);
    return;
  }
  const isAsk = w.graph.askOf(mutation.id) !== undefined;
  if (isAsk ? known(w, node, mutation) : stands(w, node, mutation, 1)) succeeded(w, node, flight);
  else if (isAsk && w.now >= flight.deadline) failed(w, node, flight, 'later', `${mutation.service} did not answer in time`, undefined);
  // The nodes' hosts know by its number whether they have done it.
  else if (flight.orphan && (node.book.key || node.id === w.self) && performerOf(w, node, mutation) === 'core') end(w, node, flight);
  else if (flight.orphan && w.now > flight.deadline) settleOrphan(w, node, flight, mutation);
}

function known(w: World, node: Node, mutation: Mutation): boolean {
  return Object.keys(mutation.mutates).every((path) => node.view[w.graph.variable(path)?.index ?? 0] !== 0);
}

/** Nobody works on it any more: sent again only as a new intent, after an observation asked for later shows its from-values. */
function settleOrphan(w: World, node: Node, flight: Flight, mutation: Mutation): void {
  const pollers = Object.keys(mutation.mutates).flatMap((path) =>
    w.graph.pollersOf(path).filter((poller) => w.serves(poller.service, node)),
  );
  const asked =
    pollers.length === 0
      ? !mutation.disruptive || retold(w, node, flight, mutation)
      : pollers.every((poller) => (node.polled?.get(poller.id) ?? 0) > flight.deadline);
  if (asked && stands(w, node, mutation, 0)) {
    end(w, node, flight);
    return;
  }
  askPaths(w, node, mutation);
  w.wake(node, w.now + 2_000);
}

/** Where nobody can be asked: the module that runs now has said since it came, and since the step was sent, what it sees. */
function retold(w: World, node: Node, flight: Flight, mutation: Mutation): boolean {
  const performer = w.services.get(performerOf(w, node, mutation) ?? '');
  if (performer?.state !== 'ready') return false;
  const from = Math.max(flight.at, performer.since);
  return Object.keys(mutation.mutates).every((path) => {
    const fact = node.facts.get(path);
    return fact !== undefined && fact.stale === undefined && fact.at >= from;
  });
}

/** Starts a step, or says what hinders it. */
function step(w: World, node: Node, mutation: Mutation): Hindrance | undefined {
  const inFlight = node.flight(mutation.id);
  if (inFlight && !inFlight.cancelled) return inFlight.orphan ? restarted(w, inFlight) : undefined;
  if (node.flights.some((flight) => flight.cancelled))
    return { kind: 'asking', since: node.walkSince, text: 'the step before it is being called off' };
  const refused = hindrance(w, node, mutation);
  if (refused) {
    if (refused.kind === 'stuck' && !node.book.stuck) stick(w, node, refused.text ?? 'repairs did not help');
    leaveQueue(w, node);
    return refused;
  }
  const performer = performerOf(w, node, mutation);
  if (performer === undefined) return undefined;
  const limit = w.graph.askOf(mutation.id) ? undefined : limitOf(w, node, mutation, true);
  if (limit) {
    node.queued = true;
    if (limit.until !== undefined) wakeLimits(w, limit.until);
    return limit;
  }
  node.queued = false;
  record(w, node, mutation);
  launch(w, node, mutation, performer);
  return undefined;
}

/** Past its deadline it ends when the poller has answered, and nobody knows when that is. */
export function restarted(w: World, flight: Flight): Hindrance {
  return { kind: 'restarted', since: flight.at, ...(flight.deadline > w.now ? { until: flight.deadline } : {}) };
}

/** One timer for all rates: the earliest. */
export function wakeLimits(w: World, at: Millis): void {
  if (w.limitsAt > 0 && w.limitsAt <= at) return;
  w.limitsAt = at;
  w.timers.add(at, { kind: 'limits' });
}

/** What the guards will want to know later about a step that is sent now. */
function record(w: World, node: Node, mutation: Mutation): void {
  if (mutation.disruptive) {
    const requested = isRequested(node, mutation);
    if (requested) spend(w, node, mutation);
    else {
      if (isPowerOff(mutation)) w.book(node, 'cycles', (node.book.cycles ?? 0) + 1);
      w.note(node, 'repair', mutation.id, 'core');
    }
  }
  if (isPowerOff(mutation)) noteOffSent(w, node, mutation);
  if (isPowerOn(mutation)) {
    w.book(node, 'onByUs', true);
    w.book(node, 'onAt', w.now);
    openOnPower(w, node);
  }
}

function leaveQueue(w: World, node: Node): void {
  if (!node.queued) return;
  node.queued = false;
  for (const id of w.limits.release(node.id)) {
    const next = w.nodes.get(id);
    if (next) w.dirty.add(next);
  }
}

function walkOf(node: Node, hindered: Hindrance | undefined): WalkState {
  if (node.flights.some((flight) => !flight.orphan)) return 'running';
  switch (hindered?.kind) {
    case 'held':
      return 'held';
    case 'stuck':
    case 'terminal':
      return 'stuck';
    case 'backoff':
    case 'login':
    case 'unreachableBmc':
      return 'backingOff';
    default:
      return 'waiting';
  }
}

function setWalk(w: World, node: Node, walk: WalkState): void {
  if (node.walk === walk) return;
  node.walk = walk;
  node.walkSince = w.now;
}

/** Nothing is left to do: what was granted for the way here ends. An order ends here too, once it was seen switched off. */
function arrive(w: World, node: Node): void {
  const { order } = node.book;
  if (order && w.tree.hosts && !w.isChild(node)) {
    // Whoever acts on it says when it is done.
    setWalk(w, node, 'waiting');
    return;
  }
  if (order && !order.off) {
    const pollers = w.graph.pollersOf(PHYS).filter((poller) => w.serves(poller.service, node));
    for (const poller of pollers) w.ask(poller.id, node);
    w.wake(node, w.now + 5_000);
    setWalk(w, node, 'waiting');
    return;
  }
  if (order) {
    w.book(node, 'order', undefined);
    w.note(node, 'ordered', `${order.kind} is done`, 'core');
    if (!w.isRoot) w.book(node, 'doneOrder', order.id);
  }
  setWalk(w, node, 'atGoal');
  const { book } = node;
  if (node.seen(PHYS) === 'POWER_ON') w.book(node, 'offByUs', undefined);
  if (book.goalSince === undefined) w.book(node, 'goalSince', w.now);
  if (book.granted) w.book(node, 'granted', undefined);
  if (book.exempt) w.book(node, 'exempt', undefined);
  if (book.force) w.book(node, 'force', undefined);
}

/** It is not at goal any more; if it was for long enough, what it failed at before is forgotten. */
function leaveGoal(w: World, node: Node): void {
  const { goalSince } = node.book;
  if (goalSince === undefined) return;
  w.book(node, 'goalSince', undefined);
  if (w.now - goalSince < w.settings.goalFor) return;
  forgive(w, node);
}

/** Starts the counts of failures and repairs anew. */
export function forgive(w: World, node: Node): void {
  w.book(node, 'failures', undefined);
  w.book(node, 'cycles', undefined);
  w.book(node, 'stuck', undefined);
  w.book(node, 'lastFailures', undefined);
}
