/**
 * What is durable, as data: one `Turn` a turn of the engine (the journal's record, the watchers' feed and the history are
 * this one thing), and one `NodeRecord` a node (the snapshot, written lazily behind it).
 * Replaying a turn over a newer snapshot changes nothing: every value is absolute.
 */
import type { Json, Path } from './declaration.ts';

/** Milliseconds since the epoch, from a clock that never jumps while the host runs. */
export type Millis = number;
/** Orders every change of this host; never reused. */
export type Revision = number;

export type NodeId = string;

/** Who set a value, when, and why. Shared by all values of one change. */
export interface Mark {
  readonly by: string;
  readonly at: Millis;
  readonly rev: Revision;
  readonly why?: string;
}

/** One observed value. */
export interface Fact {
  readonly value: Json;
  /** The service that observed it; `core` for failTo and sessions. */
  readonly by: string;
  /** When it was last seen to be so. */
  at: Millis;
  /** The revision of its last change. */
  readonly rev: Revision;
  /** Since when it could not be re-observed. */
  stale?: Millis;
  /** Reported by the node's own host in this boot: ends with the session. */
  readonly boot?: string;
  /** Set by failTo: the polled value that it stands over. */
  readonly over?: Json;
  /** The neighbouring host that said so: a child for its subtree, the parent; absent = this host's own. */
  readonly via?: NodeId;
}

/** One thing that happened to a node. `note` is an event without a value: a step sent, a failure, a hold. */
export interface Change {
  readonly rev: Revision;
  readonly node: NodeId;
  readonly view: 'cfg' | 'dsc' | 'note';
  /** Any depth; '' = the whole node (created, deleted). For a note, its kind: `sent`, `failed`, `held` … */
  readonly path: Path;
  /** Absent = was not set, is not set any more. */
  readonly from?: Json;
  readonly to?: Json;
  readonly by: string;
  readonly why?: string;
  /** dsc: what else the fact carries. */
  readonly boot?: string;
  readonly over?: Json;
  readonly via?: NodeId;
}

/** One turn of the engine: everything in it becomes durable together or not at all. */
export interface Turn {
  /** 1, 2, 3 …: without gaps in one data directory. */
  readonly seq: number;
  readonly at: Millis;
  /** The host's revision after this turn. */
  readonly rev: Revision;
  readonly changes: readonly Change[];
  /** Bookkeeping of nodes: absolute values of the members that changed; null removes one. */
  readonly records?: Readonly<Record<NodeId, { readonly [member: string]: Json }>>;
  /** The same for the engine's own: frozen, limits, settings, the host's identity. */
  readonly engine?: { readonly [member: string]: Json };
}

/** A node as it is in the snapshot. */
export interface NodeRecord {
  readonly id: NodeId;
  /** The cfg document, nested. */
  readonly cfg: { readonly [member: string]: Json };
  readonly marks: Readonly<Record<Path, Mark>>;
  readonly dsc: Readonly<Record<Path, Fact>>;
  readonly record: { readonly [member: string]: Json };
}

/** The engine's own, as it is in the snapshot. */
export interface EngineRecord {
  readonly rev: Revision;
  readonly [member: string]: Json;
}
