/** The mutation graph: where a node is now (red), its way (green), all else (grey). Pan by dragging, zoom with the wheel or + and -. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { GraphView as Graph } from '../api/answers.ts';
import { api, type Refusal, refusalOf } from '../api/client.ts';
import { openedChanges } from '../shell/desk.ts';
import { count } from '../shell/words.ts';
import { Drawing } from './drawing.tsx';
import { boxesOf, linesOf } from './label.ts';
import type { PlaceAsked, Placed } from './place.ts';

const SETTLE = 200;
const EVERY = 4_000;

/** Of all nodes: every mutation that there is. */
export function GraphView() {
  return (
    <section class="graph-view" aria-label="Mutation graph">
      <LiveGraph changes={0} />
    </section>
  );
}

/** Of one node; it follows the node. */
export function NodeGraph({ id }: { readonly id: string }) {
  return <LiveGraph id={id} changes={openedChanges.value} />;
}

function LiveGraph({ id, changes }: { readonly id?: string; readonly changes: number }) {
  const [graph, setGraph] = useState<Graph>();
  const [refusal, setRefusal] = useState<Refusal>();
  useEffect(() => {
    let isOver = false;
    const read = (): void =>
      void api.graph(id).then(
        (found) => isOver || setGraph(found),
        (error: unknown) => isOver || setRefusal(refusalOf(error)),
      );
    const soon = setTimeout(read, changes === 0 ? 0 : SETTLE);
    const often = setInterval(() => document.hidden || read(), EVERY);
    return () => {
      isOver = true;
      clearTimeout(soon);
      clearInterval(often);
    };
  }, [id, changes]);
  const placed = usePlaces(graph, id === undefined ? 2 : 0.9);
  if (refusal) return <p class="refusal">{`${refusal.message}: ${refusal.why}`}</p>;
  if (!graph || !placed) return <p class="faint">It is being laid out …</p>;
  return (
    <>
      <p class="graph-words">
        {id === undefined ? null : (
          <>
            <span class="is-current">now</span>
            <span class="is-path">its way</span>
            <span class="is-other">other</span>
          </>
        )}
        <span class="faint">
          {count(graph.nodes.length, 'state')}, {count(graph.edges.length, 'mutation')}
          {graph.truncated ? '; there are more, which are not shown' : ''}
        </span>
      </p>
      <Drawing graph={graph} placed={placed} />
    </>
  );
}

/** Laid out by a worker, and anew only when the graph has other boxes or lines: colours alone change nothing of it. */
function usePlaces(graph: Graph | undefined, aspect: number): Placed | undefined {
  const [placed, setPlaced] = useState<Placed & { readonly key: string }>();
  const worker = useRef<Worker | undefined>(undefined);
  const number = useRef(0);
  const key = graph ? JSON.stringify([boxesOf(graph), linesOf(graph)]) : '';
  useEffect(() => {
    const made = new Worker(new URL('./place.worker.ts', import.meta.url), { type: 'module' });
    worker.current = made;
    return () => made.terminate();
  }, []);
  useEffect(() => {
    if (!graph || !worker.current) return;
    const asked: PlaceAsked = { number: ++number.current, aspect, boxes: boxesOf(graph), lines: linesOf(graph) };
    worker.current.onmessage = ({ data }: MessageEvent<Placed>) => {
      if (data.number === number.current) setPlaced({ ...data, key });
    };
    worker.current.postMessage(asked);
  }, [key]);
  return placed?.key === key ? placed : undefined;
}
