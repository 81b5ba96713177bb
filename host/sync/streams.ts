/** The connections of the sync layer: tethers, probes, and feelers that only see whether somebody listens. */
import type { Millis } from '../core/record.ts';
import type { Address, StreamId, SyncAction } from './actions.ts';
import type { Children } from './children.ts';
import type { Peer } from './peer.ts';
import type { Uplink } from './uplink.ts';

/** Who spoke: a neighbour; one that speaks of before our restart; nobody that we know. */
export type Whose = Peer | 'stale' | undefined;

export interface StreamHooks {
  act(action: SyncAction): void;
  whose(stream: StreamId, bytes: Uint8Array, now: Millis, known: Peer | undefined): Whose;
  touch(peer: Peer): void;
  later(at: Millis, run: (now: Millis) => void): void;
  children(): Children | undefined;
  uplink(): Uplink | undefined;
}

interface Stream {
  peer: Peer | undefined;
  readonly feels: boolean;
  open: boolean;
  /** Frames that proved nothing. */
  unproved: number;
}

/** So many frames of before our restart are answered before a connection is closed. */
const UNPROVED_MOST = 3;
/** How long a connection with nothing else may stay. */
const TOLERATED = 5_000;

export class Streams {
  readonly #streams = new Map<StreamId, Stream>();
  readonly #hooks: StreamHooks;
  #next = -1;

  constructor(hooks: StreamHooks) {
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Without a peer it only feels. */
  dial(to: Address, peer?: Peer): StreamId {
    const stream = this.#next--;
    this.#streams.set(stream, { peer, feels: peer === undefined, open: false, unproved: 0 });
    this.#hooks.act({ type: 'dial', stream, to });
    return stream;
  }

  hangUp(stream: StreamId, now: Millis): void {
    const known = this.#streams.get(stream);
    this.#streams.delete(stream);
    if (known?.peer?.stream === stream) known.peer.detach(now);
    this.#hooks.act({ type: 'hangUp', stream });
  }

  /** One that came in is known from here on; one that was dialled is there. */
  opened(stream: StreamId, now: Millis): void {
    const known = this.#streams.get(stream);
    if (!known) {
      this.#streams.set(stream, { peer: undefined, feels: false, open: true, unproved: 0 });
      return;
    }
    known.open = true;
    if (known.feels) {
      this.#hooks.uplink()?.felt(stream, true, now);
      this.hangUp(stream, now);
    } else if (known.peer) {
      if (known.peer === this.#hooks.uplink()?.peer) this.#hooks.uplink()?.dialed();
      this.#attach(known.peer, stream, now);
      known.peer.link.greet(now);
    }
  }

  frame(stream: StreamId, bytes: Uint8Array, now: Millis): void {
    const known = this.#streams.get(stream);
    if (!known) return;
    const whose = this.#hooks.whose(stream, bytes, now, known.peer);
    if (whose === 'stale' && !known.peer && known.unproved++ === 0) return this.#tolerate(stream, now);
    if (whose === undefined || whose === 'stale') {
      if (!known.peer && (whose === undefined || known.unproved > UNPROVED_MOST)) this.hangUp(stream, now);
      return;
    }
    known.peer = whose;
    this.#attach(whose, stream, now);
  }

  closed(stream: StreamId, why: string, now: Millis): void {
    const known = this.#streams.get(stream);
    this.#streams.delete(stream);
    if (!known) return;
    const uplink = this.#hooks.uplink();
    if (known.feels) uplink?.felt(stream, false, now);
    const { peer } = known;
    if (!peer) return;
    const wasTether = peer.stream === stream;
    if (wasTether) peer.detach(now);
    this.#hooks.touch(peer);
    const owner = peer.peerIs === 'parent' ? uplink : this.#hooks.children();
    if (!owner?.has(peer)) return;
    if (wasTether) owner.streamEnded(peer, now);
    else if (!known.open) owner.dialFailed(peer, why, now);
  }

  /** Of a neighbour, but perhaps a recording: it may go on for a moment, in which the neighbour says something of now. */
  #tolerate(stream: StreamId, now: Millis): void {
    if (stream > 0) this.#hooks.act({ type: 'accept', stream });
    this.#hooks.later(now + TOLERATED, (then) => {
      if (this.#streams.get(stream)?.peer === undefined) this.hangUp(stream, then);
    });
  }

  #attach(peer: Peer, stream: StreamId, now: Millis): void {
    if (peer.stream === stream) return;
    const before = peer.attach(stream, now);
    this.#hooks.touch(peer);
    if (stream > 0) this.#hooks.act({ type: 'accept', stream });
    if (before !== undefined) this.hangUp(before, now);
  }
}
