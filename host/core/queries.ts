/** What may be asked of the core between turns. Reads only; nothing here changes the world. */

import type { Subject } from '@kraken-hpc/sdk/state';
import type { EngineStatus, Explanation, GraphView, Held, PlanReport, WaitingGroup, WalkState } from './answers.ts';
import type { Json, Path } from './declaration.ts';
import type { CfgChange, Limit } from './event.ts';
import type { Fact, Mark, Millis, NodeId, Revision } from './record.ts';

/** A node as the world holds it. Not a copy: read it, never write it, never keep it over a turn. */
export interface NodeView {
  readonly id: NodeId;
  readonly name: string;
  readonly cfg: { readonly [member: string]: Json };
  readonly marks: ReadonlyMap<Path, Mark>;
  readonly facts: ReadonlyMap<Path, Fact>;
  readonly walk: WalkState;
}

export interface Queries {
  readonly revision: Revision;
  /** This host's own node. */
  readonly self: NodeId;
  node(id: NodeId): NodeView | undefined;
  /** By name; names are unique. */
  named(name: string): NodeView | undefined;
  /** What a node set is matched against; a node that is gone matches nothing but `all` and what is negated. */
  subject(id: NodeId): Subject;
  ids(): Iterable<NodeId>;
  count(): number;
  /** The dsc document, nested as cfg is, built from the facts; with `/busy`, `/services`. */
  dscDocument(id: NodeId): { readonly [member: string]: Json };
  /** One value: dsc if observed, else undefined. */
  explain(id: NodeId, now: Millis): Explanation;
  /** `force` as in `apply`. Throws RefusalError where the change would be refused. */
  plan(change: CfgChange, now: Millis): PlanReport;
  /** What an order (reboot) would do, without giving it. */
  planOrder(nodes: readonly NodeId[], now: Millis): PlanReport;
  waiting(now: Millis, nodes?: ReadonlySet<NodeId>): readonly WaitingGroup[];
  status(now: Millis): EngineStatus;
  graph(id?: NodeId): GraphView;
  limits(): readonly Limit[];
  /** Who holds which nodes; holds that have ended by themselves are left out. */
  holds(now: Millis): readonly Held[];
  /** The paths that some mutation changes. */
  mutable(): readonly Path[];
  /** Tokens that were made and not used yet; those that have expired are left out. */
  tokens(now: Millis): readonly { readonly node: NodeId; readonly name: string; readonly until: Millis }[];
}
