/** Services as the core knows them: what they declared, whether they run. */

import { parseNodeSet } from '@kraken-hpc/sdk/state';
import type { Json, ServiceDeclaration } from './declaration.ts';
import type { RequestId, ServiceState } from './event.ts';
import { CODES } from './failures.ts';
import { buildGraph } from './graph.ts';
import { schedulePollers } from './polls.ts';
import { expectHosts } from './probe.ts';
import { classOf } from './situation.ts';
import type { World } from './world.ts';

/** How a service's life shows in dsc, in the original's words. */
const SHOWN: Readonly<Record<ServiceState, string>> = {
  starting: 'INIT',
  declared: 'INIT',
  ready: 'RUN',
  stopping: 'STOP',
  stopped: 'STOP',
  rejected: 'ERROR',
  crashed: 'ERROR',
  failed: 'ERROR',
};

/** Takes a declaration into the graph, or refuses it by name and leaves the graph as it was. */
export function declare(w: World, request: RequestId, declaration: ServiceDeclaration): void {
  const { service } = declaration;
  const before = w.services.get(service);
  if (before && JSON.stringify(before.declaration) === JSON.stringify(declaration)) {
    w.answer(request, { revision: w.revision }, false);
    return;
  }
  const others = [...w.services.values()].map((other) => other.declaration).filter((other) => other.service !== service);
  const trial = buildGraph([...others, declaration], w.variables).refused.filter((contradiction) => contradiction.service === service);
  if (trial.length > 0) {
    refuseDeclaration(
      w,
      request,
      service,
      trial.map((contradiction) => contradiction.text),
    );
    return;
  }
  const known = before ?? { state: 'declared' as const, since: w.now, why: undefined };
  w.services.set(service, { ...known, declaration, serves: declaration.serves ? parseNodeSet(declaration.serves) : undefined });
  w.rebuild([...others, declaration]);
  const conflict = firstConflict(w);
  if (conflict === undefined) {
    w.answer(request, { revision: w.revision }, false);
    return;
  }
  if (before) w.services.set(service, before);
  else w.services.delete(service);
  w.rebuild([...w.services.values()].map((other) => other.declaration));
  refuseDeclaration(w, request, service, [conflict]);
}

function refuseDeclaration(w: World, request: RequestId, service: string, problems: readonly string[]): void {
  w.refuse(request, {
    code: CODES.contradiction,
    what: 'the declaration is refused',
    where: `service ${service}`,
    why: problems.join('; '),
    todo: 'Correct the module, or stop the other service; the graph is as it was.',
  });
}

/** Two services that serve one node for one path. */
function firstConflict(w: World): string | undefined {
  for (const node of w.nodes.values()) {
    const conflict = classOf(w, node).conflicts[0];
    if (conflict !== undefined) return `for node ${node.name || node.id}: ${conflict}`;
  }
  return undefined;
}

/** Its mutations leave the graph; what it observed stays until it is known to be otherwise. */
export function withdraw(w: World, service: string): void {
  if (service === 'core' || !w.services.delete(service)) return;
  w.rebuild([...w.services.values()].map((other) => other.declaration));
}

export function serviceState(w: World, name: string, state: ServiceState, why: string | undefined): void {
  const service = w.services.get(name);
  if (!service && (state === 'rejected' || state === 'crashed' || state === 'failed')) w.broken.set(name, { state, why });
  else w.broken.delete(name);
  if (service) {
    service.state = state;
    service.since = w.now;
    service.why = why;
  }
  const own = w.nodes.get(w.self);
  const path = `/services/${name}/state`;
  const shown: Json = SHOWN[state];
  if (own && own.seen(path) !== shown) w.setFact(own, path, shown, 'core', why ? { why } : undefined);
  if (state !== 'ready') return;
  schedulePollers(w, name);
  if (service) expectHosts(w, service);
  for (const node of w.nodes.values()) if (node.walk !== 'atGoal') w.dirty.add(node);
}
