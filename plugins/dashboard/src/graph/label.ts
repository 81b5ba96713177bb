/** What stands in a box of the graph. Pure. */
import type { GraphView } from '../api/answers.ts';
import { fieldName } from '../shell/words.ts';
import type { Box, Line } from './place.ts';

const LETTER = 6.8;
const ROW = 15;
const MOST_ROWS = 8;

export function rowsOf({ state }: GraphView['nodes'][number]): string[] {
  const rows = Object.entries(state).map(([path, value]) => `${fieldName(path)}: ${String(value)}`);
  return rows.length > MOST_ROWS
    ? [...rows.slice(0, MOST_ROWS - 1), `… ${rows.length - MOST_ROWS + 1} more`]
    : rows.length === 0
      ? ['any']
      : rows;
}

export function boxesOf({ nodes }: GraphView): Box[] {
  return nodes.map((node) => {
    const rows = rowsOf(node);
    return { id: node.id, width: Math.max(60, ...rows.map((row) => row.length * LETTER)) + 20, height: rows.length * ROW + 14 };
  });
}

export function linesOf({ edges }: GraphView): Line[] {
  return edges.map(({ id, from, to, mutation }) => ({ id, from, to, width: mutation.length * LETTER }));
}
