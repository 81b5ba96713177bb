/** What people are told of a node because of what is seen of it, though nothing is to be done by itself (`x-says`). */
import type { Node } from './node.ts';
import type { NodeId } from './record.ts';
import type { World } from './world.ts';

/** A sentence, and the nodes that it is true of. */
export interface Remark {
  readonly text: string;
  readonly nodes: readonly NodeId[];
}

export function remarksOf(w: World, node: Node): readonly string[] {
  return w.graph.remarked.flatMap((variable) => {
    const value = node.seen(variable.path);
    const text = value === undefined ? undefined : variable.declared?.says?.[String(value)];
    return text === undefined ? [] : [text];
  });
}

/** The same for many, those of one sentence together. */
export function remarks(w: World, nodes: Iterable<Node>): Remark[] {
  const found = new Map<string, NodeId[]>();
  for (const node of nodes) {
    for (const text of remarksOf(w, node)) {
      const same = found.get(text);
      if (same) same.push(node.id);
      else found.set(text, [node.id]);
    }
  }
  return [...found].map(([text, ids]) => ({ text, nodes: ids }));
}
