/** All module processes of a host: starts, watches, stops them, and carries the engine's questions to them. */
import { CODES } from '@kraken-hpc/sdk/wire';
import type { ServiceStatus } from '../core/answers.ts';
import type { Json } from '../core/declaration.ts';
import type { TaskNode } from '../core/effect.ts';
import type { Millis, NodeId } from '../core/record.ts';
import { RefusalError } from '../core/refusal.ts';
import type { ConfinementLine } from './confine/describe.ts';
import type { Reply, SupervisorOptions } from './hooks.ts';
import { stopLadder } from './ladder.ts';
import { defaultLimits } from './limits.ts';
import { failure } from './refuse.ts';
import type { ServiceSpec } from './registry.ts';
import type { Phase } from './restart.ts';
import { Service, type ServiceOptions } from './service.ts';
import { Watchman } from './watchman.ts';

type Ask = { readonly service: string; readonly deadline: Millis; readonly nodes: readonly TaskNode[] };

export class Supervisor {
  readonly #options: ServiceOptions;
  readonly #services = new Map<string, { spec: ServiceSpec; readonly service: Service }>();
  readonly #memory: NodeJS.Timeout;

  constructor(hooks: SupervisorOptions) {
    const limits = { ...defaultLimits, ...hooks.limits };
    this.#options = { hooks, limits, ladder: hooks.ladder ?? stopLadder, watchman: new Watchman() };
    this.#memory = setInterval(() => {
      for (const { service } of this.#services.values()) service.checkUse();
    }, limits.memoryEvery);
    this.#memory.unref();
  }

  /** Starts it; one that is there gets the new spec, restarts if that changes what runs, and starts if it had failed. */
  start(spec: ServiceSpec): void {
    const known = this.#services.get(spec.service);
    if (!known) {
      const service = new Service(spec, this.#options);
      this.#services.set(spec.service, { spec, service });
      service.start();
      return;
    }
    const same = JSON.stringify(known.spec) === JSON.stringify(spec);
    known.spec = spec;
    if (same) known.service.start();
    else known.service.restart('its configuration changed', spec);
  }

  /** Makes it known, to be started by `resume`; `why` it is not started now. */
  add(spec: ServiceSpec, why: string): void {
    this.#services.set(spec.service, { spec, service: new Service(spec, this.#options, why) });
    this.#options.hooks.state(spec.service, 'stopped', why);
  }

  /** Again, as it was: an operator's `kraken service start`. Resolves when ready, rejects (RefusalError) when it will not be. */
  async resume(service: string): Promise<void> {
    const found = this.#find(service).service;
    found.start();
    await found.ready();
  }

  async stop(service: string, why = 'an operator stopped it'): Promise<void> {
    await this.#find(service).service.stop(why);
  }

  async restart(service: string, why = 'an operator restarts it'): Promise<void> {
    const found = this.#find(service).service;
    found.restart(why);
    await found.ready();
  }

  /** Asks something of the module itself. Rejects (RefusalError) as it answers. */
  call(service: string, call: string, params: { readonly [key: string]: Json }): Promise<Json> {
    return this.#find(service).service.call(call, params);
  }

  /** A new config. Refused (RefusalError): the old one stays in force. */
  async configure(service: string, config: Json): Promise<void> {
    const found = this.#find(service);
    await found.service.configure(config);
    found.spec = { ...found.spec, config };
  }

  /** Stops and forgets it. */
  async remove(service: string): Promise<void> {
    await this.#find(service).service.stop('it was removed');
    this.#services.delete(service);
  }

  /** Resolves when it is ready, rejects (RefusalError) when it will not be without help, or (`atOnce`) when it has crashed. */
  async ready(service: string, atOnce = false): Promise<void> {
    await this.#find(service).service.ready(atOnce);
  }

  /** Watches one that is ready: why it is so no more, or undefined after so many milliseconds. That somebody stops it is no trouble. */
  async trouble(service: string, ms: number): Promise<string | undefined> {
    const found = this.#find(service).service;
    const isWell = (phase: Phase): boolean => phase === 'ready' || phase === 'stopping' || phase === 'stopped';
    let isOver = false;
    let timer: NodeJS.Timeout | undefined;
    const end = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, ms, undefined);
    });
    const broken = found.settled((phase) => isOver || !isWell(phase)).then(() => found.status());
    const status = await Promise.race([broken, end]);
    isOver = true;
    clearTimeout(timer);
    return status && (status.why ?? `it is ${status.state}`);
  }

  list(): readonly ServiceStatus[] {
    return [...this.#services.values()].map(({ service }) => service.status()).sort((a, b) => (a.service < b.service ? -1 : 1));
  }

  /** The last lines, each with its time; `follow` gets the next ones until `stop` is called. */
  logs(service: string, lines: number, follow?: (line: string) => void): { readonly lines: readonly string[]; readonly stop: () => void } {
    const { log } = this.#find(service).service;
    return { lines: log.tail(lines), stop: follow ? log.follow(follow) : () => {} };
  }

  /** What is enforced for it on this machine, and what is only declared; undefined where modules are not confined. */
  confinement(service: string): Promise<readonly ConfinementLine[]> | undefined {
    return this.#options.hooks.confinement?.describe(this.#find(service).spec);
  }

  /** Every process stopped, nothing left behind. */
  async stopAll(why = 'the host stops'): Promise<void> {
    clearInterval(this.#memory);
    await Promise.all([...this.#services.values()].map(({ service }) => service.stop(why)));
    this.#options.watchman.end();
  }

  /** Never rejects. `run` names it for `cancel`. */
  async run({ service, mutation, deadline, nodes }: Ask & { readonly mutation: string }, run: number): Promise<Reply> {
    return this.#services.get(service)?.service.ask({ method: 'mutation/run', mutation, deadline, nodes }, run) ?? unknown(service);
  }

  /** Never rejects. */
  async poll({ service, poller, deadline, nodes }: Ask & { readonly poller: string }, poll: number): Promise<Reply> {
    return this.#services.get(service)?.service.ask({ method: 'poller/run', poller, deadline, nodes }, poll) ?? unknown(service);
  }

  /** Asks the module to give up these nodes of a run; it still answers. */
  cancel(service: string, run: number, nodes: readonly NodeId[], why: string): void {
    this.#services.get(service)?.service.cancel(run, nodes, why);
  }

  /** Whether the node's own host answered in time. */
  async probe(service: string, node: NodeId, timeoutMs: number): Promise<boolean> {
    return (await this.#services.get(service)?.service.probe(node, timeoutMs)) ?? false;
  }

  #find(name: string): { spec: ServiceSpec; readonly service: Service } {
    const known = this.#services.get(name);
    if (known) return known;
    const why = `the services are: ${[...this.#services.keys()].sort().join(', ') || 'none'}`;
    throw new RefusalError({
      code: CODES.NotFound,
      what: 'there is no such service',
      where: `service ${name}`,
      why,
      todo: 'Correct the name',
    });
  }
}

const unknown = (service: string): Reply => ({ observed: [], failed: [], lost: failure(CODES.NotReady, `there is no service ${service}`) });
