/**
 * What is told over which link: the journaled changes of the world become offers of single members. Down waits until a
 * change is on disk; up goes at once. Whom a node is told to follows from its parents, and is looked at anew when those change.
 */

import type { Node } from '../core/node.ts';
import type { Change, NodeId, Turn } from '../core/record.ts';
import { report, reportOne, upMembersOf, upMembersOfRecord } from '../core/report.ts';
import { downMembersOf, downMembersOfRecord, holdersOf, tell, tellOne } from '../core/tell.ts';
import type { World } from '../core/world.ts';
import type { Peer } from './peer.ts';

/** Members of a change that decide to whom a node is told. */
const PLACES = ['', '/parentId', '/parents'];

export class Scope {
  readonly #world: World;
  readonly #child: (id: NodeId) => Peer | undefined;
  readonly #parent: () => Peer | undefined;
  /** Which children each node is told to, as far as they are connected. */
  readonly #told = new Map<NodeId, readonly NodeId[]>();
  /** Touched and not on disk yet: by node, which members and since which turn. */
  readonly #waiting = new Map<NodeId, Map<string, number>>();

  constructor(world: World, child: (id: NodeId) => Peer | undefined, parent: () => Peer | undefined) {
    this.#world = world;
    this.#child = child;
    this.#parent = parent;
  }

  /** A link begins: everything that its peer is told. */
  begin(peer: Peer): void {
    if (peer.peerIs === 'parent') {
      for (const id of this.#world.nodes.keys()) this.#reportAll(peer, id);
      return;
    }
    for (const node of this.#below(peer.id)) {
      if (!holdersOf(this.#world, node).includes(peer.id)) continue;
      this.#tellAll(peer, node.id);
      const told = this.#told.get(node.id) ?? [];
      if (!told.includes(peer.id)) this.#told.set(node.id, [...told, peer.id]);
    }
  }

  /** The host's own node, and all that hang on it or on one of those. */
  #below(host: NodeId): ReadonlySet<Node> {
    const own = this.#world.nodes.get(host);
    const found = new Set(own ? [own] : []);
    for (const node of found) for (const other of this.#world.tree.hanging(node.id)) if (other.id !== this.#world.self) found.add(other);
    return found;
  }

  turn(turn: Turn): void {
    const parent = this.#parent();
    for (const change of turn.changes) {
      if (parent) this.#reportChange(parent, change);
      if (change.view === 'cfg' && isPlace(change)) this.#note(change.node, PLACE, turn.seq);
      for (const member of downMembersOf(change)) this.#note(change.node, member, turn.seq);
    }
    for (const id in turn.records) {
      for (const name in turn.records[id]) {
        if (parent) for (const member of upMembersOfRecord(name)) this.#reportOne(parent, id, member);
        for (const member of downMembersOfRecord(name)) this.#note(id, member, turn.seq);
        if (name === 'at' || name === 'key') this.#note(id, PLACE, turn.seq);
      }
    }
    if (turn.engine && 'frozen' in turn.engine) for (const id of this.#world.nodes.keys()) this.#note(id, '@frozen', turn.seq);
  }

  /** What waited for the disk up to that turn is offered. */
  durable(seq: number): void {
    for (const [id, members] of this.#waiting) {
      if ([...members.values()].some((since) => since > seq)) continue;
      this.#waiting.delete(id);
      this.#offer(id, members);
    }
  }

  /** What the core computes and does not journal (who hears whom) is compared with what was told. */
  again(id: NodeId, member: string): void {
    this.#offer(id, new Map([[member, 0]]));
    const parent = this.#parent();
    if (parent) this.#reportOne(parent, id, member);
  }

  #note(id: NodeId, member: string, seq: number): void {
    let members = this.#waiting.get(id);
    if (!members) {
      members = new Map();
      this.#waiting.set(id, members);
    }
    members.set(member, seq);
  }

  #offer(id: NodeId, members: ReadonlyMap<string, number>): void {
    // Who is told of it is told all of it; and of what went at the same time, that it went.
    if (members.has(PLACE)) this.#place(id);
    const node = this.#world.nodes.get(id);
    if (!node) return;
    for (const holder of this.#told.get(id) ?? []) {
      const peer = this.#child(holder);
      if (!peer) continue;
      for (const member of members.keys()) if (member !== PLACE) peer.link.offer(id, member, tellOne(this.#world, node, holder, member));
    }
  }

  /** A node came, went or moved: who is told of it now; and of those below it. */
  #place(id: NodeId, depth = 0): void {
    const node = this.#world.nodes.get(id);
    const before = this.#told.get(id) ?? [];
    const now = node ? holdersOf(this.#world, node).filter((holder) => this.#child(holder)) : [];
    for (const holder of before) if (!now.includes(holder)) this.#child(holder)?.link.forget(id);
    for (const holder of now) {
      const peer = this.#child(holder);
      if (peer) this.#tellAll(peer, id);
    }
    if (now.length > 0) this.#told.set(id, now);
    else this.#told.delete(id);
    if (depth >= DEEPEST || sameMembers(before, now)) return;
    for (const other of this.#world.tree.hanging(id)) if (other.id !== id) this.#place(other.id, depth + 1);
  }

  #tellAll(peer: Peer, id: NodeId): void {
    const node = this.#world.nodes.get(id);
    if (!node) return;
    for (const [member, value] of tell(this.#world, node, peer.id)) peer.link.offer(id, member, value);
  }

  #reportAll(peer: Peer, id: NodeId): void {
    const node = this.#world.nodes.get(id);
    if (!node) return;
    for (const [member, value] of report(this.#world, node)) peer.link.offer(id, member, value);
  }

  #reportChange(parent: Peer, change: Change): void {
    if (change.view === 'cfg' && change.path === '') {
      if (change.to === undefined) parent.link.forget(change.node);
      else this.#reportAll(parent, change.node);
      return;
    }
    // Under another parent it is another host's to report on; and so are those below it.
    if (change.view === 'cfg' && isPlace(change)) this.#reportAnew(parent, change.node);
    for (const member of upMembersOf(change)) this.#reportOne(parent, change.node, member);
  }

  #reportAnew(parent: Peer, id: NodeId, depth = 0): void {
    for (const path of this.#world.nodes.get(id)?.facts.keys() ?? []) this.#reportOne(parent, id, path);
    if (depth < DEEPEST)
      for (const other of this.#world.tree.hanging(id)) if (other.id !== id) this.#reportAnew(parent, other.id, depth + 1);
  }

  #reportOne(parent: Peer, id: NodeId, member: string): void {
    const node = this.#world.nodes.get(id);
    if (node) parent.link.offer(id, member, reportOne(this.#world, node, member));
  }
}

/** Stands among the members for "who is told of it". */
const PLACE = '';
const DEEPEST = 16;

function isPlace(change: Change): boolean {
  return PLACES.some((path) => change.path === path || (path !== '' && change.path.startsWith(`${path}/`)));
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}
