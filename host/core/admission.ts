import type { Author, Command } from './event.ts';
import type { Node } from './node.ts';
import type { World } from './world.ts';

export function admission(w: World, node: Node, command: Extract<Command, { kind: 'admit' | 'revoke' | 'token' }>, author: Author): void {
  w.note(node, command.kind, true, author.user, author.why);
}
