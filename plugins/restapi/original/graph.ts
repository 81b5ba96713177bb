/** The mutation graph as the original's dashboard draws it: where a node is red, its way green, all else grey. */

import type { Vocabulary } from '@kraken-hpc/sdk/state';
import type { GraphView, Scalar } from '@kraken-hpc/sdk/wire';
import { urlOf } from './url.ts';

const RED = '#e74c3c';
const GREEN = '#89CA78';
const DARK_GREEN = '#62a053';
const GREY = '#bfbfbf';
const DARK_GREY = '#848484';

type NodeMark = GraphView['nodes'][number]['mark'];
type EdgeMark = GraphView['edges'][number]['mark'];

export function graphOf({ nodes, edges }: GraphView, words: Vocabulary): object {
  return {
    nodes: nodes.map(({ id, state, mark }) => ({ id, label: labelOf(state, words), color: nodeColour(mark) })),
    edges: edges.map(({ id, from, to, mark }) => ({ from, to, id, color: edgeColour(mark) })),
  };
}

/** Lines of `Path: VALUE`; what is excluded as `Path: !VALUE`. */
function labelOf(state: Readonly<Record<string, Scalar>>, words: Vocabulary): string {
  return Object.entries(state)
    .map(([path, value]) => `${urlOf(path, words)}: ${String(value)}`)
    .join('\n');
}

function nodeColour(mark: NodeMark): { readonly border: string; readonly background: string } {
  switch (mark) {
    case 'current':
      return { border: RED, background: GREEN };
    case 'path':
    case 'goal':
      return { border: DARK_GREEN, background: GREEN };
    case 'other':
      return { border: DARK_GREY, background: GREY };
    default:
      return mark satisfies never;
  }
}

function edgeColour(mark: EdgeMark): { readonly color: string; readonly highlight: string; readonly inherit: false } {
  const colours: Readonly<Record<EdgeMark, string>> = { current: RED, path: GREEN, other: DARK_GREY };
  return { color: colours[mark], highlight: colours[mark], inherit: false };
}
