/** No host takes a child for dead while the child's process lives, is attached to it, and was cut off for less than the dead time. */
import type { Turn } from '../../../../host/core/record.ts';
import { SECOND } from '../clock.ts';
import type { Watcher } from '../sim.ts';
import type { SimHost } from '../sim-host.ts';
import type { Tree } from '../tree.ts';

const LOOK = SECOND;
const REVOKED = 'its key is not good any more';
/** The first may be lost, and the second comes late by a little. */
const HELLOS = 2.2;
/** Since it was started, or attached here: before that a death of before may be found out. */
const SETTLED = 60 * SECOND;

export class Errors implements Watcher {
  readonly breaches: string[] = [];
  readonly #tree: Tree;
  /** By parent and child: since when nothing gets through, or one of them does not run. */
  readonly #cut = new Map<string, number>();
  /** By the same: since when everything gets through again. */
  readonly #open = new Map<string, number>();
  /** Hosts that an operator has thrown out. */
  readonly out = new Set<SimHost>();

  constructor(tree: Tree) {
    this.#tree = tree;
    const look = (): void => {
      for (const host of tree.all) for (const id of host.parents) this.#look(tree.sim.host(id), host);
      tree.sim.clock.later(LOOK, look);
    };
    look();
  }

  #look(parent: SimHost, child: SimHost): void {
    const key = `${parent.id} ${child.id}`;
    const isOpen = parent.isAlive && child.isAlive && this.#tree.sim.isOpen(parent, child);
    const { now } = this.#tree.sim.clock;
    if (!isOpen) {
      this.#open.delete(key);
      if (!this.#cut.has(key)) this.#cut.set(key, now);
      return;
    }
    if (!this.#open.has(key)) this.#open.set(key, now);
    // A gap in which no hello need have been sent does not end the silence.
    if (now - (this.#open.get(key) ?? now) >= HELLOS * this.#tree.sim.settings.sync.hello) this.#cut.delete(key);
  }

  turn(host: SimHost, turn: Turn): void {
    for (const { view, path, to, via, node, why } of turn.changes) {
      // A key that is trusted no more ends a session that lives, and is meant to.
      if (why === REVOKED) continue;
      if (view !== 'dsc' || path !== '/runState' || to !== 'ERROR' || via !== undefined || node === host.id) continue;
      this.#judge(host, this.#tree.sim.host(node));
    }
  }

  #judge(parent: SimHost, child: SimHost): void {
    const { process } = child;
    const { now } = this.#tree.sim.clock;
    if (!process || this.out.has(child) || now - process.startedAt < SETTLED) return;
    const { uplink } = process.sync;
    if (uplink?.peer?.id !== parent.id || uplink.state !== 'connected' || process.now - uplink.peer.since < SETTLED) return;
    const cut = this.#cut.get(`${parent.id} ${child.id}`);
    // The silence begins with the last hello that was not lost.
    const { dead, hello } = this.#tree.sim.settings.sync;
    if (cut !== undefined && now - cut >= dead - HELLOS * hello - LOOK) return;
    const why = cut === undefined ? 'nothing is cut' : `cut off for ${(now - cut) / SECOND} s`;
    this.breaches.push(`${parent.id} takes ${child.id} for dead after ${now / SECOND} s: it lives, and ${why}`);
  }
}
