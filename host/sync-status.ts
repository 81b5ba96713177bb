/** A running host in the tree of hosts, as people and programs are shown it. */
import { X509Certificate } from 'node:crypto';
import type { SyncStatus } from './core/peer-status.ts';
import { text } from './sync/addresses.ts';
import { pinOf } from './sync/edge/certificates.ts';
import type { Syncing } from './syncing.ts';

export function syncStatus(syncing: Syncing): SyncStatus {
  const { isRoot, keys, options } = syncing.place;
  const ca = keys.chain?.[1];
  const pin = options.caPin ?? (ca && pinOf(new X509Certificate(ca).publicKey));
  return {
    role: isRoot ? 'root' : 'child',
    ...(pin === undefined ? {} : { ca: pin }),
    listen: syncing.bound.map(text),
    dropped: droppedBy(syncing),
  };
}

/** Datagrams and connections that were not what they should be, whoever sent them. */
function droppedBy(syncing: Syncing): SyncStatus['dropped'] {
  const { enrol, unproved, streams, udp, unknown } = syncing.figures;
  const peers = syncing.peers();
  const sum = (name: 'forged' | 'replayed' | 'malformed'): number => peers.reduce((all, peer) => all + peer[name], 0);
  return {
    forged: sum('forged') + (enrol?.badProof ?? 0),
    replayed: sum('replayed'),
    malformed: sum('malformed') + streams.malformed + (enrol?.malformed ?? 0),
    unknown,
    oversized: udp.oversized,
    unproved: unproved.timeouts + (enrol?.timeouts ?? 0),
    turnedAway: unproved.turnedAway + streams.full + (enrol?.turnedAway ?? 0),
    refused: enrol?.refused ?? 0,
  };
}
