/** What both ends of a link's maps have in common. */
import { noteHeard } from './attach.ts';
import type { Json } from './declaration.ts';
import type { Heard, Item } from './event.ts';
import type { Node } from './node.ts';
import { probe } from './probe.ts';
import type { NodeId } from './record.ts';
import type { World } from './world.ts';

/** The items of each node, by member: what is said of one node is taken together. */
export function byNode(items: readonly Item[]): ReadonlyMap<NodeId, ReadonlyMap<string, Item>> {
  const nodes = new Map<NodeId, Map<string, Item>>();
  for (const item of items) {
    let members = nodes.get(item.node);
    if (!members) {
      members = new Map();
      nodes.set(item.node, members);
    }
    members.set(item.member, item);
  }
  return nodes;
}

const KINDS: readonly Heard[] = ['hello', 'session', 'dhcp', 'claim'];

/** Firmware that asked so recently may be asking still. */
const FRESH = 10_000;

/** `@heard`: `[when by the other's clock, how long ago, how]`. A boot that begins elsewhere puts the session here in doubt. */
export function heardOf(w: World, node: Node, value: Json | undefined, via: NodeId): void {
  if (!Array.isArray(value)) return;
  const [, age, how] = value;
  const kind = KINDS.find((one) => one === how);
  if (typeof age !== 'number' || !(age >= 0) || kind === undefined) return;
  const at = w.now - age;
  node.heardAt = Math.max(node.heardAt ?? 0, at);
  noteHeard(w, node, kind, at, via);
  if (kind === 'dhcp' && node.live && node.id !== w.self && age < FRESH) probe(w, node, 'dhcp');
  w.dirty.add(node);
}
