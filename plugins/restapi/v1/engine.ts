/** The engine, its limits and its graph; the neighbours of the host; the schemas of nodes. */
import type { Params } from '@kraken-hpc/sdk/wire';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../context.ts';
import type { Asking, Place } from './host.ts';
import { NODE } from './node.ts';
import { answerWith, bodyOf, DONE, operation } from './operation.ts';
import { nodeOf } from './parameters.ts';
import { ref, WHY } from './schemas.ts';

const LIMITS = answerWith('The limits.', { limits: { type: 'array', items: ref('Limit') } });
const GRAPH = { description: 'The graph.', schema: ref('GraphView') };

/** The host names a limit by its name. */
function inLimits({ set = [], remove = [] }: Params<'engine/limits'>): Place {
  return (where) => {
    if (where.startsWith('/')) return where;
    const removed = remove.indexOf(where);
    if (removed >= 0) return `/remove/${removed}`;
    const at = set.findIndex(({ name }) => name === where);
    return at < 0 ? '/set' : `/set/${at}`;
  };
}

export function engineRoutes(app: FastifyInstance, context: Context, asking: Asking): void {
  app.get(
    '/engine',
    operation({
      id: 'engine',
      tag: 'engine',
      summary: 'The engine in one look',
      answers: { 200: { description: 'Its status.', schema: ref('EngineStatus') } },
    }),
    () => asking.ask('engine/status', {}),
  );
  app.post(
    '/engine/freeze',
    operation({
      id: 'freeze',
      tag: 'engine',
      summary: 'No step is sent until thaw',
      body: bodyOf({ why: WHY }, ['why']),
      answers: { 200: DONE },
    }),
    (request) => asking.change(request, 'engine/freeze', request.body as { readonly why: string }),
  );
  app.post('/engine/thaw', operation({ id: 'thaw', tag: 'engine', summary: 'End a freeze', answers: { 200: DONE } }), (request) =>
    asking.change(request, 'engine/thaw', {}),
  );
  app.get('/engine/limits', operation({ id: 'limits', tag: 'engine', summary: "The operators' limits", answers: { 200: LIMITS } }), () =>
    asking.ask('engine/limits', {}),
  );
  app.patch(
    '/engine/limits',
    operation({
      id: 'changeLimits',
      tag: 'engine',
      summary: 'Add or replace limits by name, or remove them',
      body: bodyOf({
        set: { type: 'array', items: ref('Limit'), maxItems: 1_024 },
        remove: { type: 'array', items: { type: 'string' }, maxItems: 1_024 },
      }),
      answers: { 200: LIMITS },
    }),
    (request) => {
      const given = request.body as Params<'engine/limits'>;
      return asking.change(request, 'engine/limits', given, inLimits(given));
    },
  );
  readRoutes(app, context, asking);
}

function readRoutes(app: FastifyInstance, { replica }: Context, asking: Asking): void {
  app.get('/graph', operation({ id: 'graph', tag: 'engine', summary: 'The whole mutation graph', answers: { 200: GRAPH } }), () =>
    asking.ask('graph/get', {}),
  );
  app.get(
    '/nodes/:node/graph',
    operation({ id: 'nodeGraph', tag: 'nodes', summary: 'The mutation graph of a node', path: NODE, answers: { 200: GRAPH } }),
    ({ params }) => asking.ask('graph/get', { node: nodeOf(replica, (params as { readonly node: string }).node).id }),
  );
  app.get(
    '/peers',
    operation({
      id: 'peers',
      tag: 'engine',
      summary: 'The neighbours of this host',
      answers: {
        200: answerWith('The neighbours.', { sync: ref('SyncStatus'), peers: { type: 'array', items: ref('PeerStatus') } }, ['peers']),
      },
    }),
    () => asking.ask('peer/list', {}),
  );
  const member = { type: 'object', required: ['schema'], properties: { type: { type: 'string' }, schema: ref('Schema') } };
  app.get(
    '/schema',
    operation({
      id: 'schema',
      tag: 'engine',
      summary: 'The schemas of all that a node may hold',
      answers: { 200: answerWith('The schemas.', { core: ref('Schema'), extensions: { type: 'object', additionalProperties: member } }) },
    }),
    async () => ({
      core: replica.words.core,
      extensions: Object.fromEntries(
        [...replica.words.members.values()].map(({ member, type, schema }) => [
          member,
          { ...(type === undefined ? {} : { type }), schema },
        ]),
      ),
    }),
  );
}
