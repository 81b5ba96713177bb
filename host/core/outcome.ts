/** How steps end: arrived, failed, interrupted; what a failure costs the node. */
import type { Failure } from './event.ts';
import { CODES } from './failures.ts';
import type { Backoff, FailureKind, Flight, Node } from './node.ts';
import { unreachable } from './reach.ts';
import { shellWord } from './shell.ts';
import { PHYS } from './situation.ts';
import { seconds } from './words.ts';
import type { World } from './world.ts';

/** The step is over, one way or the other. */
export function end(w: World, node: Node, flight: Flight): void {
  node.flights = node.flights.filter((other) => other !== flight);
  w.runs.get(flight.run)?.waiting.delete(node.id);
  const { sent } = node.book;
  if (sent?.[flight.mutation]) {
    const { [flight.mutation]: _, ...rest } = sent;
    w.book(node, 'sent', Object.keys(rest).length > 0 ? rest : undefined);
  }
  for (const id of w.limits.release(node.id)) {
    const next = w.nodes.get(id);
    if (next) w.dirty.add(next);
  }
  if (w.graph.mutation(flight.mutation)?.disruptive) node.unsettled = true;
  w.dirty.add(node);
}

/** The plan goes another way: the module is told to stop; until it answers, nothing else is sent for the same paths. */
export function interrupt(w: World, node: Node, flight: Flight, why: string): void {
  if (flight.cancelled) return;
  if (flight.run === 0) {
    end(w, node, flight);
    return;
  }
  flight.cancelled = true;
  w.note(node, 'interrupted', flight.mutation, 'core', why);
  const run = w.runs.get(flight.run);
  if (!run || run.answered || flight.orphan) end(w, node, flight);
  else w.effect({ type: 'cancel', run: flight.run, service: run.service, nodes: [node.id], why });
}

/** Its to-values were observed. */
export function succeeded(w: World, node: Node, flight: Flight): void {
  end(w, node, flight);
  const { backoff } = node.book;
  if (!backoff?.[flight.mutation]) return;
  const { [flight.mutation]: _, ...rest } = backoff;
  w.book(node, 'backoff', Object.keys(rest).length > 0 ? rest : undefined);
}

/** It did not get there. Only kind `failed` is a failure of the node; the others say that its device did not take the command. */
export function failed(w: World, node: Node, flight: Flight, kind: FailureKind, text: string, error: Failure | undefined): void {
  end(w, node, flight);
  if (kind === 'unreachable' && isOfHosts(w, flight) && isSilentTooLong(w, node, flight)) {
    failed(w, node, { ...flight, accepted: true }, 'failed', `${text}, for ${seconds(flight.deadline - flight.at)} now`, undefined);
    return;
  }
  const isDue = error === undefined;
  const isPower = w.graph.mutation(flight.mutation)?.mutates[PHYS] !== undefined;
  if (isPower && (kind === 'unreachable' || kind === 'busy' || kind === 'login')) unreachable(w, node, kind, text);
  w.note(node, 'failed', { mutation: flight.mutation, kind, text }, 'core');
  if (error?.code === CODES.terminal) w.book(node, 'terminal', { ...node.book.terminal, [flight.mutation]: text });
  if (kind === 'failed') {
    if (isDue && flight.accepted) hang(w, node, flight, text);
    countFailure(w, node, flight, text);
  }
  const backoff = backOff(w, node, flight.mutation, kind, text, error?.retryAfter);
  const attempt = kind === 'failed' ? `, attempt ${backoff.attempts + 1}` : '';
  w.log('warn', `${node.name || node.id}: ${text}; retry in ${seconds(backoff.until - w.now)}${attempt}`, node);
}

/** A step of the node's own host: its silence says nothing of the BMC. */
function isOfHosts(w: World, flight: Flight): boolean {
  const service = w.runs.get(flight.run)?.service;
  return service !== undefined && w.services.get(service)?.declaration.playsHosts === true;
}

/** A host that should come is waited for as long as the step may take, however often that was tried. */
function isSilentTooLong(w: World, node: Node, flight: Flight): boolean {
  const before = node.book.backoff?.[flight.mutation];
  const first = before?.kind === 'unreachable' ? before.first : flight.at;
  return w.now - first >= flight.deadline - flight.at;
}

/** The command was taken, what it leads to did not come, and the node's own host is not heard: it hangs. */
function hang(w: World, node: Node, flight: Flight, text: string): void {
  const mutation = w.graph.mutation(flight.mutation);
  if (!mutation || node.live) return;
  if (node.unreachableAt !== undefined && node.unreachableAt >= flight.at && node.unreachable) return;
  for (const path in mutation.failTo) {
    const over = node.seen(path);
    const value = mutation.failTo[path];
    if (value !== undefined) w.setFact(node, path, value, 'core', { why: text, ...(over === undefined ? {} : { over }) });
  }
}

function countFailure(w: World, node: Node, flight: Flight, text: string): void {
  const last = [...(node.book.lastFailures ?? []), { at: w.now, mutation: flight.mutation, text }].slice(-5);
  w.book(node, 'lastFailures', last);
  if (node.book.order) return;
  const failures = (node.book.failures ?? 0) + 1;
  w.book(node, 'failures', failures);
  if (failures >= w.settings.stuckFailures && !node.book.stuck) stick(w, node, `${failures} failures, the last: ${text}`);
}

/** From now on nothing disruptive and no power-on is tried; what comes by itself is welcome. */
export function stick(w: World, node: Node, text: string): void {
  w.book(node, 'stuck', { since: w.now, text });
  w.note(node, 'stuck', text, 'core');
  w.log(
    'error',
    `${node.name || node.id}: stuck: ${text}; look at the machine, then: kraken node retry ${shellWord(node.name || node.id)}`,
    node,
  );
}

function backOff(w: World, node: Node, mutation: string, kind: FailureKind, text: string, retryAfter: number | undefined): Backoff {
  const before = node.book.backoff?.[mutation];
  const attempts = kind === 'later' ? (before?.attempts ?? 0) : (before?.attempts ?? 0) + 1;
  const { backoffFirst, backoffMost } = w.settings;
  const pause = Math.min(backoffMost, backoffFirst * 2 ** Math.min(20, Math.max(0, attempts - 1))) * (0.8 + 0.4 * w.random());
  const first = before?.kind === kind ? before.first : w.now;
  const backoff: Backoff = { until: w.now + Math.round(retryAfter ?? pause), attempts, kind, text, at: w.now, first };
  w.book(node, 'backoff', { ...node.book.backoff, [mutation]: backoff });
  w.wake(node, backoff.until);
  return backoff;
}
