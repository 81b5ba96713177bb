/** What the two halves of the sync layer, towards children and towards the parent, share. */
import type { Millis } from '../core/record.ts';
import type { World } from '../core/world.ts';
import type { Address, StreamId, SyncAction, SyncEvent } from './actions.ts';
import type { Peer, SealLike } from './peer.ts';
import type { Scope } from './scope.ts';
import type { SyncSettings } from './settings.ts';

export type SealFactory = (session: {
  readonly secret: Uint8Array;
  readonly sid: number;
  readonly side: 'parent' | 'child';
  /** 0 = not known yet. */
  readonly peerGeneration: number;
}) => SealLike;

/** What the halves may use of the whole. */
export interface Parts {
  readonly world: World;
  readonly settings: SyncSettings;
  readonly generation: number;
  readonly random: () => number;
  readonly boot: string;
  readonly seal: SealFactory;
  readonly scope: Scope;
  runs(): boolean;
  act(action: SyncAction): void;
  event(event: SyncEvent): void;
  /** Opens a connection for this peer. */
  dial(peer: Peer, to: Address): StreamId;
  /** Opens a connection only to see whether somebody listens there. */
  feel(to: Address): StreamId;
  hangUp(stream: StreamId): void;
  flush(peer: Peer, now: Millis): void;
  later(at: Millis, run: (now: Millis) => void): void;
}
