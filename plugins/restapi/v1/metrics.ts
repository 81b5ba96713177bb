/** Figures for Prometheus: nodes, the engine and this process as they are when somebody asks; requests as they were answered. */
import type { Fact, Result } from '@kraken-hpc/sdk/wire';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Context } from '../context.ts';
import type { Meter } from '../meter.ts';
import type { Asking } from './host.ts';
import { operation } from './operation.ts';
import type { Streams } from './streams.ts';

type Status = Result<'engine/status'>;

/** Of the process: one for however many servers it has had. */
let ofProcess: Registry | undefined;

function processMetrics(): Registry {
  if (ofProcess) return ofProcess;
  ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  return ofProcess;
}

/** What a metric shows when it is asked for. */
interface Seen {
  readonly context: Context;
  readonly streams: Streams;
  /** Undefined: the host does not answer. */
  readonly status: Status | undefined;
}

interface Shown {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  /** By the value of the label; '' where there is none. */
  show(seen: Seen): Iterable<readonly [label: string, value: number]>;
}

const one = (value: number): [string, number][] => [['', value]];

const SHOWN: readonly Shown[] = [
  { name: 'kraken_nodes', help: 'Nodes', show: ({ context }) => one(context.replica.size) },
  {
    name: 'kraken_nodes_phys_state',
    help: 'Nodes by the physState that was seen',
    label: 'state',
    show: ({ context }) => counted(context, '/physState', 'PHYS_UNKNOWN'),
  },
  {
    name: 'kraken_nodes_run_state',
    help: 'Nodes by the runState that was seen',
    label: 'state',
    show: ({ context }) => counted(context, '/runState', 'UNKNOWN'),
  },
  {
    name: 'kraken_nodes_walk',
    help: 'Nodes by the state of their walk',
    label: 'walk',
    show: ({ status }) => Object.entries(status?.walks ?? {}),
  },
  { name: 'kraken_engine_up', help: 'Whether the engine answers', show: ({ status }) => one(status ? 1 : 0) },
  { name: 'kraken_engine_frozen', help: 'Whether it is frozen', show: ({ status }) => (status ? one(status.frozen ? 1 : 0) : []) },
  { name: 'kraken_engine_in_flight', help: 'Steps under way', show: ({ status }) => (status ? one(status.inFlight) : []) },
  {
    name: 'kraken_service_ready',
    help: 'Whether a service is ready',
    label: 'service',
    show: ({ status }) => (status?.services ?? []).map(({ service, state }) => [service, state === 'ready' ? 1 : 0]),
  },
  {
    name: 'kraken_replica_revision',
    help: 'The revision that reads are served from',
    show: ({ context }) => one(context.replica.revision),
  },
  {
    name: 'kraken_replica_lag_revisions',
    help: 'Revisions that the host is ahead of it; steps and holds have some, and are in no node',
    show: ({ context, status }) => (status ? one(Math.max(0, status.revision - context.replica.revision)) : []),
  },
  { name: 'kraken_websocket_clients', help: 'Open WebSockets', show: ({ context }) => one(context.sockets.count) },
  { name: 'kraken_event_streams', help: 'Clients of /api/v1/events, of either kind', show: ({ streams }) => one(streams.count) },
  { name: 'kraken_event_streams_unread_bytes', help: 'Bytes sent to them and not read yet', show: ({ streams }) => one(streams.unread) },
];

function counted({ replica }: Context, path: string, unknown: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { facts } of replica.all()) {
    const value = String((facts[path] as Fact | undefined)?.value ?? unknown);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

export function metricsRoutes(
  app: FastifyInstance,
  context: Context,
  asking: Asking,
  { streams, meter }: { streams: Streams; meter: Meter },
): void {
  const registry = new Registry();
  const gauges = SHOWN.map(({ name, help, label, show }) => ({
    gauge: new Gauge({ name, help, labelNames: label === undefined ? [] : [label], registers: [registry] }),
    label,
    show,
  }));
  const all = Registry.merge([processMetrics(), meter.registry, registry]);
  app.get(
    '/metrics',
    operation({
      id: 'metrics',
      tag: 'health',
      summary: 'Figures for Prometheus',
      answers: { 200: { description: 'The text format, 0.0.4.', schema: { type: 'string' }, type: 'text/plain' } },
    }),
    async (_request, reply) => {
      const status = await asking.ask('engine/status', {}).catch(() => undefined);
      for (const { gauge, label, show } of gauges) {
        gauge.reset();
        for (const [value, figure] of show({ context, streams, status })) gauge.set(label === undefined ? {} : { [label]: value }, figure);
      }
      return reply.type(all.contentType).send(await all.metrics());
    },
  );
}
