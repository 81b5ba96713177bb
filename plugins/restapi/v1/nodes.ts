/** `/nodes`: what there is, and changes of many nodes at once. */
import { type Doc, isObject, leaves } from '@kraken-hpc/sdk/state';
import type { Json } from '@kraken-hpc/sdk/wire';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Context } from '../context.ts';
import { type Asking, bySelector, type Place } from './host.ts';
import { listNodes } from './list.ts';
import { bodyOf, operation, WRITTEN } from './operation.ts';
import { selected, wrong } from './parameters.ts';
import { FORCE, ref, SELECTOR, TARGET, VIEW, WHY } from './schemas.ts';

const DOCUMENTS = { type: 'array', items: ref('Document'), minItems: 1, maxItems: 1_000_000 };
export const PATCH_TYPES = ['application/merge-patch+json', 'application/json'];

const LIST = {
  selector: { ...SELECTOR, default: '' },
  fields: { type: 'string', maxLength: 16_384, description: 'physState,images.state,/ipv4/: {path: value} instead of documents.' },
  view: VIEW,
  facts: { type: 'boolean', default: false, description: 'Also who saw each value, and when.' },
  limit: { type: 'integer', minimum: 1, maximum: 100_000, default: 1_000 },
  after: { type: 'string', minLength: 1, maxLength: 64, description: 'next of the page before.' },
};

export function nodesRoutes(app: FastifyInstance, context: Context, asking: Asking): void {
  app.get(
    '/nodes',
    operation({
      id: 'listNodes',
      tag: 'nodes',
      summary: 'The nodes of a set, sorted by name',
      query: LIST,
      headers: { 'if-none-match': { type: 'string' } },
      answers: { 200: { description: 'A page of them.', schema: ref('NodePage') }, 304: 'Nothing has changed since.' },
    }),
    (request, reply) => listNodes(context, request, reply),
  );
  for (const [method, mode, id, summary] of [
    ['POST', 'create', 'createNodes', 'Make nodes, all or none'],
    ['PUT', 'put', 'putNodes', 'Make or replace nodes, all or none'],
  ] as const)
    app.route({
      method,
      url: '/nodes',
      ...operation({
        id,
        tag: 'nodes',
        summary,
        body: bodyOf({ nodes: DOCUMENTS, why: WHY, force: FORCE }, ['nodes']),
        answers: { [mode === 'create' ? 201 : 200]: WRITTEN },
      }),
      handler: async (request, reply) => {
        const { nodes, ...about } = request.body as { readonly nodes: readonly Doc[] };
        const answer = await asking.change(request, 'node/apply', { ...about, nodes, mode }, inDocuments);
        return reply.status(mode === 'create' ? 201 : 200).send({ ...answer, nodes: nodes.length });
      },
    });
  changeRoutes(app, context, asking);
}

function changeRoutes(app: FastifyInstance, context: Context, asking: Asking): void {
  app.patch(
    '/nodes',
    operation({
      id: 'patchNodes',
      tag: 'nodes',
      summary: 'Change all nodes of a set, all or none',
      query: { selector: TARGET },
      required: ['selector'],
      body: ref('Patch'),
      takes: PATCH_TYPES,
      answers: { 200: WRITTEN },
    }),
    async (request) => {
      const { selector } = request.query as { readonly selector: string };
      const { patch, ...about } = patchOf(request);
      if ('id' in patch) throw wrong('/id', 'the id is what a node is known by', 'Leave it out');
      if (isPlain(patch)) {
        const values = Object.fromEntries(leaves(patch));
        return await asking.change(request, 'node/set', { set: selector, values, ...about }, inPatchOfSet);
      }
      const nodes = selected(context.replica, selector).map(({ id }): Doc => ({ ...patch, id }));
      if (nodes.length === 0) throw wrong('selector', 'no node matches it', 'GET /api/v1/nodes lists all');
      return { ...(await asking.change(request, 'node/apply', { nodes, mode: 'merge', ...about }, inPatchOfSet)), nodes: nodes.length };
    },
  );
  app.delete(
    '/nodes',
    operation({
      id: 'deleteNodes',
      tag: 'nodes',
      summary: 'Forget all nodes of a set; nothing is done to the machines',
      query: { selector: TARGET, why: WHY },
      required: ['selector'],
      answers: { 200: WRITTEN },
    }),
    (request) => {
      const { selector, ...about } = request.query as { readonly selector: string; readonly why?: string };
      return asking.change(request, 'node/delete', { set: selector, ...whyOf(request), ...about }, bySelector);
    },
  );
}

/** What a patch changes, and what it says about itself: no node has members of these names. */
export function patchOf({ body }: FastifyRequest): { readonly patch: Doc; readonly why?: string; readonly force?: string } {
  const { why, force, ...patch } = body as { readonly [member: string]: Json };
  return { patch, ...word('why', why), ...word('force', force) };
}

function word(name: 'why' | 'force', given: Json | undefined): { readonly [name: string]: string } {
  if (given === undefined) return {};
  if (typeof given !== 'string' || given === '' || given.length > 4_096)
    throw wrong(`/${name}`, 'it must be text of at most 4096 characters', 'Write a sentence, or leave it out');
  return { [name]: given };
}

/** To forget is asked for with or without a body. */
export function whyOf({ body }: FastifyRequest): { readonly why?: string } {
  return isObject(body) ? word('why', body['why'] as Json | undefined) : {};
}

/** Whether it is nothing but values at paths: an empty object sets nothing where something is, and lists of the original's name members. */
function isPlain(patch: Doc): boolean {
  if ('extensions' in patch || Array.isArray(patch['services'])) return false;
  return leaves(patch).every(([, value]) => !isObject(value));
}

const PATH = /(?:^|\s)(\/\S*)$/;

/** `node 2 of 9: kr7 /arch` → `/nodes/1/arch`. */
const inDocuments: Place = (where) => {
  const index = Number(/node (\d+) of /.exec(where)?.[1] ?? 1) - 1;
  return where.startsWith('/') ? where : `/nodes/${index}${PATH.exec(where)?.[1] ?? ''}`;
};

/** In a patch the path in the node is the pointer. */
export const inPatch: Place = (where) => PATH.exec(where)?.[1] ?? 'body';

const inPatchOfSet: Place = (where) => {
  const path = PATH.exec(where)?.[1];
  return path === undefined || path.startsWith('/set') ? 'selector' : path.replace(/^\/values\//, '');
};
