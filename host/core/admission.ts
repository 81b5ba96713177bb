/** What people say about whom to let in. It flows down to the host that the node's own host asks. */
import { revoke } from './claim.ts';
import type { Author, Command } from './event.ts';
import type { Node } from './node.ts';
import { closeWindow, openWindow } from './window.ts';
import type { World } from './world.ts';

type Admission = Extract<Command, { kind: 'admit' | 'revoke' | 'token' | 'noToken' }>;

export function admission(w: World, node: Node, command: Admission, author: Author): void {
  const why = 'why' in command ? command.why : undefined;
  w.note(node, command.kind === 'noToken' ? 'token withdrawn' : command.kind, true, author.user, why);
  switch (command.kind) {
    case 'admit':
      w.book(node, 'admitted', { id: w.revision, by: author.user, ...(why ? { why } : {}) });
      letIn(w, node, author.user);
      return;
    case 'revoke':
      w.book(node, 'admitted', { id: w.revision, by: author.user, shut: true, ...(why ? { why } : {}) });
      shutOut(w, node);
      return;
    case 'token':
      w.book(node, 'token', { hash: command.hash, until: command.until });
      return;
    case 'noToken':
      w.book(node, 'token', undefined);
      return;
    default:
      command satisfies never;
  }
}

/** A person says that the next claim is the node's: what was claimed before is not good any more, and the core's own hold ends. */
export function letIn(w: World, node: Node, by: string): void {
  revoke(w, node, keysOf(node));
  if (node.book.hold?.by === 'core') w.book(node, 'hold', undefined);
  openWindow(w, node, `${by} said that it may come`);
}

/** A person says that whoever has come as this node is not it: neither a key, nor a window, nor a token is left to come in by. */
export function shutOut(w: World, node: Node): void {
  revoke(w, node, keysOf(node));
  closeWindow(w, node);
  w.book(node, 'token', undefined);
}

/** The keys that are known to be used for this node now. */
function keysOf(node: Node): readonly string[] {
  const { key, at, window } = node.book;
  return [...new Set([key?.fp, at?.key, window?.claimed].filter((one): one is string => one !== undefined))];
}
