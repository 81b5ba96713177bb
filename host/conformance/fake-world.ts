/** A world for a module to act in: nodes that are as its steps ask for, and a host that answers by its permissions. */
import { CODES, METHODS, paramsMisfit } from '@kraken-hpc/sdk/wire';
import type { Json, Mutation, Scalar, ServiceDeclaration } from '../core/declaration.ts';
import { readable } from '../modules/incoming.ts';
import { needOf } from '../modules/permissions.ts';
import { isObject } from '../modules/variables.ts';
import type { Book } from './book.ts';
import type { Dialogue, Message } from './dialogue.ts';
import type { Reports } from './reports.ts';

/** The revision that the world stands at when the module starts. */
export const BEGINNING = 7000;
const MANY = 100;

export interface FakeNode {
  readonly id: string;
  readonly cfg: Readonly<Record<string, Scalar>>;
  readonly dsc: Readonly<Record<string, Scalar>>;
  readonly revision: number;
}

export const nodeIds: readonly string[] = Array.from({ length: MANY }, (_, index) => `n${index + 1}`);

/** Nodes at which a step can begin: what it requires holds, its from-values are there, its to-values are wanted. `from`: those before it are others'. */
export function nodesFor(conditions: Pick<Mutation, 'requires'> & Partial<Pick<Mutation, 'mutates'>>, count: number, from = 0): FakeNode[] {
  const { requires, mutates = {} } = conditions;
  const at = (index: 0 | 1) => Object.fromEntries(Object.entries(mutates).map(([path, change]) => [path, change[index]]));
  return nodeIds.slice(from, from + count).map((id) => ({
    id,
    cfg: { ...requires, ...at(1) },
    dsc: { ...requires, ...at(0) },
    revision: BEGINNING,
  }));
}

/** The host as far as a module can ask something of it. */
export class FakeWorld {
  readonly #book: Book;
  readonly #reports: Reports;
  readonly #permissions: readonly string[];
  #declaration: ServiceDeclaration | undefined;
  #watches = 0;
  isOpen = false;

  constructor(book: Book, reports: Reports, permissions: readonly string[]) {
    this.#book = book;
    this.#reports = reports;
    this.#permissions = permissions;
  }

  open(declaration: ServiceDeclaration): void {
    this.#declaration = declaration;
    this.isOpen = true;
    this.#book.pass('init.silence');
  }

  /** A request or notification of the module. */
  called({ id, method, params = {} }: Message, dialogue: Dialogue): void {
    const name = String(method);
    const known = Object.hasOwn(METHODS, name) ? METHODS[name as keyof typeof METHODS] : undefined;
    const wrong = this.#wrong(name, known, id, params);
    if (wrong !== undefined) dialogue.fail('wire.methods', wrong);
    if (id === undefined) return;
    if (!this.isOpen) dialogue.fail('init.silence', `it asked for ${name} before it was told that it is initialized`);
    const answer = wrong === undefined ? this.#answer(name, params as Message, dialogue) : refused(CODES.InvalidParams, wrong);
    dialogue.send({ jsonrpc: '2.0', id, ...answer });
  }

  #wrong(name: string, known: { kind: string; direction: string } | undefined, id: Json | undefined, params: Json): string | undefined {
    if (!known || known.direction === 'toModule') return `it called ${name}, which is no method of the host`;
    if ((known.kind === 'request') !== (id !== undefined))
      return `${name} is a ${known.kind}, and it came ${id === undefined ? 'without' : 'with'} an id`;
    const misfit = paramsMisfit(name, params);
    return misfit && `the params of ${name} do not fit: ${misfit.field} ${misfit.message}`;
  }

  #answer(name: string, params: Message, dialogue: Dialogue): { readonly [key: string]: Json } {
    const why = this.#denied(name, params);
    if (why !== undefined) {
      dialogue.fail('permission.kept', why);
      return refused(CODES.NotPermitted, why);
    }
    switch (name) {
      case 'state/discover':
        this.#reports.told(params.observed, dialogue);
        return { result: { revision: BEGINNING } };
      case 'state/read':
        return { result: { nodes: [], revision: BEGINNING } };
      case 'state/watch':
        this.#watches += 1;
        return { result: { watch: this.#watches, revision: BEGINNING, nodes: [], more: false } };
      case 'events/watch':
        this.#watches += 1;
        return { result: { watch: this.#watches } };
      case 'state/unwatch':
        return { result: {} };
      case 'schema/get':
        return { result: { ...this.#reports.schemas } };
      case 'state/propose':
        return { result: { revision: BEGINNING } };
      default:
        return refused(CODES.NotReady, `${name} is not answered in this world: it is made for a test`);
    }
  }

  #denied(name: string, params: Message): string | undefined {
    const need = needOf(name);
    const has = (permission: string): boolean => this.#permissions.includes(permission);
    if (need === 'free' || need === 'unknown' || has(need)) return undefined;
    if (need !== 'declared') return `it asked for ${name}, and has no permission "${need}"`;
    if (has('state:read *') || !this.#declaration || !isObject(params) || !Array.isArray(params.paths)) return undefined;
    const own = readable(this.#declaration);
    const covered = (path: Json): boolean => own.some((one) => one === path || (one.endsWith('/') && String(path).startsWith(one)));
    const beyond = params.paths.find((path) => !covered(path));
    return beyond === undefined ? undefined : `it asked to read ${JSON.stringify(beyond)}, which it did not declare`;
  }
}

const refused = (code: number, message: string): { readonly [key: string]: Json } => ({ error: { code, message } });
