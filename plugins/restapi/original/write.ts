/** Nodes as the original's clients create, change, delete and observe them. */
import { DialectError, type Doc, followed, fromOriginal, isObject, leaves } from '@kraken-hpc/sdk/state';
import { CODES, type Json, type Path, RpcError } from '@kraken-hpc/sdk/wire';
import type { FastifyRequest } from 'fastify';
import { type Context, onBehalfOf } from '../context.ts';
import { Refused } from '../problem.ts';
import type { ReplicaNode } from '../replica/node.ts';
import type { Words } from '../replica/words.ts';

type Given = Doc & { readonly id: string };
type Mode = 'create' | 'update';

/** Milliseconds until a write of ours is in the replica; then it is answered as far as that is. */
const PATIENCE = 2_000;
/** Of a list that cannot be taken as a whole: so many at once. */
const AT_ONCE = 32;
/** What is no state: said elsewhere, or by nobody. */
const NOT_SEEN = new Set(['id', 'nodename', 'parentId', 'parents', 'labels', 'busy', 'services', 'other']);

export class Writes {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** One node. Rejects with what the host says. */
  async one(request: FastifyRequest, node: Given, mode: Mode): Promise<ReplicaNode> {
    await this.#apply(request, [node], mode);
    return this.#known(node.id);
  }

  /** As many as can be; those that exist already, or do not, are left out. Rejects only where one is no node at all. */
  async many(request: FastifyRequest, nodes: readonly Given[], mode: Mode): Promise<readonly ReplicaNode[]> {
    const { replica } = this.#context;
    const first = new Map<string, Given>();
    for (const node of nodes) {
      const isThere = replica.byId(node.id) !== undefined;
      if (!first.has(node.id) && isThere === (mode === 'update')) first.set(node.id, node);
    }
    const wanted = [...first.values()];
    if (wanted.length === 0) return [];
    const done = await this.#all(request, wanted, mode);
    return done.flatMap(({ id }) => replica.byId(id) ?? []);
  }

  async remove(request: FastifyRequest, node: ReplicaNode): Promise<void> {
    const { host, replica } = this.#context;
    const answer = await host.operate('node/delete', { set: node.id, onBehalfOf: onBehalfOf(request) });
    await replica.caughtUp(answer, PATIENCE);
  }

  /** What a person saw: of each node whatever its document says otherwise than dsc. */
  async observe(request: FastifyRequest, nodes: readonly Given[]): Promise<readonly ReplicaNode[]> {
    const { host, replica } = this.#context;
    const known = nodes.flatMap((given) => {
      const node = replica.byId(given.id);
      return node ? [{ node, values: seenIn(given, node, replica.words) }] : [];
    });
    const observed = known.flatMap(({ node, values }) => (Object.keys(values).length === 0 ? [] : [{ node: node.id, values }]));
    if (observed.length > 0) {
      const { revision } = await host.operate('node/observe', { observed, onBehalfOf: onBehalfOf(request) });
      await replica.reached(revision, PATIENCE);
    }
    return known.map(({ node }) => replica.byId(node.id) ?? node);
  }

  /** All at once where that can be; else each by itself, and those that cannot are left out. */
  async #all(request: FastifyRequest, nodes: readonly Given[], mode: Mode): Promise<readonly Given[]> {
    try {
      await this.#apply(request, nodes, mode);
      return nodes;
    } catch (error) {
      if (!isOwnFault(error)) throw error;
    }
    const done: Given[] = [];
    for (let at = 0; at < nodes.length; at += AT_ONCE) {
      const some = nodes.slice(at, at + AT_ONCE);
      const tried = await Promise.allSettled(some.map((node) => this.#apply(request, [node], mode)));
      for (const [index, { status }] of tried.entries()) if (status === 'fulfilled') done.push(some[index] as Given);
    }
    return done;
  }

  async #apply(request: FastifyRequest, nodes: readonly Given[], mode: Mode): Promise<void> {
    const { host, replica } = this.#context;
    const answer = await host.operate('node/apply', { nodes, mode, onBehalfOf: onBehalfOf(request) });
    await replica.caughtUp(answer, PATIENCE);
  }

  #known(id: string): ReplicaNode {
    const node = this.#context.replica.byId(id);
    if (node) return node;
    throw new Refused(503, { what: 'it was written, and cannot be shown', where: id, why: 'it has not come back yet', todo: 'Read it' });
  }
}

/** One node of the list cannot be, and the others may; not: it is no node, or nobody may write. */
function isOwnFault(error: unknown): boolean {
  return error instanceof RpcError && (error.code === CODES.Conflict || error.code === CODES.UnknownNode);
}

/** Values by path that the document says and dsc does not. */
function seenIn(given: Given, node: ReplicaNode, words: Words): Record<Path, Json> {
  const values: Record<Path, Json> = {};
  for (const [path, value] of leaves(documentOf(given, words))) {
    const [, member = ''] = path.split('/');
    if (NOT_SEEN.has(member)) continue;
    const fact = node.facts[path]?.value;
    if (fact === undefined && isUnknown(path, value, words)) continue;
    if (JSON.stringify(fact) !== JSON.stringify(value)) values[path] = value;
  }
  return values;
}

function documentOf(given: Given, words: Words): Doc {
  try {
    return fromOriginal(given, words);
  } catch (error) {
    if (!(error instanceof DialectError)) throw error;
    throw new Refused(
      400,
      { what: 'the observation is refused', where: given.id, why: error.message, todo: error.todo },
      { field: error.path },
    );
  }
}

/** What goes without saying: the first name of an enum, '', 0, false. */
function isUnknown(path: Path, value: Json, words: Words): boolean {
  const [, member = '', ...rest] = path.split('/');
  const root = words.member(member)?.schema ?? words.core;
  const names = words.member(member) ? rest : [member, ...rest];
  let schema: Doc | undefined = root;
  for (const name of names) {
    const properties: Json | undefined = schema?.['properties'];
    schema = followed(isObject(properties) ? properties[name] : schema?.['additionalProperties'], root);
  }
  const first = schema?.['enum'];
  if (Array.isArray(first)) return value === (schema?.['default'] ?? first[0]);
  return value === '' || value === 0 || value === false;
}
