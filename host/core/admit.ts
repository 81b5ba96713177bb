/** What an accepted claim is: a key that is booked, a session that begins, a node that is attached here. */
import { attach } from './attach.ts';
import { termOf } from './bounds.ts';
import type { Claim } from './event.ts';
import type { Node } from './node.ts';
import { observe } from './observe.ts';
import { fixSelf } from './self.ts';
import { BUSY, RUN } from './situation.ts';
import type { World } from './world.ts';

/** Takes the node's host in; returns the number of this admission, higher than any that is known. */
export function admit(w: World, node: Node, { boot, key, proof, term: said }: Claim): number {
  const { book } = node;
  const term = termOf(node, said);
  fixSelf(w);
  const next = Math.max(term, book.key?.term ?? 0, book.at?.term ?? 0) + 1;
  const kind = book.key?.fp === key ? book.key.kind : proof.kind;
  const wasAway = term > (book.key?.term ?? 0);
  w.book(node, 'key', { fp: key, boot, term: next, kind, at: w.now });
  if (book.window) w.book(node, 'window', { ...book.window, claimed: key });
  if (proof.kind === 'token' && book.token?.hash === proof.hash) {
    w.book(node, 'tokenUsed', proof.hash);
    w.book(node, 'token', undefined);
  }
  w.book(node, 'refused', undefined);
  // What its host said through others is over, and what it said here before it was elsewhere: it says it here from now on.
  for (const [path, fact] of node.facts)
    if (fact.boot && fact.via !== undefined && (wasAway || fact.via !== node.id) && path !== BUSY)
      w.setFact(node, path, undefined, 'core', { why: 'its host is attached here now' });
  attach(w, node, { host: w.self, term: next, live: true, key });
  observe(w, 'core', { node: node.id, values: { [RUN]: 'INIT' }, heard: 'session', session: { boot, live: true } });
  // If it does not go on with the session, it is asked.
  node.expectBy = w.now + w.settings.sessionWait;
  w.wake(node, node.expectBy);
  w.note(node, 'admitted', next, 'core', kind);
  return next;
}
