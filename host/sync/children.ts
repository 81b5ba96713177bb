/** This host as a parent: the sessions of its children, who is silent, who is asked, who has gone. */
import type { Effect } from '../core/effect.ts';
import type { Millis, NodeId } from '../core/record.ts';
import type { World } from '../core/world.ts';
import type { Address } from './actions.ts';
import { Peer } from './peer.ts';
import type { Parts } from './shared.ts';

type Of<T extends Effect['type']> = Extract<Effect, { type: T }>;

/** What every session of a child is made from: nothing of it is stored but one master key. */
export interface SessionKeys {
  secretOf(node: NodeId, term: number): Uint8Array;
  sidOf(node: NodeId, term: number): number;
}

/** What a child's host says of itself at the door. */
export interface ChildHost {
  readonly generation: number;
  /** Where it can be connected to, for a probe. */
  readonly listens?: Address | undefined;
}

/** How often the silent are looked for. */
const SWEEP = 1_000;

export class Children {
  readonly peers = new Map<NodeId, Peer>();
  readonly #parts: Parts;
  readonly #keys: SessionKeys;
  /** Sessions that may come back: told apart by the first bytes of a datagram. */
  readonly #bySid = new Map<number, NodeId[]>();
  /** core/sync steps that are under way: for the sessions that begin meanwhile. */
  readonly #awaited = new Map<NodeId, { readonly run: number; readonly until: Millis }>();
  #sweepAt: Millis = 0;

  constructor(parts: Parts, keys: SessionKeys) {
    this.#parts = parts;
    this.#keys = keys;
  }

  get #world(): World {
    return this.#parts.world;
  }

  /** After a start: the sessions that the book remembers go on when they are heard. */
  remember(): void {
    for (const node of this.#world.nodes.values()) {
      const { key } = node.book;
      if (key && node.id !== this.#world.self) this.#expect(node.id, key.term);
    }
  }

  #expect(node: NodeId, term: number): void {
    const sid = this.#keys.sidOf(node, term);
    const nodes = this.#bySid.get(sid) ?? [];
    if (!nodes.includes(node)) this.#bySid.set(sid, [...nodes, node]);
  }

  /** The core has admitted it: what its host is given, and the link that waits for it. */
  admit(node: NodeId, term: number, host: ChildHost, now: Millis): { readonly sid: number; readonly secret: Uint8Array } {
    const before = this.peers.get(node);
    if (before) this.drop(before, now, undefined);
    this.#expect(node, term);
    const peer = this.#make(node, term, now, host.generation);
    if (host.listens) peer.listens = host.listens;
    return { sid: peer.sid, secret: this.#keys.secretOf(node, term) };
  }

  #make(node: NodeId, term: number, now: Millis, peerGeneration = 0): Peer {
    const sid = this.#keys.sidOf(node, term);
    const seal = this.#parts.seal({ secret: this.#keys.secretOf(node, term), sid, side: 'parent', peerGeneration });
    const boot = this.#world.nodes.get(node)?.book.key?.boot ?? '';
    const { settings, generation, random } = this.#parts;
    const peer = new Peer({ id: node, term, sid, boot, seal, peerIs: 'child', settings, generation, now, random });
    this.peers.set(node, peer);
    this.#parts.scope.begin(peer);
    const awaited = this.#awaited.get(node);
    const isUnderWay = awaited && this.#world.nodes.get(node)?.flight('core/sync')?.run === awaited.run;
    if (isUnderWay && awaited.until > now) peer.link.offer(node, '@sync', awaited.run);
    return peer;
  }

  /** Whose session this is; the links of remembered ones are made when they are first heard. */
  candidates(sid: number, now: Millis): readonly Peer[] {
    const nodes = this.#bySid.get(sid);
    if (!nodes) return [];
    const peers: Peer[] = [];
    for (const node of nodes) {
      const key = this.#world.nodes.get(node)?.book.key;
      const known = this.peers.get(node);
      if (key && known?.sid === sid && known.term === key.term) peers.push(known);
      else if (key && this.#keys.sidOf(node, key.term) === sid) peers.push(this.#make(node, key.term, now));
    }
    return peers;
  }

  /** A word of it came. */
  heard(peer: Peer, now: Millis): void {
    this.#endDoubt(peer);
    for (const _ of peer.probes.splice(0)) this.#parts.event({ type: 'probed', node: peer.id, answered: true });
    if (peer.live) return;
    peer.live = true;
    peer.since = now;
    if (peer.forgotten) peer.link.distrust(now);
    peer.forgotten = false;
    this.#parts.event({
      type: 'observed',
      service: 'core',
      items: [{ node: peer.id, values: {}, heard: 'hello', session: { boot: peer.boot, live: true } }],
    });
  }

  has(peer: Peer): boolean {
    return this.peers.get(peer.id) === peer;
  }

  /** Its connection has ended: its process may have. */
  streamEnded(peer: Peer, now: Millis): void {
    if (peer.live) this.#doubt(peer, now);
  }

  /** It is asked on every way whether it lives. */
  #doubt(peer: Peer, now: Millis): void {
    if (peer.doubt) return;
    peer.doubt = { since: now, until: now + this.#parts.settings.probe, refused: 0, stream: undefined };
    peer.link.greet(now);
    this.#dial(peer);
  }

  #dial(peer: Peer): void {
    if (peer.doubt && peer.listens) peer.doubt.stream = this.#parts.dial(peer, peer.listens);
  }

  /** The connection of a probe could not be made: refused means that no process is there, or that it is being started again. */
  dialFailed(peer: Peer, why: string, now: Millis): void {
    const { doubt } = peer;
    if (!doubt) return;
    doubt.stream = undefined;
    if (why !== 'refused') return;
    doubt.refused++;
    const { probe, probeTries } = this.#parts.settings;
    if (doubt.refused >= probeTries && now - doubt.since >= probe) this.#end(peer, now);
    else this.#parts.later(now + Math.ceil(probe / (probeTries - 1)), () => peer.doubt === doubt && this.#dial(peer));
  }

  #endDoubt(peer: Peer): void {
    if (peer.doubt?.stream !== undefined && peer.doubt.stream !== peer.stream) this.#parts.hangUp(peer.doubt.stream);
    peer.doubt = undefined;
  }

  /** Dead: nothing else is believed of it until it comes again. */
  #end(peer: Peer, _now: Millis): void {
    this.#endDoubt(peer);
    peer.live = false;
    peer.forgotten = true;
    this.#parts.event({
      type: 'observed',
      service: 'core',
      items: [{ node: peer.id, values: {}, session: { boot: peer.boot, live: false } }],
    });
  }

  /** Its host goes by its own will, to another parent as a rule: no death. */
  left(peer: Peer): void {
    this.#endDoubt(peer);
    peer.gone = true;
    if (!peer.live) return;
    peer.live = false;
    peer.forgotten = true;
    this.#parts.event({
      type: 'observed',
      service: 'core',
      items: [{ node: peer.id, values: {}, session: { boot: peer.boot, live: false, left: true } }],
    });
  }

  /** The session is not good any more; without a why another has taken its place, which its host knows: a farewell would make it ask again. */
  drop(peer: Peer, now: Millis, why: string | undefined): void {
    if (why !== undefined) {
      peer.link.bye(why);
      this.#parts.flush(peer, now);
    }
    this.#endDoubt(peer);
    // Whoever asked whether it lives is not answered by the silence of the session before.
    for (const _ of peer.probes.splice(0)) this.#parts.event({ type: 'probed', node: peer.id, answered: why === undefined });
    if (peer.stream !== undefined) this.#parts.hangUp(peer.stream);
    peer.gone = true;
    if (this.peers.get(peer.id) === peer) this.peers.delete(peer.id);
    const nodes = this.#bySid.get(peer.sid)?.filter((node) => node !== peer.id) ?? [];
    if (nodes.length > 0) this.#bySid.set(peer.sid, nodes);
    else this.#bySid.delete(peer.sid);
  }

  /** Keys that were revoked or replaced, nodes that are gone or attached elsewhere: their sessions end. */
  check(node: NodeId, now: Millis): void {
    const peer = this.peers.get(node);
    const known = this.#world.nodes.get(node);
    const key = known?.book.key;
    if (known && key && !peer) this.#expect(node, key.term);
    if (!peer) return;
    if (!known) this.drop(peer, now, 'this node is not known here any more');
    else if (key?.term !== peer.term) this.drop(peer, now, key ? undefined : 'its key is not good any more, or it is with another host');
  }

  /** A step of the core for the nodes' own hosts. Taken at once; done when their hosts say so. */
  run({ run, mutation, deadline, nodes }: Of<'run'>): void {
    if (mutation === 'core/sync') {
      for (const { id } of nodes) {
        // Its host may come with a new boot, and so in another session than the one that is known.
        this.#awaited.set(id, { run, until: deadline });
        this.peers.get(id)?.link.offer(id, '@sync', run);
      }
    }
    const own = mutation === 'core/quiesce' ? nodes.filter(({ id }) => id === this.#world.self) : [];
    const observed = own.map(({ id }) => ({ node: id, values: { '/runState': 'INIT' } }));
    this.#parts.event({ type: 'ran', run, observed, failed: [] });
  }

  probe({ node, timeout }: Of<'probe'>, now: Millis): void {
    const peer = this.peers.get(node);
    if (!peer) {
      this.#parts.event({ type: 'probed', node, answered: false });
      return;
    }
    peer.probes.push({ until: now + timeout });
    peer.link.greet(now);
    if (peer.stream === undefined && !peer.doubt) this.#doubt(peer, now);
    this.#parts.later(now + timeout, (then) => {
      // One that was asked later, after an answer, still has its time.
      if (!peer.probes.some(({ until }) => until <= then)) return;
      peer.probes.length = 0;
      this.#parts.event({ type: 'probed', node, answered: false });
      peer.live = false;
      peer.forgotten = true;
    });
  }

  tick(now: Millis): void {
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + SWEEP;
    const { dead, probe } = this.#parts.settings;
    for (const peer of this.peers.values()) {
      if (!peer.live) continue;
      const { doubt } = peer;
      const silent = now - Math.max(peer.link.heardAt, peer.since) >= dead;
      if (!doubt && silent) this.#doubt(peer, now);
      else if (doubt && now >= doubt.until) {
        if (silent && now >= doubt.since + probe) this.#end(peer, now);
        else if (doubt.refused === 0) this.#endDoubt(peer);
      }
    }
    for (const [node, { until }] of this.#awaited) if (until <= now) this.#awaited.delete(node);
  }

  get wake(): Millis {
    return this.peers.size > 0 ? this.#sweepAt : Number.POSITIVE_INFINITY;
  }
}
