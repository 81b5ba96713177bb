/** What the control surface may use of the running host. The composer (main.ts) gives it; nothing else is reachable from here. */

import type { Result } from '@kraken-hpc/sdk/wire';
import type { HistoryPage, ServiceStatus } from '../core/answers.ts';
import type { Json } from '../core/declaration.ts';
import type { Event, RequestId } from '../core/event.ts';
import type { Asker, ServiceChange, ServiceEntry, StageOptions } from '../core/installing.ts';
import type { PeerStatus, SyncStatus } from '../core/peer-status.ts';
import type { Queries } from '../core/queries.ts';
import type { Millis, NodeId, Revision, Turn } from '../core/record.ts';

export interface HostPort {
  readonly engine: Queries;
  now(): Millis;
  /** Queues an event; resolves to its answer when it is durable; rejects with a RefusalError (core/refusal.ts). */
  ask(make: (request: RequestId) => Event): Promise<Json>;
  /** Every turn that changed something, in order, after it was applied. Returns the way to stop. */
  onTurn(listener: (turn: Turn) => void): () => void;
  history(
    node: NodeId | undefined,
    options: { readonly limit: number; readonly before?: Revision; readonly since?: Millis },
  ): Promise<HistoryPage>;
  readonly services: ServicesPort;
  readonly plugins: PluginsPort;
  /** The neighbours of this host: its parent, its children. */
  peers(): readonly PeerStatus[];
  /** This host among them; undefined: it has neither a CA nor a parent. */
  sync(): SyncStatus | undefined;
  /** A secret that nobody can guess, as a person is told it, and the hash that the engine keeps. */
  makeToken(): { readonly token: string; readonly hash: string };
  /** Checks a document against the schemas in force; throws RefusalError naming node, path and reason. */
  parseNode(doc: unknown, where: string): { readonly id: NodeId; readonly doc: { readonly [member: string]: Json } };
  /** A JSON Merge Patch with ids and spelling put right; what it leads to is checked by `checkDocument`. */
  parsePatch(doc: unknown, where: string): { readonly [member: string]: Json };
  /** Checks a whole cfg document of ours; what the node `id` has already is never refused. Throws RefusalError. */
  checkDocument(doc: { readonly [member: string]: Json }, where: string, id?: NodeId): void;
  /** Checks single values by path (null removes), as wanted or as observed. Throws RefusalError. */
  checkValues(values: Readonly<Record<string, Json>>, where: string, observed?: boolean): void;
  /** The id that a node of this name is given where its file names none: always the same. */
  idOfName(nodename: string): NodeId;
  /** The schemas of all that a node may hold: of the core, and by member. */
  schemas(): { readonly core: Json; readonly extensions: { readonly [member: string]: Json } };
  /** The node in the original's dialect (extensions as a list with `@type`). */
  toOriginal(doc: { readonly [member: string]: Json }): { readonly [member: string]: Json };
  backup(file: string): Promise<{ readonly nodes: number; readonly bytes: number; readonly revision: Revision }>;
  restore(file: string): Promise<{ readonly nodes: number; readonly revision: Revision }>;
  stop(why: string): void;
}

/** Those of one host (plugins/plugins.ts). What asks is `Asker`: when its signal is aborted, all is as before. */
export interface PluginsPort {
  list(): Result<'plugin/list'>;
  info(plugin: string): Promise<Result<'plugin/info'>>;
  stage(options: StageOptions, asker: Asker): Promise<Result<'plugin/stage'>>;
  abandon(stage: string): void;
  commit(stage: string, asker: Asker): Promise<Result<'plugin/commit'>>;
  remove(plugin: string, asker: Asker): Promise<void>;
  enable(plugin: string, enabled: boolean, asker: Asker): Promise<void>;
  create(service: string, entry: ServiceEntry, asker: Asker): Promise<void>;
  set(service: string, change: ServiceChange, asker: Asker): Promise<void>;
  delete(service: string, asker: Asker): Promise<void>;
}

export interface ServicesPort {
  list(): readonly ServiceStatus[];
  start(service: string): Promise<void>;
  stop(service: string): Promise<void>;
  restart(service: string): Promise<void>;
  /** Asks something of the module itself. */
  call(service: string, call: string, params: { readonly [key: string]: Json }): Promise<Json>;
  /** The last lines of its stderr and `$/log`; `follow` gets the next ones until the returned function is called. */
  logs(service: string, lines: number, follow?: (line: string) => void): { readonly lines: readonly string[]; readonly stop: () => void };
}
