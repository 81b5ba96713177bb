/**
 * What a service declares, in the form that the core works with: durations in milliseconds, full ids, sorted.
 * The wire form (what `defineModule` is given, less its functions) is turned into this by `declare.ts`.
 */

/** A JSON Pointer (RFC 6901) into a node's document: `/physState`, `/pxe/state`. A trailing slash names a subtree. */
export type Path = string;
/** A value that a mutation, requirement or goal can name. */
export type Scalar = string | number | boolean;
export type Json = Scalar | null | Json[] | { [key: string]: Json };
/** Conditions that must all hold. */
export type Conditions = Readonly<Record<Path, Scalar>>;

/** Who runs a step: the host on the node itself, the node's parent, or the full-state host. */
export type Context = 'self' | 'child' | 'all';

export interface Mutation {
  /** `service/mutation`: unique in the graph, stable between versions. */
  readonly id: string;
  readonly service: string;
  readonly name: string;
  readonly mutates: Readonly<Record<Path, readonly [from: Scalar, to: Scalar]>>;
  readonly requires: Conditions;
  readonly excludes: Conditions;
  readonly context: Context;
  /** Milliseconds from dispatch until the to-values must have been observed. */
  readonly timeout: number;
  readonly failTo: Conditions;
  /** Positive; default 1. */
  readonly cost: number;
  /** True when the step may kill what runs on the node. */
  readonly disruptive: boolean;
}

export interface Poller {
  readonly id: string;
  readonly service: string;
  readonly name: string;
  readonly discovers: readonly Path[];
  readonly requires: Conditions;
  /** Milliseconds between two runs. */
  readonly every: number;
  /** Milliseconds until a run must have been answered. */
  readonly timeout: number;
}

export interface Discovery {
  readonly id: string;
  readonly service: string;
  readonly name: string;
  readonly discovers: readonly Path[];
  readonly requires: Conditions;
}

/** What is known of one path beyond its JSON Schema: read from an extension schema or a module's `state`. */
export interface Variable {
  readonly path: Path;
  /** All values, unknown first; absent where the schema has no enum. */
  readonly values?: readonly Scalar[];
  /** The value that stands for "not known": the schema's default, else the enum's first; absent without an enum. */
  readonly unknown?: Scalar;
  /** A step on the way, never an end: never a goal. */
  readonly means: boolean;
  /** Values that nobody may ask for in cfg. */
  readonly neverWanted: readonly Scalar[];
  /** Values that no mutation needs to lead out of: the node is stuck there. */
  readonly terminal: readonly Scalar[];
  /** Tells people how far a step has come that is under way. */
  readonly progress?: true;
  /** What a person is told of a node where this is seen of it, by value. */
  readonly says?: Readonly<Record<string, string>>;
}

export interface ServiceDeclaration {
  readonly service: string;
  /** The module that this service is an instance of. */
  readonly module: string;
  /** A node-set expression: which nodes this instance serves. Empty = all. */
  readonly serves: string;
  readonly variables: readonly Variable[];
  readonly mutations: readonly Mutation[];
  readonly pollers: readonly Poller[];
  readonly discoveries: readonly Discovery[];
  /** What must hold, where this service serves the node, before the core's quiesce may run. */
  readonly quiet: Conditions;
  /** Paths (or subtrees) sent to the module with a node, beyond what its mutations and pollers name. */
  readonly reads: readonly Path[];
  readonly permissions: readonly string[];
  /** It speaks for the nodes' own hosts (sessions, heard, the core's own steps): the sync layer, the simulator. */
  readonly playsHosts: boolean;
}
