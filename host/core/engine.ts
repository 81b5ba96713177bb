/**
 * The core: events in, effects out. Deterministic, without I/O: time is an argument, chance is seeded.
 * A turn takes all events that arrived together, then looks once at every node that they touched.
 */
import { apply } from './apply.ts';
import { claim } from './claim.ts';
import { CORE, PARENT } from './core-service.ts';
import { stir } from './deaf.ts';
import type { Variable } from './declaration.ts';
import type { Effect } from './effect.ts';
import type { Event } from './event.ts';
import { flushRuns, ran, runDue } from './flights.ts';
import { observe } from './observe.ts';
import { operate } from './operate.ts';
import { flushAsks, polled, reported, sweep } from './polls.ts';
import { probed } from './probe.ts';
import type { EngineRecord, Millis, NodeId, NodeRecord, Turn } from './record.ts';
import { remember } from './remember.ts';
import { reportedBy } from './reported.ts';
import { type Booted, fixSelf } from './self.ts';
import { declare, serviceState, withdraw } from './services.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import type { Timer } from './timers.ts';
import { told } from './told.ts';
import { begin, uplink } from './uplink.ts';
import { noteWaits } from './waiting.ts';
import { advance, wakeLimits } from './walk.ts';
import { beat } from './window.ts';
import { World } from './world.ts';

export interface EngineOptions {
  readonly settings?: Partial<Settings>;
  /** Variables of the core and the extension schemas. */
  readonly variables: readonly Variable[];
  /** This host's own node. */
  readonly self: NodeId;
  readonly seed: number;
  readonly now: Millis;
  /** A sync layer is there: the core itself speaks with the nodes' own hosts where no module does. Default: no. */
  readonly hosts?: boolean;
  /** This host has no parent. Default: yes. */
  readonly root?: boolean;
  /** The id was given by a person: no file of nodes makes this host another. Remembered. Default: no. */
  readonly given?: boolean;
  /** The boot that this host runs in (the kernel's boot id): another one than is remembered makes its own node unknown. */
  readonly boot?: string;
  /** What its machine was booted with. */
  readonly booted?: Booted;
}

/** What was stored: the snapshot, and the turns after it. */
export interface Remembered {
  readonly engine: EngineRecord | undefined;
  readonly nodes: Iterable<NodeRecord>;
  readonly tail: Iterable<Turn>;
}

/** Nodes looked at in one turn; the others follow in the next, so that modules begin while the host goes on. */
const MOST_LOOKED_AT = 4_000;

export class Engine {
  readonly world: World;

  constructor(options: EngineOptions, remembered?: Remembered) {
    const settings = { ...DEFAULT_SETTINGS, ...options.settings };
    this.world = new World(settings, options.variables, options.seed);
    const w = this.world;
    w.self = options.self;
    w.now = options.now;
    w.upSince = options.now;
    w.tree.hosts = options.hosts ?? false;
    w.tree.isRoot = options.root ?? true;
    w.connectedSince = w.isRoot ? options.now : undefined;
    w.services.set('core', { declaration: CORE, serves: undefined, state: 'ready', since: options.now, why: undefined });
    if (!w.isRoot) w.services.set('parent', { declaration: PARENT, serves: undefined, state: 'ready', since: options.now, why: undefined });
    w.rebuild(w.isRoot ? [CORE] : [CORE, PARENT]);
    if (settings.afterPowerLoss === 'restore')
      w.limits.setRestore(settings.restorePerSecond, settings.restorePerLabel, settings.failureDomains);
    if (remembered) remember(w, remembered);
    if (options.given) fixSelf(w);
    w.booted = options.booted;
    begin(w, options.boot);
  }

  /** When the core wants to be given a `tick`; undefined = not before something happens. */
  get wake(): Millis | undefined {
    return this.world.dirty.size > 0 ? this.world.now : this.world.timers.next;
  }

  /** One turn. `now` never goes back. */
  turn(events: readonly Event[], now: Millis): Effect[] {
    const w = this.world;
    w.now = Math.max(w.now, now);
    for (const event of events) happen(w, event);
    for (let timer = w.timers.due(w.now); timer; timer = w.timers.due(w.now)) ring(w, timer);
    if (w.tree.isStirred) stir(w);
    let looked = 0;
    for (const node of w.dirty) {
      if (looked++ >= MOST_LOOKED_AT) break;
      w.dirty.delete(node);
      if (w.nodes.get(node.id) !== node) continue;
      advance(w, node);
      if (!w.isRoot) noteWaits(w, node);
    }
    flushAsks(w);
    flushRuns(w);
    return w.take();
  }
}

function happen(w: World, event: Event): void {
  switch (event.type) {
    case 'tick':
      return;
    case 'apply':
      return apply(w, event);
    case 'operate':
      return operate(w, event);
    case 'observed':
      return observed(w, event);
    case 'ran':
      return ran(w, event.run, event.observed, event.failed, event.lost);
    case 'polled':
      return polled(w, event.poll, event.observed, event.failed, event.lost);
    case 'claim':
      return claim(w, event.request, event.claim);
    case 'told':
      return told(w, event);
    case 'reported':
      return reportedBy(w, event);
    case 'probed': {
      const node = w.nodes.get(event.node);
      if (node) probed(w, node, event.answered);
      return;
    }
    case 'declare':
      return declare(w, event.request, event.declaration);
    case 'withdraw':
      return withdraw(w, event.service);
    case 'service':
      return serviceState(w, event.service, event.state, event.why);
    case 'uplink':
      return uplink(w, event.connected, event.above);
    default:
      event satisfies never;
  }
}

/** `state/discover`: what is wrong with an item is answered by name; the others are taken. */
function observed(w: World, event: Extract<Event, { type: 'observed' }>): void {
  const problems: string[] = [];
  let refused = 0;
  for (const item of event.items) {
    const problem = observe(w, event.service, item);
    reported(w, event.service, item);
    if (problem === undefined) continue;
    refused++;
    if (problems.length < 10) problems.push(problem);
  }
  w.answer(event.request, { revision: w.revision, ...(refused > 0 ? { refused, problems } : {}) }, false);
}

function ring(w: World, timer: Timer): void {
  switch (timer.kind) {
    case 'node': {
      const node = w.nodes.get(timer.node);
      if (node) w.dirty.add(node);
      return;
    }
    case 'run':
      return runDue(w, timer.run);
    case 'poll':
      return sweep(w, timer.poller);
    case 'limits': {
      const { nodes, next } = w.limits.due(w.now);
      w.limitsAt = 0;
      for (const id of nodes) {
        const node = w.nodes.get(id);
        if (node) w.dirty.add(node);
      }
      if (next !== undefined) wakeLimits(w, next);
      return;
    }
    case 'beat':
      if (w.tree.windows.size > 0) beat(w);
      return;
    default:
      timer satisfies never;
  }
}
