/** cfg `/services/NAME/state` of the host's own node starts and stops its services, as in the original; over a restart, too. */

import { get } from '@kraken-hpc/sdk/state';
import type { Json } from './core/declaration.ts';
import type { Engine } from './core/engine.ts';
import type { Loop } from './loop.ts';
import type { ServiceSpec } from './modules/registry.ts';
import type { Supervisor } from './modules/supervisor.ts';

export function followServices(loop: Loop, engine: Engine, supervisor: Supervisor, specs: readonly ServiceSpec[]): void {
  loop.onTurn((turn) => {
    for (const change of turn.changes) {
      if (change.view !== 'cfg' || change.node !== engine.world.self || !change.path.startsWith('/services')) continue;
      for (const { service } of specs) {
        const wanted = wantedState(engine, service);
        const state = supervisor.list().find((one) => one.service === service)?.state;
        if (wanted === 'STOP' && state !== 'stopped' && state !== 'stopping') void supervisor.stop(service, stoppedBy(engine));
        else if (wanted === 'RUN' && (state === 'stopped' || state === 'failed')) supervisor.resume(service).catch(() => undefined);
      }
    }
  });
}

/** Starts those that nobody wants stopped; the others are known, and can be started. */
export function startServices(engine: Engine, supervisor: Supervisor, specs: readonly ServiceSpec[]): void {
  for (const spec of specs) {
    if (wantedState(engine, spec.service) === 'STOP') supervisor.add(spec, stoppedBy(engine));
    else supervisor.start(spec);
  }
}

function wantedState(engine: Engine, service: string): Json | undefined {
  return get(engine.world.nodes.get(engine.world.self)?.cfg ?? {}, `/services/${service}/state`);
}

function stoppedBy(engine: Engine): string {
  return `cfg of ${engine.world.nodes.get(engine.world.self)?.name} wants it stopped`;
}
