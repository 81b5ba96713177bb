import type { Doc } from '@kraken-hpc/sdk/state';
import type { ReasonKind, WalkState } from './answers.ts';
import type { Domain } from './brake.ts';
import type { NodeClass } from './classes.ts';
import type { Json, Path, Scalar } from './declaration.ts';
import type { Heard, Proof } from './event.ts';
import type { Fact, Mark, Millis, NodeId, Revision } from './record.ts';

/** `node reboot`, `node power cycle`: durable, changes no cfg, done when the node is at goal with a new boot id. */
export interface Order {
  readonly id: string;
  readonly kind: 'reboot' | 'cycle';
  readonly by: string;
  readonly why?: string;
  readonly since: Millis;
  /** The boot id that it must get away from. */
  readonly boot?: string;
  /** POWER_OFF has been observed since; until then everything disruptive in its plan is asked for. */
  readonly off: boolean;
}

export interface Hold {
  readonly by: string;
  readonly why: string;
  readonly since: Millis;
  readonly until?: Millis;
}

/** `taken`: the module answered that it did it, or began to; not taken = its device did not accept it. */
export type FailureKind = 'failed' | 'unreachable' | 'busy' | 'login' | 'later';

export interface Backoff {
  readonly until: Millis;
  readonly attempts: number;
  readonly kind: FailureKind;
  readonly text: string;
  readonly at: Millis;
  /** Of the failures of this kind in a row, when the first was. */
  readonly first: Millis;
}

/** The intent of a step, durable before a disruptive one is sent. */
export interface Sent {
  readonly at: Millis;
  readonly deadline: Millis;
  readonly rev: Revision;
}

/** A step in flight. */
export interface Flight extends Sent {
  readonly mutation: string;
  readonly run: number;
  /** The module answered: its device took the command. */
  accepted: boolean;
  /** Nobody works on it any more (its module or this host went away): it is sent again only when re-observed after the deadline. */
  orphan: boolean;
  cancelled: boolean;
}

/** Bookkeeping that outlives the process: absolute values, journaled member by member. */
export interface Book {
  /** The boot id of the node's last session. */
  boot?: string;
  /** It was in SYNC once in this cluster. */
  everSync?: boolean;
  /** We switched it on once in this cluster. */
  onByUs?: boolean;
  /** A power-off of ours was sent since it was last seen to be on. */
  offByUs?: boolean;
  /** Until when the last of them may still be carried out; gone once the node was seen off since, or on after that. */
  offUntil?: Millis;
  /** The last power state that was seen. */
  power?: 'on' | 'off';
  /** When our last power-on was sent, and the longest time from there to its DHCP. */
  onAt?: Millis;
  bootMs?: Millis;
  /** Disruptive steps that somebody asked for, and how often. */
  granted?: Readonly<Record<string, number>>;
  order?: Order;
  hold?: Hold;
  /** Since it was last at goal for long enough: repair power cycles, failures. */
  cycles?: number;
  failures?: number;
  lastFailures?: readonly { readonly at: Millis; readonly mutation: string; readonly text: string }[];
  /** At goal since. */
  goalSince?: Millis;
  backoff?: Readonly<Record<string, Backoff>>;
  stuck?: { readonly since: Millis; readonly text: string };
  /** Mutations whose module said: never again. */
  terminal?: Readonly<Record<string, string>>;
  sent?: Readonly<Record<string, Sent>>;
  foundOff?: { readonly since: Millis; readonly mass: boolean };
  /** It was in SYNC and died with nothing to explain it. */
  lost?: { readonly heard: Millis; readonly at: Millis };
  /** `retry --disruptive`: repairs need no grace, no brake is on it, until it is heard again or at goal. */
  exempt?: boolean;
  /** Somebody's reason to skip barriers that cannot be lowered. */
  force?: string;
  /** The key that its host speaks with, and the number of its admission here. */
  key?: Key;
  /** Keys that are not good any more, the last few: SHA-256, base64url. */
  revoked?: readonly string[];
  window?: Window;
  /** A person's token for its next claim: its hash. */
  token?: { readonly hash: string; readonly until: Millis };
  /** The hash of the last token that was used. */
  tokenUsed?: string;
  /** Its boots are heard here by DHCP: one of ours would be. */
  dhcp?: boolean;
  /** The boot that was told to reboot itself. */
  rebooted?: string;
  /** Its last claim was refused, and a person is needed. */
  refused?: { readonly since: Millis; readonly why: string; readonly text: string };
  /** Where its own host is attached, or was last. */
  at?: Attached;
  /** Other parents of it that are not connected: they may hear it. */
  deaf?: readonly NodeId[];
  /** When it was last heard by a host that does not act on it; `via`: through this neighbour. */
  heard?: { readonly at: Millis; readonly kind: Heard; readonly via?: NodeId };
  /** The last order that was carried out here for a parent. */
  doneOrder?: string;
  /** Requests that flow down once: the last `retry` and `admit`, numbered by the host that was asked. */
  retried?: { readonly id: number; readonly kind: 'retry' | 'disruptive' | 'on'; readonly by: string; readonly why?: string };
  /** `shut`: it was revoked instead. */
  admitted?: { readonly id: number; readonly by: string; readonly why?: string; readonly shut?: true };
  /** What a person must do for it, by the host that acts on it. */
  waits?: { readonly kind: ReasonKind; readonly text: string; readonly since: Millis; readonly command?: string };
  /** Of this host's own node: the parent's last core/sync step that was followed. */
  synced?: { readonly parent: NodeId; readonly number: Json };
}

/** An admission. */
export interface Key {
  /** SHA-256 of the public key, base64url. */
  readonly fp: string;
  /** The kernel's boot id. */
  readonly boot: string;
  /** Grows with every admission anywhere in the tree. */
  readonly term: number;
  readonly kind: Proof['kind'];
  readonly at: Millis;
}

/** For the first claim of a boot. */
export interface Window {
  readonly since: Millis;
  /** Time in it that does not count: this host was down, frozen, or holding the node. */
  readonly away: Millis;
  /** Such a time has begun, and has not ended. */
  readonly awayFrom?: Millis;
  readonly why: string;
  /** The key of the first claim. */
  readonly claimed?: string;
}

export interface Attached {
  readonly host: NodeId;
  readonly term: number;
  readonly live: boolean;
  /** The key's hash: an older certificate of the same key is no forgery. */
  readonly key?: string;
  /** The child of this host through which that is known; absent = it is attached here, or this host's parent says so. */
  readonly via?: NodeId;
}

const NONE: readonly Path[] = [];

/** One node of the world, changed in place. */
export class Node {
  readonly id: NodeId;
  name = '';
  parent: NodeId | undefined;
  cfg: Doc = {};
  readonly marks = new Map<Path, Mark>();
  readonly facts = new Map<Path, Fact>();
  /** Between turns; not to be kept over one. */
  book: Book = {};

  /** Codes by graph variable: what is seen, what is wanted. */
  view = new Uint16Array(0);
  goal = new Uint16Array(0);
  /** Wanted values that no service which is there can lead to: their paths. */
  unled: readonly Path[] = NONE;
  cls: NodeClass | undefined;

  /** Steps in flight; most nodes have none, few have more than one. */
  flights: Flight[] = [];
  walk: WalkState = 'waiting';
  walkSince: Millis = 0;
  /** The node's own host is heard in this session. */
  live = false;
  /** When anything of the node itself was last heard. */
  heardAt: Millis | undefined;
  /** Its BMC (whatever observes its power) is out of reach: since when, last tried, how it failed. */
  unreachable: { readonly since: Millis; at: Millis; readonly kind: FailureKind; text: string } | undefined;
  /** When that was last so: the grace starts anew from here. */
  unreachableAt: Millis | undefined;
  /** The brake on it was lifted, as others came back: the grace starts anew from here, too. */
  unbrakedAt: Millis | undefined;
  /** Facts that ended, and at which revision: an older observation must not bring them back. */
  ended: Map<Path, Revision> | undefined;
  /** The outcome of a disruptive step is not on disk yet: the next step waits for it. */
  unsettled = false;
  /** The earliest timer set for this node. */
  wakeAt: Millis = 0;
  /** Its BMC says OFF while its host answers. */
  conflict: { readonly since: Millis; readonly text: string } | undefined;
  /** A probe of its host is under way, and what made us doubt. */
  probing: 'off' | 'dhcp' | 'silence' | undefined;
  /** After its player's or this host's restart: its own host must be heard by then, else it is probed. */
  expectBy: Millis | undefined;
  /** When its pollers last answered, by when they were asked; kept only while a step in flight waits for that. */
  polled: Map<string, Millis> | undefined;
  /** It stands in a limit's queue. */
  queued = false;
  /** The failure domains that it counts in. */
  domains: Domain[] = [];
  /** Of its other parents, those that this host's parent says are not connected. */
  deafAbove: readonly NodeId[] = [];
  /** When and why a claim of it was last refused in the log. */
  claimSaid: { readonly at: Millis; readonly why: string } | undefined;
  /** The hosts that it hangs on: its parents, and where it is attached. */
  hangsOn: readonly NodeId[] = [];
  /** What the parent says that others observed, by path: taken where nobody here knows better. */
  told: Map<Path, readonly [value: Json, by: string]> | undefined;
  /** What the hosts below say of it, each for itself: `[value, by, boot?, over?]` by path. */
  said: Map<NodeId, Map<Path, readonly Json[]>> | undefined;

  constructor(id: NodeId) {
    this.id = id;
  }

  seen(path: Path): Json | undefined {
    return this.facts.get(path)?.value;
  }

  label(name: string): string | undefined {
    const labels = this.cfg['labels'];
    if (labels === null || typeof labels !== 'object' || Array.isArray(labels)) return undefined;
    const value = labels[name];
    return value === undefined ? undefined : String(value as Scalar);
  }

  flight(mutation: string): Flight | undefined {
    return this.flights.find((flight) => flight.mutation === mutation);
  }
}

/** Of the values of its cfg the one that was set last: who did it, when, at which revision. */
export function newestMark(node: Node): Mark | undefined {
  let newest: Mark | undefined;
  for (const mark of node.marks.values()) if (!newest || mark.rev > newest.rev) newest = mark;
  return newest;
}
