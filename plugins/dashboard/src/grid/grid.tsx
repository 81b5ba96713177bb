/** All nodes as squares on one canvas, with mouse and keyboard; what has the focus is read out. */
import { useComputed, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { groupsOf } from '../fleet/groups.ts';
import { wordOf } from '../fleet/palette.ts';
import { fleet, focused, heldNodes, marksOf, onDirty, open, selected, shape, shown, waitingNodes, withoutHost } from '../shell/desk.ts';
import { route } from '../shell/route.ts';
import { settings, themeNow } from '../shell/settings.ts';
import { cornerOf, type Layout, layOut, layOutToFit, MARGIN, type Move, moved, nodeAt, SHAPES } from './layout.ts';
import { type Ink, Painter, type Scene } from './painter.ts';

const MOVES: Readonly<Record<string, Move>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'first',
  End: 'last',
  PageUp: 'pageUp',
  PageDown: 'pageDown',
};

/** The label that makes groups where nobody chose one. */
export function groupingNow(): string {
  const { grouping } = settings.value;
  if (grouping !== 'auto') return grouping;
  const names = fleet.labelNames();
  const common = names.find((name) => name === 'rack') ?? names[0];
  return common === undefined ? 'none' : `label:${common}`;
}

function inkNow(): Ink {
  const style = getComputedStyle(document.documentElement);
  return {
    theme: themeNow(),
    colours: settings.value.colours,
    text: style.getPropertyValue('--text'),
    mark: style.getPropertyValue('--mark'),
    background: style.getPropertyValue('--paper'),
    font: style.getPropertyValue('--font'),
  };
}

/** The canvas and everything that is painted on it: lives as long as the element. */
class Board {
  readonly #scroller: HTMLElement;
  readonly #spacer: HTMLElement;
  readonly #canvas: HTMLCanvasElement;
  readonly #painter: Painter;
  layout: Layout = layOut([], 0, 1, SHAPES.medium);
  #whole = true;
  #frame: number | undefined;

  constructor(scroller: HTMLElement, spacer: HTMLElement, canvas: HTMLCanvasElement) {
    this.#scroller = scroller;
    this.#spacer = spacer;
    this.#canvas = canvas;
    this.#painter = new Painter(canvas, inkNow());
  }

  arrange(): void {
    const width = Math.max(1, this.#scroller.clientWidth - 2 * MARGIN);
    const groups = groupsOf(fleet, groupingNow(), shown.value);
    const { density } = settings.value;
    const height = this.#scroller.clientHeight - 2 * MARGIN;
    this.layout =
      density === 'auto' ? layOutToFit(groups, fleet.count, width, height) : layOut(groups, fleet.count, width, SHAPES[density]);
    this.#spacer.style.height = `${this.layout.height + 2 * MARGIN}px`;
    this.all();
  }

  restyle(): void {
    this.#painter.ink = inkNow();
    this.all();
  }

  all(): void {
    this.#whole = true;
    this.some();
  }

  some(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#paint();
    });
  }

  node(event: MouseEvent): number | undefined {
    const box = this.#canvas.getBoundingClientRect();
    return nodeAt(this.layout, { x: event.clientX - box.left - MARGIN, y: event.clientY - box.top - MARGIN + this.#scroller.scrollTop });
  }

  reveal(node: number): void {
    const corner = cornerOf(this.layout, node);
    if (!corner) return;
    const { scrollTop, clientHeight } = this.#scroller;
    const margin = 48;
    if (corner.y < scrollTop) this.#scroller.scrollTop = Math.max(0, corner.y - margin);
    else if (corner.y + margin > scrollTop + clientHeight) this.#scroller.scrollTop = corner.y - clientHeight + 2 * margin;
  }

  end(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
  }

  #paint(): void {
    const { clientWidth: width, clientHeight: height, scrollTop } = this.#scroller;
    const scale = devicePixelRatio || 1;
    const top = scrollTop - MARGIN;
    if (this.#canvas.width !== Math.round(width * scale) || this.#canvas.height !== Math.round(height * scale)) {
      this.#canvas.style.width = `${width}px`;
      this.#canvas.style.height = `${height}px`;
      this.#painter.resize(width, height, scale);
      this.#whole = true;
    }
    const scene = this.#scene();
    if (this.#whole) this.#painter.all(scene, top, width, height);
    else this.#painter.some(scene, fleet.dirty, top, height);
    this.#whole = false;
    fleet.dirty.clear();
  }

  #scene(): Scene {
    const { left, right } = settings.value;
    const opened = route.value.node === undefined ? undefined : fleet.index.get(route.value.node);
    const [one, other] = [fleet.column(left), fleet.column(right)];
    return {
      layout: this.layout,
      left: one,
      right: other,
      differs: (node) => fleet.isElsewhere(node),
      name: (node) => fleet.names[node] ?? '',
      selected: selected.value,
      held: heldNodes.value,
      waiting: waitingNodes.value,
      focused: document.activeElement === this.#scroller ? focused.value : undefined,
      opened,
    };
  }
}

export function Grid() {
  const scroller = useRef<HTMLDivElement>(null);
  const spacer = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const board = useRef<Board | undefined>(undefined);
  useEffect(() => {
    if (!scroller.current || !spacer.current || !canvas.current) return;
    const made = new Board(scroller.current, spacer.current, canvas.current);
    board.current = made;
    made.arrange();
    const stop = onDirty(() => made.some());
    const observer = new ResizeObserver(() => made.arrange());
    observer.observe(scroller.current);
    return () => {
      stop();
      observer.disconnect();
      made.end();
    };
  }, []);
  useSignalEffect(() => {
    void [shape.value, shown.value, settings.value.grouping, settings.value.density];
    board.current?.arrange();
  });
  useSignalEffect(() => {
    void [settings.value, themeNow()];
    board.current?.restyle();
  });
  useSignalEffect(() => {
    void [selected.value, focused.value, heldNodes.value, waitingNodes.value, route.value.node];
    board.current?.all();
  });
  return (
    <div
      class="grid"
      ref={scroller}
      role="application"
      aria-label="Nodes as squares. Arrow keys move, Enter opens, Space selects. The table has the same nodes as rows."
      aria-describedby="focused-node"
      tabIndex={0}
      onScroll={() => board.current?.all()}
      onFocus={() => {
        focused.value ??= board.current?.layout.order[0];
        board.current?.all();
      }}
      onBlur={() => board.current?.all()}
      onKeyDown={(event) => board.current && press(event, board.current)}
      onClick={(event) => board.current && click(event, board.current)}
      onMouseMove={(event) => board.current && hover(event, board.current)}
    >
      <canvas ref={canvas} aria-hidden="true" />
      <div class="grid-spacer" ref={spacer} />
      <FocusedNode />
    </div>
  );
}

/** What a person with a screen reader hears of the square that has the focus. */
function FocusedNode() {
  const text = useComputed(() => {
    void shape.value;
    return focused.value === undefined ? '' : describe(focused.value);
  });
  return (
    <p id="focused-node" class="unseen" aria-live="polite">
      {text}
    </p>
  );
}

function describe(node: number): string {
  const { left, right } = settings.value;
  const part = (path: string): string => {
    const column = fleet.column(path);
    const wanted = fleet.differs(column, node) ? `, wanted ${column.value('wanted', node)}` : '';
    return `${path.slice(1)} ${wordOf(column.value('seen', node))}${wanted}`;
  };
  const marks = marksOf(node);
  return [fleet.names[node] ?? '', part(left), part(right), ...marks].join('; ');
}

function press(event: KeyboardEvent, board: Board): void {
  const move = MOVES[event.key];
  if (move !== undefined) {
    const to = moved(board.layout, focused.value, move);
    if (to === undefined) return;
    if (event.shiftKey) selected.value = new Set([...selected.value, ...(focused.value === undefined ? [] : [focused.value]), to]);
    focused.value = to;
    board.reveal(to);
  } else if (event.key === 'Enter' && focused.value !== undefined) open(fleet.ids[focused.value], true);
  else if (event.key === ' ' && focused.value !== undefined) toggle(focused.value);
  else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) selected.value = withoutHost(board.layout.order);
  else return;
  event.preventDefault();
}

function click(event: MouseEvent, board: Board): void {
  const node = board.node(event);
  if (node === undefined) {
    if (!event.shiftKey && !event.ctrlKey) selected.value = new Set();
    return;
  }
  if (event.shiftKey && focused.value !== undefined) {
    const { order } = board.layout;
    const [from = 0, to = 0] = [order.indexOf(focused.value), order.indexOf(node)].sort((a, b) => a - b);
    selected.value = new Set([...selected.value, ...order.slice(from, to + 1)]);
  } else if (event.ctrlKey || event.metaKey) toggle(node);
  else open(fleet.ids[node]);
  focused.value = node;
}

function toggle(node: number): void {
  const next = new Set(selected.value);
  if (!next.delete(node)) next.add(node);
  selected.value = next;
}

function hover(event: MouseEvent, board: Board): void {
  const node = board.node(event);
  const { currentTarget } = event;
  if (currentTarget instanceof HTMLElement) currentTarget.title = node === undefined ? '' : describe(node).replaceAll('; ', '\n');
}
