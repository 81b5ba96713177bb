/** Many nodes at once: selected, paged, and told as fast as they are read. */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from '../context.ts';
import { Refused } from '../problem.ts';
import type { ReplicaNode } from '../replica/node.ts';
import { fieldsOf, isKnown, selected } from './parameters.ts';
import { type Shape, textOf } from './show.ts';

/** More nodes than this are written as they are read: who reads slowly costs no memory. */
const STREAMED = 1_000;
const CHUNK = 262_144;
/** Tags of an earlier life of this service are none of this one. */
const EPOCH = Date.now().toString(36);

export interface ListQuery {
  readonly selector: string;
  readonly fields?: string;
  readonly view: Shape['view'];
  readonly facts: boolean;
  readonly limit: number;
  readonly after?: string;
}

export function listNodes({ replica }: Context, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { selector, fields, view, facts, limit, after } = request.query as ListQuery;
  const shape: Shape = { view, facts, ...(fields === undefined || fields === '' ? {} : { fields: fieldsOf(fields) }) };
  const all = selected(replica, selector);
  const tag = `W/"${EPOCH}-${replica.version}"`;
  reply.header('etag', tag).header('cache-control', 'no-cache');
  if (isKnown(request.headers['if-none-match'], tag)) return reply.status(304).send();
  const from = after === undefined ? 0 : firstAfter(all, replica.byId(after), after);
  const nodes = all.length - from > limit || from > 0 ? all.slice(from, from + limit) : all;
  const next = from + nodes.length < all.length ? nodes.at(-1)?.id : undefined;
  const end = `],"revision":${replica.revision}${next === undefined ? '' : `,"next":${JSON.stringify(next)}`}}`;
  reply.type('application/json; charset=utf-8');
  if (nodes.length > STREAMED) return reply.send(Readable.from(chunks(nodes, shape, end), { objectMode: false }));
  return reply.send(`{"nodes":[${nodes.map((node) => textOf(node, shape)).join(',')}${end}`);
}

function* chunks(nodes: readonly ReplicaNode[], shape: Shape, end: string): Generator<Buffer> {
  let text = '{"nodes":[';
  let separator = '';
  for (const node of nodes) {
    text += separator + textOf(node, shape);
    separator = ',';
    if (text.length < CHUNK) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text + end);
}

/** Where the list goes on: whatever became of other nodes, each is seen once. */
function firstAfter(nodes: readonly ReplicaNode[], last: ReplicaNode | undefined, after: string): number {
  if (last === undefined)
    throw new Refused(
      410,
      { what: 'the list cannot be continued', where: after, why: 'there is no such node any more', todo: 'Read it from the start' },
      { field: 'after' },
    );
  let low = 0;
  let high = nodes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((nodes[middle] as ReplicaNode).sortKey <= last.sortKey) low = middle + 1;
    else high = middle;
  }
  return low;
}
