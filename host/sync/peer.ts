/** One neighbour in one session: its link, the seal on what is said, and the ways that lead there. */
import type { Millis, NodeId } from '../core/record.ts';
import type { Address, StreamId, SyncAction } from './actions.ts';
import { MalformedError } from './codec.ts';
import { Link } from './link.ts';
import type { Update } from './messages.ts';
import type { SyncSettings } from './settings.ts';

/** What `Seal` of seal.ts is; the sync layer itself does no cryptography. */
export interface SealLike {
  seal(body: Uint8Array): Uint8Array;
  open(
    datagram: Uint8Array,
  ):
    | { readonly kind: 'body'; readonly body: Uint8Array; readonly restarted: boolean }
    | { readonly kind: 'stale' }
    | { readonly kind: 'forged' | 'replayed' };
}

export interface PeerOptions {
  readonly id: NodeId;
  readonly term: number;
  readonly sid: number;
  readonly boot: string;
  readonly seal: SealLike;
  readonly peerIs: 'parent' | 'child';
  readonly settings: SyncSettings;
  readonly generation: number;
  readonly now: Millis;
  readonly random: () => number;
}

/** Bytes a second, over the last half minute or so. */
const RATE_WINDOW = 30_000;
const ENLIGHTEN = 200;

export class Peer {
  readonly id: NodeId;
  readonly term: number;
  readonly sid: number;
  /** The boot of the child's host; the parent's is of no concern. */
  readonly boot: string;
  readonly link: Link;
  readonly peerIs: 'parent' | 'child';
  /** Where its datagrams come from; where its host listens. */
  udp: Address | undefined;
  listens: Address | undefined;
  stream: StreamId | undefined;
  /** Heard in this session, and not given up since. */
  live = false;
  since: Millis;
  /** It has said that it goes, or was told to: whatever still comes of this session is late. */
  gone = false;
  /** It was held for dead, and what it had said forgotten. */
  forgotten = false;
  /** It is being asked whether it lives: until when, and how often its connection was refused. */
  doubt: { readonly since: Millis; until: Millis; refused: number; stream: StreamId | undefined } | undefined;
  /** Questions of the core, answered by the next word from there. */
  readonly probes: { readonly until: Millis }[] = [];
  readonly figures = { forged: 0, replayed: 0, malformed: 0, refused: 0, in: 0, out: 0 };
  readonly #seal: SealLike;
  readonly #begun: Millis;
  #enlightenedAt: Millis = Number.NEGATIVE_INFINITY;
  /** Since somebody asks for it. */
  #rate: { at: Millis; in: number; out: number; inPerSecond: number; outPerSecond: number } | undefined;

  constructor(options: PeerOptions) {
    const { id, term, sid, boot, seal, peerIs, settings, generation, now, random } = options;
    this.id = id;
    this.term = term;
    this.sid = sid;
    this.boot = boot;
    this.peerIs = peerIs;
    this.since = now;
    this.#seal = seal;
    this.#begun = now;
    this.link = new Link({ settings, peerIs, run: generation, now, random });
  }

  /** A parent always; a child while it lives, or is asked whether it does. */
  get isSpokenTo(): boolean {
    return this.peerIs === 'parent' || (!this.gone && (this.live || this.doubt !== undefined || this.probes.length > 0));
  }

  /**
   * Opens what came. `none`: not from this peer's hands, or not for the first time; `stale`: from its hands, but of before our
   * restart, so that it proves nothing of now and is only answered. Else the updates in it, to be taken.
   */
  receive(bytes: Uint8Array, path: 'udp' | 'stream', now: Millis): readonly Update[] | 'stale' | 'none' {
    const opened = this.#seal.open(bytes);
    switch (opened.kind) {
      case 'forged':
      case 'replayed':
        this.figures[opened.kind]++;
        return 'none';
      case 'stale':
        return 'stale';
      case 'body':
        break;
      default:
        opened satisfies never;
        return 'none';
    }
    this.figures.in += bytes.length;
    if (opened.restarted) this.link.peerRestarted(now);
    try {
      return this.link.receive(opened.body, path, now);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.figures.malformed++;
      return [];
    }
  }

  /** It does not know yet that we have started anew: told there where it came from, and not oftener than a few times a second. */
  enlighten(back: { readonly udp: Address } | { readonly stream: StreamId }, now: Millis, actions: SyncAction[]): void {
    if (now < this.#enlightenedAt + ENLIGHTEN) return;
    this.#enlightenedAt = now;
    this.link.greet(now);
    for (const { path, bytes } of this.link.drain(now)) {
      if (path !== 'udp') continue;
      const sealed = this.#seal.seal(bytes);
      this.figures.out += sealed.length;
      if ('udp' in back) actions.push({ type: 'datagram', to: back.udp, bytes: sealed });
      else actions.push({ type: 'frame', stream: back.stream, bytes: sealed });
    }
  }

  /** Puts what is due on its ways. */
  flush(now: Millis, actions: SyncAction[]): void {
    if (!this.udp && this.stream === undefined) return;
    for (const { path, bytes } of this.link.drain(now)) {
      const sealed = this.#seal.seal(bytes);
      if (path === 'udp' && this.udp) actions.push({ type: 'datagram', to: this.udp, bytes: sealed });
      else if (path === 'stream' && this.stream !== undefined) actions.push({ type: 'frame', stream: this.stream, bytes: sealed });
      else continue;
      this.figures.out += sealed.length;
    }
  }

  /** The connection to go on with; the one before it is returned, to be hung up. */
  attach(stream: StreamId, now: Millis): StreamId | undefined {
    if (this.stream === stream) return undefined;
    const before = this.stream;
    if (before !== undefined) this.link.streamClosed(now);
    this.stream = stream;
    this.link.streamOpened(now);
    return before;
  }

  detach(now: Millis): void {
    if (this.stream === undefined) return;
    this.stream = undefined;
    this.link.streamClosed(now);
  }

  rates(now: Millis): { readonly inPerSecond: number; readonly outPerSecond: number } {
    const rate = this.#rate ?? { at: this.#begun, in: 0, out: 0, inPerSecond: 0, outPerSecond: 0 };
    const time = now - rate.at;
    if (time >= RATE_WINDOW || rate.inPerSecond === 0) {
      const seconds = Math.max(1, time / 1000);
      const inPerSecond = (this.figures.in - rate.in) / seconds;
      const outPerSecond = (this.figures.out - rate.out) / seconds;
      if (time < RATE_WINDOW) return { inPerSecond, outPerSecond };
      this.#rate = { at: now, in: this.figures.in, out: this.figures.out, inPerSecond, outPerSecond };
      return this.#rate;
    }
    return rate;
  }
}
