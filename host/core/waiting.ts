/** Every node that only a person can bring back, by reason, with the one command that ends it; and the engine's own status. */

import { foldNames } from '@kraken-hpc/sdk/state';
import type { EngineStatus, Reason, ReasonKind, ServiceStatus, WaitingGroup, WalkState } from './answers.ts';
import { reasonsOf } from './explain.ts';
import type { Node } from './node.ts';
import type { NodeId } from './record.ts';
import { shellWord } from './shell.ts';
import { isOthers, pursue } from './walk.ts';
import type { World } from './world.ts';

const HOUR = 3_600_000;

/** What a person must end, but of what `LASTING` names only what has lasted over an hour. */
const LASTING: ReadonlySet<ReasonKind> = new Set<ReasonKind>(['busy', 'unreachableBmc', 'restarted', 'deaf']);

/** Some reasons come with time alone. */
const LOOKED_AT_EVERY = 10 * 60_000;

const PERSONS: ReadonlySet<ReasonKind> = new Set<ReasonKind>([
  'frozen',
  'held',
  'neverHeard',
  'massFailure',
  'foundOff',
  'stuck',
  'terminal',
  'login',
  'conflict',
  'refusedClaim',
  'deaf',
  'service',
  'busy',
  'unreachableBmc',
  'restarted',
  'noWay',
]);

const SHORT: Readonly<Partial<Record<ReasonKind, string>>> = {
  frozen: 'the engine is frozen',
  held: 'held',
  neverHeard: 'never heard in this cluster',
  massFailure: 'lost together with others (mass failure)',
  foundOff: 'found switched off together with others',
  stuck: 'stuck after failures',
  terminal: 'given up by a module',
  login: 'BMC login refused',
  conflict: 'the BMC says OFF while the node answers',
  refusedClaim: 'enrolment refused',
  deaf: 'another of its hosts has not been connected for over an hour',
  service: 'a service that is needed is not running',
  busy: 'busy for over an hour',
  unreachableBmc: 'the BMC has been out of reach for over an hour',
  restarted: 'a step was lost in a restart, and nobody has said for over an hour what became of it',
  noWay: 'no way leads to what is wanted',
};

export function waiting(w: World, only?: ReadonlySet<NodeId>): WaitingGroup[] {
  const groups = new Map<ReasonKind, { nodes: Node[]; longest: number; command: string }>();
  for (const node of w.nodes.values()) {
    if (only && !only.has(node.id)) continue;
    const found = personReason(w, node);
    if (!found) continue;
    const group = groups.get(found.kind) ?? {
      nodes: [],
      longest: 0,
      command: found.command ?? `kraken node explain ${shellWord(node.name || node.id)}`,
    };
    group.nodes.push(node);
    group.longest = Math.max(group.longest, w.now - found.since);
    groups.set(found.kind, group);
  }
  return [...groups].map(([kind, { nodes, longest, command }]) => {
    const names = foldNames(nodes.map((node) => node.name || node.id));
    const [first] = nodes;
    return {
      kind,
      text: SHORT[kind] ?? kind,
      nodes: nodes.map((node) => node.id),
      longest,
      command: forAll(command, first?.name || first?.id || '', names),
    };
  });
}

/** A command about one node, as it is for these: its last word that is the node becomes the set. */
function forAll(command: string, name: string, set: string): string {
  if (!command.startsWith('kraken node ')) return command;
  const words = command.split(' ');
  const at = words.lastIndexOf(shellWord(name));
  return at < 0 ? command : words.with(at, shellWord(set)).join(' ');
}

/** At a host that has a parent: what a person must do for a node of its own is told upwards. */
export function noteWaits(w: World, node: Node): void {
  if (node.walk !== 'atGoal') w.wake(node, w.now + LOOKED_AT_EVERY);
  const waits = w.isChild(node) || node.id === w.self ? personReason(w, node) : undefined;
  const known = node.book.waits;
  if (waits?.kind === known?.kind) return;
  w.book(node, 'waits', waits && { text: SHORT[waits.kind] ?? waits.kind, ...waits });
}

type PersonReason = Pick<Reason, 'kind' | 'since' | 'command'> & Partial<Pick<Reason, 'text'>>;

function personReason(w: World, node: Node): PersonReason | undefined {
  if (isOthers(w, node) && node.book.waits) return node.book.waits;
  if (node.walk === 'atGoal' && !node.conflict && !node.unreachable && !node.book.refused) return undefined;
  const { plan, blocked } = pursue(w, node);
  const found = reasonsOf(w, node, plan).filter(
    (reason) =>
      PERSONS.has(reason.kind) &&
      ((reason.kind !== 'foundOff' && reason.kind !== 'restarted') || reason.until === undefined) &&
      (!LASTING.has(reason.kind) || w.now - reason.since > HOUR),
  );
  // Why nobody can look says more than that nobody did.
  const first = found.find(({ kind }) => kind === 'refusedClaim') ?? found.find(({ kind }) => kind !== 'restarted') ?? found[0];
  if (first) return first;
  // What its own host waits for, where this one sees nothing.
  if (node.live && node.id !== w.self && node.book.waits && node.book.waits.kind !== 'noWay') return node.book.waits;
  return !isOthers(w, node) && (blocked || node.walk === 'unreachable')
    ? { kind: 'noWay', since: node.walkSince, command: `kraken node explain ${shellWord(node.name || node.id)}` }
    : undefined;
}

export function status(w: World): EngineStatus {
  const walks: Record<WalkState, number> = { atGoal: 0, running: 0, waiting: 0, backingOff: 0, stuck: 0, held: 0, unreachable: 0 };
  let inFlight = 0;
  for (const node of w.nodes.values()) {
    walks[node.walk]++;
    inFlight += node.flights.length;
  }
  const brakes = [...w.domains.values()].flatMap(({ name, size, brake }) =>
    brake ? [{ domain: name, lost: brake.lost.size - brake.back.size, of: size, since: brake.since }] : [],
  );
  return {
    ...(w.frozen ? { frozen: w.frozen } : {}),
    revision: w.revision,
    nodes: w.nodes.size,
    walks,
    waiting: waiting(w),
    brakes,
    inFlight,
    dropped: { ...w.dropped },
    services: services(w),
  };
}

/** The services that the configuration names, as `service list` shows them; `core` is no process that anybody could start. */
function services(w: World): ServiceStatus[] {
  const named = [...w.services.values()].filter(({ declaration }) => declaration.service !== 'core' && declaration.service !== 'parent');
  return named.map(({ declaration, state, since, why }) => ({
    service: declaration.service,
    module: declaration.module,
    state,
    since,
    ...(why ? { why } : {}),
    serves: declaration.serves,
    mutations: declaration.mutations.length,
  }));
}
