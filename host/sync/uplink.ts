/**
 * This host as a child: it looks for a parent, holds on to it, notices when it is gone, tries the others in their order,
 * and goes back to a better one that has been there for a while. Meanwhile the node runs on with its last cfg.
 */
import type { Millis, NodeId } from '../core/record.ts';
import type { Address, Admission, EnrolOutcome } from './actions.ts';
import { sameAddress, text } from './addresses.ts';
import { Feeler } from './feeler.ts';
import { Peer } from './peer.ts';
import type { Parts } from './shared.ts';

/** What outlives this process, but not the boot: the admission, and by which of the parents. */
export interface SavedUplink {
  readonly address: Address;
  readonly admission: Admission;
}

export type UplinkState = 'enrolling' | 'connected' | 'doubtful' | 'waiting';

/** The longest pause before a tether is tried again, where datagrams get through. */
const TETHER_MOST = 10_000;

export class Uplink {
  peer: Peer | undefined;
  state: UplinkState = 'waiting';
  since: Millis;
  /** Why it is not connected, for people. */
  why: string | undefined;
  readonly #parts: Parts;
  readonly #parents: readonly Address[];
  /** Ids by address, learnt at the door. */
  readonly #ids = new Map<string, NodeId>();
  #saved: SavedUplink | undefined;
  #attempt = 0;
  /** Questions at doors that are not answered yet. */
  readonly #asked = new Map<number, Address>();
  #dialing = false;
  #tries = 0;
  /** Who is asked in this round, the next first. */
  #round: Address[] = [];
  #retryAt: Millis = Number.POSITIVE_INFINITY;
  #pause: Millis;
  #doubtUntil: Millis = 0;
  readonly #feeler: Feeler;

  constructor(parts: Parts, parents: readonly Address[], saved: SavedUplink | undefined, now: Millis) {
    this.#parts = parts;
    this.#parents = parents;
    this.#saved = saved;
    this.since = now;
    this.#pause = parts.settings.retryFirst;
    this.#feeler = new Feeler((to) => parts.feel(to), parts.settings.steady);
  }

  /** Goes on with the session of before this process, else enrols. */
  start(now: Millis): void {
    this.#parts.event({ type: 'uplink', connected: false });
    const saved = this.#saved;
    if (saved && this.#parents.some((address) => sameAddress(address, saved.address))) {
      this.#begin(saved, now);
      this.#doubt(now, 'this host was started anew');
    } else this.#seek(now);
  }

  /** Of the parent, or where it is looked for. */
  get name(): string {
    return this.#saved?.admission.parentName ?? this.#parents.map(text).join(', ');
  }

  /** The parent, and the hosts above it; the nearest first. */
  get above(): readonly NodeId[] {
    const { admission } = this.#saved ?? {};
    return admission ? [admission.parent, ...admission.above] : [];
  }

  #set(state: UplinkState, now: Millis, why?: string): void {
    const was = this.state === 'connected' || this.state === 'doubtful';
    const is = state === 'connected' || (state === 'doubtful' && was);
    this.state = state;
    this.since = now;
    this.why = why;
    if (is !== was || (is && state === 'connected'))
      this.#parts.event({ type: 'uplink', connected: is, ...(is ? { above: this.above } : {}) });
  }

  /** A session with this parent: the link that reports to it. */
  #begin(saved: SavedUplink, now: Millis): void {
    const { admission, address } = saved;
    const { secret, sid, term, parent } = admission;
    const seal = this.#parts.seal({ secret, sid, side: 'child', peerGeneration: admission.generation });
    const settings = { ...this.#parts.settings, hello: admission.hello, dead: admission.dead };
    const { generation, random, boot } = this.#parts;
    this.#dialing = false;
    this.peer = new Peer({ id: parent, term, sid, boot, seal, peerIs: 'parent', settings, generation, now, random });
    this.peer.udp = address;
    this.#saved = saved;
    this.#ids.set(text(address), parent);
    this.#parts.scope.begin(this.peer);
  }

  /** The answer from the door. */
  enrolled(attempt: number, outcome: EnrolOutcome, now: Millis): void {
    const address = this.#asked.get(attempt);
    this.#asked.delete(attempt);
    if (!address) return;
    // Even where it is not waited for any more: the session before it has ended there.
    const isNewer = outcome.kind === 'admitted' && outcome.admission.term > (this.#saved?.admission.term ?? 0);
    if (outcome.kind === 'admitted' && isNewer) return this.#admitted({ address, admission: outcome.admission }, now);
    if (attempt !== this.#attempt || this.#round.shift() === undefined || outcome.kind === 'admitted') return;
    this.why = `${text(address)}: ${outcome.why}`;
    if (outcome.kind === 'reboot') this.#parts.act({ type: 'reboot', why: outcome.why });
    const level = outcome.kind === 'untrusted' || outcome.kind === 'no' ? 'error' : 'warn';
    this.#parts.act({ type: 'log', level, message: `the parent ${text(address)} does not take this host: ${outcome.why}` });
    this.#next(now);
  }

  #admitted(saved: SavedUplink, now: Millis): void {
    const { world } = this.#parts;
    const { above, parent, parentName } = saved.admission;
    const loop = [parent, ...above].find((id) => id === world.self || (world.nodes.has(id) && id !== world.self));
    if (loop !== undefined) {
      this.why = `${text(saved.address)}: it is a loop: ${parentName} is below this host already`;
      this.#parts.act({ type: 'log', level: 'error', message: `${this.why}; check the parents of both hosts` });
      return this.#next(now);
    }
    if (this.peer) this.#leave(this.peer, now, `moved to ${parentName}`);
    this.#begin(saved, now);
    this.#settle(now);
    this.#parts.act({
      type: 'log',
      level: 'info',
      message: `connected to ${parentName} (${text(saved.address)}), admission ${saved.admission.term}`,
    });
  }

  #leave(peer: Peer, now: Millis, why: string): void {
    peer.link.bye(why);
    this.#parts.flush(peer, now);
    if (peer.stream !== undefined) this.#parts.hangUp(peer.stream);
    this.peer = undefined;
  }

  /** Opens the connection that carries bulk and whose end is noticed at once. */
  #tether(): void {
    const to = this.#saved?.address;
    if (!this.peer || !to || this.peer.stream !== undefined || this.#dialing) return;
    this.#dialing = true;
    this.#parts.dial(this.peer, to);
  }

  /** A word of the parent came. */
  heard(now: Millis): void {
    if (!this.peer) return;
    if (!this.peer.live) {
      this.peer.live = true;
      this.peer.since = now;
    }
    if (this.state !== 'connected') this.#settle(now);
  }

  /** Found: nobody else is looked for. */
  #settle(now: Millis): void {
    this.#attempt++;
    this.#round = [];
    this.#tries = 0;
    this.#pause = this.#parts.settings.retryFirst;
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#set('connected', now);
    this.#tether();
  }

  has(peer: Peer): boolean {
    return this.peer === peer;
  }

  streamEnded(peer: Peer, now: Millis): void {
    if (this.state === 'connected') this.#doubt(now, 'its connection has ended');
    // Taken and hung up without a word: nobody there knows this session.
    else if (this.state === 'doubtful') this.dialFailed(peer, 'refused', now);
  }

  #doubt(now: Millis, why: string): void {
    this.#tries = 0;
    this.#doubtUntil = now + this.#parts.settings.probe;
    this.#set('doubtful', now, why);
    this.peer?.link.greet(now);
    this.#tether();
  }

  dialed(): void {
    this.#dialing = false;
  }

  dialFailed(_peer: Peer, why: string, now: Millis): void {
    this.#dialing = false;
    const { probe, probeTries, retryMost } = this.#parts.settings;
    if (why === 'refused' && this.state === 'doubtful') {
      if (++this.#tries >= probeTries) return this.#lost(now, 'its connection is refused');
      this.#parts.later(now + Math.ceil(probe / probeTries), () => this.state === 'doubtful' && this.#tether());
      return;
    }
    // Datagrams may go through where connections do not: the tether is tried again, seldom.
    if (this.state === 'connected') this.#parts.later(now + this.#jitter(Math.min(retryMost, TETHER_MOST)), () => this.#tether());
  }

  #lost(now: Millis, why: string): void {
    if (this.peer) this.peer.live = false;
    this.#set('waiting', now, `${text(this.#saved?.address)}: ${why}`);
    this.#parts.act({ type: 'log', level: 'warn', message: `the parent ${this.why}; this host runs on with its last cfg` });
    this.#seek(now);
  }

  /** All parents once: the others first, in their order, then the one that was lost. */
  #seek(now: Millis): void {
    const lost = this.#saved?.address;
    const order = this.#preference();
    this.#round = [...order.filter((one) => !sameAddress(one, lost)), ...order.filter((one) => sameAddress(one, lost))];
    this.#next(now, true);
  }

  #next(now: Millis, first = false): void {
    const to = this.#round[0];
    if (to === undefined) {
      if (this.state === 'connected') return;
      this.#retryAt = now + this.#jitter(this.#pause);
      this.#pause = Math.min(this.#parts.settings.retryMost, this.#pause * 2);
      if (!first) this.#set('waiting', now, this.why);
      return;
    }
    if (this.state !== 'connected') this.#set('enrolling', now, this.why);
    this.#enrol(to);
  }

  #enrol(to: Address): void {
    const { world } = this.#parts;
    const term = Math.max(this.#saved?.admission.term ?? 0, world.nodes.get(world.self)?.book.key?.term ?? 0);
    this.#asked.set(++this.#attempt, to);
    this.#parts.act({ type: 'enrol', request: { attempt: this.#attempt, to, node: world.self, term, runs: this.#parts.runs() } });
  }

  /** The parent that cfg names comes first, where its address is known; then as they were given. */
  #preference(): readonly Address[] {
    const { world } = this.#parts;
    const cfg = world.nodes.get(world.self)?.cfg;
    const wanted = [cfg?.['parentId'], ...(Array.isArray(cfg?.['parents']) ? cfg['parents'] : [])];
    const rank = (address: Address): number => {
      const at = wanted.indexOf(this.#ids.get(text(address)) ?? '?');
      return at < 0 ? wanted.length : at;
    };
    return [...this.#parents].sort((a, b) => rank(a) - rank(b));
  }

  bye(why: string, now: Millis): void {
    this.#lost(now, `it says: ${why}`);
  }

  tick(now: Millis): void {
    const { dead } = this.#parts.settings;
    const heardAt = this.peer ? Math.max(this.peer.link.heardAt, this.peer.since) : now;
    if (this.state === 'connected' && now - heardAt >= (this.#saved?.admission.dead ?? dead)) this.#doubt(now, 'it is silent');
    else if (this.state === 'doubtful' && now >= this.#doubtUntil) this.#judge(heardAt, now);
    if (now >= this.#retryAt) {
      this.#retryAt = Number.POSITIVE_INFINITY;
      this.#seek(now);
    }
    this.#feel(now);
  }

  /** A connection that opens, and nobody who knows this session; or no way there at all. */
  #judge(heardAt: Millis, now: Millis): void {
    const { dead, probe } = this.#parts.settings;
    const unknownThere = this.peer?.stream !== undefined;
    if (unknownThere || now - heardAt >= (this.#saved?.admission.dead ?? dead) + probe || !this.peer?.live) {
      this.#lost(now, unknownThere ? 'it does not know this session any more' : 'it does not answer');
      return;
    }
    this.#doubtUntil = now + probe;
    this.peer?.link.greet(now);
    this.#tether();
  }

  /** A better parent that can be connected to for a while on end is moved back to. */
  #feel(now: Millis): void {
    const best = this.#preference()[0];
    const isElsewhere = this.state === 'connected' && best !== undefined && !sameAddress(best, this.#saved?.address);
    const move = this.#feeler.tick(isElsewhere ? best : undefined, now);
    if (!move) return;
    this.#round = [move];
    this.#enrol(move);
  }

  /** A feeler's connection: somebody listens there, or nobody does. */
  felt(stream: number, listens: boolean, now: Millis): void {
    this.#feeler.felt(stream, listens, now);
  }

  get wake(): Millis {
    const own = [this.#retryAt, this.peer?.link.wake ?? Number.POSITIVE_INFINITY];
    if (this.state === 'doubtful') own.push(this.#doubtUntil);
    if (this.state === 'connected' && this.peer)
      own.push(Math.max(this.peer.link.heardAt, this.peer.since) + (this.#saved?.admission.dead ?? this.#parts.settings.dead));
    if (this.state === 'connected' && this.#parents.length > 1) own.push(this.#feeler.wake);
    return Math.min(...own);
  }

  #jitter(time: Millis): Millis {
    return Math.round(time * (0.8 + 0.4 * this.#parts.random()));
  }
}
