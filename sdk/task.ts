/** What a handler is given: the nodes to act on or to ask, and the ways to say what came of it. */
import type { Host } from './host.ts';
import type { ConfigOf, Seen, Some } from './infer.ts';

/** A node as the module is shown it: only the paths that it declared. */
export interface TaskNode<S, X> {
  readonly id: string;
  /** What is wanted, by path. */
  readonly cfg: Some<S, X>;
  /** What is seen, by path. */
  readonly dsc: Some<S, X>;
  readonly revision: number;
}

/** Said with an observation by a module that speaks for the nodes' own hosts (permission `sessions`). */
export interface Hearing {
  readonly heard?: 'hello' | 'session' | 'dhcp' | 'claim';
  readonly session?: { readonly boot: string; readonly live: boolean };
}

/** How much a line of the log matters; below info is shown only where somebody asked for it. */
export type Level = 'debug' | 'info' | 'warn' | 'error';

/** A task for many nodes. */
export interface Task<C, S, X> {
  readonly config: ConfigOf<C>;
  readonly nodes: readonly TaskNode<S, X>[];
  /** Aborted when the task is cancelled, its deadline has passed, or the module is stopped. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch, by the host's clock. */
  readonly deadline: number;
  /** Milliseconds until the deadline; not below 0. */
  left(): number;
  /** A signal for this node alone: some nodes of a task can be cancelled. */
  signalOf(node: string): AbortSignal;
  /** Reports what was seen of a node at once, before the task has ended. */
  observed(node: string, values: Seen<S, X>, hearing?: Hearing): void;
  /** For this node it could not be done; the others go on. */
  failed(node: string, error: unknown): void;
  log(level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** How far it is; `fraction` 0 to 1. */
  progress(message: string, fraction?: number): void;
  readonly host: Host<S, X>;
}

/** A task for one node; `signal` is the node's own. */
export interface NodeTask<C, S, X> extends Task<C, S, X> {
  readonly node: TaskNode<S, X>;
}
