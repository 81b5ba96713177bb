/** What two neighbouring hosts say to each other in a session, decoded. `codec.ts` turns it into bytes, `seal.ts` closes those. */
import type { Item } from '../core/event.ts';

/** The sender's stream and how far it is, and how far the receiver of the other one is. */
export interface Hello {
  readonly kind: 'hello';
  /** The sender's monotonic clock, milliseconds modulo 2^32; and the last one heard on this path with how long it was kept (0 = none). */
  readonly sent: number;
  readonly echo: number;
  readonly kept: number;
  /** It wants to be answered at once. */
  readonly asks: boolean;
  /** The mirror does not agree with the digest, or an update could not be taken: send everything, now. */
  readonly resync: boolean;
  /** Number of the last update that was sent, and the digest of all that was told up to it. */
  readonly head: number;
  readonly digest: number;
  /** Number of the last update that was taken, of the stream with this run. */
  readonly run: number;
  readonly have: number;
}

/** Changes of the map, all of them together; `snapshot`: all of the map, from the update that `begins` to the first without `more`. */
export interface Update {
  readonly kind: 'update';
  /** The sender's generation. */
  readonly run: number;
  /** 1, 2, 3 … in one run. */
  readonly number: number;
  readonly snapshot: boolean;
  readonly begins: boolean;
  readonly more: boolean;
  /** Of all that was told, this update included. */
  readonly digest: number;
  readonly items: readonly Item[];
}

/** Everything up to this number of that run has been taken; `broken`: and nothing will be before a snapshot, which is asked for in time. */
export interface Ack {
  readonly kind: 'ack';
  readonly run: number;
  readonly have: number;
  readonly broken: boolean;
}

/** A piece of an update that is too large for one datagram or frame. */
export interface Part {
  readonly kind: 'part';
  readonly run: number;
  readonly number: number;
  readonly index: number;
  readonly count: number;
  /** Answer with what has come: it is the last of a burst. */
  readonly asks: boolean;
  readonly bytes: Uint8Array;
}

/** Which parts of the update have come: bit i = part i. */
export interface PartsSeen {
  readonly kind: 'partsSeen';
  readonly run: number;
  readonly number: number;
  readonly seen: number;
}

/** The sender goes, or does not want the other any more. */
export interface Bye {
  readonly kind: 'bye';
  readonly why: string;
}

export type Message = Hello | Update | Ack | Part | PartsSeen | Bye;
