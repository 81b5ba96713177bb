/**
 * No machine is switched unless it is really dead: nothing of it could have been heard by any of its parents for the grace, by the truth at
 * the machines and the network, and the host that acts had been up for that long. What somebody ordered is allowed.
 */
import { MINUTE, SECOND } from '../clock.ts';
import type { Watcher } from '../sim.ts';
import type { SimHost } from '../sim-host.ts';
import type { Tree } from '../tree.ts';

const GRACE = 5 * MINUTE;
const LOOK = 5 * SECOND;
/** Heard for less, it may still be on its way back to a parent. */
const BRIEF = MINUTE;

export class Power implements Watcher {
  readonly breaches: string[] = [];
  readonly actions = { on: 0, off: 0 };
  readonly #tree: Tree;
  readonly #deafSince = new Map<SimHost, number>();
  readonly #heardSince = new Map<SimHost, number>();
  readonly #ordered = new Set<SimHost>();

  constructor(tree: Tree) {
    this.#tree = tree;
    const look = (): void => {
      for (const host of tree.all) this.#look(host);
      tree.sim.clock.later(LOOK, look);
    };
    look();
  }

  /** Somebody wants it switched. */
  order(host: SimHost): void {
    this.#ordered.add(host);
  }

  #look(host: SimHost): void {
    const { sim } = this.#tree;
    const canBeHeard = host.isAlive && host.parents.some((id) => sim.host(id).isAlive && sim.isOpen(host, sim.host(id)));
    const { now } = sim.clock;
    if (!canBeHeard) {
      this.#heardSince.delete(host);
      if (!this.#deafSince.has(host)) this.#deafSince.set(host, now);
    } else {
      const since = this.#heardSince.get(host) ?? now;
      this.#heardSince.set(host, since);
      if (now - since >= BRIEF) this.#deafSince.delete(host);
    }
  }

  power(host: SimHost, to: 'on' | 'off', by: SimHost): void {
    this.actions[to]++;
    const { now } = this.#tree.sim.clock;
    if (this.#ordered.has(host) || (to === 'on' && !host.isOn)) return;
    const since = this.#deafSince.get(host);
    const say = (why: string): void => void this.breaches.push(`${by.id} switches ${host.id} ${to} after ${now / SECOND} s: ${why}`);
    if (since === undefined) say('it can be heard');
    else if (now - since < GRACE - LOOK) say(`it could be heard ${(now - since) / SECOND} s ago`);
    const up = now - (by.process?.startedAt ?? now);
    if (up < GRACE) say(`this host was started ${up / SECOND} s ago`);
  }
}
