/** Lays graphs out beside the page, which goes on meanwhile. */
import { Graph, layout } from '@dagrejs/dagre';
import type { PlaceAsked, Placed } from './place.ts';

self.onmessage = ({ data }: MessageEvent<PlaceAsked>) => {
  postMessage(place(data));
};

/** How much smaller it has to be drawn to be seen whole. */
function fit({ width, height }: Placed, aspect: number): number {
  return Math.max(width / aspect, height);
}

function place(asked: PlaceAsked): Placed {
  const [side, down] = [run(asked, 'LR'), run(asked, 'TB')];
  return fit(side, asked.aspect) <= fit(down, asked.aspect) ? side : down;
}

function run({ number, boxes, lines }: PlaceAsked, rankdir: 'LR' | 'TB'): Placed {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir, nodesep: 22, edgesep: 12, ranksep: rankdir === 'LR' ? 24 : 40, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of boxes) graph.setNode(id, { width, height });
  for (const { id, from, to, width } of lines) graph.setEdge(from, to, { width, height: 14, labelpos: 'c' }, id);
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  return {
    number,
    width,
    height,
    boxes: Object.fromEntries(boxes.map(({ id }) => [id, pointOf(graph.node(id))])),
    lines: Object.fromEntries(lines.map(({ id, from, to }) => [id, (graph.edge(from, to, id).points ?? []).map(pointOf)])),
  };
}

function pointOf({ x = 0, y = 0 }: { readonly x?: number; readonly y?: number }): { x: number; y: number } {
  return { x, y };
}
