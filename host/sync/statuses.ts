/** The neighbours of this host as people are shown them. */
import type { PeerStatus } from '../core/peer-status.ts';
import type { Millis } from '../core/record.ts';
import type { World } from '../core/world.ts';
import { text } from './addresses.ts';
import type { Peer } from './peer.ts';
import type { Sync } from './sync.ts';

export function peerStatuses(sync: Sync, world: World, now: Millis): readonly PeerStatus[] {
  const found: PeerStatus[] = [];
  const { uplink } = sync;
  if (uplink) found.push(uplink.peer ? ofUplink(uplink.peer, uplink, now) : lookingFor(uplink));
  for (const peer of sync.children?.peers.values() ?? []) {
    const state = peer.doubt ? 'probing' : peer.live ? 'connected' : 'dead';
    found.push({ ...common(peer, now), name: world.nodes.get(peer.id)?.name ?? peer.id, state, since: peer.since });
  }
  return found;
}

type Uplink = NonNullable<Sync['uplink']>;

function ofUplink(peer: Peer, uplink: Uplink, now: Millis): PeerStatus {
  const state = uplink.state === 'connected' ? 'connected' : uplink.state === 'doubtful' ? 'probing' : 'trying';
  const why = state === 'connected' ? undefined : uplink.why;
  return { ...common(peer, now), name: uplink.name, state, since: uplink.since, ...(why === undefined ? {} : { why }) };
}

function lookingFor(uplink: Uplink): PeerStatus {
  const quiet = { behind: 0, bytesInPerSecond: 0, bytesOutPerSecond: 0, forged: 0, replayed: 0, malformed: 0 };
  const why = uplink.why ?? 'no parent has answered yet';
  return { id: '', name: uplink.name, role: 'parent', state: 'trying', since: uplink.since, why, ...quiet };
}

function common(peer: Peer, now: Millis): Omit<PeerStatus, 'name' | 'state' | 'since'> {
  const { rtt, pending, unacked, malformed } = peer.link.figures;
  const { inPerSecond, outPerSecond } = peer.rates(now);
  const address = peer.udp ?? peer.listens;
  return {
    id: peer.id,
    role: peer.peerIs,
    heardAt: peer.link.heardAt,
    ...(address ? { address: text(address) } : {}),
    ...(rtt === undefined ? {} : { rtt }),
    behind: pending + unacked,
    bytesInPerSecond: Math.round(inPerSecond),
    bytesOutPerSecond: Math.round(outPerSecond),
    forged: peer.figures.forged,
    replayed: peer.figures.replayed,
    malformed,
    term: peer.term,
  };
}
