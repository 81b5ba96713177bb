/** What installing needs of a host, whether it runs or not. */
import type { Confine } from '../conformance/drive.ts';
import type { Json, ServiceDeclaration } from '../core/declaration.ts';
import type { ServiceEntry } from '../core/installing.ts';
import type { ConfinementLine } from '../modules/confine/describe.ts';
import type { Registry, ServiceSpec } from '../modules/registry.ts';

/** A preview as people read it: nodes as a set. */
export interface Foreseen {
  readonly conflicts: readonly string[];
  /** Undefined: the host does not run, and nobody knows. */
  readonly served?: number;
  readonly ways: readonly { readonly count: number; readonly nodes: string; readonly before: string; readonly after: string }[];
}

export interface Ground {
  /** False: what is written down counts from the next start on. */
  readonly isRunning: boolean;
  now(): number;
  /** The services that the configuration names: theirs is the last word. */
  readonly configured: { readonly [service: string]: Json };
  /** What taking the declaration in would mean. `schemas` are checked beside it. Throws a RefusalError where they are refused. */
  foresee(declaration: ServiceDeclaration, schemas: { readonly [kind: string]: Json }, replaces: readonly string[]): Foreseen;
  /** What a service declares now; undefined: it does not run, or did not come so far. */
  declared(service: string): ServiceDeclaration | undefined;
  /** Makes the entries into what can be started. Throws a RefusalError that names every problem. */
  specs(entries: { readonly [service: string]: ServiceEntry }, registry: Registry): readonly ServiceSpec[];
  /** Runs these, in place of those of the same names; resolves when all are ready, rejects with a RefusalError when one crashes first. */
  run(specs: readonly ServiceSpec[], signal?: AbortSignal): Promise<void>;
  /**
   * The same service with another config: told while it runs, where that will do, else it is started anew. Resolves when it is ready with
   * it, rejects with a RefusalError where it does not take it or crashes with it; then it has the one that it had.
   */
  configure(spec: ServiceSpec, signal?: AbortSignal): Promise<void>;
  /** Watches them for a while after they have become ready: rejects when one of them crashes. */
  prove(services: readonly string[], signal: AbortSignal): Promise<void>;
  /** Stops them and forgets them: their mutations leave the graph. */
  forget(services: readonly string[]): Promise<void>;
  /** Stops them; they are known and stay stopped. */
  halt(specs: readonly ServiceSpec[], why: string): Promise<void>;
  /** Takes in an extension's schemas, or gives them up (undefined). */
  extend(plugin: string, schemas: { readonly [member: string]: Json } | undefined): Promise<void>;
  /** What is enforced of what a service may not do. */
  confinement(spec: ServiceSpec): Promise<readonly ConfinementLine[]>;
  /** How a module is started that is only tried: without the network, and as nobody who matters. */
  trying(): Promise<Confine>;
}
