/** Services: how they are, their lives, their logs, and what they can be asked. */
import type { Json } from '@kraken-hpc/sdk/wire';
import type { FastifyInstance } from 'fastify';
import type { Asking, Place } from './host.ts';
import { answerWith, operation } from './operation.ts';
import { ref } from './schemas.ts';

const NAME = { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_.-]*$', maxLength: 64 };
const SERVICE = { service: { ...NAME, description: 'The name of a service.' } };

type Named = { readonly service: string };

export function servicesRoutes(app: FastifyInstance, asking: Asking): void {
  app.get(
    '/services',
    operation({
      id: 'services',
      tag: 'services',
      summary: 'All services and how they are',
      answers: { 200: answerWith('The services.', { services: { type: 'array', items: ref('ServiceStatus') } }) },
    }),
    () => asking.ask('service/list', {}),
  );
  for (const action of ['start', 'stop', 'restart'] as const)
    app.post(
      `/services/:service/${action}`,
      operation({
        id: `${action}Service`,
        tag: 'services',
        summary: action === 'stop' ? 'It stays stopped over a restart of the host' : `To ${action} a service`,
        role: 'admin',
        path: SERVICE,
        answers: { 200: { description: 'Done.', schema: { type: 'object' } } },
      }),
      (request) => asking.change(request, `service/${action}`, { service: (request.params as Named).service }, () => 'service'),
    );
  callRoutes(app, asking);
}

function callRoutes(app: FastifyInstance, asking: Asking): void {
  app.get(
    '/services/:service/logs',
    operation({
      id: 'serviceLogs',
      tag: 'services',
      summary: 'The last lines of its log',
      path: SERVICE,
      query: { lines: { type: 'integer', minimum: 0, maximum: 10_000, default: 100 } },
      answers: { 200: answerWith('The lines.', { lines: { type: 'array', items: { type: 'string' } } }) },
    }),
    ({ params, query }) => {
      const { lines } = query as { readonly lines: number };
      return asking.ask('service/logs', { service: (params as Named).service, lines }, () => 'service');
    },
  );
  app.post(
    '/services/:service/calls/:call',
    operation({
      id: 'callService',
      tag: 'services',
      summary: 'Ask something of a module itself: one of the calls that it declares',
      role: 'admin',
      path: { ...SERVICE, call: { ...NAME, description: 'The name of the call.' } },
      body: { type: 'object', description: 'The parameters of the call.' },
      answers: { 200: answerWith('What it answers.', { result: {} }) },
    }),
    (request) => {
      const { service, call } = request.params as Named & { readonly call: string };
      const params = request.body as { readonly [name: string]: Json };
      const place: Place = (where, why) => /^(\/\S+) /.exec(why)?.[1] ?? (where === '' ? 'service' : 'call');
      return asking.change(request, 'service/call', { service, call, params }, place);
    },
  );
  app.get(
    '/plugins',
    operation({
      id: 'plugins',
      tag: 'services',
      summary: 'The modules that services run',
      answers: { 200: answerWith('The modules.', { plugins: { type: 'array', items: ref('Plugin') } }) },
    }),
    async () => {
      const { services } = await asking.ask('service/list', {});
      const modules = new Map<string, string[]>();
      for (const { service, module } of services) modules.set(module, [...(modules.get(module) ?? []), service]);
      return { plugins: [...modules].map(([module, names]) => ({ module, services: names })) };
    },
  );
}
