/** What a module asks of the host: each method held against its permissions and its declaration, then passed on. */
import { type CallContext, CODES, METHODS, type PeerOptions, RpcError } from '@kraken-hpc/sdk/wire';
import type { Json, Path, ServiceDeclaration } from '../core/declaration.ts';
import { RefusalError } from '../core/refusal.ts';
import type { Complaints } from './complaints.ts';
import { FloodGate } from './flood.ts';
import type { ModuleSession, SupervisorOptions } from './hooks.ts';
import type { Limits } from './limits.ts';
import { checkObserved, type Refused, type Reporter, reporter } from './observe.ts';
import { needOf } from './permissions.ts';
import { failure } from './refuse.ts';
import { isObject } from './variables.ts';

/** Refused items that the answer names; the rest is counted. */
const NAMED = 100;

type Params = { readonly [key: string]: Json };

export interface IncomingOptions {
  readonly service: string;
  readonly limits: Limits;
  readonly hooks: Pick<SupervisorOptions, 'now' | 'observed' | 'handle' | 'knows'>;
  readonly complaints: Complaints;
  readonly session: ModuleSession;
  /** It sends faster than it may: read it slower. */
  slow(): void;
  broke(why: string): void;
}

export class Incoming {
  readonly #options: IncomingOptions;
  readonly #gate: FloodGate;
  #reporter: Reporter | undefined;
  #declaration: ServiceDeclaration | undefined;

  constructor(options: IncomingOptions) {
    this.#options = options;
    this.#gate = new FloodGate(options.limits, options.hooks.now());
  }

  /** The engine accepted it: from now on it is answered. */
  open(declaration: ServiceDeclaration): void {
    this.#declaration = declaration;
    this.#reporter = reporter(declaration);
  }

  /** One handler for each request that goes to the host, by the table of the protocol. */
  answers(): PeerOptions<'host'>['answers'] {
    const answers: Record<string, (params: Params, context: CallContext) => Promise<Json>> = {};
    for (const [method, { kind, direction }] of Object.entries(METHODS)) {
      if (kind !== 'request' || direction === 'toModule') continue;
      answers[method] =
        method === 'state/discover' ? (params) => this.#discover(params) : (params, context) => this.#handle(method, params, context);
    }
    return answers as unknown as PeerOptions<'host'>['answers'];
  }

  async #discover(params: Params): Promise<Json> {
    const by = this.#reporter;
    if (!by) throw notReady();
    const count = Array.isArray(params.observed) ? params.observed.length : 1;
    const { hooks, service } = this.#options;
    this.#enter(count);
    try {
      const { good, refused } = checkObserved(params.observed, by, (node) =>
        hooks.knows?.(node) === false
          ? failure(CODES.UnknownNode, `${service} reported ${node}, which is no node of this host`)
          : undefined,
      );
      for (const one of refused) this.refused(one);
      const [first] = refused;
      if (good.length === 0 && first) throw new RpcError(first.error.code, first.error.message, { accepted: 0, refused: named(refused) });
      const answer = await hooks.observed(service, good);
      return refused.length === 0
        ? answer
        : { ...(isObject(answer) ? answer : {}), accepted: good.length, refusedCount: refused.length, refused: named(refused) };
    } finally {
      this.#gate.leave(count);
    }
  }

  /** A report that does not fit the declaration is said, once in a while, by the path or kind that it is about. */
  refused(one: Refused): void {
    this.#options.complaints.complain(
      `${one.error.code} ${one.path ?? ''}`,
      `${one.error.message}; refused (${one.error.code}). A defect of the module: report it to its author`,
    );
  }

  #enter(count: number): void {
    const { hooks, complaints } = this.#options;
    const now = hooks.now();
    try {
      this.#gate.enter(count, now);
    } catch (error) {
      this.#options.slow();
      complaints.complain('flood', `sends ${(error as Error).message}; what is over it is refused (${CODES.TooMany})`);
      const why = this.#gate.tooLong(now);
      if (why !== undefined) this.#options.broke(why);
      throw error;
    }
  }

  async #handle(method: string, params: Params, context: CallContext): Promise<Json> {
    const declaration = this.#declaration;
    if (!declaration) throw notReady();
    const { hooks, service, session } = this.#options;
    return hooks.handle(service, method, this.#allowed(method, params, declaration), session, context);
  }

  /** The params as far as they are permitted: a module that names no paths is shown those that it declared. */
  #allowed(method: string, params: Params, declaration: ServiceDeclaration): Params {
    const need = needOf(method);
    const has = (permission: string): boolean => declaration.permissions.includes(permission);
    if (need === 'free' || has(need)) return params;
    const { service, session } = this.#options;
    if (need !== 'declared') throw this.#denied(method, service, `has no permission "${need}", which ${method} needs`);
    if (has('state:read *')) return params;
    const { paths } = params;
    if (!Array.isArray(paths)) return { ...params, paths: [...session.paths] };
    const beyond = paths.find((path) => !covers(session.paths, path));
    if (beyond !== undefined)
      throw this.#denied(method, service, `did not declare that it reads ${beyond}, and has no permission "state:read *"`);
    return params;
  }

  #denied(method: string, service: string, why: string): RpcError {
    this.#options.complaints.complain(`denied ${method}`, `${why}; refused (${CODES.NotPermitted})`);
    return new RpcError(CODES.NotPermitted, `service ${service} ${why}`);
  }
}

const notReady = (): RpcError => new RpcError(CODES.NotReady, 'the host has not accepted the declaration yet: wait for initialized');
const named = (refused: readonly Refused[]): Json =>
  refused
    .slice(0, NAMED)
    .map(({ node, path, error }) => ({ node, ...(path === undefined ? {} : { path }), code: error.code, message: error.message }));

function covers(declared: readonly Path[], path: Json): boolean {
  return (
    typeof path === 'string' && declared.some((one) => one === path || (one.endsWith('/') && (path.startsWith(one) || `${path}/` === one)))
  );
}

/** Every path that a declaration names, sorted: what a module may read, and is sent with a node. */
export function readable(declaration: ServiceDeclaration): readonly Path[] {
  const paths = new Set<Path>(declaration.reads);
  for (const { path } of declaration.variables) paths.add(path);
  for (const one of declaration.mutations)
    for (const part of [one.mutates, one.requires, one.excludes, one.failTo]) for (const path of Object.keys(part)) paths.add(path);
  for (const one of [...declaration.pollers, ...declaration.discoveries])
    for (const path of [...one.discovers, ...Object.keys(one.requires)]) paths.add(path);
  for (const path of Object.keys(declaration.quiet)) paths.add(path);
  return [...paths].sort();
}

/** A refusal keeps its code and its four parts on the wire. */
export function errorOnWire(error: unknown): { readonly code: number; readonly message: string; readonly data?: unknown } {
  if (error instanceof RpcError) return error;
  if (error instanceof RefusalError) {
    const { code, what, where, why, todo } = error.refusal;
    return { code, message: error.message, data: { what, where, why, todo } };
  }
  return { code: CODES.InternalError, message: error instanceof Error ? error.message : String(error) };
}
