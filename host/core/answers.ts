/** What people ask the engine, and the shape of what it answers. Every `text` and `todo` is a whole, plain sentence. */
import type { Json, Path, Scalar } from './declaration.ts';
import type { PeerStatus, SyncStatus } from './peer-status.ts';
import type { Change, Millis, NodeId, Revision } from './record.ts';
import type { Remark } from './remarks.ts';

/** Why something does not go on, each with the one command that ends it. */
export type ReasonKind =
  | 'frozen'
  | 'held'
  | 'limit'
  | 'service'
  | 'busy'
  | 'grace'
  | 'hostYoung'
  | 'neverHeard'
  | 'massFailure'
  | 'foundOff'
  | 'backoff'
  | 'unreachableBmc'
  | 'login'
  | 'stuck'
  | 'terminal'
  | 'context'
  | 'asking'
  | 'restarted'
  | 'conflict'
  | 'noWay'
  | 'refusedClaim'
  | 'window'
  | 'attached'
  | 'deaf'
  | 'wave';

export interface Reason {
  readonly kind: ReasonKind;
  readonly text: string;
  readonly since: Millis;
  /** When it ends by itself; absent = only a person or an observation ends it. */
  readonly until?: Millis;
  /** What the operator can do, as a sentence. */
  readonly todo: string;
  /** The command of that, where there is one. */
  readonly command?: string;
}

export interface StepText {
  readonly mutation: string;
  readonly text: string;
  readonly disruptive: boolean;
  readonly cost: number;
  readonly state: 'next' | 'running' | 'waiting' | 'later';
  readonly since?: Millis;
  readonly deadline?: Millis;
}

/** Where what is wanted and what is seen differ. */
export interface Gap {
  readonly path: Path;
  readonly wanted: Json;
  readonly seen: Json;
  readonly wantedBy?: string;
  readonly wantedAt?: Millis;
  readonly seenBy?: string;
  readonly seenAt?: Millis;
  readonly staleSince?: Millis;
  /** Left out of the goal, and why. */
  readonly moot?: string;
}

export type WalkState = 'atGoal' | 'running' | 'waiting' | 'backingOff' | 'stuck' | 'held' | 'unreachable';

export interface Explanation {
  readonly node: NodeId;
  readonly name: string;
  readonly walk: WalkState;
  readonly since: Millis;
  readonly until?: Millis;
  /** The answer in one to three sentences. */
  readonly summary: string;
  readonly gaps: readonly Gap[];
  readonly plan: readonly StepText[];
  readonly reasons: readonly Reason[];
  /** Unmet requirements, what blocks: sentences. */
  readonly blockers: readonly string[];
  readonly failures: readonly { readonly at: Millis; readonly mutation: string; readonly text: string }[];
  readonly order?: { readonly id: string; readonly kind: string; readonly by: string; readonly why?: string; readonly since: Millis };
  /** Its own host, where that is a neighbour of this one and not in sync; the core leaves it to who knows the neighbours. */
  readonly peer?: PeerStatus;
  readonly todo: readonly string[];
}

/** Nodes that would take one and the same path. */
export interface PlanGroup {
  readonly nodes: readonly NodeId[];
  readonly steps: readonly { readonly mutation: string; readonly text: string; readonly disruptive: boolean }[];
  readonly cost: number;
  readonly disruptive: readonly [from: number, to: number];
  readonly powerCycles: readonly [from: number, to: number];
  /** What depends on the answer where the plan begins with asking: "if POWER_ON: …". */
  readonly branches: readonly { readonly answer: string; readonly steps: readonly string[] }[];
  /** Who will wait, and why. */
  readonly waiting: readonly { readonly kind: ReasonKind; readonly text: string; readonly nodes: readonly NodeId[] }[];
  readonly moot: readonly Path[];
}

export interface PlanReport {
  readonly revision: Revision;
  readonly changed: number;
  readonly atGoal: number;
  readonly groups: readonly PlanGroup[];
  readonly unreachable: readonly { readonly nodes: readonly NodeId[]; readonly reasons: readonly string[] }[];
  readonly powerCycles: readonly [from: number, to: number];
  /** What people should know of these nodes; missing: nothing. */
  readonly remarks?: readonly Remark[];
}

export interface WaitingGroup {
  readonly kind: ReasonKind;
  readonly text: string;
  readonly nodes: readonly NodeId[];
  readonly longest: Millis;
  readonly command: string;
}

export interface EngineStatus {
  readonly frozen?: { readonly by: string; readonly why: string; readonly since: Millis };
  readonly revision: Revision;
  readonly nodes: number;
  readonly walks: Readonly<Record<WalkState, number>>;
  readonly waiting: readonly WaitingGroup[];
  readonly brakes: readonly { readonly domain: string; readonly lost: number; readonly of: number; readonly since: Millis }[];
  readonly inFlight: number;
  readonly dropped: Readonly<Record<string, number>>;
  readonly services: readonly ServiceStatus[];
  /** Absent where it has neither a CA nor a parent. */
  readonly sync?: SyncStatus;
}

export interface ServiceStatus {
  readonly service: string;
  readonly module: string;
  readonly state: string;
  readonly since: Millis;
  readonly why?: string;
  readonly serves: string;
  readonly mutations: number;
  readonly pid?: number;
  readonly restarts?: number;
}

/** A node that the engine leaves alone, because somebody said so. */
export interface Held {
  readonly node: NodeId;
  readonly name: string;
  readonly by: string;
  readonly why: string;
  readonly since: Millis;
  readonly until?: Millis;
}

/** A mutation graph for people. */
export interface GraphView {
  readonly nodes: readonly {
    readonly id: string;
    readonly state: Readonly<Record<Path, Scalar>>;
    readonly mark: 'current' | 'path' | 'goal' | 'other';
  }[];
  readonly edges: readonly {
    readonly id: string;
    readonly from: string;
    readonly to: string;
    readonly mutation: string;
    readonly mark: 'current' | 'path' | 'other';
  }[];
  readonly truncated: boolean;
}

export interface HistoryPage {
  readonly changes: readonly (Change & { readonly at: Millis })[];
  /** Pass as `before` to go on; absent at the end. */
  readonly next?: Revision;
}
