/** A neighbouring host, and this one among its neighbours, as people and programs are shown them. */
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

/** This host in the tree of hosts. */
export interface SyncStatus {
  readonly role: 'root' | 'child';
  /** The pin of the cluster's CA: `sha256:…`. */
  readonly ca?: string;
  /** Where it listens for children and probes: `10.0.0.1:31415`. */
  readonly listen: readonly string[];
  /** What was dropped at the door and of neighbours, by what it was, since the start. */
  readonly dropped: Readonly<Record<string, number>>;
}
