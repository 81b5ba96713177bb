/** What /api/v1 answers, as this page reads it. */
import type { Author, Event, Fact, GraphView, Result } from '@kraken-hpc/sdk/wire';

export type Explanation = Result<'node/explain'>['nodes'][number];
export type PlanReport = Result<'node/plan'>;
export type EngineStatus = Result<'engine/status'>;
export type History = Result<'node/history'>;
export type Change = History['changes'][number];
export type Schema = Result<'schema/get'>;
export type Done = Result<'node/set'>;
export type { Event, GraphView };

/** A node whose cfg and dsc are {path: value}, as `fields` was asked for. */
export interface Listed {
  readonly id: string;
  readonly name?: string;
  readonly cfg?: Readonly<Record<string, unknown>>;
  readonly dsc?: Readonly<Record<string, unknown>>;
}

export interface Listing {
  readonly nodes: readonly Listed[];
  readonly revision: number;
  readonly next?: string;
}

/** A node as documents, and who saw what. */
export interface Whole {
  readonly id: string;
  readonly name?: string;
  readonly cfg: Readonly<Record<string, unknown>>;
  readonly dsc: Readonly<Record<string, unknown>>;
  readonly facts: Readonly<Record<string, Fact>>;
}

export interface Hold {
  readonly node: string;
  readonly name: string;
  readonly by: string;
  readonly why: string;
  readonly since: number;
  readonly until?: number;
}

export interface Me {
  readonly user: string;
  readonly role: NonNullable<Author['role']>;
  readonly authentication?: string;
  /** The node of the host that served this page. */
  readonly node?: string;
}
