/** Steps in flight: sent in batches, settled node by node by what is observed, failed at their deadline. */

import type { Run } from './calls.ts';
import type { Mutation } from './declaration.ts';
import type { Failed, Failure, Observed } from './event.ts';
import { CODES, failureKind } from './failures.ts';
import type { Flight, Node } from './node.ts';
import { observe } from './observe.ts';
import { end, failed, succeeded } from './outcome.ts';
import { stands } from './situation.ts';
import { taskNode } from './task.ts';
import { seconds } from './words.ts';
import type { World } from './world.ts';

/** Puts a step into this turn's call of its kind: one call for all nodes that take the same step now. */
export function launch(w: World, node: Node, mutation: Mutation, service: string): void {
  const ask = w.graph.askOf(mutation.id);
  const timeout = w.limits.timeout(mutation, w.subject(node));
  const deadline = w.now + timeout;
  const flight: Flight = {
    mutation: mutation.id,
    run: 0,
    at: w.now,
    deadline,
    rev: w.revision,
    accepted: false,
    orphan: false,
    cancelled: false,
  };
  node.flights.push(flight);
  if (ask) {
    w.ask(ask.poller.id, node);
    w.wake(node, deadline);
    return;
  }
  const afterDurable = mutation.disruptive || node.unsettled;
  node.unsettled = false;
  const key = `${service}|${mutation.id}|${deadline}|${afterDurable}`;
  let batch = w.outbox.get(key);
  if (!batch || batch.nodes.length >= w.settings.batch) {
    const run: Run = {
      id: w.nextId++,
      mutation: mutation.id,
      service,
      deadline,
      sentAt: w.now,
      rev: flight.rev,
      waiting: new Set(),
      repolls: 0,
      answered: false,
    };
    w.runs.set(run.id, run);
    w.timers.add(deadline, { kind: 'run', run: run.id });
    batch = { run, name: mutation.service === 'core' ? mutation.id : mutation.name, nodes: [], afterDurable };
    w.outbox.set(key, batch);
    w.batches.push(batch);
  }
  node.flights[node.flights.length - 1] = { ...flight, run: batch.run.id };
  batch.nodes.push(node);
  batch.run.waiting.add(node.id);
  w.book(node, 'sent', { ...node.book.sent, [mutation.id]: { at: flight.at, deadline, rev: flight.rev } });
  w.note(node, 'sent', mutation.id, 'core');
}

/** Sends the calls of this turn. */
export function flushRuns(w: World): void {
  for (const { run, name, nodes, afterDurable } of w.batches) {
    const paths = w.pathsOf(run.service);
    w.effect({
      type: 'run',
      run: run.id,
      service: run.service,
      mutation: name,
      deadline: run.deadline,
      nodes: nodes.map((node) => taskNode(node, paths, w.revision)),
      afterDurable,
    });
  }
  w.batches.length = 0;
  w.outbox.clear();
}

/** The reply to a call, or that there will be none. Replies that nobody waits for are still observations. */
export function ran(w: World, id: number, observed: readonly Observed[], notDone: readonly Failed[], lost: Failure | undefined): void {
  const run = w.runs.get(id);
  if (!run) return;
  if (lost?.code === CODES.notReady) takeBack(w, run);
  else if (lost && lost.code !== CODES.cancelled && lost.code !== CODES.deadline) orphan(w, run, lost);
  const asked = { rev: run.rev, at: run.sentAt };
  w.replying = id;
  for (const item of observed) {
    const node = w.nodes.get(item.node);
    observe(w, run.service, item, asked);
    if (node?.unreachable) node.unreachable = undefined;
  }
  w.replying = undefined;
  for (const { node: nodeId, error } of notDone) {
    const node = w.nodes.get(nodeId);
    const flight = node?.flights.find((other) => other.run === id);
    if (!node || !flight) continue;
    if (flight.cancelled || error.code === CODES.cancelled) end(w, node, flight);
    else failed(w, node, flight, failureKind(error.code), error.message, error);
  }
  run.answered = true;
  if (!lost) accept(w, run);
  if (run.waiting.size === 0) w.runs.delete(id);
}

/** All who have neither failed nor arrived were taken by their devices: their pollers watch them until the deadline. */
function accept(w: World, run: Run): void {
  for (const id of run.waiting) {
    const node = w.nodes.get(id);
    const flight = node?.flights.find((other) => other.run === run.id);
    if (!node || !flight) {
      run.waiting.delete(id);
      continue;
    }
    flight.accepted = true;
    if (flight.cancelled) end(w, node, flight);
    else w.dirty.add(node);
  }
  if (run.waiting.size > 0) w.timers.add(Math.min(run.deadline, w.now + (w.settings.repoll[0] ?? 1_000)), { kind: 'run', run: run.id });
}

/** The call was never sent: it is as if it had not been tried, and is tried when its module is ready. */
function takeBack(w: World, run: Run): void {
  for (const id of [...run.waiting]) {
    const node = w.nodes.get(id);
    const flight = node?.flights.find((other) => other.run === run.id);
    if (node && flight) end(w, node, flight);
  }
}

/** Nobody works on these any more: each is sent again only after an observation asked for later than its deadline. */
function orphan(w: World, run: Run, lost: Failure): void {
  for (const id of run.waiting) {
    const node = w.nodes.get(id);
    const flight = node?.flights.find((other) => other.run === run.id);
    if (!node || !flight) continue;
    flight.orphan = true;
    w.note(node, 'orphan', run.mutation, 'core', lost.message);
    w.wake(node, flight.deadline + 1);
    w.dirty.add(node);
  }
  run.waiting.clear();
}

/** A run's timer: at the deadline its rest has failed; before it, the pollers of its paths are run. */
export function runDue(w: World, id: number): void {
  const run = w.runs.get(id);
  if (!run) return;
  const mutation = w.graph.mutation(run.mutation);
  if (w.now >= run.deadline || !mutation) {
    expire(w, run);
    return;
  }
  if (!run.answered) return;
  for (const nodeId of run.waiting) {
    const node = w.nodes.get(nodeId);
    if (!node?.flights.some((flight) => flight.run === id)) run.waiting.delete(nodeId);
    else askPaths(w, node, mutation);
  }
  if (run.waiting.size === 0) {
    w.runs.delete(id);
    return;
  }
  run.repolls++;
  const { repoll } = w.settings;
  const pause = repoll[Math.min(run.repolls, repoll.length - 1)] ?? 8_000;
  w.timers.add(Math.min(run.deadline, w.now + pause), { kind: 'run', run: id });
}

export function askPaths(w: World, node: Node, mutation: Mutation): boolean {
  let any = false;
  for (const path in mutation.mutates) {
    for (const poller of w.graph.pollersOf(path)) {
      if (!w.serves(poller.service, node)) continue;
      w.ask(poller.id, node);
      any = true;
    }
  }
  return any;
}

function expire(w: World, run: Run): void {
  const mutation = w.graph.mutation(run.mutation);
  const late: Node[] = [];
  for (const nodeId of run.waiting) {
    const node = w.nodes.get(nodeId);
    const flight = node?.flights.find((other) => other.run === run.id);
    if (!node || !flight) continue;
    // Seen already, and only not looked at yet: a busy host makes no step fail.
    if (mutation && stands(w, node, mutation, 1)) {
      succeeded(w, node, flight);
      continue;
    }
    if (!flight.accepted) late.push(node);
    if (flight.cancelled) end(w, node, flight);
    else
      failed(
        w,
        node,
        flight,
        'failed',
        `${run.mutation} ${flight.accepted ? 'was taken, but did not lead there' : `was not answered by ${run.service}`} within ${seconds(run.deadline - run.sentAt)}`,
        undefined,
      );
  }
  if (late.length > 0)
    w.effect({ type: 'cancel', run: run.id, service: run.service, nodes: late.map((node) => node.id), why: 'its deadline has passed' });
  run.waiting.clear();
  if (run.answered) w.runs.delete(run.id);
}
