/** What is asked about nodes, and what is done to them beside a change of cfg: plans, explanations, histories, holds, power. */
import type { Json, Params, Path } from '@kraken-hpc/sdk/wire';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../context.ts';
import { type Asking, bySelector, type Place } from './host.ts';
import { NODE } from './node.ts';
import { answerWith, bodyOf, DONE, operation } from './operation.ts';
import { nodeOf, pathOf, wrong } from './parameters.ts';
import { FORCE, ref, SELECTOR, TARGET, WHY } from './schemas.ts';

const HISTORY = {
  limit: { type: 'integer', minimum: 1, maximum: 10_000, default: 100 },
  before: { type: 'integer', minimum: 0, description: 'A revision: next of the page before.' },
  since: { type: 'number', minimum: 0, description: 'Milliseconds since 1970.' },
};
const CHANGES = {
  ...answerWith('What happened, newest first.', { changes: { type: 'array', items: ref('Change') }, next: ref('Revision') }, ['changes']),
};
const HOLDS = answerWith('The holds.', { holds: { type: 'array', items: ref('Held') } });
const ALL = { selector: { ...SELECTOR, default: '' } };

type Named = { readonly selector: string };

/** A set of ours is `set` there. */
function toSet<T extends Named>({ selector, ...rest }: T): Omit<T, 'selector'> & { readonly set: string } {
  return { ...rest, set: selector };
}

export function questionRoutes(app: FastifyInstance, { replica }: Context, asking: Asking): void {
  const idOf = (params: unknown): string => nodeOf(replica, (params as { readonly node: string }).node).id;
  app.get(
    '/nodes/:node/explain',
    operation({
      id: 'explainNode',
      tag: 'nodes',
      summary: 'Why a node is where it is, and what comes next',
      path: NODE,
      answers: { 200: { description: 'The explanation.', schema: ref('Explanation') } },
    }),
    async ({ params }) => (await asking.ask('node/explain', { set: idOf(params) })).nodes[0],
  );
  app.get(
    '/nodes/:node/history',
    operation({
      id: 'nodeHistory',
      tag: 'nodes',
      summary: 'What happened to a node',
      path: NODE,
      query: HISTORY,
      answers: { 200: CHANGES },
    }),
    ({ params, query }) => asking.ask('node/history', { ...(query as { readonly limit: number }), set: idOf(params) }),
  );
  app.get(
    '/explain',
    operation({
      id: 'explainNodes',
      tag: 'nodes',
      summary: 'Why the nodes of a set are where they are',
      query: ALL,
      answers: { 200: answerWith('The explanations.', { nodes: { type: 'array', items: ref('Explanation') } }) },
    }),
    ({ query }) => asking.ask('node/explain', toSet(query as Named), bySelector),
  );
  app.get(
    '/history',
    operation({ id: 'history', tag: 'nodes', summary: 'What happened', query: { ...ALL, ...HISTORY }, answers: { 200: CHANGES } }),
    ({ query }) => asking.ask('node/history', toSet(query as Named & { readonly limit: number }), bySelector),
  );
  app.get(
    '/waiting',
    operation({
      id: 'waiting',
      tag: 'nodes',
      summary: 'Nodes that only a person can bring back, by reason',
      query: ALL,
      answers: { 200: answerWith('The groups.', { waiting: { type: 'array', items: ref('WaitingGroup') } }) },
    }),
    ({ query }) => asking.ask('node/waiting', toSet(query as Named), bySelector),
  );
}

export function planRoute(app: FastifyInstance, asking: Asking): void {
  app.post(
    '/plan',
    operation({
      id: 'plan',
      tag: 'orders',
      summary: 'What a change would do; nothing is done',
      role: 'viewer',
      body: bodyOf({
        selector: SELECTOR,
        values: { ...ref('Members'), description: 'By path: /images/state or images.state; null removes.' },
        order: { type: 'string', enum: ['reboot', 'cycle'] },
        nodes: { type: 'array', items: ref('Document'), minItems: 1, maxItems: 100_000 },
        force: FORCE,
      }),
      answers: { 200: { description: 'The plan.', schema: ref('PlanReport') } },
    }),
    ({ body }) => asking.ask('node/plan', planOf(body as PlanBody), inPlan(body as PlanBody)),
  );
}

type PlanBody = Omit<Params<'node/plan'>, 'set' | 'values' | 'onBehalfOf'> & {
  readonly selector?: string;
  readonly values?: { readonly [path: string]: Json };
};

/** One question, not several: a plan is of values, documents or an order. */
function planOf({ selector, values, ...rest }: PlanBody): Params<'node/plan'> {
  const given = [values === undefined ? [] : ['values'], Object.keys(rest).filter((name) => name !== 'force')].flat();
  if (given.length > 1) throw wrong(`/${given[1]}`, `it stands beside ${given[0]}`, 'Plan values, an order or nodes, one at a time');
  if (selector === undefined && rest.nodes === undefined) throw wrong('/selector', 'it names no nodes', 'Name them, or write all');
  const paths = values && Object.entries(values).map(([path, value]): [Path, Json] => [pathOf(path, `/values/${escaped(path)}`), value]);
  return { ...rest, set: selector ?? '', ...(paths ? { values: Object.fromEntries(paths) } : {}) };
}

const escaped = (path: string): string => path.replaceAll('~', '~0').replaceAll('/', '~1');

const inPlan =
  ({ nodes }: PlanBody): Place =>
  (where) => {
    const path = /(?:^|\s)(\/\S*)$/.exec(where)?.[1];
    const index = Number(/node (\d+) of /.exec(where)?.[1] ?? 1) - 1;
    if (nodes !== undefined) return `/nodes/${index}${path ?? ''}`;
    if (path === undefined) return '/selector';
    return where.startsWith('the values') ? `/values/${escaped(path)}` : path;
  };

const inBody: Place = (where) => {
  if (where === 'until') return '/until';
  return where.startsWith('/') && !where.startsWith('/set') ? where : '/selector';
};

export function orderRoutes(app: FastifyInstance, asking: Asking): void {
  const millis = { type: 'number', minimum: 0, description: 'Milliseconds since 1970.' };
  const named = { query: { selector: TARGET }, required: ['selector'], answers: { 200: DONE } } as const;
  app.get(
    '/holds',
    operation({ id: 'listHolds', tag: 'orders', summary: 'Who holds which nodes, and why', query: ALL, answers: { 200: HOLDS } }),
    ({ query }) => asking.ask('node/holds', toSet(query as Named), bySelector),
  );
  app.delete('/holds', operation({ id: 'release', tag: 'orders', summary: 'End the holds of nodes', ...named }), (request) =>
    asking.change(request, 'node/release', toSet(request.query as Named), bySelector),
  );
  app.delete('/reboots', operation({ id: 'cancelReboots', tag: 'orders', summary: 'End the orders of nodes', ...named }), (request) =>
    asking.change(request, 'node/cancel', toSet(request.query as Named), bySelector),
  );
  for (const { method, url, id, summary, needs, takes } of [
    {
      method: 'node/hold',
      url: '/holds',
      id: 'hold',
      summary: 'The engine leaves nodes alone',
      needs: ['why'],
      takes: { why: WHY, until: millis },
    },
    {
      method: 'node/power',
      url: '/power',
      id: 'power',
      summary: 'Want nodes on or off',
      needs: ['to'],
      takes: { to: { type: 'string', enum: ['on', 'off'] }, why: WHY, force: FORCE },
    },
    {
      method: 'node/reboot',
      url: '/reboots',
      id: 'reboot',
      summary: 'Order one reboot of each node, or with cycle one by power',
      needs: [],
      takes: { cycle: { type: 'boolean' }, why: WHY, force: FORCE },
    },
    {
      method: 'node/retry',
      url: '/retries',
      id: 'retry',
      summary: 'Forget failures and backoff; with disruptive repairs that wait for a person may go on',
      needs: [],
      takes: { disruptive: { type: 'boolean' } },
    },
  ] as const)
    app.post(
      url,
      operation({
        id,
        tag: 'orders',
        summary,
        body: bodyOf({ selector: TARGET, ...takes }, ['selector', ...needs]),
        answers: { 200: DONE },
      }),
      (request) => asking.change(request, method, toSet(request.body as Named) as Params<typeof method>, inBody),
    );
}
