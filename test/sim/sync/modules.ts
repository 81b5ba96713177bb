/** The services of a simulated host: power over BMCs and network boot where there are children, images and a meter on the leaves. */
import type { ServiceDeclaration } from '../../../host/core/declaration.ts';
import type { Effect } from '../../../host/core/effect.ts';
import type { Failed, Observed } from '../../../host/core/event.ts';
import { discovery, IMAGES, IPMI, PXE, service, variable } from '../../core/layercake.ts';
import type { Process } from './process.ts';

/** What the checkers go by: a value that only the leaf itself says, and never the same twice. */
export const METER = '/meter/value';

const METERS = service('meter', {
  variables: [variable(METER)],
  discoveries: [discovery('meter/value', [METER])],
});

export const SERVICES: Readonly<Record<'root' | 'middle' | 'leaf', readonly ServiceDeclaration[]>> = {
  root: [IPMI, PXE],
  middle: [IPMI, PXE, METERS],
  leaf: [IMAGES, METERS],
};

type Of<T extends Effect['type']> = Extract<Effect, { type: T }>;

export class Modules {
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
  }

  /** They say what they see. */
  start(): void {
    const { host, world } = this.#process;
    for (const { service } of SERVICES[host.kind]) this.#process.push({ type: 'service', service, state: 'ready' });
    if (host.kind === 'root') return;
    if (host.meter > 0) this.meter();
    if (host.kind === 'leaf' && world.nodes.get(host.id)?.seen('/runState') === 'SYNC' && host.images !== 'UNKNOWN')
      this.#process.observed('images', { node: host.id, values: { '/images/state': host.images } });
  }

  meter(): void {
    const { host } = this.#process;
    this.#process.observed('meter', { node: host.id, values: { [METER]: host.meter } });
  }

  run(effect: Of<'run'>): void {
    const process = this.#process;
    const { sim } = process.host;
    const { run, service, mutation, nodes } = effect;
    const latency = 40 + Math.floor(sim.random() * 40);
    process.after(latency, () => {
      const observed: Observed[] = [];
      const failed: Failed[] = [];
      for (const { id, revision } of nodes) {
        const values = this.#act(service, mutation, id);
        if (values) observed.push({ node: id, values, asOf: revision });
      }
      process.push({ type: 'ran', run, observed, failed });
    });
  }

  #act(service: string, mutation: string, id: string): Observed['values'] | undefined {
    const { host } = this.#process;
    const { sim } = host;
    switch (service) {
      case 'images':
        if (mutation !== 'begin') host.images = ['stop', 'drop', 'clear'].includes(mutation) ? 'IDLE' : 'ACTIVE';
        else if (host.images === 'UNKNOWN') host.images = 'IDLE';
        return { '/images/state': host.images };
      case 'pxe':
        return mutation === 'wait' ? { '/pxe/state': 'WAIT' } : undefined;
      case 'ipmi': {
        const target = sim.host(id);
        sim.watch((watcher) => watcher.power?.(target, mutation === 'powerOn' ? 'on' : 'off', host));
        if (mutation === 'powerOn') target.powerOn();
        else target.powerOff();
        return { '/physState': target.isOn ? 'POWER_ON' : 'POWER_OFF' };
      }
      default:
        throw new Error(`no simulated module ${service}`);
    }
  }

  poll({ poll, nodes }: Of<'poll'>): void {
    const process = this.#process;
    process.after(50, () => {
      const { sim } = process.host;
      const observed = nodes.map(({ id, revision }) => ({
        node: id,
        values: { '/physState': sim.host(id).isOn ? 'POWER_ON' : 'POWER_OFF' },
        asOf: revision,
      }));
      process.push({ type: 'polled', poll, observed, failed: [] });
    });
  }
}
