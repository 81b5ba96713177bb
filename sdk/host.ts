/** What a module may ask of its host. Everything is a request of the protocol: what is refused rejects with an RpcError. */
import type { Reportable } from './declaration.ts';
import type { PathOf, Seen } from './infer.ts';
import { parts } from './parts.ts';
import type { Hearing } from './task.ts';
import {
  type Change,
  type Event,
  type EventKind,
  type Json,
  type METHODS,
  type MethodName,
  type NodeState,
  type Observed,
  type Params,
  type Peer,
  type Result,
  type Revision,
  refusal,
} from './wire/index.ts';

/** What was seen of one node. */
export interface Report<S, X> extends Hearing {
  readonly node: string;
  readonly values: Seen<S, X>;
  /** The revision at which the question was asked; absent = now. */
  readonly asOf?: number;
}

/** Which nodes, which paths. Without paths: all that the module declared (with `state:read *`: whole documents). */
export interface Query<S, X> {
  /** A node-set expression; empty = all nodes that the module serves. */
  readonly set?: string;
  readonly nodes?: readonly string[];
  readonly paths?: readonly PathOf<S, X>[];
  readonly view?: 'cfg' | 'dsc' | 'both';
}

/** Told of everything that a watch sees, in order. */
export interface Watcher {
  /**
   * A page of the snapshot; `more` = another one follows. Without `snapshot`: nodes that have come into the set, or that changed more
   * than this end was told of.
   */
  nodes(nodes: readonly NodeState[], more: boolean, about: { readonly revision: Revision; readonly snapshot: boolean }): void;
  changes(changes: readonly Change[], revision: number): void;
  /** This end was too slow: forget everything, a new snapshot follows. */
  resync?(): void;
}

/** `dropped`: how many were left out before these because this end was slow, the last of them at revision `upTo`. */
type EventListener = (events: readonly Event[], dropped: number, upTo: Revision) => void;

/** What is to be wanted of one node from now on, by path; checked by the schemas of the paths, all of a proposal or nothing. */
export interface CfgChange<S, X> {
  readonly node: string;
  /** null removes. */
  readonly values: { readonly [P in keyof Seen<S, X>]?: Seen<S, X>[P] | null };
}

type OperatorMethod = { [M in MethodName]: (typeof METHODS)[M]['direction'] extends 'operator' ? M : never }[MethodName];

/**
 * What a module may ask of its host. Each method rejects with an `RpcError` (a code of schemas/errors.json) where the host refuses:
 * `Undeclared` for paths that are not declared, `NotPermitted` without the permission, `Disconnected` when it is gone.
 */
export interface Host<S, X> {
  /** Says what was seen, without having been asked. Resolves when the host has taken it in. */
  discover(reports: Report<S, X> | readonly Report<S, X>[]): Promise<void>;
  /** All nodes of the query; pages are fetched as they are needed. */
  read(query: Query<S, X>): AsyncIterable<NodeState>;
  /** Tells the watcher of the snapshot and then of every change; resolves to the way to end it. */
  watch(query: Query<S, X> & { readonly from?: number }, watcher: Watcher): Promise<() => Promise<void>>;
  events(kinds: readonly EventKind[], set: string, listener: EventListener): Promise<() => Promise<void>>;
  /** Changes cfg, all of it or nothing, however much it is (permission `cfg:write`). */
  propose(
    changes: readonly CfgChange<S, X>[],
    options?: { readonly why?: string; readonly force?: string },
  ): Promise<{ readonly revision: number }>;
  /** An operator method (permission `operate`); `node/apply` of however many documents, all of them or none. */
  operate<M extends OperatorMethod>(method: M, params: Params<M>): Promise<Result<M>>;
}

const defined = (values: object): Record<string, Json> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<string, Json>;

/** The host as it is for the module at the other end of this peer. */
export class PeerHost implements Host<unknown, unknown> {
  readonly #peer: Peer<'module'>;
  readonly #reportable: Reportable;
  readonly #watchers = new Map<number, Watcher>();
  readonly #listeners = new Map<number, EventListener>();
  /** Watches whose answer is under way, and what came for them with it: one read may bring both, and the answer is taken later. */
  #opening = 0;
  #early: { readonly watch: number; readonly tell: () => void }[] = [];

  constructor(peer: Peer<'module'>, reportable: Reportable) {
    this.#peer = peer;
    this.#reportable = reportable;
  }

  async discover(reports: Report<unknown, unknown> | readonly Report<unknown, unknown>[]): Promise<void> {
    const observed = [reports].flat().map((report) => {
      const values = defined(report.values);
      const undeclared = this.#reportable.undeclared(values);
      if (undeclared !== undefined)
        throw refusal('Undeclared', 'not reported', report.node, `${undeclared} is in no mutation, poller or discovery of this module`);
      return { ...report, values } as Observed;
    });
    await this.report(observed);
  }

  /** Resolves to the revision at which the last part was taken in. */
  async report(observed: readonly Observed[]): Promise<number> {
    let revision = 0;
    for (const part of parts(observed)) ({ revision = 0 } = await this.#peer.request('state/discover', { observed: part }));
    return revision;
  }

  async *read(query: Query<unknown, unknown>): AsyncGenerator<NodeState, void, undefined> {
    let after: string | undefined;
    do {
      const page: Result<'state/read'> = await this.#peer.request('state/read', after === undefined ? query : { ...query, after });
      yield* page.nodes;
      after = page.next;
    } while (after !== undefined);
  }

  async watch(query: Query<unknown, unknown> & { readonly from?: number }, watcher: Watcher): Promise<() => Promise<void>> {
    const watch = await this.#open(
      () => this.#peer.request('state/watch', query),
      (answer) => {
        this.#watchers.set(answer.watch, watcher);
        if (query.from === undefined) watcher.nodes(answer.nodes, answer.more, { revision: answer.revision, snapshot: true });
      },
    );
    return async () => {
      this.#watchers.delete(watch);
      await this.#peer.request('state/unwatch', { watch });
    };
  }

  async events(kinds: readonly EventKind[], set: string, listener: EventListener): Promise<() => Promise<void>> {
    const watch = await this.#open(
      () => this.#peer.request('events/watch', { kinds, set }),
      (answer) => void this.#listeners.set(answer.watch, listener),
    );
    return async () => {
      this.#listeners.delete(watch);
      await this.#peer.request('state/unwatch', { watch });
    };
  }

  async propose(
    changes: readonly CfgChange<unknown, unknown>[],
    options: { readonly why?: string; readonly force?: string } = {},
  ): Promise<{ readonly revision: number }> {
    const tx = crypto.randomUUID();
    const all = parts(changes.map(({ node, values }) => ({ node, values: defined(values) })));
    let revision = 0;
    for (const [part, some] of all.entries())
      ({ revision = 0 } = await this.#peer.request('state/propose', {
        tx,
        part,
        last: part === all.length - 1,
        changes: some,
        ...options,
      }));
    return { revision };
  }

  operate<M extends OperatorMethod>(method: M, params: Params<M>): Promise<Result<M>> {
    return method === 'node/apply'
      ? (this.#apply(params as Params<'node/apply'>) as Promise<Result<M>>)
      : this.#peer.request(method, params);
  }

  /** Documents that fit into no line go in parts of one transaction. */
  async #apply({ nodes, ...about }: Params<'node/apply'>): Promise<Result<'node/apply'>> {
    const all = nodes.length > 1 ? parts(nodes) : [nodes];
    if (all.length === 1) return this.#peer.request('node/apply', { nodes, ...about });
    const tx = crypto.randomUUID();
    let answer: Result<'node/apply'> = {};
    for (const [part, some] of all.entries())
      answer = await this.#peer.request('node/apply', { ...about, nodes: some, tx, part, last: part === all.length - 1 });
    return answer;
  }

  changed(params: Params<'state/changed'>): void {
    const { watch, changes, nodes, revision, more, resync } = params;
    const watcher = this.#watchers.get(watch);
    if (!watcher) return this.#keep(watch, () => this.changed(params));
    if (resync === true) watcher.resync?.();
    if (nodes !== undefined) watcher.nodes(nodes, more === true, { revision, snapshot: more !== undefined });
    if (changes.length > 0) watcher.changes(changes, revision);
  }

  happened(params: Params<'events/happened'>): void {
    const { watch, events, dropped, upTo } = params;
    const listener = this.#listeners.get(watch);
    if (listener) listener(events, dropped ?? 0, upTo ?? 0);
    else this.#keep(watch, () => this.happened(params));
  }

  /** Opens a watch, then tells it what came before this end knew its number. */
  async #open<A extends { readonly watch: number }>(request: () => Promise<A>, opened: (answer: A) => void): Promise<number> {
    this.#opening++;
    try {
      const answer = await request();
      opened(answer);
      const mine = this.#early.filter(({ watch }) => watch === answer.watch);
      this.#early = this.#early.filter(({ watch }) => watch !== answer.watch);
      for (const { tell } of mine) tell();
      return answer.watch;
    } finally {
      this.#opening--;
      if (this.#opening === 0) this.#early = [];
    }
  }

  #keep(watch: number, tell: () => void): void {
    if (this.#opening > 0) this.#early.push({ watch, tell });
  }
}
