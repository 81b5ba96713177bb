/** All module processes of a host: starts, watches, stops them, and carries the engine's questions to them. */
import { CODES } from '@kraken-hpc/sdk/wire';
import type { ServiceStatus } from '../core/answers.ts';
import type { Json } from '../core/declaration.ts';
import type { TaskNode } from '../core/effect.ts';
import type { Millis, NodeId } from '../core/record.ts';
import { RefusalError } from '../core/refusal.ts';
import type { Reply, SupervisorOptions } from './hooks.ts';
import { stopLadder } from './ladder.ts';
import { defaultLimits } from './limits.ts';
import { failure } from './refuse.ts';
import type { ServiceSpec } from './registry.ts';
import { Service, type ServiceOptions } from './service.ts';
import { Watchman } from './watchman.ts';

export interface Supervisor {
  /** Starts it; one that is there gets the new spec, restarts if that changes what runs, and starts if it had failed. */
  start(spec: ServiceSpec): void;
  /** Again, as it was: an operator's `kraken service start`. Resolves when ready, rejects (RefusalError) when it will not be. */
  resume(service: string): Promise<void>;
  stop(service: string, why: string): Promise<void>;
  restart(service: string, why: string): Promise<void>;
  /** Refused: the old one stays in force. */
  configure(service: string, config: Json): Promise<void>;
  /** Stops and forgets it. */
  remove(service: string): Promise<void>;
  /** Resolves when it is ready, rejects (RefusalError) when it will not be without help. */
  ready(service: string): Promise<void>;
  list(): readonly ServiceStatus[];
  logs(service: string, lines: number, follow?: (line: string) => void): { readonly lines: readonly string[]; readonly stop: () => void };
  /** Every process stopped, nothing left behind. */
  stopAll(why?: string): Promise<void>;
  /** Never rejects. `runId` names the run for `cancel`. */
  run(
    request: { readonly service: string; readonly mutation: string; readonly deadline: Millis; readonly nodes: readonly TaskNode[] },
    runId: number,
  ): Promise<Reply>;
  poll(
    request: { readonly service: string; readonly poller: string; readonly deadline: Millis; readonly nodes: readonly TaskNode[] },
    pollId: number,
  ): Promise<Reply>;
  cancel(service: string, runId: number, nodes: readonly NodeId[], why: string): void;
  /** Whether the node's own host answered in time. */
  probe(service: string, node: NodeId, timeoutMs: number): Promise<boolean>;
}

const nothing = (service: string): Reply => ({ observed: [], failed: [], lost: failure(CODES.NotReady, `there is no service ${service}`) });

export function createSupervisor(hooks: SupervisorOptions): Supervisor {
  const limits = { ...defaultLimits, ...hooks.limits };
  const options: ServiceOptions = { hooks, limits, ladder: hooks.ladder ?? stopLadder, watchman: new Watchman() };
  const services = new Map<string, { spec: ServiceSpec; service: Service }>();
  const memory = setInterval(() => {
    for (const { service } of services.values()) service.checkMemory();
  }, limits.memoryEvery);
  memory.unref();

  const find = (name: string): Service => {
    const known = services.get(name);
    if (known) return known.service;
    throw new RefusalError({
      code: CODES.NotFound,
      what: 'there is no such service',
      where: `service ${name}`,
      why: `the services are: ${[...services.keys()].sort().join(', ') || 'none'}`,
      todo: 'Correct the name',
    });
  };

  return {
    start(spec) {
      const known = services.get(spec.service);
      if (!known) services.set(spec.service, { spec, service: new Service(spec, options) });
      const same = known === undefined || JSON.stringify(known.spec) === JSON.stringify(spec);
      if (known) known.spec = spec;
      if (same) find(spec.service).start(spec);
      else find(spec.service).restart('its configuration changed', spec);
    },
    async resume(name) {
      const service = find(name);
      service.start();
      await service.ready();
    },
    async stop(name, why) {
      await find(name).stop(why);
    },
    async restart(name, why) {
      const service = find(name);
      service.restart(why);
      await service.ready();
    },
    async configure(name, config) {
      await find(name).configure(config);
      const known = services.get(name);
      if (known) known.spec = { ...known.spec, config };
    },
    async remove(name) {
      await find(name).stop('it was removed');
      services.delete(name);
    },
    async ready(name) {
      await find(name).ready();
    },
    list: () => [...services.values()].map(({ service }) => service.status()).sort((a, b) => (a.service < b.service ? -1 : 1)),
    logs(name, lines, follow) {
      const { log } = find(name);
      return { lines: log.tail(lines), stop: follow ? log.follow(follow) : () => {} };
    },
    async stopAll(why = 'the host stops') {
      clearInterval(memory);
      await Promise.all([...services.values()].map(({ service }) => service.stop(why)));
      options.watchman.end();
    },
    run({ service, mutation, deadline, nodes }, runId) {
      return (
        services.get(service)?.service.ask({ method: 'mutation/run', mutation, deadline, nodes }, runId) ??
        Promise.resolve(nothing(service))
      );
    },
    poll({ service, poller, deadline, nodes }, pollId) {
      return (
        services.get(service)?.service.ask({ method: 'poller/run', poller, deadline, nodes }, pollId) ?? Promise.resolve(nothing(service))
      );
    },
    cancel(service, runId, nodes, why) {
      services.get(service)?.service.cancel(runId, nodes, why);
    },
    async probe(service, node, timeoutMs) {
      return (await services.get(service)?.service.probe(node, timeoutMs)) ?? false;
    },
  };
}
