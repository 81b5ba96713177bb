/** The original's REST dialect: its routes, statuses and answers, for clients that were written for it. */
import { Readable } from 'node:stream';
import { CODES, RpcError } from '@kraken-hpc/sdk/wire';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Context, onBehalfOf } from '../context.ts';
import type { ReplicaNode, View } from '../replica/node.ts';
import { nodeOf, nodesOf } from './body.ts';
import { enumerablesOf } from './enumerables.ts';
import { graphOf } from './graph.ts';
import { textOf } from './show.ts';
import { originalSocket } from './socket.ts';
import { Writes } from './write.ts';

interface ById {
  readonly Params: { readonly id: string };
}

const JSON_TYPE = 'application/json; charset=utf-8';
/** Nodes of which the list is written as it is read. */
const STREAMED = 2_000;
const CHUNK = 500;

export function originalRoutes(app: FastifyInstance, context: Context): void {
  // Its clients name their bodies as they like, or not at all.
  app.addContentTypeParser('*', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  const writes = new Writes(context);
  listRoutes(app, context, writes);
  cfgRoutes(app, context, writes);
  dscRoutes(app, context, writes);
  engineRoutes(app, context);
  context.sockets.route('/ws', originalSocket(context));
}

function listRoutes(app: FastifyInstance, context: Context, writes: Writes): void {
  const { replica } = context;
  const answer = (reply: FastifyReply, nodes: readonly ReplicaNode[], view: View): FastifyReply => sendList(reply, nodes, view, context);
  app.get('/cfg/nodes', (_request, reply) => answer(reply, replica.all(), 'cfg'));
  app.get('/dsc/nodes', (_request, reply) => answer(reply, replica.all(), 'dsc'));
  app.post('/cfg/nodes', async (request, reply) => answer(reply, await writes.many(request, nodesOf(request.body), 'create'), 'cfg'));
  app.put('/cfg/nodes', async (request, reply) => answer(reply, await writes.many(request, nodesOf(request.body), 'update'), 'cfg'));
  app.put('/dsc/nodes', async (request, reply) => answer(reply, await writes.observe(request, nodesOf(request.body)), 'dsc'));
}

function cfgRoutes(app: FastifyInstance, context: Context, writes: Writes): void {
  const write = (mode: 'create' | 'update') => async (request: FastifyRequest, reply: FastifyReply) => {
    const given = nodeOf(request.body, (request.params as Partial<ById['Params']>).id);
    try {
      return sendNode(reply, await writes.one(request, given, mode), 'cfg', context);
    } catch (error) {
      if (error instanceof RpcError && error.code === CODES.UnknownNode && mode === 'update') return nothing(reply);
      throw error;
    }
  };
  app.post('/cfg/node', write('create'));
  app.post('/cfg/node/:id', write('create'));
  app.put('/cfg/node', write('update'));
  app.put('/cfg/node/:id', write('update'));
  app.get<ById>('/cfg/node/:id', (request, reply) => readNode(request.params.id, reply, 'cfg', context));
  app.delete<ById>('/cfg/node/:id', async (request, reply) => {
    const node = context.replica.byId(request.params.id.toLowerCase());
    if (!node) return nothing(reply);
    const text = textOf(node, 'cfg', context.replica.words);
    await writes.remove(request, node);
    return reply.type(JSON_TYPE).send(text);
  });
}

function dscRoutes(app: FastifyInstance, context: Context, writes: Writes): void {
  const observe = async (request: FastifyRequest, reply: FastifyReply) => {
    const given = nodeOf(request.body, (request.params as Partial<ById['Params']>).id);
    const [node] = await writes.observe(request, [given]);
    return node ? sendNode(reply, node, 'dsc', context) : nothing(reply);
  };
  app.put('/dsc/node', observe);
  app.put('/dsc/node/:id', observe);
  app.get<ById>('/dsc/node/:id', (request, reply) => readNode(request.params.id, reply, 'dsc', context));
}

function engineRoutes(app: FastifyInstance, { host, replica, url }: Context): void {
  app.get('/graph/json', async () => graphOf(await host.operate('graph/get', {}), replica.words));
  app.get<ById>('/graph/node/:id/json', async (request, reply) => {
    const node = replica.byId(request.params.id.toLowerCase());
    return node ? graphOf(await host.operate('graph/get', { node: node.id }), replica.words) : nothing(reply);
  });
  app.get('/enumerables', async () => enumerablesOf(replica.words));
  app.get('/sme/frozen', async () => ({ frozen: (await host.operate('engine/status', {})).frozen !== undefined }));
  // They change something, and are asked for with GET: never by a HEAD, and only by those who may.
  const order = { config: { role: 'operator' }, exposeHeadRoute: false } as const;
  app.get('/sme/freeze', order, async (request) => {
    await host.operate('engine/freeze', { why: 'frozen over REST', onBehalfOf: onBehalfOf(request) });
    return { frozen: true };
  });
  app.get('/sme/thaw', order, async (request) => {
    await host.operate('engine/thaw', { onBehalfOf: onBehalfOf(request) });
    return { frozen: false };
  });
  app.get('/ws', async (request) => ({ host: hostOf(request) ?? url().hostname, port: url().port, url: '/ws' }));
}

/** As the client has reached us, without the port. */
function hostOf({ headers }: FastifyRequest): string | undefined {
  const { host } = headers;
  return host === undefined || host === '' ? undefined : host.replace(/:\d+$/, '');
}

function readNode(id: string, reply: FastifyReply, view: View, context: Context): FastifyReply {
  const node = context.replica.byId(id) ?? context.replica.byId(id.toLowerCase());
  return node ? sendNode(reply, node, view, context) : nothing(reply);
}

function sendNode(reply: FastifyReply, node: ReplicaNode, view: View, { replica }: Context): FastifyReply {
  return reply.type(JSON_TYPE).send(textOf(node, view, replica.words));
}

function nothing(reply: FastifyReply): FastifyReply {
  return reply.status(404).send();
}

/** An empty list is an empty object, as the JSON mapping of proto3 has it. */
function sendList(reply: FastifyReply, nodes: readonly ReplicaNode[], view: View, { replica }: Context): FastifyReply {
  reply.type(JSON_TYPE);
  if (nodes.length === 0) return reply.send('{}');
  const { words } = replica;
  if (nodes.length > STREAMED)
    return reply.send(
      Readable.from(
        chunks(nodes, (node) => textOf(node, view, words)),
        { objectMode: false },
      ),
    );
  return reply.send(`{"nodes":[${nodes.map((node) => textOf(node, view, words)).join(',')}]}`);
}

function* chunks(nodes: readonly ReplicaNode[], text: (node: ReplicaNode) => string): Generator<Buffer> {
  for (let at = 0; at < nodes.length; at += CHUNK) {
    const some = nodes
      .slice(at, at + CHUNK)
      .map(text)
      .join(',');
    yield Buffer.from(`${at === 0 ? '{"nodes":[' : ','}${some}${at + CHUNK >= nodes.length ? ']}' : ''}`);
  }
}
