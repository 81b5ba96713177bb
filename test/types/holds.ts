/** What must compile: the inference that a module's author relies on, and the fit between the core's answers and the wire's. */
import { defineModule } from '@kraken-hpc/sdk';
import type { Outcome, Params, Result } from '@kraken-hpc/sdk/wire';
import type { EngineStatus, Explanation, GraphView, PlanReport, ServiceStatus, WaitingGroup } from '../../host/core/answers.ts';
import type { Json } from '../../host/core/declaration.ts';
import type { TaskNode } from '../../host/core/effect.ts';
import type { Failed, Limit, Observed } from '../../host/core/event.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(_: T): void => {};
const same = <A, B>(_: Equal<A, B>, __: A): void => {};

/** The core's answers are results of the protocol as they are. */
export const explanation = (nodes: Explanation[]): Result<'node/explain'> => ({ nodes });
export const plan = (report: PlanReport): Result<'node/plan'> => report;
export const status = (engine: EngineStatus): Result<'engine/status'> => engine;
export const graph = (view: GraphView): Result<'graph/get'> => view;
export const services = (list: ServiceStatus[]): Result<'service/list'> => ({ services: list });
export const waiting = (groups: WaitingGroup[]): Result<'node/waiting'> => ({ waiting: groups });
export const limits = (all: Limit[]): Result<'engine/limits'> => ({ limits: all });
export const run = (nodes: TaskNode[]): Params<'mutation/run'> => ({ mutation: 'powerOn', deadline: 1, nodes });
export const outcome = (answer: Outcome): { observed: readonly Observed[]; failed: readonly Failed[] } => answer;

export default defineModule({
  config: {
    url: { type: 'string', format: 'uri' },
    retries: { type: 'integer', default: 3 },
    mode: { enum: ['fast', 'safe'], default: 'safe' },
    password: { type: 'string', 'x-secret': true, 'x-optional': true },
    racks: { type: 'array', items: { type: 'string' } },
    limits: { type: 'object', properties: { perSecond: { type: 'number' }, name: { type: 'string' } }, required: ['perSecond'] },
    byName: { type: 'object', additionalProperties: { type: 'integer' } },
  },
  state: { '/pump/pressure': { type: 'number' }, '/valve': { enum: ['UNKNOWN', 'OPEN', 'SHUT'] } },
  extensions: {
    tank: {
      type: 'object',
      'x-type': 'Plumbing.Tank',
      properties: {
        level: { enum: ['UNKNOWN', 'LOW', 'FULL'], default: 'UNKNOWN' },
        taps: { type: 'object', additionalProperties: { type: 'object', properties: { open: { type: 'boolean' } } } },
      },
    },
  },
  requires: { '/platform': 'plumbing', '/labels/room': 'cellar' },
  mutations: {
    fill: {
      mutates: { '/tank/level': ['LOW', 'FULL'], '/valve': ['SHUT', 'OPEN'] },
      requires: { '/runState': 'SYNC', '/tank/taps/kitchen/open': false, '/pxe/state': 'INIT' },
      timeout: '1.5h',
      atOnce: 4,
      run: async ({ config, node, signal, left, log, host }) => {
        same<typeof config.url, string>(true, config.url);
        same<typeof config.retries, number>(true, config.retries);
        same<typeof config.mode, 'fast' | 'safe'>(true, config.mode);
        same<typeof config.password, string | undefined>(true, config.password);
        same<typeof config.racks, readonly string[]>(true, config.racks);
        holds<Equal<typeof config.limits.perSecond, number>>(true);
        holds<Equal<typeof config.limits.name, string | undefined>>(true);
        holds<Equal<(typeof config.byName)[string], number>>(true);
        const level = node.dsc['/tank/level'];
        holds<Equal<typeof level, 'UNKNOWN' | 'LOW' | 'FULL' | undefined>>(true);
        holds<Equal<(typeof node.cfg)['/pump/pressure'], number | undefined>>(true);
        const open = node.cfg['/tank/taps/kitchen/open'];
        holds<Equal<typeof open, boolean | undefined>>(true);
        const room = node.cfg['/labels/room'];
        holds<Equal<typeof room, string | undefined>>(true);
        const address = node.cfg['/ipv4/ifaces/kraken/ip/ip'];
        holds<Equal<typeof address, Json | undefined>>(true);
        log('info', `${left()} ms left`, { aborted: signal.aborted });
        await host.discover({ node: node.id, values: { '/pump/pressure': 3 } });
        return { '/tank/level': 'FULL', '/valve': level === 'LOW' ? 'OPEN' : undefined };
      },
    },
    drain: {
      mutates: { '/tank/level': ['FULL', 'LOW'] },
      timeout: '90s',
      disruptive: true,
      runMany: ({ nodes, observed, failed }) => {
        for (const node of nodes) observed(node.id, { '/tank/taps/kitchen/open': true });
        failed('n', new Error('no'));
        return new Map(nodes.map((node) => [node.id, { '/tank/level': 'LOW' } as const]));
      },
    },
  },
  pollers: {
    level: {
      discovers: ['/tank/level', '/tank/'],
      every: '500ms',
      pollMany: async ({ nodes }) => Object.fromEntries(nodes.map(({ id }) => [id, new Error('dry')])),
    },
  },
  discoveries: { taps: { discovers: ['/tank/taps/kitchen/open'] } },
  quiet: { '/valve': 'SHUT' },
  reads: ['/labels/room', '/nodename'],
  permissions: ['net'],
  start: async ({ config, host, signal }) => {
    holds<Equal<typeof config.retries, number>>(true);
    await host.watch({ set: '', paths: ['/tank/level'] }, { nodes: () => {}, changes: () => {} });
    signal.throwIfAborted();
  },
});
