/** Many nodes in as few requests as fit in a line, and their replies put together again. */
import type { TaskNode } from '../core/effect.ts';
import type { Limits } from './limits.ts';

export interface Batches {
  readonly batches: readonly (readonly TaskNode[])[];
  /** Nodes that no line can hold, with their size in bytes. */
  readonly tooLarge: readonly { readonly node: TaskNode; readonly bytes: number }[];
}

/** What a request has around its nodes: method, ids, the mutation's name, commas. */
const FRAME = 1024;
/** UTF-8 and JSON make at most this many bytes of one character. */
const WIDEST = 6;

/** Splits by nodes and bytes. The exact size is taken only where a generous estimate does not fit. */
export function split(nodes: readonly TaskNode[], limits: Pick<Limits, 'line' | 'nodesPerRequest'>): Batches {
  const room = limits.line - FRAME;
  if (nodes.length <= limits.nodesPerRequest && fits(nodes, room)) return { batches: nodes.length === 0 ? [] : [nodes], tooLarge: [] };
  const batches: TaskNode[][] = [];
  const tooLarge: { node: TaskNode; bytes: number }[] = [];
  let batch: TaskNode[] = [];
  let used = 0;
  for (const node of nodes) {
    const bytes = Buffer.byteLength(JSON.stringify(node)) + 1;
    if (bytes > room) {
      tooLarge.push({ node, bytes });
      continue;
    }
    if (batch.length > 0 && (used + bytes > room || batch.length >= limits.nodesPerRequest)) {
      batches.push(batch);
      batch = [];
      used = 0;
    }
    batch.push(node);
    used += bytes;
  }
  if (batch.length > 0) batches.push(batch);
  return { batches, tooLarge };
}

function fits(nodes: readonly TaskNode[], room: number): boolean {
  let left = room;
  for (const node of nodes) {
    left -= upperBound(node, left);
    if (left < 0) return false;
  }
  return true;
}

/** Never less than the bytes of the value in JSON; gives up, with more than `room`, as soon as it does not fit. */
function upperBound(value: unknown, room: number): number {
  if (typeof value === 'string') return value.length * WIDEST + 3;
  if (typeof value !== 'object' || value === null) return 32;
  let sum = 3;
  for (const key in value) {
    sum += key.length * WIDEST + 4 + upperBound((value as Record<string, unknown>)[key], room - sum);
    if (sum > room) return sum;
  }
  return sum;
}
