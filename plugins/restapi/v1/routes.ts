/** The API of our own, `/api/v1`, and the document that describes it. */
import swagger from '@fastify/swagger';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../context.ts';
import type { Meter } from '../meter.ts';
import { engineRoutes } from './engine.ts';
import { eventRoutes } from './events.ts';
import { Asking } from './host.ts';
import { metricsRoutes } from './metrics.ts';
import { nodeRoutes } from './node.ts';
import { nodesRoutes } from './nodes.ts';
import { answerWith, operation } from './operation.ts';
import { orderRoutes, planRoute, questionRoutes } from './orders.ts';
import { SHARED } from './schemas.ts';
import { servicesRoutes } from './services.ts';
import { sessionRoutes } from './session.ts';

const ABOUT = `Nodes of a cluster: what is wanted of them (cfg), what was seen of them (dsc), and what is done about the difference.
Reads come from a replica of all state; what was written is in every read after its answer. Times are milliseconds since 1970.
Sets of nodes (selector) are written as kr1, kr[1-4,9], @rack=r3, physState=POWER_OFF, !SET, joined by & and commas.`;

export async function v1Routes(app: FastifyInstance, context: Context, meter: Meter): Promise<void> {
  check(app);
  app.removeContentTypeParser('text/plain');
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Kraken', version: '1.0.0', description: ABOUT, license: { name: 'BSD-3-Clause', identifier: 'BSD-3-Clause' } },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Over loopback none is needed, unless it is configured so.' },
          session: { type: 'apiKey', in: 'cookie', name: 'kraken_token' },
        },
      },
      security: [{ token: [] }, { session: [] }, {}],
    },
    refResolver: { buildLocalReference: (schema) => String(schema['$id']) },
  });
  for (const schema of SHARED) app.addSchema(schema);
  const asking = new Asking(context);
  nodesRoutes(app, context, asking);
  nodeRoutes(app, context, asking);
  questionRoutes(app, context, asking);
  planRoute(app, asking);
  orderRoutes(app, asking);
  engineRoutes(app, context, asking);
  servicesRoutes(app, asking);
  sessionRoutes(app, context);
  const streams = eventRoutes(app, context);
  metricsRoutes(app, context, asking, { streams, meter });
  healthRoutes(app, context);
}

/** Bodies are taken as they are; parameters are texts, and become what their schema says. */
function check(app: FastifyInstance): void {
  const options = { strict: false, allErrors: false, useDefaults: true, schemas: [...SHARED] };
  const bodies = new Ajv2020({ ...options, coerceTypes: false });
  const texts = new Ajv2020({ ...options, coerceTypes: 'array' });
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? bodies : texts).compile(schema as object));
  // With its validators a scope loses the serializer of the one around it.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}

function healthRoutes(app: FastifyInstance, { replica }: Context): void {
  const open = { tag: 'health', role: 'none' } as const;
  app.get(
    '/health',
    operation({ ...open, id: 'health', summary: 'It runs', answers: { 200: answerWith('It does.', { status: { type: 'string' } }) } }),
    async () => ({ status: 'ok' }),
  );
  const ready = answerWith('Whether it is.', { ready: { type: 'boolean' } });
  app.get(
    '/ready',
    operation({ ...open, id: 'ready', summary: 'Whether all state is here', answers: { 200: ready, 503: ready } }),
    async (_request, reply) => reply.status(replica.isWhole ? 200 : 503).send({ ready: replica.isWhole }),
  );
  let document: string | undefined;
  app.get(
    '/openapi.json',
    operation({
      ...open,
      id: 'openapi',
      summary: 'This document',
      answers: { 200: { description: 'OpenAPI 3.1.', schema: { type: 'object' } } },
    }),
    async (_request, reply) => {
      document ??= JSON.stringify(app.swagger());
      return reply.type('application/json; charset=utf-8').send(document);
    },
  );
}
