/**
 * This host as a child: it looks for a parent, holds on to it, notices when it is gone, tries the others in their order,
 * and goes back to a better one that has been there for a while. Meanwhile the node runs on with its last cfg.
 */
import type { Millis, NodeId } from '../core/record.ts';
import type { Address, EnrolOutcome } from './actions.ts';
import { sameAddress, text } from './addresses.ts';
import { Feeler } from './feeler.ts';
import { Peer } from './peer.ts';
import { type SavedUplink, Search } from './search.ts';
import type { Parts } from './shared.ts';

export type UplinkState = 'enrolling' | 'connected' | 'doubtful' | 'waiting';

/** The longest pause before a tether is tried again, where datagrams get through. */
const TETHER_MOST = 10_000;
/** What is given at the door only is not asked for again before. */
const RENEW = 10 * 60_000;

export class Uplink {
  peer: Peer | undefined;
  state: UplinkState = 'waiting';
  since: Millis;
  /** Why it is not connected, for people. */
  why: string | undefined;
  readonly #parts: Parts;
  readonly #search: Search;
  #saved: SavedUplink | undefined;
  #dialing = false;
  #renewAt: Millis = 0;
  /** Connections that were refused, or hung up without a word, in this doubt. */
  #tries = 0;
  #doubtUntil: Millis = 0;
  readonly #feeler: Feeler;

  constructor(parts: Parts, parents: readonly Address[], saved: SavedUplink | undefined, now: Millis) {
    this.#parts = parts;
    this.#search = new Search(parts, parents);
    this.#saved = saved;
    this.since = now;
    this.#feeler = new Feeler((to) => parts.feel(to), parts.settings.steady);
  }

  /** Goes on with the session of before this process, else enrols. */
  start(now: Millis): void {
    this.#parts.event({ type: 'uplink', connected: false });
    const saved = this.#saved;
    if (saved && this.#search.parents.some((address) => sameAddress(address, saved.address))) {
      this.#begin(saved, now);
      this.#doubt(now, 'this host was started anew');
    } else this.#seek(now);
  }

  /** Of the parent, or where it is looked for. */
  get name(): string {
    return this.#saved?.admission.parentName ?? this.#search.parents.map(text).join(', ');
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
    this.#search.knows(saved);
    this.#parts.scope.begin(this.peer);
  }

  /** The answer from the door. */
  enrolled(attempt: number, outcome: EnrolOutcome, now: Millis): void {
    const goesOn = this.state !== 'connected';
    const saved = this.#search.answered(attempt, outcome, goesOn, now);
    if (saved) this.#admitted(saved, now);
    else if (goesOn) this.#waits(now);
  }

  /** Between two rounds, or in one. */
  #waits(now: Millis): void {
    if (this.state === 'doubtful') return;
    this.#set(this.#search.retryAt === Number.POSITIVE_INFINITY ? 'enrolling' : 'waiting', now, this.#search.why);
  }

  /** Asks the parent for what it gives at the door only: a certificate, for children that this host has now. */
  renew(now: Millis): void {
    const address = this.#saved?.address;
    if (this.state !== 'connected' || !address || now < this.#renewAt) return;
    this.#renewAt = now + RENEW;
    this.#search.ask(address);
  }

  #admitted(saved: SavedUplink, now: Millis): void {
    const { world } = this.#parts;
    const { above, parent, parentName } = saved.admission;
    const loop = [parent, ...above].find((id) => id === world.self || (world.nodes.has(id) && id !== world.self));
    if (loop !== undefined) {
      this.#search.fails(
        saved.address,
        'error',
        `it is a loop: ${parentName} is below this host already; correct the parents of both`,
        now,
      );
      this.#search.skip(now);
      return this.#waits(now);
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
    this.#search.end();
    this.#tries = 0;
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
    const pause = Math.min(retryMost, TETHER_MOST) * (0.8 + 0.4 * this.#parts.random());
    if (this.state === 'connected') this.#parts.later(now + Math.round(pause), () => this.#tether());
  }

  #lost(now: Millis, why: string): void {
    if (this.peer) this.peer.live = false;
    this.#set('waiting', now, `${text(this.#saved?.address)}: ${why}`);
    this.#parts.act({ type: 'log', level: 'warn', message: `the parent ${this.why}; this host runs on with its last cfg` });
    this.#seek(now);
  }

  #seek(now: Millis): void {
    this.#search.begin(this.#saved?.address, now);
    this.#waits(now);
  }

  /** Said on every way, and taken once. */
  bye(why: string, now: Millis): void {
    if (!this.peer || this.peer.gone) return;
    this.peer.gone = true;
    this.#lost(now, `it says: ${why}`);
  }

  tick(now: Millis): void {
    const { dead } = this.#parts.settings;
    const heardAt = this.peer ? Math.max(this.peer.link.heardAt, this.peer.since) : now;
    if (this.state === 'connected' && now - heardAt >= (this.#saved?.admission.dead ?? dead)) this.#doubt(now, 'it is silent');
    else if (this.state === 'doubtful' && now >= this.#doubtUntil) this.#judge(heardAt, now);
    if (now >= this.#search.retryAt) this.#seek(now);
    this.#feel(now);
  }

  /** A connection that opens, and nobody who knows this session; or no way there at all. */
  #judge(heardAt: Millis, now: Millis): void {
    const { dead, probe } = this.#parts.settings;
    const isConnected = this.peer?.stream !== undefined;
    const isSilent = now - heardAt >= (this.#saved?.admission.dead ?? dead);
    if (isConnected || isSilent || !this.peer?.live) {
      this.#lost(now, isConnected && !isSilent ? 'it does not know this session any more' : 'it does not answer');
      return;
    }
    this.#doubtUntil = now + probe;
    this.peer?.link.greet(now);
    this.#tether();
  }

  /** A better parent that can be connected to for a while on end is moved back to. */
  #feel(now: Millis): void {
    const best = this.#search.order(now)[0];
    const isElsewhere = this.state === 'connected' && best !== undefined && !sameAddress(best, this.#saved?.address);
    const move = this.#feeler.tick(isElsewhere ? best : undefined, now);
    if (move) this.#search.ask(move);
  }

  /** A feeler's connection: somebody listens there, or nobody does. */
  felt(stream: number, listens: boolean, now: Millis): void {
    this.#feeler.felt(stream, listens, now);
  }

  get wake(): Millis {
    const own = [this.#search.retryAt, this.peer?.link.wake ?? Number.POSITIVE_INFINITY];
    if (this.state === 'doubtful') own.push(this.#doubtUntil);
    if (this.state === 'connected' && this.peer)
      own.push(Math.max(this.peer.link.heardAt, this.peer.since) + (this.#saved?.admission.dead ?? this.#parts.settings.dead));
    if (this.state === 'connected' && this.#search.parents.length > 1) own.push(this.#feeler.wake);
    return Math.min(...own);
  }
}
