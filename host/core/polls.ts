/** The host drives the pollers: by their period, and at once where a step, an ask or a doubt needs an answer now. */

import { covers } from '@kraken-hpc/sdk/state';
import type { Poll } from './calls.ts';
import type { NodeClass } from './classes.ts';
import type { Poller } from './declaration.ts';
import type { Failed, Failure, Observed } from './event.ts';
import { failureKind } from './failures.ts';
import type { Node } from './node.ts';
import { observe } from './observe.ts';
import { failed as stepFailed } from './outcome.ts';
import { reached, unreachable } from './reach.ts';
import { classOf, PHYS } from './situation.ts';
import { taskNode } from './task.ts';
import type { World } from './world.ts';

/** Starts the periods of a service's pollers, the first one soon. */
export function schedulePollers(w: World, service: string): void {
  for (const poller of w.services.get(service)?.declaration.pollers ?? []) {
    if (w.scheduled.has(poller.id)) continue;
    w.scheduled.add(poller.id);
    w.timers.add(w.now, { kind: 'poll', poller: poller.id });
  }
}

/** A period has passed: all nodes that this poller serves are asked, unless the last sweep is still under way. */
export function sweep(w: World, id: string): void {
  const poller = findPoller(w, id);
  const service = poller && w.services.get(poller.service);
  if (!poller || !service || service.state !== 'ready') {
    w.scheduled.delete(id);
    return;
  }
  w.timers.add(w.now + Math.max(100, Math.round(poller.every * (0.95 + 0.1 * w.random()))), { kind: 'poll', poller: id });
  if (w.sweeps.has(id)) return;
  const nodes: Node[] = [];
  for (const node of w.nodes.values()) if (w.isChild(node) && polls(w, poller, node)) nodes.push(node);
  if (nodes.length === 0) return;
  w.sweeps.set(id, { rest: nodes, under: 0 });
  for (let i = 0; i < SWEEP_AT_ONCE; i++) goOn(w, poller);
}

/** A sweep is a few calls at a time, however many nodes there are: what is asked meanwhile does not wait behind all of it. */
const SWEEP_AT_ONCE = 4;

function goOn(w: World, poller: Poller): void {
  const under = w.sweeps.get(poller.id);
  if (!under) return;
  const part = under.rest.splice(0, w.settings.batch);
  if (part.length > 0) {
    under.under++;
    send(w, poller, part, true);
  } else if (under.under === 0) w.sweeps.delete(poller.id);
}

/** A call of a sweep is answered, or never will be. */
function sweptPart(w: World, id: string): void {
  const under = w.sweeps.get(id);
  const poller = findPoller(w, id);
  if (!under) return;
  under.under--;
  if (poller) goOn(w, poller);
  else if (under.under === 0) w.sweeps.delete(id);
}

/** Whether this poller may look at this node now. */
function polls(w: World, poller: Poller, node: Node): boolean {
  return pollerServes(w, classOf(w, node), poller, node) && requiresHold(w, poller, node);
}

/** The static part is the same for a whole class, and kept. */
function pollerServes(w: World, cls: NodeClass, poller: Poller, node: Node): boolean {
  let known = w.pollerServes.get(cls);
  if (!known) {
    known = new Map();
    w.pollerServes.set(cls, known);
  }
  let serves = known.get(poller.id);
  if (serves === undefined) {
    serves = w.serves(poller.service, node);
    known.set(poller.id, serves);
  }
  return serves;
}

function requiresHold(w: World, poller: Poller, node: Node): boolean {
  for (const path in poller.requires) {
    const variable = w.graph.variable(path);
    if (!variable || node.view[variable.index] !== variable.code(poller.requires[path])) return false;
  }
  return true;
}

function findPoller(w: World, id: string): Poller | undefined {
  const service = id.slice(0, id.lastIndexOf('/'));
  return w.services.get(service)?.declaration.pollers.find((poller) => poller.id === id);
}

/** Sends what was asked for in this turn, in calls of bounded size. */
export function flushAsks(w: World): void {
  if (w.asks.size === 0) return;
  for (const [id, nodes] of w.asks) {
    const poller = findPoller(w, id);
    if (poller && w.services.get(poller.service)?.state === 'ready')
      send(
        w,
        poller,
        [...nodes].filter((node) => polls(w, poller, node)),
        false,
      );
  }
  w.asks.clear();
}

function send(w: World, poller: Poller, nodes: readonly Node[], sweepRun: boolean): void {
  const paths = w.pathsOf(poller.service);
  for (let i = 0; i < nodes.length; i += w.settings.batch) {
    const part = nodes.slice(i, i + w.settings.batch);
    const id = w.nextId++;
    const poll: Poll = {
      id,
      poller: poller.id,
      service: poller.service,
      askedAt: w.now,
      rev: w.revision,
      nodes: new Set(part.map((node) => node.id)),
      sweep: sweepRun,
    };
    w.polls.set(id, poll);
    w.effect({
      type: 'poll',
      poll: id,
      service: poller.service,
      poller: poller.name,
      deadline: w.now + poller.timeout,
      nodes: part.map((node) => taskNode(node, paths, w.revision)),
    });
  }
}

/** A poller's answer: what it saw, whom it could not reach. */
export function polled(w: World, id: number, observed: readonly Observed[], failed: readonly Failed[], lost: Failure | undefined): void {
  const poll = w.polls.get(id);
  if (!poll) return;
  w.polls.delete(id);
  const poller = findPoller(w, poll.poller);
  if (poll.sweep) sweptPart(w, poll.poller);
  const asked = { rev: poll.rev, at: poll.askedAt };
  const isPower = poller?.discovers.includes(PHYS) ?? false;
  for (const item of observed) {
    if (!poll.nodes.has(item.node)) continue;
    observe(w, poll.service, item, asked);
    const node = w.nodes.get(item.node);
    if (node) answered(w, node, poll, isPower);
  }
  for (const { node: nodeId, error } of failed) {
    const node = w.nodes.get(nodeId);
    if (!node || !poll.nodes.has(nodeId)) continue;
    const kind = failureKind(error.code);
    for (const flight of [...node.flights])
      if (w.graph.askOf(flight.mutation)?.poller.id === poll.poller) stepFailed(w, node, flight, kind, error.message, error);
    if (kind === 'failed' || kind === 'later') continue;
    if (isPower) unreachable(w, node, kind, error.message);
    for (const [path, fact] of node.facts)
      if (poller?.discovers.some((declared) => covers(declared, path)) && !fact.boot) fact.stale ??= fact.at;
  }
  if (lost) unanswered(w, poll, lost);
}

function answered(w: World, node: Node, poll: Poll, isPower: boolean): void {
  if (isPower && node.unreachable) reached(w, node);
  if (!node.flights.some((flight) => flight.orphan)) return;
  node.polled ??= new Map();
  node.polled.set(poll.poller, poll.askedAt);
  w.dirty.add(node);
}

/**
 * A report, which a module may make before its reply where others are slow: its device is in reach, and calls that are open then are
 * answered for this node.
 */
export function reported(w: World, service: string, item: Observed): void {
  const node = w.nodes.get(item.node);
  if (!node) return;
  if (node.unreachable && PHYS in item.values && w.graph.pollersOf(PHYS).some((poller) => poller.service === service)) reached(w, node);
  if (!node.flights.some((flight) => flight.orphan)) return;
  for (const poll of w.polls.values()) {
    if (poll.service !== service || !poll.nodes.has(node.id)) continue;
    const { discovers } = findPoller(w, poll.poller) ?? { discovers: [] };
    if (Object.keys(item.values).some((path) => discovers.some((declared) => covers(declared, path)))) answered(w, node, poll, false);
  }
}

/** The call itself came to nothing: who was only being asked is asked again soon. */
function unanswered(w: World, poll: Poll, lost: Failure): void {
  for (const id of poll.nodes) {
    const node = w.nodes.get(id);
    for (const flight of [...(node?.flights ?? [])]) {
      if (node && w.graph.askOf(flight.mutation)?.poller.id === poll.poller) stepFailed(w, node, flight, 'later', lost.message, undefined);
    }
  }
  w.log('warn', `poller ${poll.poller} gave no answer for ${poll.nodes.size} nodes: ${lost.message}`, undefined, poll.service);
}
