import type { Json } from './declaration.ts';
import type { Node } from './node.ts';
import type { EngineRecord, NodeRecord } from './record.ts';
import type { World } from './world.ts';

/** A node as it is to be stored, as new as the newest turn. What it shares with the world must be written before the next turn. */
export function nodeRecord(node: Node): NodeRecord {
  return {
    id: node.id,
    cfg: node.cfg,
    marks: Object.fromEntries(node.marks),
    dsc: Object.fromEntries(node.facts),
    record: node.book as unknown as { readonly [member: string]: Json },
  };
}

export function engineRecord(w: World): EngineRecord {
  return { ...w.kept, self: w.self, rev: w.revision, seq: w.seq };
}
