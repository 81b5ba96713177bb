/** Everything that can happen to the core. A closed union: a new kind of event is a new member here. */
import type { Json, Path, ServiceDeclaration } from './declaration.ts';
import type { Millis, NodeId, Revision } from './record.ts';

/** Names one request of a person or module, so that its answer finds back. */
export type RequestId = number;

export interface Author {
  /** `root`, `alice`, `service:restapi`. */
  readonly user: string;
  readonly why?: string;
}

/** How a node was heard: by the sync layer or by a service that answers it. */
export type Heard = 'hello' | 'session' | 'dhcp' | 'claim';

/** What a module saw of one node. */
export interface Observed {
  readonly node: NodeId;
  readonly values: Readonly<Record<Path, Json>>;
  /** The revision at which the question was asked; absent = now. */
  readonly asOf?: Revision;
  /** The node itself was heard. */
  readonly heard?: Heard;
  /** From the node's own host, in this boot; live false = the session has ended. */
  readonly session?: {
    readonly boot: string;
    readonly live: boolean /** It went by its own will, to another parent as a rule: no death. */;
    readonly left?: boolean;
  };
}

/** Why a module could not do it for one node: a code of `schemas/errors.json`. */
export interface Failure {
  readonly code: number;
  readonly message: string;
  /** `TryLater`: not before this many milliseconds. */
  readonly retryAfter?: Millis;
}

export interface Failed {
  readonly node: NodeId;
  readonly error: Failure;
}

export type ServiceState = 'starting' | 'declared' | 'ready' | 'stopping' | 'stopped' | 'rejected' | 'crashed' | 'failed';

/** A change of cfg, parsed and valid against the schemas. All of it happens, or nothing. */
export interface CfgChange {
  /** create: must not exist; update: must exist, replaces the document; put: either; merge: JSON Merge Patch (RFC 7396). */
  readonly nodes?: readonly {
    readonly mode: 'create' | 'update' | 'put' | 'merge';
    readonly id: NodeId;
    readonly doc: { readonly [member: string]: Json };
  }[];
  /** The same values for many nodes; undefined in JSON terms is null = remove. */
  readonly set?: { readonly nodes: readonly NodeId[]; readonly values: Readonly<Record<Path, Json>> };
  readonly remove?: readonly NodeId[];
  /** Refused where the cfg of one of them was changed after this revision. */
  readonly unchangedSince?: Revision;
}

/** What an operator can tell the engine, beyond changing cfg. */
export type Command =
  | { readonly kind: 'freeze'; readonly why: string }
  | { readonly kind: 'thaw' }
  | { readonly kind: 'hold'; readonly nodes: readonly NodeId[]; readonly why: string; readonly until?: Millis }
  | { readonly kind: 'release'; readonly nodes: readonly NodeId[]; readonly busy: boolean }
  | { readonly kind: 'busy'; readonly nodes: readonly NodeId[]; readonly owner: string; readonly until?: Millis }
  | { readonly kind: 'retry'; readonly nodes: readonly NodeId[]; readonly disruptive: boolean }
  | { readonly kind: 'power'; readonly nodes: readonly NodeId[]; readonly to: 'on' | 'off'; readonly force?: string }
  | { readonly kind: 'reboot'; readonly nodes: readonly NodeId[]; readonly cycle: boolean; readonly force?: string }
  | { readonly kind: 'cancel'; readonly nodes: readonly NodeId[] }
  /** What a person saw, one for each of the nodes, checked against the schemas. */
  | {
      readonly kind: 'observe';
      readonly nodes: readonly NodeId[];
      readonly values: ReadonlyMap<NodeId, Readonly<Record<Path, Json>>>;
    }
  /** Opens the window for a first claim; what was claimed before is revoked. */
  | { readonly kind: 'admit'; readonly nodes: readonly NodeId[]; readonly why?: string }
  /** The node's key is not good any more, here and everywhere. */
  | { readonly kind: 'revoke'; readonly nodes: readonly NodeId[]; readonly why: string }
  /** A token for these nodes (one, as a rule): good once for each, until then. Only its hash is kept. */
  | { readonly kind: 'token'; readonly nodes: readonly NodeId[]; readonly hash: string; readonly until: Millis }
  /** The tokens that were made for these nodes are not good any more. */
  | { readonly kind: 'noToken'; readonly nodes: readonly NodeId[] }
  | { readonly kind: 'limits'; readonly set: readonly Limit[]; readonly remove: readonly string[] };

/** How a host shows that it may speak for its node: what the edge has verified, nothing that it has not. */
export type Proof =
  /** T0: no secret; good only where this host caused or saw the boot, from the node's address and a privileged port, first claim of the window. */
  | { readonly kind: 'boot'; readonly privileged: boolean }
  /** T1: SHA-256 of the token that it brought, base64url. */
  | { readonly kind: 'token'; readonly hash: string }
  /** An earlier admission, signed by the host `issuer`, whose own certificate leads to the cluster's CA. */
  | { readonly kind: 'certificate'; readonly issuer: NodeId; readonly boot: string; readonly term: number };

/** A node's own host asks to be taken in. Its signature over the connection with `key` has been checked. */
export interface Claim {
  readonly node: NodeId;
  /** The kernel's boot id. */
  readonly boot: string;
  /** SHA-256 of its public key, base64url. */
  readonly key: string;
  /** Whence it came, without the port; IPv4 in dotted form also where it came over IPv6. */
  readonly address: string;
  readonly proof: Proof;
  /** The highest admission number that it knows of itself; 0 = none. */
  readonly term: number;
  /** It runs something that a reboot would end. */
  readonly runs: boolean;
}

/** One value that a neighbour says of a node; without a value it is gone. Members: `core/tell.ts` (down), `core/report.ts` (up). */
export interface Item {
  readonly node: NodeId;
  readonly member: string;
  readonly value?: Json;
}

/** A rule of the operator: how many steps at once, how many a second, how long one may take. */
export interface Limit {
  /** Its name, unique. */
  readonly name: string;
  /** `service/mutation`, `service/*`, or `*`. */
  readonly mutation: string;
  /** A node-set expression; empty = all nodes. */
  readonly selector: string;
  /** Applies apart for each value of this label, e.g. `rack`. */
  readonly perLabel?: string;
  readonly atOnce?: number;
  readonly perSecond?: number;
  /** Overrides the mutation's own timeout, milliseconds. */
  readonly timeout?: Millis;
}

export type Event =
  /** The shell woke the core at the time it had asked for. */
  | { readonly type: 'tick' }
  | { readonly type: 'apply'; readonly request: RequestId; readonly author: Author; readonly change: CfgChange; readonly force?: string }
  | { readonly type: 'operate'; readonly request: RequestId; readonly author: Author; readonly command: Command }
  /** A module said what it saw: `state/discover`. */
  | { readonly type: 'observed'; readonly request?: RequestId; readonly service: string; readonly items: readonly Observed[] }
  /** The reply to `mutation/run`, or why there is none. `accepted` false: the module never took the call. */
  | {
      readonly type: 'ran';
      readonly run: number;
      readonly observed: readonly Observed[];
      readonly failed: readonly Failed[];
      readonly lost?: Failure;
    }
  | {
      readonly type: 'polled';
      readonly poll: number;
      readonly observed: readonly Observed[];
      readonly failed: readonly Failed[];
      readonly lost?: Failure;
    }
  /** Answered with {term} when durable, or refused: code TryLater = wait, NotPermitted = no, with `reboot` as its todo's first word. */
  | { readonly type: 'claim'; readonly request: RequestId; readonly claim: Claim }
  /** What the parent says of this host's nodes; `all`: nodes and members that are not named do not exist any more. */
  | { readonly type: 'told'; readonly request: RequestId; readonly parent: NodeId; readonly all: boolean; readonly items: readonly Item[] }
  /** What a child's host says of itself and its subtree, in the admission `term`; `all` as in `told`. */
  | {
      readonly type: 'reported';
      readonly request: RequestId;
      readonly host: NodeId;
      readonly term: number;
      readonly all: boolean;
      readonly items: readonly Item[];
    }
  | { readonly type: 'probed'; readonly node: NodeId; readonly answered: boolean }
  | { readonly type: 'declare'; readonly request: RequestId; readonly declaration: ServiceDeclaration }
  | { readonly type: 'withdraw'; readonly service: string }
  | { readonly type: 'service'; readonly service: string; readonly state: ServiceState; readonly why?: string }
  /** This host's session with its own parent (the root's is always there); `above`: the hosts over it, the parent first. */
  | { readonly type: 'uplink'; readonly connected: boolean; readonly above?: readonly NodeId[] };
