/**
 * A path that only a leaf itself observes is never written by two at once: its readings only grow, so what the root holds of it never goes
 * back, through whatever hosts and admissions it came; and it comes through the host that the leaf is attached to.
 */
import type { Turn } from '../../../../host/core/record.ts';
import { METER } from '../modules.ts';
import type { Watcher } from '../sim.ts';
import type { SimHost } from '../sim-host.ts';

export class OneWriter implements Watcher {
  readonly breaches: string[] = [];
  readonly #held = new Map<string, number>();

  turn(host: SimHost, turn: Turn): void {
    if (host.kind !== 'root') return;
    for (const change of turn.changes) {
      if (change.view !== 'dsc' || change.path !== METER || typeof change.to !== 'number') continue;
      const { node, to, via } = change;
      const held = this.#held.get(node) ?? 0;
      if (to < held) this.breaches.push(`${host.id} holds reading ${to} of ${node} through ${via}, after ${held}`);
      this.#held.set(node, Math.max(held, to));
      if (to > host.sim.host(node).meter) this.breaches.push(`${host.id} holds reading ${to} of ${node}, which has not been read`);
      const at = host.process?.world.nodes.get(node)?.book.at;
      if (at && via !== undefined && via !== (at.via ?? node))
        this.breaches.push(`${host.id} takes ${node} through ${via}, and it is at ${at.host} through ${at.via}`);
    }
  }

  /** A reading goes up at once, and may be lost with a process before it is on its disk: that host then honestly remembers an older one. */
  started(host: SimHost): void {
    if (host.kind === 'root') return;
    for (const id of host.process?.world.nodes.keys() ?? []) {
      const [held, remembered] = [this.#held.get(id), host.seen(id, METER) ?? (id === host.id ? 0 : undefined)];
      if (held !== undefined && typeof remembered === 'number') this.#held.set(id, Math.min(held, remembered));
    }
  }

  /** What it had lost, it may have forgotten. */
  lost(host: SimHost): void {
    if (host.kind === 'root') this.#held.clear();
  }
}
