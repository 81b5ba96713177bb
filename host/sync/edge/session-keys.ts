/** All sessions of a parent from one key, so that nothing is stored for each child (HMAC as the extract-and-expand of RFC 5869). */
import { createHmac } from 'node:crypto';
import type { NodeId } from '../../core/record.ts';
import type { SessionKeys } from '../children.ts';

/** `master`: 32 random bytes of this host, in a root-only file, in no backup. */
export function sessionKeys(master: Uint8Array): SessionKeys {
  const derive = (what: string, node: NodeId, term: number): Buffer =>
    createHmac('sha256', master).update(`kraken ${what} 1\n${node}\n${term}`).digest();
  return {
    secretOf: (node, term) => derive('session', node, term),
    sidOf: (node, term) => derive('sid', node, term).readUInt32BE(0),
  };
}
