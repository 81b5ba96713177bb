/** What the composer gives the supervisor: the way out of this folder. */
import type { CallContext, Declaration, NotificationsTo, Params } from '@kraken-hpc/sdk/wire';
import type { Json, Path, ServiceDeclaration } from '../core/declaration.ts';
import type { Failed, Failure, Observed, ServiceState } from '../core/event.ts';
import type { Millis, NodeId } from '../core/record.ts';
import type { Confinement } from './confine/confinement.ts';
import type { Ladder } from './ladder.ts';
import type { Limits } from './limits.ts';
import type { ServiceSpec } from './registry.ts';

/** A module that is connected, as the control API sees it: where notifications of its watches go. */
export interface ModuleSession {
  readonly service: string;
  readonly permissions: readonly string[];
  /** What it may read without `state:read *`. */
  readonly paths: readonly Path[];
  notify<M extends NotificationsTo<'module'>>(method: M, params: Params<M>): void;
  /** A line that was serialised once for many (`encodeLine`), newline included. */
  sendRaw(line: string): void;
  /** Bytes that it has not read yet: a slow watcher is sent less, then a resync. */
  readonly pendingBytes: number;
  drained(): Promise<void>;
  /** When its process ends: its watches end. */
  onClose(listener: () => void): void;
}

/** The reply to a run or a poll. Nodes in neither list were reported early, or are what `lost` is about. */
export interface Reply {
  readonly observed: readonly Observed[];
  readonly failed: readonly Failed[];
  /**
   * Why there is no reply for the rest: NotReady (it was never sent), Disconnected (the process ended), DeadlineExceeded, Cancelled.
   * What the last three did is not known until it is observed.
   */
  readonly lost?: Failure;
}

export interface SupervisorOptions {
  now(): Millis;
  /** In [0, 1). */
  random(): number;
  readonly limits?: Partial<Limits>;
  readonly ladder?: Ladder;
  /** Absent: modules run as the host does. */
  readonly confinement?: Confinement;
  readonly host: { readonly name: string; readonly version: string; readonly node: NodeId };
  /** Where this host stands among the hosts: the pin of their CA, and where it is found. */
  place?(): { readonly ca?: string; readonly listens?: readonly string[] };
  /** The engine takes the declaration, or rejects with a RefusalError: the service is then `rejected`. `wire` holds the schemas. */
  declared(spec: ServiceSpec, declaration: ServiceDeclaration, wire: Declaration): Promise<void>;
  /** Every change of state, with the reason in words. */
  state(service: string, state: ServiceState, why?: string): void;
  /** `state/discover`, shape and permission checked. The answer is passed on to the module. */
  observed(service: string, items: readonly Observed[]): Promise<Json>;
  /** Every other request of a module that its permissions allow. */
  handle(service: string, method: string, params: Json, session: ModuleSession, context: CallContext): Promise<Json>;
  /** What came after its deadline, or after it was cancelled: observations. */
  late(service: string, items: readonly Observed[]): void;
  /** Whether there is such a node; absent = not checked here. */
  knows?(node: NodeId): boolean;
  log(entry: { readonly level: 'info' | 'warn' | 'error'; readonly service: string; readonly message: string }): void;
}
