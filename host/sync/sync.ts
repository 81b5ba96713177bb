/**
 * The sync layer of one host: its children's sessions, its own with a parent, and what goes over them. Pure: bytes and time
 * in, actions out; the edge performs them, the simulator plays it.
 */
import type { Effect } from '../core/effect.ts';
import type { Millis, NodeId, Turn } from '../core/record.ts';
import type { World } from '../core/world.ts';
import type { Address, EnrolOutcome, StreamId, SyncAction, SyncEvent } from './actions.ts';
import { sameAddress } from './addresses.ts';
import { type ChildHost, Children, type SessionKeys } from './children.ts';
import type { Update } from './messages.ts';
import type { Peer } from './peer.ts';
import { Scope } from './scope.ts';
import type { SavedUplink } from './search.ts';
import type { SyncSettings } from './settings.ts';
import type { Parts, SealFactory } from './shared.ts';
import { Streams, type Whose } from './streams.ts';
import { Uplink } from './uplink.ts';

type Of<T extends Effect['type']> = Extract<Effect, { type: T }>;

/** Members of a node's record that decide whose session is good. */
const PLACING = ['key', 'at'];

export interface SyncOptions {
  readonly world: World;
  readonly settings: SyncSettings;
  /** Raised, and on disk, at every start of this host. */
  readonly generation: number;
  readonly now: Millis;
  readonly random: () => number;
  readonly seal: SealFactory;
  /** The session id at the front of a datagram; undefined where it is none of ours. */
  readonly peekSid: (bytes: Uint8Array) => number | undefined;
  /** Of a host that may have children. */
  readonly keys?: SessionKeys;
  /** Of a host that has parents, the best first. */
  readonly parents?: readonly Address[];
  readonly saved?: SavedUplink;
  readonly boot: string;
  /** Something runs on this node that a reboot would end. */
  readonly runs: () => boolean;
}

export class Sync {
  readonly children: Children | undefined;
  readonly uplink: Uplink | undefined;
  readonly figures = { unknown: 0 };
  readonly #options: SyncOptions;
  readonly #scope: Scope;
  #actions: SyncAction[] = [];
  readonly #streams: Streams;
  #later: { readonly at: Millis; readonly run: (now: Millis) => void }[] = [];
  readonly #touched = new Set<Peer>();
  /** Updates that the core has not answered yet, by a number that no session uses twice: of two with one neighbour, each has its own answers. */
  readonly #passed = new Map<number, { readonly peer: Peer; readonly number: number }>();
  #passes = 0;
  #now: Millis;

  constructor(options: SyncOptions) {
    this.#options = options;
    this.#now = options.now;
    this.#scope = new Scope(
      options.world,
      (id) => this.#touch(this.children?.peers.get(id)),
      () => this.#touch(this.uplink?.peer),
    );
    this.#streams = new Streams({
      act: (action) => void this.#actions.push(action),
      whose: (stream, bytes, now, known) => this.#whose(bytes, { stream }, now, known),
      touch: (peer) => void this.#touch(peer),
      later: (at, run) => void this.#later.push({ at, run }),
      children: () => this.children,
      uplink: () => this.uplink,
    });
    const parts = this.#parts();
    if (options.keys) this.children = new Children(parts, options.keys);
    if (options.parents && options.parents.length > 0) this.uplink = new Uplink(parts, options.parents, options.saved, options.now);
  }

  #touch(peer: Peer | undefined): Peer | undefined {
    if (peer) this.#touched.add(peer);
    return peer;
  }

  #parts(): Parts {
    const { world, settings, generation, random, boot, seal, runs } = this.#options;
    return {
      world,
      settings,
      generation,
      random,
      boot,
      seal,
      runs,
      scope: this.#scope,
      act: (action) => void this.#actions.push(action),
      event: (event) => void this.#actions.push({ type: 'event', event }),
      dial: (peer, to) => this.#streams.dial(to, peer),
      feel: (to) => this.#streams.dial(to),
      hangUp: (stream) => this.#streams.hangUp(stream, this.#now),
      flush: (peer, now) => peer.flush(now, this.#actions),
      later: (at, run) => void this.#later.push({ at, run }),
    };
  }

  /** After the world was restored, before the first event. */
  start(now: Millis): void {
    this.#now = now;
    this.children?.remember();
    this.uplink?.start(now);
    this.#touch(this.uplink?.peer);
  }

  // --- the core's side ---------------------------------------------------------------------------------------------------

  /** A turn of the engine, after it was applied. */
  turn(turn: Turn): void {
    // Nobody to tell: whoever comes is told everything as it is then.
    if (this.uplink || (this.children?.peers.size ?? 0) > 0) this.#scope.turn(turn);
    for (const id in turn.records) if (PLACING.some((name) => name in (turn.records?.[id] ?? {}))) this.children?.check(id, this.#now);
    for (const change of turn.changes)
      if (change.view === 'cfg' && change.path === '' && change.to === undefined) this.children?.check(change.node, this.#now);
  }

  /** The journal is on disk up to this turn. */
  durable(seq: number): void {
    this.#scope.durable(seq);
  }

  run(effect: Of<'run'>, now: Millis): void {
    this.#now = now;
    if (this.children) this.children.run(effect);
    else {
      const own = effect.mutation === 'core/quiesce' ? effect.nodes : [];
      const observed = own.map(({ id }) => ({ node: id, values: { '/runState': 'INIT' } }));
      this.#actions.push({ type: 'event', event: { type: 'ran', run: effect.run, observed, failed: [] } });
    }
    for (const { id } of effect.nodes) this.#touch(this.children?.peers.get(id));
  }

  probe(effect: Of<'probe'>, now: Millis): void {
    this.#now = now;
    if (this.children) this.children.probe(effect, now);
    else this.#actions.push({ type: 'event', event: { type: 'probed', node: effect.node, answered: false } });
    this.#touch(this.children?.peers.get(effect.node));
  }

  /** The core has taken an update, or could not. */
  taken(pass: number, isTaken: boolean, now: Millis): void {
    this.#now = now;
    const passed = this.#passed.get(pass);
    this.#passed.delete(pass);
    if (!passed) return;
    const { peer, number } = passed;
    if (!this.uplink?.has(peer) && !this.children?.has(peer)) return;
    if (isTaken) peer.link.taken(number, now);
    else peer.link.refused(number, now);
    this.#touch(peer);
  }

  /** The core has admitted a node: what its host is given. */
  admitted(node: NodeId, term: number, host: ChildHost, now: Millis): { readonly sid: number; readonly secret: Uint8Array } {
    this.#now = now;
    if (!this.children) throw new Error('this host takes no children');
    return this.children.admit(node, term, host, now);
  }

  // --- the edge's side -----------------------------------------------------------------------------------------------------

  datagram(from: Address, bytes: Uint8Array, now: Millis): void {
    this.#now = now;
    const peer = this.#whose(bytes, { udp: from }, now);
    if (peer && peer !== 'stale' && peer.peerIs === 'child' && !sameAddress(peer.udp, from)) peer.udp = from;
  }

  opened(stream: StreamId, now: Millis): void {
    this.#now = now;
    this.#streams.opened(stream, now);
  }

  frame(stream: StreamId, bytes: Uint8Array, now: Millis): void {
    this.#now = now;
    this.#streams.frame(stream, bytes, now);
  }

  closed(stream: StreamId, why: string, now: Millis): void {
    this.#now = now;
    this.#streams.closed(stream, why, now);
  }

  enrolled(attempt: number, outcome: EnrolOutcome, now: Millis): void {
    this.#now = now;
    this.uplink?.enrolled(attempt, outcome, now);
    this.#touch(this.uplink?.peer);
  }

  tick(now: Millis): void {
    this.#now = now;
    const due = this.#later.filter(({ at }) => at <= now);
    if (due.length > 0) this.#later = this.#later.filter(({ at }) => at > now);
    for (const { run } of due) run(now);
    this.children?.tick(now);
    this.uplink?.tick(now);
    const parent = this.#touch(this.uplink?.peer);
    if (parent && parent.link.wake <= now) parent.link.tick(now);
    if (now < this.#restlessAt) return;
    this.#restlessAt = Number.POSITIVE_INFINITY;
    for (const peer of this.#restless) {
      if (peer.isSpokenTo && peer.link.wake > now) this.#restlessAt = Math.min(this.#restlessAt, peer.link.wake);
      else {
        if (peer.isSpokenTo) peer.link.tick(now);
        this.#touch(peer);
      }
    }
  }

  /** Children whose links have something under way: all others need no clock. */
  readonly #restless = new Set<Peer>();
  /** Not before then is any of them due. */
  #restlessAt = Number.POSITIVE_INFINITY;

  /** When `tick` is wanted. */
  get wake(): Millis {
    let wake = Math.min(this.children?.wake ?? Number.POSITIVE_INFINITY, this.uplink?.wake ?? Number.POSITIVE_INFINITY);
    for (const { at } of this.#later) wake = Math.min(wake, at);
    return Math.min(wake, this.#restlessAt);
  }

  /** What is to be done now. */
  take(now: Millis): readonly SyncAction[] {
    for (const peer of this.#touched) {
      // To a child that was given up nothing is sent again and again: it speaks first.
      if (!peer.isSpokenTo) {
        this.#restless.delete(peer);
        continue;
      }
      peer.flush(now, this.#actions);
      if (peer.peerIs === 'parent') continue;
      if (peer.link.wake === Number.POSITIVE_INFINITY) this.#restless.delete(peer);
      else {
        this.#restless.add(peer);
        this.#restlessAt = Math.min(this.#restlessAt, peer.link.wake);
      }
    }
    this.#touched.clear();
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  // --- between them ----------------------------------------------------------------------------------------------------------

  /** Opens what came by whichever session it is of; its updates go to the core. */
  #whose(bytes: Uint8Array, back: { readonly udp: Address } | { readonly stream: StreamId }, now: Millis, known?: Peer): Whose {
    const sid = this.#options.peekSid(bytes);
    const candidates = sid === undefined ? [] : this.#candidates(sid, now, known);
    for (const peer of candidates) {
      if (peer.gone) continue;
      const received = peer.receive(bytes, 'udp' in back ? 'udp' : 'stream', now);
      if (received === 'none') continue;
      if (received === 'stale') {
        peer.enlighten(back, now, this.#actions);
        return 'stale';
      }
      this.#touch(peer);
      if (peer.peerIs === 'parent') this.uplink?.heard(now);
      else this.children?.heard(peer, now);
      for (const update of received) this.#pass(peer, update);
      const said = peer.link.farewell;
      if (said !== undefined) this.#farewell(peer, said, now);
      return peer;
    }
    if (candidates.length === 0) this.figures.unknown++;
    return undefined;
  }

  #candidates(sid: number, now: Millis, known: Peer | undefined): readonly Peer[] {
    if (known?.sid === sid) return [known];
    const parent = this.uplink?.peer;
    if (parent?.sid === sid) return [parent, ...(this.children?.candidates(sid, now) ?? [])];
    return this.children?.candidates(sid, now) ?? [];
  }

  #pass(peer: Peer, update: Update): void {
    const { snapshot: all, items } = update;
    const number = ++this.#passes;
    this.#passed.set(number, { peer, number: update.number });
    const event: SyncEvent =
      peer.peerIs === 'parent'
        ? { type: 'told', parent: peer.id, all, items, peer: peer.id, number }
        : { type: 'reported', host: peer.id, term: peer.term, all, items, peer: peer.id, number };
    this.#actions.push({ type: 'event', event });
  }

  #farewell(peer: Peer, why: string, now: Millis): void {
    if (peer.peerIs === 'parent' && peer === this.uplink?.peer) this.uplink.bye(why, now);
    else if (peer.peerIs === 'child' && this.children?.peers.get(peer.id) === peer) this.children.left(peer);
  }
}
