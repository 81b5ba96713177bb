/** What two neighbouring hosts say to each other in a session, decoded. `codec.ts` turns it into bytes, `seal.ts` closes those. */
import type { Item } from '../core/event.ts';

/** The sender's stream and how far it is, and how far the receiver of the other one is. */
export interface Hello {
  readonly kind: 'hello';
  /** The sender's monotonic clock, milliseconds modulo 2^32; and the other's last one, with how long it was kept. */
  readonly sent: number;
  readonly echo: number;
  readonly kept: number;
  /** It wants to be answered at once. */
  readonly asks: boolean;
  /** The mirror does not agree with the digest, or is empty: send everything. */
  readonly resync: boolean;
  /** Number of the last update that was sent, and the digest of all that was told up to it. */
  readonly head: number;
  readonly digest: number;
  /** Number of the last update that was taken, of the stream with this run. */
  readonly run: number;
  readonly have: number;
}

/** Changes of the map, all of them together; `snapshot`: all of the map. */
export interface Update {
  readonly kind: 'update';
  /** 1, 2, 3 … in one run of the sender. */
  readonly number: number;
  readonly snapshot: boolean;
  readonly digest: number;
  readonly items: readonly Item[];
}

/** Everything up to this number of that run has been taken. */
export interface Ack {
  readonly kind: 'ack';
  readonly run: number;
  readonly have: number;
}

/** A piece of an update that is too large for one datagram. */
export interface Part {
  readonly kind: 'part';
  readonly number: number;
  readonly index: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Which parts of the update have come: bit i = part i. */
export interface PartsSeen {
  readonly kind: 'partsSeen';
  readonly number: number;
  readonly seen: number;
}

/** The sender goes, or does not want the other any more. */
export interface Bye {
  readonly kind: 'bye';
  readonly why: string;
}

export type Message = Hello | Update | Ack | Part | PartsSeen | Bye;
