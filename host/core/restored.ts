/**
 * The first start on a restored backup. The machines went on since it was made: what it wants, orders and lets in is a wish of then, and
 * is nobody's word now. The engine is frozen until a person has looked; what was good for once is over.
 */

import { isObject } from '@kraken-hpc/sdk/state';
import type { Json } from './declaration.ts';
import type { Book, Node } from './node.ts';
import type { Millis, NodeId } from './record.ts';
import { ago } from './words.ts';
import type { World } from './world.ts';

/** Good for once, and perhaps used since: asked for, granted, let in. */
const ONCE: readonly (keyof Book)[] = ['order', 'granted', 'exempt', 'force', 'token', 'window'];
/** What is told on below, where another number than the last one would be done as a new request. Of a host with a parent it is the parent's. */
const ASKED_BELOW: readonly (keyof Book)[] = ['retried', 'admitted'];

/** What is put behind a backup that is restored; `beside` is what ran here until then: keys that were revoked there stay so. */
export function restoredMark(file: string, beside?: World): { readonly [member: string]: Json } {
  const revoked: Record<NodeId, Json> = {};
  for (const { id, book } of beside?.nodes.values() ?? []) if (book.revoked) revoked[id] = [...book.revoked];
  return { restored: { file, revoked } };
}

/** Done once for every restore, and durable together with the end of its mark. `takenAt`: when the backup was made. */
export function beginRestored(w: World, takenAt: Millis): void {
  const mark = w.kept['restored'];
  if (!isObject(mark)) return;
  w.keep('restored', null);
  // Revisions were given since that the backup does not know of: none is given again.
  w.revision = Math.max(w.revision, w.now);
  const from = `the backup ${String(mark['file'])}, made ${ago(w, takenAt)} before,`;
  if (!w.frozen) {
    w.frozen = { by: 'core', why: `${from} was restored, and the machines went on since`, since: w.now };
    w.keep('frozen', { ...w.frozen });
  }
  const over = w.isRoot ? [...ONCE, ...ASKED_BELOW] : ONCE;
  for (const node of w.nodes.values()) endOnce(w, node, over, from);
  for (const [id, keys] of Object.entries(isObject(mark['revoked']) ? mark['revoked'] : {})) {
    const node = w.nodes.get(id);
    if (node && Array.isArray(keys)) stayRevoked(w, node, keys.map(String));
  }
  w.log(
    'warn',
    `${from} was restored: the engine is frozen, its open orders and tokens are withdrawn; keys that were revoked since on another data directory are good again: revoke them anew (kraken node revoke NODE). See kraken node explain all, then: kraken engine thaw`,
  );
}

function endOnce(w: World, node: Node, over: readonly (keyof Book)[], from: string): void {
  const { order, token } = node.book;
  if (order) w.note(node, 'ordered', `${order.kind} is withdrawn`, 'core', `${from} was restored`);
  if (token) w.note(node, 'token withdrawn', true, 'core', `${from} was restored`);
  for (const member of over) w.book(node, member, undefined);
}

function stayRevoked(w: World, node: Node, keys: readonly string[]): void {
  w.book(node, 'revoked', [...new Set([...(node.book.revoked ?? []), ...keys])]);
  if (node.book.key && keys.includes(node.book.key.fp)) w.book(node, 'key', undefined);
}
