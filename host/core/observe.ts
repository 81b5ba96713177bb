/** What modules and the nodes' own hosts saw, taken into dsc: who may say what, what is too old, what follows from it. */

import { isObject, sameJson } from '@kraken-hpc/sdk/state';
import { noteBack, noteExplained, noteFoundOff } from './brake.ts';
import type { Json, Path } from './declaration.ts';
import type { Observed } from './event.ts';
import { forget } from './forget.ts';
import { busy } from './guard.ts';
import type { Node } from './node.ts';
import { isOffByUs, noteStillOn } from './own-off.ts';
import { probe } from './probe.ts';
import type { Millis, Revision } from './record.ts';
import { spendPowerOffs } from './request.ts';
import { endSession, hear, isOfHost } from './session.ts';
import { BUSY, PHYS, RUN } from './situation.ts';
import type { World } from './world.ts';

/** When and at which revision the question was asked that this answers. */
export interface Asked {
  readonly rev: Revision;
  readonly at: Millis;
}

/** Takes one node's observation; returns what is wrong with it, in words for the module, or undefined. */
export function observe(w: World, service: string, item: Observed, asked?: Asked): string | undefined {
  const node = w.nodes.get(item.node);
  if (!node) {
    w.dropped.unknownNode++;
    return `node ${item.node} is not known here`;
  }
  if (!hear(w, node, service, item)) return undefined;
  const boot = item.session?.live ? item.session.boot : undefined;
  let wrong: string | undefined;
  for (const path in item.values) {
    const value = item.values[path];
    if (value === undefined) continue;
    const problem = observeValue(w, node, service, path, value, boot, item.asOf ?? asked?.rev);
    if (problem) wrong ??= `node ${node.name || node.id}: ${problem}`;
  }
  return wrong;
}

function observeValue(
  w: World,
  node: Node,
  service: string,
  path: Path,
  value: Json,
  boot: string | undefined,
  rev: Revision | undefined,
): string | undefined {
  if (!mayObserve(w, service, path, boot)) {
    w.dropped.undeclared++;
    return `${path} is not declared by ${service} (declare it in mutates, discovers or discoveries)`;
  }
  return judge(w, node, service, path, value, boot, rev);
}

/** What a person saw. Returns why it was not taken, or undefined where dsc says so now. */
export function takeValue(w: World, node: Node, by: string, path: Path, value: Json): string | undefined {
  const problem = judge(w, node, by, path, value, undefined, undefined);
  if (problem !== undefined) return problem;
  const unknown = w.graph.variable(path)?.declared?.unknown;
  const now = node.facts.get(path)?.value ?? unknown;
  return sameJson(now, value) ? undefined : 'the node lives, and what it says itself counts';
}

function judge(
  w: World,
  node: Node,
  service: string,
  path: Path,
  value: Json,
  boot: string | undefined,
  rev: Revision | undefined,
): string | undefined {
  const variable = w.graph.variable(path);
  const values = variable?.declared?.values;
  if (values && !values.some((known) => known === value)) {
    w.dropped.badValue++;
    return `${path} = ${JSON.stringify(value)} is none of ${values.join(', ')}`;
  }
  const fact = node.facts.get(path);
  const same = fact !== undefined && sameJson(fact.value, value);
  if (rev !== undefined && !same && (fact?.rev ?? node.ended?.get(path) ?? 0) > rev) {
    w.dropped.stale++;
    return undefined;
  }
  if (same) return confirm(w, node, service, path, value, boot);
  if (path === BUSY && !mayChangeLease(w, node, service)) {
    w.dropped.second++;
    return undefined;
  }
  if (path !== BUSY && node.live && !boot && outranked(w, node, path, value, fact?.boot)) {
    w.dropped.second++;
    return undefined;
  }
  if (fact?.over !== undefined && sameJson(fact.over, value) && !boot && !leadsOut(w, node, path, value)) return undefined;
  const unknown = variable?.declared?.unknown;
  if (fact === undefined && unknown !== undefined && value === unknown) return undefined;
  const kept = path === BUSY ? capLease(w, service, value) : value;
  w.setFact(node, path, value === unknown ? undefined : kept, service, boot ? { boot } : undefined);
  follow(w, node, path, value);
  return undefined;
}

/** The node's own host speaks for everything on it; a service for what it declared. */
function mayObserve(w: World, service: string, path: Path, boot: string | undefined): boolean {
  if (w.graph.discoverable(service, path)) return true;
  const declaration = w.services.get(service)?.declaration;
  return boot !== undefined && declaration?.playsHosts === true && (path === PHYS || path === RUN || path === BUSY);
}

/** A lease that stands is changed by whoever set it, or named as its owner; what others say of it is dropped. */
function mayChangeLease(w: World, node: Node, service: string): boolean {
  const fact = node.facts.get(BUSY);
  if (!fact || fact.value === 'FREE' || fact.by === service) return true;
  return busy(w, node, false)?.about === undefined || (isObject(fact.value) && fact.value['owner'] === service);
}

/** A service's lease ends by itself within a day, and is renewed. */
function capLease(w: World, service: string, value: Json): Json {
  if (value === 'FREE') return value;
  const lease = isObject(value) ? value : { owner: service, since: w.now };
  const most = w.now + w.settings.busyMost;
  return { ...lease, until: typeof lease['until'] === 'number' ? Math.min(lease['until'], most) : most };
}

/** Seen again as it was. What the parent has said so far is this host's own word from now on, and so reported upward. */
function confirm(w: World, node: Node, service: string, path: Path, value: Json, boot: string | undefined): undefined {
  const said = node.facts.get(path);
  if (said?.via !== undefined && !w.nodes.has(said.via)) w.setFact(node, path, value, service, boot ? { boot } : undefined);
  const fact = node.facts.get(path);
  if (!fact) return undefined;
  fact.at = w.now;
  delete fact.stale;
  if (path !== PHYS) return undefined;
  if (value === 'POWER_OFF') seenOff(w, node);
  else if (value === 'POWER_ON') {
    node.conflict = undefined;
    noteStillOn(w, node);
  }
  return undefined;
}

/** The live session of the node's own host wins; a BMC that calls a heard node OFF starts a probe. */
function outranked(w: World, node: Node, path: Path, value: Json, factBoot: string | undefined): boolean {
  if (path === PHYS) {
    if (value !== 'POWER_OFF') return value !== 'POWER_ON';
    probe(w, node, 'off');
    return true;
  }
  return factBoot !== undefined;
}

/** A mutation out of a failTo value has been taken by its module, and this is where it leads. */
function leadsOut(w: World, node: Node, path: Path, value: Json): boolean {
  return node.flights.some((flight) => {
    if (!flight.accepted && w.replying !== flight.run) return false;
    return w.graph.mutation(flight.mutation)?.mutates[path]?.[1] === value;
  });
}

/** What follows from a new value: what ends with it, what it means for orders, brakes and leases. */
function follow(w: World, node: Node, path: Path, value: Json): void {
  if (path === PHYS) {
    if (value === 'POWER_OFF') {
      const run = node.facts.get(RUN);
      if (node.live || (run && isOfHost(node, run))) endSession(w, node, 'off');
      seenOff(w, node);
    } else if (value === 'POWER_ON') seenOn(w, node);
  } else if (path === RUN && value === 'SYNC') seenSync(w, node);
  forget(w, node, path);
}

function seenOn(w: World, node: Node): void {
  noteStillOn(w, node);
  w.book(node, 'power', 'on');
  w.book(node, 'offByUs', undefined);
  w.book(node, 'foundOff', undefined);
}

function seenOff(w: World, node: Node): void {
  const { order, power, lost } = node.book;
  if (order && !order.off) w.book(node, 'order', { ...order, off: true });
  if (lost) noteExplained(w, node);
  spendPowerOffs(w, node);
  const isOurs = isOffByUs(w, node);
  w.book(node, 'offUntil', undefined);
  if (power === 'off') return;
  if (power === 'on' && !isOurs) noteFoundOff(w, node);
  w.book(node, 'power', 'off');
  if (node.seen(BUSY) !== undefined && node.seen(BUSY) !== 'FREE')
    w.setFact(node, BUSY, 'FREE', 'core', { why: 'the node is switched off' });
  else if (node.seen(BUSY) === undefined) w.setFact(node, BUSY, 'FREE', 'core');
  node.conflict = undefined;
}

export function seenSync(w: World, node: Node): void {
  w.book(node, 'everSync', true);
  if (node.book.lost) noteBack(w, node);
}
