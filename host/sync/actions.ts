/** What the sync layer asks of its edge, and the edge of it. Closed unions, as the core's own. */
import type { Event } from '../core/event.ts';
import type { Millis, NodeId } from '../core/record.ts';

export interface Address {
  /** IPv4 or IPv6 in numbers. */
  readonly host: string;
  readonly port: number;
}

/** A connection of the tether kind. The sync layer numbers those that it dials -1, -2 …, the edge those that come in 1, 2 …. */
export type StreamId = number;

/** What a child brings to the door of a parent. */
export interface EnrolRequest {
  readonly attempt: number;
  readonly to: Address;
  readonly node: NodeId;
  readonly term: number;
  readonly runs: boolean;
}

/** What it is given there. */
export interface Admission {
  readonly parent: NodeId;
  readonly parentName: string;
  readonly term: number;
  readonly sid: number;
  readonly secret: Uint8Array;
  /** The parent's generation. */
  readonly generation: number;
  /** Hosts above the parent, the nearest first: a child that finds itself there has found a loop. */
  readonly above: readonly NodeId[];
  /** The parent's times, so that both go by the same. */
  readonly hello: Millis;
  readonly dead: Millis;
}

export type EnrolOutcome =
  | { readonly kind: 'admitted'; readonly admission: Admission }
  /** Nobody listens there, or nobody answered. */
  | { readonly kind: 'refusedConnection' | 'noAnswer'; readonly why: string }
  /** It is no host of this cluster: its certificate does not lead to the CA that was pinned. */
  | { readonly kind: 'untrusted'; readonly why: string }
  /** It is one, and says no: now, or for good; `reboot`: a new boot is what helps. */
  | { readonly kind: 'wait' | 'no' | 'reboot'; readonly why: string };

export type SyncAction =
  | { readonly type: 'datagram'; readonly to: Address; readonly bytes: Uint8Array }
  | { readonly type: 'frame'; readonly stream: StreamId; readonly bytes: Uint8Array }
  /** Open a tether (or a probe's connection); answered by `opened` or `closed`. */
  | { readonly type: 'dial'; readonly stream: StreamId; readonly to: Address }
  | { readonly type: 'hangUp'; readonly stream: StreamId }
  /** Who speaks through a connection that came in has proved to be a neighbour. */
  | { readonly type: 'accept'; readonly stream: StreamId }
  | { readonly type: 'enrol'; readonly request: EnrolRequest }
  /** Restart the machine: the parent says that only a new boot lets it in. */
  | { readonly type: 'reboot'; readonly why: string }
  | { readonly type: 'event'; readonly event: SyncEvent }
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string; readonly node?: NodeId };

type WithoutRequest<E> = E extends unknown ? Omit<E, 'request'> : never;

/** For the loop; those that are answered name the peer, whose link goes on when the core has taken them. */
export type SyncEvent =
  | (WithoutRequest<Extract<Event, { type: 'told' | 'reported' }>> & { readonly peer: NodeId; readonly number: number })
  | Extract<Event, { type: 'uplink' | 'probed' | 'ran' }>
  | (WithoutRequest<Extract<Event, { type: 'observed' }>> & { readonly type: 'observed' });
