/** `defineModule`: one literal that says what a module is, and types everything in it. */
import { declarationOf } from './declaration.ts';
import type { Host } from './host.ts';
import type { ConfigLiterals, ConfigOf, Duration, ExtensionLiterals, PathOf, Seen, Some, StateLiterals, Steps } from './infer.ts';
import type { NodeTask, Task } from './task.ts';
import type { Declaration, Json, Permission } from './wire/index.ts';

type MaybePromise<T> = T | Promise<T>;

/** What came of each node of a batch, by node id: what was observed, or an Error. A node left out was reported by `task.observed`. */
export type Results<S, X> = ReadonlyMap<string, Seen<S, X> | Error> | Readonly<Record<string, Seen<S, X> | Error>>;

// A handler may observe nothing and return nothing.
// biome-ignore lint/suspicious/noConfusingVoidType: `async () => {}` returns void
type One<C, S, X> = (task: NodeTask<C, S, X>) => MaybePromise<Seen<S, X> | undefined | void>;
// biome-ignore lint/suspicious/noConfusingVoidType: `async () => {}` returns void
type Many<C, S, X> = (task: Task<C, S, X>) => MaybePromise<Results<S, X> | undefined | void>;

interface Parallel {
  /** How many nodes `run` or `poll` is called for at once; default 64. */
  readonly atOnce?: number;
}
/** `run` takes one node, `runMany` the whole batch: one of the two. */
type Runs<C, S, X> =
  | (Parallel & { readonly run: One<C, S, X>; readonly runMany?: never })
  | { readonly runMany: Many<C, S, X>; readonly run?: never };
type Polls<C, S, X> =
  | (Parallel & { readonly poll: One<C, S, X>; readonly pollMany?: never })
  | { readonly pollMany: Many<C, S, X>; readonly poll?: never };

interface MutationWords<S, X> {
  /** From and to, by path. It has succeeded when its to-values were observed. */
  readonly mutates: Steps<S, X>;
  /** Must hold; unlike a path of `mutates`, it does not change. */
  readonly requires?: Some<S, X>;
  readonly excludes?: Some<S, X>;
  /** Who runs it: the host on the node itself, its parent (default), the full-state host. */
  readonly context?: 'self' | 'child' | 'all';
  /** From dispatch until the to-values must have been observed. */
  readonly timeout: Duration;
  /** What the node is then, where the command was accepted and nothing came of it. */
  readonly failTo?: Some<S, X>;
  /** Positive; default 1. The planner takes the cheapest way. */
  readonly cost?: number;
  /** It may kill what runs on the node. */
  readonly disruptive?: boolean;
}

interface PollerWords<S, X> {
  readonly discovers: readonly PathOf<S, X>[];
  readonly every: Duration;
  /** Until a run must be answered; default 30s. */
  readonly timeout?: Duration;
  readonly requires?: Some<S, X>;
}

interface DiscoveryWords<S, X> {
  readonly discovers: readonly PathOf<S, X>[];
  readonly requires?: Some<S, X>;
}

/** What a module that speaks for the nodes' own hosts does: it is sent the core's own steps, and asked whether a host lives. */
export interface Hosts<C, S, X> {
  /** `core/sync`: runState INIT → SYNC. */
  readonly sync: Runs<C, S, X>;
  /** `core/quiesce`: runState SYNC → INIT. */
  readonly quiesce: Runs<C, S, X>;
  /** Does the node's own host answer? */
  readonly probe: (node: string, task: { readonly signal: AbortSignal }) => MaybePromise<boolean>;
}

/** Where a module runs. */
export interface Self {
  /** The node that this host runs on. */
  readonly node: string;
  /** The pin of the cluster's CA, `sha256:…`; undefined where this host has no neighbours. */
  readonly ca?: string;
  /** Where hosts on nodes find this one, ADDRESS:PORT. */
  readonly listens: readonly string[];
}

/** What an operator may ask of the module itself: `kraken service call SERVICE NAME`. */
export interface Call {
  readonly description?: string;
  /** A schema for each parameter; required unless it has a default or x-optional. */
  readonly params?: ConfigLiterals;
  /** Checked parameters in, JSON out. Rejects as a step does: what is wrong with a parameter as `Terminal`. */
  readonly call: (params: Readonly<Record<string, unknown>>, about: { readonly signal: AbortSignal }) => MaybePromise<Json>;
}

/** What a module is given once, before its first task (`start`). */
export interface Life<C, S, X> {
  readonly config: ConfigOf<C>;
  readonly self: Self;
  readonly host: Host<S, X>;
  /** Aborted when the module is stopped. */
  readonly signal: AbortSignal;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/**
 * All that a module is, as one literal: C are the schemas of its config, S those of its paths, X those of the members that it brings;
 * they are inferred.
 */
export interface Definition<C, S, X> {
  /** Shown to operators; default 0.0.0. */
  readonly version?: string;
  /** A schema for each key. A key is required unless it has a default or x-optional. */
  readonly config?: C;
  /** A schema for each path of its own. */
  readonly state?: S;
  /** A schema for each member of the node that it brings. */
  readonly extensions?: X;
  /** Applies to all its mutations, pollers and discoveries. */
  readonly requires?: Some<NoInfer<S>, NoInfer<X>>;
  readonly mutations?: Readonly<Record<string, MutationWords<NoInfer<S>, NoInfer<X>> & Runs<NoInfer<C>, NoInfer<S>, NoInfer<X>>>>;
  readonly pollers?: Readonly<Record<string, PollerWords<NoInfer<S>, NoInfer<X>> & Polls<NoInfer<C>, NoInfer<S>, NoInfer<X>>>>;
  /** What it observes by itself, through `host.discover`. */
  readonly discoveries?: Readonly<Record<string, DiscoveryWords<NoInfer<S>, NoInfer<X>>>>;
  /** What must hold, where it serves the node, before the core's quiesce may run. */
  readonly quiet?: Some<NoInfer<S>, NoInfer<X>>;
  /** Paths (or subtrees) that it is shown of a node beyond what the rest names. */
  readonly reads?: readonly PathOf<NoInfer<S>, NoInfer<X>>[];
  readonly permissions?: readonly Permission[];
  readonly calls?: Readonly<Record<string, Call>>;
  /** Permission `sessions`. */
  readonly hosts?: Hosts<NoInfer<C>, NoInfer<S>, NoInfer<X>>;
  /** What it declares with this config, where that depends on it: less than the literal says, or other durations; never more. */
  readonly declares?: (declaration: Declaration, config: ConfigOf<NoInfer<C>>) => Declaration;
  /** Called once, before the first task. A throw ends the process. */
  readonly start?: (life: Life<NoInfer<C>, NoInfer<S>, NoInfer<X>>) => MaybePromise<void>;
  /** Called once, when it is stopped: give back what it holds. */
  readonly stop?: () => MaybePromise<void>;
  /** A new config. A throw refuses it: the old one stays. */
  readonly update?: (config: ConfigOf<NoInfer<C>>) => MaybePromise<void>;
}

/** The definition as the rest of the SDK works with it: the types of the literals have done their work. */
export type AnyDefinition = Definition<ConfigLiterals, StateLiterals, ExtensionLiterals>;

/** What `defineModule` makes, and `serve` and `testModule` take. */
export interface Module {
  /** What is sent to the host: the definition less its functions. */
  readonly declaration: Declaration;
  readonly definition: AnyDefinition;
}

/**
 * Defines a module. Nothing happens by it: `serve(module)` is the process, `testModule(module, …)` the test.
 * Throws where the literal contradicts itself in a way that types cannot say.
 */
export function defineModule<
  const C extends ConfigLiterals = Record<never, never>,
  const S extends StateLiterals = Record<never, never>,
  const X extends ExtensionLiterals = Record<never, never>,
>(definition: Definition<C, S, X>): Module {
  const any = definition as unknown as AnyDefinition;
  return { declaration: declarationOf(any), definition: any };
}
