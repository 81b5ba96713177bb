/** `/nodes/{node}`: one node. */
import type { Doc } from '@kraken-hpc/sdk/state';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../context.ts';
import { Refused } from '../problem.ts';
import type { ReplicaNode } from '../replica/node.ts';
import type { Asking } from './host.ts';
import { inPatch, PATCH_TYPES, patchOf, whyOf } from './nodes.ts';
import { operation, WRITTEN } from './operation.ts';
import { fieldsOf, isKnown, matchOf, nodeOf, wrong } from './parameters.ts';
import { ref, VIEW, WHY } from './schemas.ts';
import { type Shape, textOf } from './show.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const NODE = { node: { type: 'string', minLength: 1, maxLength: 300, description: 'The id or name of a node.' } };
const IF_MATCH = { 'if-match': { type: 'string', description: 'Refused (412) where its cfg was changed since.' } };

interface NodeQuery {
  readonly view: Shape['view'];
  readonly facts: boolean;
  readonly fields?: string;
}

export function nodeRoutes(app: FastifyInstance, context: Context, asking: Asking): void {
  app.get('/nodes/:node', READ, (request, reply) => read(context, request, reply));
  app.put('/nodes/:node', PUT, (request, reply) => put(context, asking, request, reply));
  app.patch('/nodes/:node', PATCH, async (request, reply) => {
    const { id } = existing(context, request);
    const { patch, ...about } = patchOf(request);
    if (patch['id'] !== undefined && String(patch['id']).toLowerCase() !== id) throw otherId();
    const nodes = [{ ...patch, id }];
    const answer = await asking.change(request, 'node/apply', { nodes, mode: 'merge', ...about, ...unchanged(request) }, inPatch);
    return tagged(context, reply, id).send({ ...answer, nodes: 1 });
  });
  app.delete('/nodes/:node', DELETE, (request) => {
    const { id } = existing(context, request);
    const { why } = request.query as { readonly why?: string };
    const about = { ...whyOf(request), ...(why === undefined ? {} : { why }) };
    return asking.change(request, 'node/delete', { set: id, ...about, ...unchanged(request) }, () => 'node');
  });
}

const READ = operation({
  id: 'readNode',
  tag: 'nodes',
  summary: 'A node: what is wanted, what was seen, who saw it and when',
  path: NODE,
  query: {
    view: VIEW,
    facts: { type: 'boolean', default: true, description: 'Also who saw each value, and when.' },
    fields: { type: 'string', maxLength: 16_384, description: 'physState,images.state,/ipv4/: {path: value} instead of documents.' },
  },
  headers: { 'if-none-match': { type: 'string' } },
  answers: { 200: { description: 'The node.', schema: ref('Node') }, 304: 'Nothing of it has changed since.' },
});

const PUT = operation({
  id: 'putNode',
  tag: 'nodes',
  summary: 'Make or replace a node; with If-None-Match: * only make it',
  path: NODE,
  headers: { ...IF_MATCH, 'if-none-match': { type: 'string', description: '* = it must not exist.' } },
  body: ref('Document'),
  answers: { 200: WRITTEN, 201: WRITTEN },
});

const PATCH = operation({
  id: 'patchNode',
  tag: 'nodes',
  summary: 'Change a node',
  path: NODE,
  headers: IF_MATCH,
  body: ref('Patch'),
  takes: PATCH_TYPES,
  answers: { 200: WRITTEN },
});

const DELETE = operation({
  id: 'deleteNode',
  tag: 'nodes',
  summary: 'Forget a node; nothing is done to the machine',
  path: NODE,
  query: { why: WHY },
  headers: IF_MATCH,
  answers: { 200: WRITTEN },
});

const nameOf = (request: FastifyRequest): string => (request.params as { readonly node: string }).node;

function read({ replica }: Context, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { view, facts, fields } = request.query as NodeQuery;
  const shape: Shape = fields === undefined || fields === '' ? { view, facts } : { view, facts, fields: fieldsOf(fields) };
  const node = nodeOf(replica, nameOf(request));
  reply.header('etag', node.tag).header('cache-control', 'no-cache');
  if (isKnown(request.headers['if-none-match'], node.tag)) return reply.status(304).send();
  return reply.type('application/json; charset=utf-8').send(textOf(node, shape));
}

async function put(context: Context, asking: Asking, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const name = nameOf(request);
  const { patch, ...about } = patchOf(request);
  const known = context.replica.find(name);
  const id = known?.id ?? (UUID.test(name) ? name.toLowerCase() : undefined);
  if (id !== undefined && patch['id'] !== undefined && String(patch['id']).toLowerCase() !== id) throw otherId();
  const doc: Doc = {
    ...(id === undefined ? { nodename: name } : {}),
    ...(known ? { nodename: known.name } : {}),
    ...patch,
    ...(id === undefined ? {} : { id }),
  };
  const isNew = request.headers['if-none-match']?.trim() === '*';
  if (isNew && known) throw unmet('if-none-match', known, 'it exists');
  const match = unchanged(request);
  const mode = isNew ? 'create' : request.headers['if-match'] === undefined ? 'put' : 'update';
  if (mode === 'update') existing(context, request);
  const answer = await asking.change(request, 'node/apply', { nodes: [doc], mode, ...about, ...match }, inPatch);
  tagged(context, reply, id ?? context.replica.find(name)?.id ?? '');
  return reply.status((answer.created ?? 0) > 0 ? 201 : 200).send({ ...answer, nodes: 1 });
}

/** The node that the request names; where it says that it must exist, that it does not is its own refusal. */
function existing({ replica }: Context, request: FastifyRequest): ReplicaNode {
  const node = replica.find(nameOf(request));
  if (node === undefined && request.headers['if-match'] !== undefined) throw unmet('if-match', undefined, 'there is no such node');
  return node ?? nodeOf(replica, nameOf(request));
}

function unchanged(request: FastifyRequest): { readonly unchangedSince?: number } {
  const match = matchOf(request.headers['if-match']);
  return typeof match === 'number' ? { unchangedSince: match } : {};
}

function tagged({ replica }: Context, reply: FastifyReply, id: string): FastifyReply {
  const node = replica.byId(id);
  return node ? reply.header('etag', node.tag) : reply;
}

function otherId(): Refused {
  return wrong('/id', 'the path names another node', 'Leave it out, or name the same');
}

function unmet(field: string, node: ReplicaNode | undefined, why: string): Refused {
  return new Refused(
    412,
    { what: 'the change is refused', where: node?.name ?? field, why, todo: 'Read it again, and decide anew' },
    { field },
  );
}
