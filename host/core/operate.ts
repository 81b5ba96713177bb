/** What operators tell the engine beyond changing cfg. Every command is durable before it is answered. */
import { admission } from './admission.ts';
import { apply } from './apply.ts';
import { noteExplained } from './brake.ts';
import type { Json } from './declaration.ts';
import type { Author, Command, Event } from './event.ts';
import { CODES } from './failures.ts';
import type { Node, Order } from './node.ts';
import { end } from './outcome.ts';
import type { NodeId } from './record.ts';
import { atParent } from './self.ts';
import { endTerminal } from './session.ts';
import { BUSY, PHYS } from './situation.ts';
import { forgive } from './walk.ts';
import { settleWindows } from './window.ts';
import { witness } from './witness.ts';
import type { World } from './world.ts';

/** What may be said to a host that has a parent: all else would be overruled from there. */
const LOCAL: ReadonlySet<Command['kind']> = new Set<Command['kind']>(['freeze', 'thaw', 'limits', 'retry']);

type Operation = Extract<Event, { type: 'operate' }>;

export function operate(w: World, event: Operation): void {
  const { command, author, request } = event;
  const missing = 'nodes' in command ? command.nodes.find((id) => !w.nodes.has(id)) : undefined;
  if (missing !== undefined) {
    w.refuse(request, {
      code: CODES.unknownNode,
      what: `${command.kind} is refused`,
      where: missing,
      why: 'no node has this id',
      todo: 'kraken node list shows all.',
    });
    return;
  }
  const elsewhere = LOCAL.has(command.kind) ? undefined : atParent(w, `${command.kind} is refused`);
  if (elsewhere) {
    w.refuse(request, elsewhere);
    return;
  }
  if (command.kind === 'power') {
    power(w, event, command);
    return;
  }
  w.answer(request, perform(w, command, author) ?? { revision: w.revision });
}

function perform(w: World, command: Exclude<Command, { kind: 'power' }>, author: Author): Json | undefined {
  switch (command.kind) {
    case 'freeze':
      w.frozen = { by: author.user, why: command.why, since: w.frozen?.since ?? w.now };
      w.keep('frozen', { ...w.frozen });
      settleWindows(w);
      return undefined;
    case 'thaw':
      w.frozen = undefined;
      w.keep('frozen', null);
      settleWindows(w);
      for (const node of w.nodes.values()) if (node.walk !== 'atGoal') w.dirty.add(node);
      return undefined;
    case 'limits':
      return changeLimits(w, command);
    case 'observe':
      for (const node of nodesOf(w, command.nodes)) w.dirty.add(node);
      return witness(w, command.values, author);
    default:
      for (const node of nodesOf(w, command.nodes)) one(w, node, command, author);
      return { revision: w.revision, nodes: command.nodes.length };
  }
}

/** One node's part of a command that names a set. */
function one(
  w: World,
  node: Node,
  command: Extract<Exclude<Command, { kind: 'power' | 'observe' }>, { nodes: readonly NodeId[] }>,
  author: Author,
): void {
  w.dirty.add(node);
  switch (command.kind) {
    case 'hold':
      w.book(node, 'hold', {
        by: author.user,
        why: command.why,
        since: w.now,
        ...(command.until === undefined ? {} : { until: command.until }),
      });
      w.note(node, 'held', command.until ?? true, author.user, command.why);
      if (command.until !== undefined) w.wake(node, command.until);
      return;
    case 'release':
      // A lease and somebody's hold are two things: neither goes with the other.
      if (command.busy) w.setFact(node, BUSY, 'FREE', author.user, { why: author.why ?? 'released by hand' });
      else {
        if (node.book.hold) w.note(node, 'released', true, author.user, author.why);
        w.book(node, 'hold', undefined);
      }
      return;
    case 'busy':
      w.setFact(
        node,
        BUSY,
        { owner: command.owner, since: w.now, ...(command.until === undefined ? {} : { until: command.until }) },
        author.user,
      );
      return;
    case 'retry':
      retry(w, node, command.disruptive, author);
      askBelow(w, node, command.disruptive ? 'disruptive' : 'retry', author);
      return;
    case 'reboot':
      order(w, node, command.cycle ? 'cycle' : 'reboot', command.force, author);
      return;
    case 'cancel':
      if (!node.book.order) return;
      w.note(node, 'cancelled', node.book.order.id, author.user, author.why);
      w.book(node, 'order', undefined);
      return;
    case 'admit':
    case 'revoke':
    case 'token':
    case 'noToken':
      return admission(w, node, command, author);
    default:
      command satisfies never;
  }
}

/** Takes back what the engine has concluded from failures; with `disruptive`, also what protects a silent node. */
export function retry(w: World, node: Node, disruptive: boolean, author: Author): void {
  forgive(w, node);
  w.book(node, 'backoff', undefined);
  w.book(node, 'terminal', undefined);
  endTerminal(w, node, `${author.user} asked for a retry`);
  w.note(node, 'retry', disruptive ? 'disruptive' : true, author.user, author.why);
  if (!disruptive) return;
  w.book(node, 'exempt', true);
  if (node.book.lost) noteExplained(w, node);
  // Nobody has said what became of these; whoever asks for this has looked.
  for (const flight of node.flights.filter(({ orphan, deadline }) => orphan && w.now > deadline)) end(w, node, flight);
}

/** Until it was seen switched off, the node is led there, and everything disruptive on that way is asked for; then to cfg. */
function order(w: World, node: Node, kind: Order['kind'], force: string | undefined, author: Author): void {
  if (force !== undefined) w.book(node, 'force', force);
  const id = `${kind}-${w.revision + 1}`;
  const { boot } = node.book;
  w.book(node, 'order', {
    id,
    kind,
    by: author.user,
    since: w.now,
    off: false,
    ...(author.why ? { why: author.why } : {}),
    ...(boot ? { boot } : {}),
  });
  forgive(w, node);
  w.note(node, 'order', kind, author.user, author.why);
}

/** Sets cfg physState, and is an answer to "found off" even where cfg says so already. */
function power(w: World, event: Operation, command: Extract<Command, { kind: 'power' }>): void {
  const to = command.to === 'on' ? 'POWER_ON' : 'POWER_OFF';
  for (const node of nodesOf(w, command.nodes)) {
    if (command.to === 'on') w.book(node, 'foundOff', undefined);
    if (node.book.stuck) forgive(w, node);
    if (command.to === 'on') askBelow(w, node, 'on', event.author);
    w.dirty.add(node);
  }
  const change = { set: { nodes: command.nodes, values: { [PHYS]: to } } };
  apply(w, {
    type: 'apply',
    request: event.request,
    author: event.author,
    change,
    ...(command.force === undefined ? {} : { force: command.force }),
  });
}

/** Said once: it flows down to the host that acts on the node. */
function askBelow(w: World, node: Node, kind: 'retry' | 'disruptive' | 'on', author: Author): void {
  if (w.tree.hosts) w.book(node, 'retried', { id: ++w.revision, kind, by: author.user, ...(author.why ? { why: author.why } : {}) });
}

function changeLimits(w: World, command: Extract<Command, { kind: 'limits' }>): Json {
  for (const name of command.remove) w.limits.remove(name);
  for (const limit of command.set) w.limits.set(limit);
  w.keep(
    'limits',
    w.limits.limits.map((limit) => ({ ...limit })),
  );
  for (const node of w.nodes.values()) if (node.queued) w.dirty.add(node);
  return { revision: w.revision, limits: w.limits.limits.map((limit) => ({ ...limit })) };
}

function* nodesOf(w: World, ids: readonly NodeId[]): Iterable<Node> {
  for (const id of ids) {
    const node = w.nodes.get(id);
    if (node) yield node;
  }
}
