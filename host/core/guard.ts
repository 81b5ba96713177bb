/**
 * What is checked before every dispatch, in one place and in this order; each refusal is a waiting with its reason, so that
 * a guarded node has a plan and waits. No module gets past these.
 */

import { isObject } from '@kraken-hpc/sdk/state';
import type { ReasonKind } from './answers.ts';
import { brakeOn } from './brake.ts';
import type { Mutation } from './declaration.ts';
import type { Full } from './limits.ts';
import type { Node } from './node.ts';
import type { Millis } from './record.ts';
import { isRequested } from './request.ts';
import { BUSY, PHYS } from './situation.ts';
import { isPowerOff, isPowerOn } from './steps.ts';
import type { Service, World } from './world.ts';

/** Why a step does not start, as data; `reasons.ts` says it in words. */
export interface Hindrance {
  readonly kind: ReasonKind;
  readonly since: Millis;
  /** When it ends by itself. */
  readonly until?: Millis;
  /** The service, domain or rule that it is about. */
  readonly about?: string;
  readonly text?: string;
}

/** Who speaks for the node's own host, and hears it. */
export function playerOf(w: World, node: Node): Service | undefined {
  for (const service of w.services.values())
    if (service.declaration.playsHosts && w.serves(service.declaration.service, node)) return service;
  return w.tree.hosts ? w.services.get('core') : undefined;
}

/** The service that would run the step: its own, or for the core's steps whoever speaks for the nodes' hosts. */
export function performerOf(w: World, node: Node, mutation: Mutation): string | undefined {
  if (mutation.service !== 'core') return mutation.service;
  return playerOf(w, node)?.declaration.service;
}

/** Looks only: `limitOf` takes the place. */
export function hindrance(w: World, node: Node, mutation: Mutation): Hindrance | undefined {
  return (
    heldBack(w, node) ??
    notOurs(w, node, mutation) ??
    notNow(w, node, mutation) ??
    (mutation.disruptive ? protectedNode(w, node, mutation) : undefined) ??
    outsideWave()
  );
}

/** What keeps all steps of a node back, whatever they are. */
export function heldBack(w: World, node: Node): Hindrance | undefined {
  const frozen = w.frozen ?? w.tree.frozenAbove;
  return frozen ? { kind: 'frozen', since: frozen.since } : holdOf(w, node);
}

/** Somebody's hold, which stands whether there is anything to do or not. */
export function holdOf(w: World, node: Node): Hindrance | undefined {
  const { hold } = node.book;
  if (hold && (hold.until === undefined || hold.until > w.now))
    return { kind: 'held', since: hold.since, ...(hold.until === undefined ? {} : { until: hold.until }) };
  return undefined;
}

/** Another host's step, or one whose module is not running: it waits, it does not fail. */
function notOurs(w: World, node: Node, mutation: Mutation): Hindrance | undefined {
  const name = performerOf(w, node, mutation);
  const service = name === undefined ? undefined : w.services.get(name);
  if (!service) return { kind: 'context', since: node.walkSince, text: "the node's own host does this, and it is not connected" };
  if (!service.declaration.playsHosts || mutation.service !== 'core') {
    if (mutation.context === 'self' && node.id !== w.self && !service.declaration.playsHosts) {
      return { kind: 'context', since: node.walkSince, text: "the node's own host does this" };
    }
    if (mutation.context === 'child' && !w.isChild(node)) return othersStep(w, node);
  }
  return service.state === 'ready' ? undefined : notRunning(service);
}

/** A step of the host that acts on the node: where it is attached, else its primary parent. */
function othersStep(w: World, node: Node): Hindrance {
  const { at } = node.book;
  if (at?.live && node.id !== w.self) return { kind: 'attached', since: node.walkSince, about: at.host };
  return { kind: 'context', since: node.walkSince, text: 'the host of its parent does this' };
}

function notRunning({ declaration, state, since, why }: Service): Hindrance {
  return { kind: 'service', since, about: declaration.service, text: `${state}${why ? `: ${why}` : ''}` };
}

/** After failures, doubts and surprises. */
function notNow(w: World, node: Node, mutation: Mutation): Hindrance | undefined {
  const { book } = node;
  if (node.conflict && PHYS in mutation.mutates) return { kind: 'conflict', since: node.conflict.since, text: node.conflict.text };
  const terminal = book.terminal?.[mutation.id];
  if (terminal !== undefined) return { kind: 'terminal', since: node.walkSince, text: terminal };
  if (book.stuck && (mutation.disruptive || isPowerOn(mutation))) return { kind: 'stuck', since: book.stuck.since, text: book.stuck.text };
  const backoff = book.backoff?.[mutation.id];
  if (backoff && backoff.until > w.now) {
    const kind = backoff.kind === 'login' ? 'login' : backoff.kind === 'unreachable' ? 'unreachableBmc' : 'backoff';
    return { kind, since: backoff.first, until: backoff.until, text: backoff.text };
  }
  if (book.foundOff && isPowerOn(mutation)) return offWithoutUs(w, book.foundOff);
  return undefined;
}

function offWithoutUs(w: World, found: { readonly since: Millis; readonly mass: boolean }): Hindrance | undefined {
  if (found.mass) return w.settings.afterPowerLoss === 'restore' ? undefined : { kind: 'foundOff', since: found.since };
  const until = found.since + w.settings.foundOffWait;
  return until > w.now ? { kind: 'foundOff', since: found.since, until } : undefined;
}

function protectedNode(w: World, node: Node, mutation: Mutation): Hindrance | undefined {
  const requested = isRequested(node, mutation);
  if (requested) return busy(w, node, true);
  // What nobody ever heard says more than that nobody knows whether it is busy.
  const known = node.facts.has(BUSY);
  return (
    (known ? busy(w, node, false) : undefined) ??
    repairGuards(w, node, mutation) ??
    (known || node.book.exempt ? undefined : busy(w, node, false))
  );
}

/** A busy node is never disrupted; where nothing is known of it, a repair takes it for busy. */
export function busy(w: World, node: Node, requested: boolean): Hindrance | undefined {
  const fact = node.facts.get(BUSY);
  if (!fact) return requested ? undefined : { kind: 'busy', since: w.upSince, text: 'nobody has said whether it is busy' };
  if (fact.value === 'FREE') return undefined;
  const lease = isObject(fact.value) ? fact.value : {};
  const owner = typeof lease['owner'] === 'string' ? lease['owner'] : fact.by;
  const since = typeof lease['since'] === 'number' ? lease['since'] : fact.at;
  const until = typeof lease['until'] === 'number' ? lease['until'] : undefined;
  const ownerDown = w.services.has(owner) && w.services.get(owner)?.state !== 'ready';
  if (until !== undefined && until <= w.now && !ownerDown) return undefined;
  return { kind: 'busy', since, about: owner, text: `in use by ${owner}`, ...(until === undefined || ownerDown ? {} : { until }) };
}

/** A repair waits until it is sure that nobody hears the node, and that the fault is not ours. */
function repairGuards(w: World, node: Node, mutation: Mutation): Hindrance | undefined {
  const { settings } = w;
  const { book } = node;
  if (isPowerOff(mutation) && (book.cycles ?? 0) >= settings.stuckCycles)
    return { kind: 'stuck', since: w.now, text: `${book.cycles} repair power cycles did not help` };
  if (book.exempt) return undefined;
  if (!book.everSync && !book.onByUs) return { kind: 'neverHeard', since: w.upSince };
  const ears = playerOf(w, node);
  if (ears && ears.state !== 'ready') return notRunning(ears);
  if (w.connectedSince === undefined) return { kind: 'hostYoung', since: w.now, text: 'this host is not connected to its parent' };
  const settled = Math.max(w.upSince, w.connectedSince) + settings.repairAfterUp;
  if (settled > w.now) return { kind: 'hostYoung', since: w.upSince, until: settled };
  const deaf = book.deaf?.[0];
  if (deaf !== undefined) return { kind: 'deaf', since: node.walkSince, about: deaf };
  const quiet = graceEnd(w, node);
  if (quiet > w.now) return { kind: 'grace', since: Math.max(node.heardAt ?? 0, w.upSince), until: quiet };
  const braked = brakeOn(node);
  if (braked) return { kind: 'massFailure', since: braked.brake?.since ?? w.now, about: braked.name };
  return undefined;
}

/** When nobody will have heard the node for the grace. A live session is heard now. */
export function graceEnd(w: World, node: Node): Millis {
  const { graceLeast, graceUnknown, graceFactor } = w.settings;
  const { bootMs } = node.book;
  const grace = bootMs === undefined ? graceUnknown : Math.max(graceLeast, bootMs * graceFactor);
  if (node.live) return w.now + grace;
  const listening = playerOf(w, node)?.since ?? 0;
  return Math.max(node.heardAt ?? 0, w.upSince, listening, node.unreachableAt ?? 0, node.unbrakedAt ?? 0) + grace;
}

/** The place of rolling changes in waves: a node outside the wave that is under way waits here. */
function outsideWave(): Hindrance | undefined {
  return undefined;
}

/** The last guard, as it takes a place: the operator's limits. */
export function limitOf(w: World, node: Node, mutation: Mutation, take: boolean): Hindrance | undefined {
  const restoring = node.book.foundOff?.mass === true && isPowerOn(mutation);
  const full = w.limits.full(mutation, w.subject(node), w.now, take, restoring);
  return full && limited(full);
}

function limited(full: Full): Hindrance {
  const value = full.value ? ` (${full.value})` : '';
  return {
    kind: 'limit',
    since: full.since,
    about: full.rule,
    text: `the limit ${full.rule}${value} is full, and ${full.ahead === 0 ? 'it is the next' : `${full.ahead} wait before it`}`,
    ...(full.until === undefined ? {} : { until: full.until }),
  };
}
