/** A neighbouring host, as people and programs are shown it. */
import type { Millis, NodeId } from './record.ts';

export interface PeerStatus {
  readonly id: NodeId;
  readonly name: string;
  /** What it is to this host. */
  readonly role: 'parent' | 'child';
  /** probing: silent, and being asked; trying: this host looks for a parent; dead: not heard any more. */
  readonly state: 'connected' | 'probing' | 'dead' | 'trying';
  /** Of this state. */
  readonly since: Millis;
  readonly heardAt?: Millis;
  /** `10.0.0.7:31415`. */
  readonly address?: string;
  /** Round trip, milliseconds. */
  readonly rtt?: Millis;
  /** Changes that it has not been told of yet, or has not acknowledged. */
  readonly behind: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  /** Datagrams that were not its own, or came a second time, or could not be understood: dropped. */
  readonly forged: number;
  readonly replayed: number;
  readonly malformed: number;
  /** The number of its admission. */
  readonly term?: number;
  /** Why it is not connected. */
  readonly why?: string;
}
