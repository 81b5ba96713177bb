/** Calls to modules, while they are put together and until they are answered. */
import type { Node } from './node.ts';
import type { Millis, NodeId, Revision } from './record.ts';

/** A call to a module: one mutation, many nodes. */
export interface Run {
  readonly id: number;
  readonly mutation: string;
  readonly service: string;
  readonly deadline: Millis;
  readonly sentAt: Millis;
  /** What was known when it was sent: its answer, however late, is no older. */
  readonly rev: Revision;
  /** Nodes whose to-values have not been seen yet. */
  readonly waiting: Set<NodeId>;
  repolls: number;
  answered: boolean;
}

export interface Poll {
  readonly id: number;
  readonly poller: string;
  readonly service: string;
  readonly askedAt: Millis;
  readonly rev: Revision;
  readonly nodes: ReadonlySet<NodeId>;
  /** One of the poller's own period, of which only one is under way. */
  readonly sweep: boolean;
}

/** A call that is being put together in this turn. */
export interface Batch {
  readonly run: Run;
  readonly name: string;
  readonly nodes: Node[];
  readonly afterDurable: boolean;
}
