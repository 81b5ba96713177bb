/** Lays graphs out beside the page, which goes on meanwhile. */
import { Graph, layout } from '@dagrejs/dagre';
import type { PlaceAsked, Placed } from './place.ts';

onmessage = ({ data }: MessageEvent<PlaceAsked>) => {
  postMessage(place(data));
};

function place({ number, boxes, lines }: PlaceAsked): Placed {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 18, edgesep: 10, ranksep: 90, marginx: 16, marginy: 16 });
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
