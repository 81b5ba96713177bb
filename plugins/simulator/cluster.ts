/**
 * A virtual cluster: any number of machines with BMCs, a boot server, and the nodes' own hosts, driven by whatever clock it is
 * given. Pure: what it has to say goes to `Outlet`, what shall happen waits in one timeline. The same seed gives the same cluster.
 */
import { type Answer, askBmc, glance } from './bmc.ts';
import { hash, unit } from './chance.ts';
import { imagesBecome } from './image-set.ts';
import { askHost, askImages, type HostAction, type ImagesAction } from './node-host.ts';
import { type Fault, type Profile, profileOf, type SeededFault } from './profile.ts';
import type { Hearing, SavedNode, Seen } from './seen.ts';
import type { Surroundings } from './surroundings.ts';
import { Timeline } from './timeline.ts';
import { VirtualNode } from './virtual-node.ts';

export interface Outlet {
  /** Noticed of a node without anybody having asked: a DHCP client, a host that phones home, a session that ended. */
  report(node: string, values: Seen, hearing: Hearing): void;
}

export type Done = (answer: Answer) => void;

export class Cluster {
  readonly #timeline = new Timeline();
  readonly #nodes = new Map<string, VirtualNode>();
  readonly #names = new Map<string, string>();
  /** Faults that a person has set, and those of the seed that are on, by node; the person's wins. */
  readonly #set = new Map<string, Fault>();
  readonly #seeded = new Map<string, Fault>();
  readonly #dirty = new Set<VirtualNode>();
  readonly #at: Surroundings;

  constructor(outlet: Outlet, profile: Profile = profileOf()) {
    this.#at = {
      profile,
      timeline: this.#timeline,
      report: (node, values, hearing) => outlet.report(node.id, values, hearing),
      changed: (node) => this.#dirty.add(node),
    };
  }

  /** The machines as they were when the process before this one ended. */
  restore(saved: Iterable<SavedNode>, now: number): void {
    for (const one of saved) {
      const node = new VirtualNode(one[0], this.#at, one[9], one);
      this.#nodes.set(node.id, node);
      node.resume(now);
      this.#seed(node, now);
    }
  }

  /** When something will happen next. */
  get next(): number | undefined {
    return this.#timeline.next;
  }

  get size(): number {
    return this.#nodes.size;
  }

  advance(now: number): void {
    this.#timeline.advance(now);
  }

  /** The machine, brought into being where nobody asked for it before. */
  node(id: string, now: number): VirtualNode {
    let node = this.#nodes.get(id);
    if (node === undefined) {
      node = new VirtualNode(id, this.#at, now);
      this.#nodes.set(id, node);
      this.#dirty.add(node);
      node.begin(now);
      this.#seed(node, now);
      const name = this.#names.get(id);
      if (name !== undefined) this.#seed(node, now, name);
    }
    return node;
  }

  /** So that faults of the profile can name it. */
  name(id: string, name: string, now: number): void {
    if (this.#names.get(id) === name) return;
    this.#names.set(id, name);
    const node = this.#nodes.get(id);
    if (node !== undefined) this.#seed(node, now, name);
  }

  /** What a person wants to be wrong with it. A machine that nobody has asked for yet needs no word that it is well. */
  setFault(id: string, fault: Fault, now: number): void {
    if (fault === 'none' && !this.#nodes.has(id)) return;
    if (fault === 'none') this.#set.delete(id);
    else this.#set.set(id, fault);
    this.#inForce(this.node(id, now), now);
  }

  power(id: string, action: 'on' | 'off' | 'read', now: number, done: Done): void {
    askBmc(this.#at, this.node(id, now), action, now, done);
  }

  /** The power state, where its BMC would tell it at once. */
  glance(id: string, now: number): Seen | undefined {
    return glance(this.node(id, now));
  }

  /** The machine was switched by somebody else's BMC. */
  follow(id: string, on: boolean, now: number): void {
    const node = this.node(id, now);
    if (on) node.powerOn(now);
    else node.powerOff(now);
  }

  /** The boot server prepares for the node. Answers with what it then has prepared. */
  prepareBoot(id: string, now: number, done: Done): void {
    const node = this.node(id, now);
    this.#timeline.at(now + node.draw('hostMs'), () => {
      if (node.stage !== 'dhcp' && node.stage !== 'load') node.setPxe('WAIT');
      done({ '/pxe/state': node.pxe });
    });
  }

  host(id: string, action: HostAction, now: number, done: Done): void {
    askHost(this.#at, this.node(id, now), action, now, done);
  }

  images(id: string, action: ImagesAction, now: number, done: Done): void {
    askImages(this.#at, this.node(id, now), action, now, done);
  }

  /** Its images shall be others than those that run. */
  imagesChanged(id: string, now: number): void {
    const node = this.node(id, now);
    this.#timeline.at(now + node.draw('hostMs'), () => {
      if (node.answers) imagesBecome(this.#at, node, 'ACTIVE', 'UPDATE');
    });
  }

  answers(id: string, now: number): boolean {
    return this.node(id, now).answers;
  }

  /** What goes with an answer of the node's own host. */
  voice(id: string, now: number): Hearing {
    return this.node(id, now).voice();
  }

  /** What has changed since the last call and must outlive this process. */
  takeChanged(): SavedNode[] {
    const changed = [...this.#dirty].map((node) => node.saved());
    this.#dirty.clear();
    return changed;
  }

  *all(): Generator<SavedNode> {
    for (const node of this.#nodes.values()) yield node.saved();
  }

  /** Sets the faults of the profile that are meant for this node. By name: only when the name has become known. */
  #seed(node: VirtualNode, now: number, name?: string): void {
    for (const [index, fault] of this.#at.profile.faults.entries()) {
      if (!this.#isMeant(node, fault, index, name)) continue;
      const from = node.since + (fault.at ?? 0);
      const to = fault.for === undefined ? Number.POSITIVE_INFINITY : from + fault.for;
      if (to <= now) continue;
      const begin = (then: number): void => {
        this.#seeded.set(node.id, fault.fault);
        this.#inForce(node, then);
      };
      // What is wrong from the start is so before anybody asks for the first time.
      if (from <= now) begin(now);
      else this.#timeline.at(from, begin);
      if (to === Number.POSITIVE_INFINITY) continue;
      this.#timeline.at(to, (then) => {
        if (this.#seeded.get(node.id) === fault.fault) this.#seeded.delete(node.id);
        this.#inForce(node, then);
      });
    }
  }

  #isMeant({ id }: VirtualNode, { share, nodes }: SeededFault, index: number, name: string | undefined): boolean {
    if (name !== undefined) return nodes?.includes(name) === true;
    return nodes?.includes(id) === true || (share !== undefined && unit(hash(id, this.#at.profile.seed + index + 1)) < share);
  }

  #inForce(node: VirtualNode, now: number): void {
    node.setFault(this.#set.get(node.id) ?? this.#seeded.get(node.id) ?? 'none', now);
  }
}
