/** Everything that the core can ask the shell to do. A closed union. */
import type { Json, Path } from './declaration.ts';
import type { RequestId } from './event.ts';
import type { Millis, NodeId, Revision, Turn } from './record.ts';

/** A node as a module is shown it: only the paths that it declared. */
export interface TaskNode {
  readonly id: NodeId;
  readonly cfg: Readonly<Record<Path, Json>>;
  readonly dsc: Readonly<Record<Path, Json>>;
  readonly revision: Revision;
}

/** Why something was refused, in the words that a person reads. */
export interface Refusal {
  /** A code of `schemas/errors.json`. */
  readonly code: number;
  readonly what: string;
  /** Node, path, service, file … */
  readonly where: string;
  readonly why: string;
  readonly todo: string;
}

export type Effect =
  /** At most one a turn, always the first: what must be stored. `durable`: somebody waits for it to be on disk. */
  | { readonly type: 'journal'; readonly turn: Turn; readonly durable: boolean }
  /** Send `mutation/run`. `afterDurable`: not before this turn's journal record is on disk. */
  | {
      readonly type: 'run';
      readonly run: number;
      readonly service: string;
      readonly mutation: string;
      readonly deadline: Millis;
      readonly nodes: readonly TaskNode[];
      readonly afterDurable: boolean;
    }
  | {
      readonly type: 'poll';
      readonly poll: number;
      readonly service: string;
      readonly poller: string;
      readonly deadline: Millis;
      readonly nodes: readonly TaskNode[];
    }
  | { readonly type: 'cancel'; readonly run: number; readonly service: string; readonly nodes: readonly NodeId[]; readonly why: string }
  /** Ask the node's own host directly whether it lives; `probed` answers, false after `timeout`. */
  | { readonly type: 'probe'; readonly node: NodeId; readonly service: string; readonly timeout: Millis }
  /** The answer to a request. `afterDurable`: it acknowledges something, so not before this turn's journal record is on disk. */
  | { readonly type: 'answer'; readonly request: RequestId; readonly result: Json; readonly afterDurable: boolean }
  | { readonly type: 'refuse'; readonly request: RequestId; readonly refusal: Refusal }
  /** One sentence for the operator's log. */
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly node?: NodeId;
      readonly service?: string;
      readonly message: string;
    };
