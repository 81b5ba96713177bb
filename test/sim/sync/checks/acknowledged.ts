/**
 * What was acknowledged is not lost: operators' changes at the root; readings that were on the disk of the leaf's own host. What is not on
 * the root's disk, nobody has heard of.
 */
import type { CfgChange } from '../../../../host/core/event.ts';
import { METER } from '../modules.ts';
import type { Watcher } from '../sim.ts';
import type { SimHost } from '../sim-host.ts';

/** A label that is only set by ever larger numbers. */
export const TAG = '/labels/tag';

export class Acknowledged implements Watcher {
  readonly breaches: string[] = [];
  readonly #tags = new Map<string, number>();
  readonly #readings = new Map<string, { readonly boot: string; readonly value: number }>();

  acknowledged({ set }: CfgChange): void {
    const tag = set?.values[TAG];
    if (set && tag !== undefined) for (const id of set.nodes) this.#tags.set(id, Number(tag));
  }

  durable(host: SimHost): void {
    if (host.kind === 'root') return;
    const value = host.seen(host.id, METER);
    if (typeof value === 'number') this.#readings.set(host.id, { boot: host.boot, value });
  }

  started(host: SimHost): void {
    if (host.kind === 'root') {
      this.look(host);
      return this.#early(host);
    }
    const known = this.#readings.get(host.id);
    const value = host.seen(host.id, METER);
    if (known?.boot === host.boot && !(Number(value) >= known.value))
      this.breaches.push(`${host.id} had reading ${known.value} on disk, and after a start has ${value}`);
  }

  lost(host: SimHost): void {
    if (host.kind === 'root') this.#tags.clear();
    else this.#readings.delete(host.id);
  }

  #early(root: SimHost): void {
    for (const host of root.sim.hosts.values())
      for (const id of host.process?.world.nodes.keys() ?? [])
        if (tagOf(host, id) > tagOf(root, id))
          this.breaches.push(`${host.id} has tag ${tagOf(host, id)} of ${id}, which is not on the root's disk`);
  }

  /** Whether that host has all changes of its nodes. */
  look(host: SimHost): void {
    for (const [id, tag] of this.#tags) {
      if (!(tagOf(host, id) >= tag)) this.breaches.push(`${host.id} acknowledged tag ${tag} for ${id}, and has ${tagOf(host, id)}`);
    }
  }
}

function tagOf(host: SimHost, id: string): number {
  const labels = host.cfg(id)?.['labels'] as { readonly tag?: unknown } | undefined;
  return Number(labels?.tag ?? 0);
}
