/** A graph that is laid out, as SVG. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { GraphView as Graph } from '../api/answers.ts';
import { boxesOf, rowsOf } from './label.ts';
import type { Placed } from './place.ts';

interface Window {
  readonly x: number;
  readonly y: number;
  /** Graph units for a pixel. */
  readonly zoom: number;
}

const LEAST = 0.2;
const MOST = 6;
const STEP = 60;
const PANS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
};
const ZOOMS: Readonly<Record<string, number>> = { '+': 0.8, '-': 1.25 };
/** Of what is smaller nobody reads the words: it is panned instead. */
const READABLE = 1.35;

/** Where the window begins: around a point, but not beyond the graph; a graph that fits stands in the middle. */
function edge(point: number | undefined, whole: number, window: number): number {
  if (whole <= window) return (whole - window) / 2;
  return Math.max(0, Math.min(whole - window, (point ?? 0) - window / 2));
}

export function Drawing({ graph, placed }: { readonly graph: Graph; readonly placed: Placed }) {
  const frame = useRef<HTMLDivElement>(null);
  const [window, setWindow] = useState<Window>({ x: 0, y: 0, zoom: 1 });
  const [size, setSize] = useState({ width: 600, height: 400 });
  const drag = useRef<{ x: number; y: number; window: Window } | undefined>(undefined);
  useEffect(() => {
    if (!frame.current) return;
    const { clientWidth: width, clientHeight: height } = frame.current;
    setSize({ width, height });
    const zoom = Math.min(Math.max(placed.width / width, placed.height / height, 0.8), READABLE);
    const current = graph.nodes.find(({ mark }) => mark === 'current');
    const at = current && placed.boxes[current.id];
    setWindow({ x: edge(at?.x, placed.width, width * zoom), y: edge(at?.y, placed.height, height * zoom), zoom });
  }, [placed]);
  const zoomBy = (factor: number): void => {
    const zoom = Math.max(LEAST, Math.min(MOST, window.zoom * factor));
    const grow = window.zoom - zoom;
    setWindow({ x: window.x + (size.width * grow) / 2, y: window.y + (size.height * grow) / 2, zoom });
  };
  const pan = (x: number, y: number): void => setWindow({ ...window, x: window.x + x * window.zoom, y: window.y + y * window.zoom });
  const press = (event: KeyboardEvent): void => {
    const step = PANS[event.key];
    const zoom = ZOOMS[event.key];
    if (step) pan(...step);
    else if (zoom !== undefined) zoomBy(zoom);
    else return;
    event.preventDefault();
  };
  return (
    <div
      class="drawing"
      ref={frame}
      role="application"
      aria-label={`${spoken(graph)} Arrow keys pan, plus and minus zoom.`}
      tabIndex={0}
      onKeyDown={press}
      onWheel={(event) => {
        event.preventDefault();
        zoomBy(event.deltaY > 0 ? 1.15 : 0.87);
      }}
      onPointerDown={(event) => {
        drag.current = { x: event.clientX, y: event.clientY, window };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        const from = drag.current;
        if (!from) return;
        const { zoom } = from.window;
        setWindow({
          ...from.window,
          x: from.window.x - (event.clientX - from.x) * zoom,
          y: from.window.y - (event.clientY - from.y) * zoom,
        });
      }}
      onPointerUp={() => void (drag.current = undefined)}
    >
      <svg
        aria-hidden="true"
        width="100%"
        height="100%"
        viewBox={`${window.x} ${window.y} ${size.width * window.zoom} ${size.height * window.zoom}`}
      >
        <Marks />
        {graph.edges.map((edge) => (
          <Edge key={edge.id} edge={edge} points={placed.lines[edge.id] ?? []} />
        ))}
        <Boxes graph={graph} placed={placed} />
      </svg>
      <p class="zoom">
        <button type="button" aria-label="Zoom out" onClick={() => zoomBy(1.25)}>
          −
        </button>
        <button type="button" aria-label="Zoom in" onClick={() => zoomBy(0.8)}>
          +
        </button>
      </p>
    </div>
  );
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Through the middles of the lines between the points, bent towards the points: quadratic Béziers. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = points.at(-1);
  if (!first || !last) return '';
  const bends = rest.slice(0, -1).map((point, at) => {
    const next = rest[at + 1] ?? last;
    return `Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}`;
  });
  return `M${first.x} ${first.y} ${bends.join(' ')} L${last.x} ${last.y}`;
}

function Marks() {
  return (
    <defs>
      {['current', 'path', 'other'].map((mark) => (
        <marker
          key={mark}
          id={`tip-${mark}`}
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerWidth="7"
          markerHeight="7"
          orient="auto-start-reverse"
        >
          <path d="M0 0 L8 4 L0 8 z" class={`tip is-${mark}`} />
        </marker>
      ))}
    </defs>
  );
}

function Edge({ edge, points }: { readonly edge: Graph['edges'][number]; readonly points: readonly Point[] }) {
  const middle = points[Math.floor(points.length / 2)];
  if (!middle) return null;
  return (
    <g class={`edge is-${edge.mark}`}>
      <path d={curve(points)} marker-end={`url(#tip-${edge.mark})`} />
      <text x={middle.x} y={middle.y - 4} text-anchor="middle">
        {edge.mutation}
      </text>
    </g>
  );
}

function Boxes({ graph, placed }: { readonly graph: Graph; readonly placed: Placed }) {
  const sizes = new Map(boxesOf(graph).map((box) => [box.id, box]));
  return (
    <>
      {graph.nodes.map((node) => {
        const at = placed.boxes[node.id];
        const size = sizes.get(node.id);
        if (!at || !size) return null;
        const top = at.y - size.height / 2;
        return (
          <g key={node.id} class={`box is-${node.mark}`}>
            <rect x={at.x - size.width / 2} y={top} width={size.width} height={size.height} rx="6" />
            {rowsOf(node).map((row, index) => (
              <text key={row} x={at.x - size.width / 2 + 10} y={top + 18 + index * 15}>
                {row}
              </text>
            ))}
          </g>
        );
      })}
    </>
  );
}

/** For who does not see it. */
function spoken({ nodes, edges }: Graph): string {
  const current = nodes.find(({ mark }) => mark === 'current');
  const way = edges.filter(({ mark }) => mark !== 'other').map(({ mutation }) => mutation);
  const now = current ? `The node is at ${rowsOf(current).join(', ')}. ` : '';
  return `Mutation graph of ${nodes.length} states. ${now}${way.length === 0 ? '' : `Its way: ${way.join(', ')}. `}`;
}
