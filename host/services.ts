/**
 * The services of a host: which there are, which of them run. cfg `/services/NAME/state` of the host's own node starts and stops them,
 * as in the original; over a restart, too.
 */
import { join } from 'node:path';
import { get } from '@kraken-hpc/sdk/state';
import type { Json } from './core/declaration.ts';
import type { Engine } from './core/engine.ts';
import type { Loop } from './loop.ts';
import type { ServiceSpec } from './modules/registry.ts';
import type { Supervisor } from './modules/supervisor.ts';

/** Where services keep their own data. */
export const servicesDir = (dataDir: string): string => join(dataDir, 'services');

export interface StartedService {
  readonly spec: ServiceSpec;
  /** Why it is not to run, whatever cfg wants. */
  readonly kept?: string;
}

export class Services {
  readonly #loop: Loop;
  readonly #engine: Engine;
  readonly #supervisor: Supervisor;
  readonly #services = new Map<string, StartedService>();

  constructor(loop: Loop, engine: Engine, supervisor: Supervisor, services: readonly StartedService[]) {
    this.#loop = loop;
    this.#engine = engine;
    this.#supervisor = supervisor;
    for (const one of services) this.#services.set(one.spec.service, one);
    loop.onTurn((turn) => {
      const isTold = turn.changes.some(
        ({ view, node, path }) => view === 'cfg' && node === engine.world.self && path.startsWith('/services'),
      );
      if (isTold) this.#follow();
    });
  }

  /** Starts those that nobody wants stopped; the others are known, and can be started. */
  start(): void {
    for (const { spec, kept } of this.#services.values()) {
      const why = kept ?? (this.#wanted(spec.service) === 'STOP' ? this.#stoppedBy() : undefined);
      if (why === undefined) this.#supervisor.start(spec);
      else this.#supervisor.add(spec, why);
    }
  }

  /**
   * Runs these, in place of those of the same names; one that cfg wants stopped stays so. Rejects where one crashes before it is ready, or
   * when `signal` is aborted.
   */
  async run(specs: readonly ServiceSpec[], signal?: AbortSignal): Promise<void> {
    const started = specs.filter((spec) => this.#wanted(spec.service) !== 'STOP');
    for (const spec of specs) this.#services.set(spec.service, { spec });
    for (const spec of specs) if (!started.includes(spec)) this.#supervisor.add(spec, this.#stoppedBy());
    for (const spec of started) this.#supervisor.start(spec);
    await unlessAborted(Promise.all(started.map(({ service }) => this.#supervisor.ready(service, true))), signal);
  }

  /** Another config for one of them. Rejects, and it runs with the one that it had, where it refuses this or crashes with it. */
  async configure(spec: ServiceSpec, signal?: AbortSignal): Promise<void> {
    const { service, config } = spec;
    const before = this.#services.get(service)?.spec;
    if (this.#wanted(service) === 'STOP') return this.run([spec], signal);
    await this.#supervisor.configure(service, config);
    try {
      await unlessAborted(this.#supervisor.ready(service, true), signal);
    } catch (error) {
      if (before) await this.#supervisor.configure(service, before.config);
      throw error;
    }
    this.#services.set(service, { spec });
  }

  /** Stops them; they stay known. */
  async halt(specs: readonly ServiceSpec[], why: string): Promise<void> {
    for (const spec of specs) this.#services.set(spec.service, { spec, kept: why });
    await Promise.all(specs.map(({ service }) => this.#supervisor.stop(service, why)));
  }

  /** Stops and forgets them: what they declared leaves the graph. */
  async forget(names: readonly string[]): Promise<void> {
    for (const service of names) {
      if (!this.#services.delete(service)) continue;
      await this.#supervisor.remove(service);
      this.#loop.push({ type: 'withdraw', service });
    }
  }

  #follow(): void {
    for (const { spec, kept } of this.#services.values()) {
      const { service } = spec;
      const wanted = this.#wanted(service);
      const state = this.#supervisor.list().find((one) => one.service === service)?.state;
      if (wanted === 'STOP' && state !== 'stopped' && state !== 'stopping') void this.#supervisor.stop(service, this.#stoppedBy());
      else if (wanted === 'RUN' && kept === undefined && (state === 'stopped' || state === 'failed'))
        this.#supervisor.resume(service).catch(() => undefined);
    }
  }

  #wanted(service: string): Json | undefined {
    return get(this.#engine.world.nodes.get(this.#engine.world.self)?.cfg ?? {}, `/services/${service}/state`);
  }

  #stoppedBy(): string {
    return `cfg of ${this.#engine.world.nodes.get(this.#engine.world.self)?.name} wants it stopped`;
  }
}

/** What is under way goes on; who waited for it does not. */
export async function unlessAborted(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return void (await work);
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
    work.catch(() => undefined);
  }
}
