/** cfg `/services/NAME/state` of the host's own node starts and stops its services, as in the original. */
import type { Engine } from './core/engine.ts';
import { get } from './core/pointer.ts';
import type { Loop } from './loop.ts';
import type { ServiceSpec } from './modules/registry.ts';
import type { Supervisor } from './modules/supervisor.ts';

export function followServices(loop: Loop, engine: Engine, supervisor: Supervisor, specs: readonly ServiceSpec[]): void {
  loop.onTurn((turn) => {
    for (const change of turn.changes) {
      if (change.view !== 'cfg' || change.node !== engine.world.self || !change.path.startsWith('/services')) continue;
      const own = engine.world.nodes.get(engine.world.self);
      for (const { service } of specs) {
        const wanted = own && get(own.cfg, `/services/${service}/state`);
        const state = supervisor.list().find((one) => one.service === service)?.state;
        if (wanted === 'STOP' && state !== 'stopped' && state !== 'stopping')
          void supervisor.stop(service, `cfg of ${own?.name} wants it stopped`);
        else if (wanted === 'RUN' && (state === 'stopped' || state === 'failed')) supervisor.resume(service).catch(() => undefined);
      }
    }
  });
}
