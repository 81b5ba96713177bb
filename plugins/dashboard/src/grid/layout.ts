/** Where every node's square is: groups are blocks on shelves, a block is as wide as it is high, roughly. Pure. */

export interface Shape {
  /** Side of a square and the space between two, CSS pixels. */
  readonly size: number;
  readonly gap: number;
  readonly header: number;
  /** Between blocks. */
  readonly space: number;
}

/** Around all blocks, pixels. */
export const MARGIN = 16;

export const SHAPES = {
  tiny: { size: 7, gap: 1, header: 18, space: 10 },
  small: { size: 10, gap: 1, header: 18, space: 12 },
  medium: { size: 16, gap: 2, header: 20, space: 16 },
  large: { size: 26, gap: 3, header: 22, space: 20 },
  huge: { size: 40, gap: 4, header: 24, space: 26 },
} as const satisfies Readonly<Record<string, Shape>>;

export type Density = keyof typeof SHAPES;

/** The largest squares of which all are seen at once; the smallest where none are. */
export function layOutToFit(groups: readonly Group[], count: number, width: number, height: number): Layout {
  let least: number = SHAPES.tiny.size;
  let most: number = SHAPES.huge.size;
  let best = layOut(groups, count, width, shapeOf(least));
  while (least < most) {
    const size = Math.ceil((least + most) / 2);
    const layout = layOut(groups, count, width, shapeOf(size));
    if (layout.height > height) most = size - 1;
    else {
      least = size;
      best = layout;
    }
  }
  return best;
}

/** Squares of any size between the named ones, and what goes with it. */
function shapeOf(size: number): Shape {
  const shapes = Object.values(SHAPES);
  const above = shapes.find((shape) => shape.size >= size) ?? SHAPES.huge;
  const below = shapes.findLast((shape) => shape.size <= size) ?? SHAPES.tiny;
  const share = above.size === below.size ? 0 : (size - below.size) / (above.size - below.size);
  const between = (of: 'gap' | 'header' | 'space'): number => Math.round(below[of] + (above[of] - below[of]) * share);
  return { size, gap: between('gap'), header: between('header'), space: between('space') };
}

export interface Block {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  /** Nodes, in order. */
  readonly cells: readonly number[];
}

export interface Layout {
  readonly shape: Shape;
  readonly blocks: readonly Block[];
  readonly height: number;
  /** All nodes in the order in which they stand. */
  readonly order: readonly number[];
  /** By node: the index of its block and its place in it; -1 = it is not shown. */
  readonly block: Int32Array;
  readonly place: Int32Array;
}

export interface Group {
  readonly name: string;
  readonly cells: readonly number[];
}

const LEAST_WIDTH = 64;

export function layOut(groups: readonly Group[], count: number, width: number, shape: Shape): Layout {
  const pitch = shape.size + shape.gap;
  const most = Math.max(1, Math.floor(width / pitch));
  const block = new Int32Array(count).fill(-1);
  const place = new Int32Array(count);
  const order: number[] = [];
  const blocks: Block[] = [];
  let x = 0;
  let y = 0;
  let shelf = 0;
  for (const [at, { name, cells }] of groups.entries()) {
    const columns = groups.length === 1 ? most : columnsOf(cells.length, most);
    const blockWidth = Math.min(width, Math.max(LEAST_WIDTH, columns * pitch));
    const header = name === '' && groups.length === 1 ? 0 : shape.header;
    const height = header + Math.ceil(cells.length / columns) * pitch;
    if (x > 0 && x + blockWidth > width) {
      x = 0;
      y += shelf + shape.space;
      shelf = 0;
    }
    blocks.push({ name, x, y, width: blockWidth, height, columns, cells });
    for (const [index, cell] of cells.entries()) {
      block[cell] = at;
      place[cell] = index;
      order.push(cell);
    }
    x += blockWidth + shape.space;
    shelf = Math.max(shelf, height);
  }
  return { shape, blocks, height: y + shelf, order, block, place };
}

/** A block somewhat wider than high, with as few holes in its last row as there can be. */
function columnsOf(cells: number, most: number): number {
  const least = Math.max(1, Math.floor(Math.sqrt(cells)));
  let best = Math.min(most, least);
  for (let columns = least; columns <= Math.min(most, least * 2); columns++) {
    if (holes(cells, columns) < holes(cells, best)) best = columns;
  }
  return best;
}

function holes(cells: number, columns: number): number {
  return Math.ceil(cells / columns) * columns - cells;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The upper left corner of a node's square; undefined: it is not shown. */
export function cornerOf(layout: Layout, node: number): Point | undefined {
  const block = layout.blocks[layout.block[node] ?? -1];
  if (!block) return undefined;
  const pitch = layout.shape.size + layout.shape.gap;
  const place = layout.place[node] ?? 0;
  const top = block.y + block.height - Math.ceil(block.cells.length / block.columns) * pitch;
  return { x: block.x + (place % block.columns) * pitch, y: top + Math.floor(place / block.columns) * pitch };
}

/** The node under a point; undefined: none. */
export function nodeAt(layout: Layout, { x, y }: Point): number | undefined {
  const pitch = layout.shape.size + layout.shape.gap;
  const block = layout.blocks.find((one) => x >= one.x && x < one.x + one.width && y >= one.y && y < one.y + one.height);
  if (!block) return undefined;
  const top = block.y + block.height - Math.ceil(block.cells.length / block.columns) * pitch;
  const column = Math.floor((x - block.x) / pitch);
  const row = Math.floor((y - top) / pitch);
  if (row < 0 || column >= block.columns) return undefined;
  return block.cells[row * block.columns + column];
}

export type Move = 'left' | 'right' | 'up' | 'down' | 'first' | 'last' | 'pageUp' | 'pageDown';

/** Where the keyboard goes from a node: within its block, and over its edge to the nearest one. */
export function moved(layout: Layout, from: number | undefined, move: Move): number | undefined {
  const { order } = layout;
  if (from === undefined || (layout.block[from] ?? -1) < 0) return order[0];
  const at = order.indexOf(from);
  switch (move) {
    case 'left':
      return order[Math.max(0, at - 1)];
    case 'right':
      return order[Math.min(order.length - 1, at + 1)];
    case 'first':
      return order[0];
    case 'last':
      return order.at(-1);
    case 'up':
    case 'down':
      return vertical(layout, from, move === 'up' ? -1 : 1);
    case 'pageUp':
    case 'pageDown':
      return nearBlock(layout, from, move === 'pageUp' ? -1 : 1);
    default:
      return move satisfies never;
  }
}

function vertical(layout: Layout, from: number, step: -1 | 1): number | undefined {
  const block = layout.blocks[layout.block[from] ?? -1];
  const corner = cornerOf(layout, from);
  if (!block || !corner) return from;
  const next = block.cells[(layout.place[from] ?? 0) + step * block.columns];
  if (next !== undefined) return next;
  const beyond = layout.blocks.filter((one) => (step > 0 ? one.y > block.y : one.y < block.y) && one.cells.length > 0);
  if (beyond.length === 0) return from;
  const nearest = Math[step > 0 ? 'min' : 'max'](...beyond.map(({ y }) => y));
  const shelf = beyond.filter(({ y }) => y === nearest);
  const target = shelf.reduce((best, one) => (Math.abs(one.x - corner.x) < Math.abs(best.x - corner.x) ? one : best));
  const pitch = layout.shape.size + layout.shape.gap;
  const column = Math.max(0, Math.min(target.columns - 1, Math.round((corner.x - target.x) / pitch)));
  const row = step > 0 ? 0 : Math.floor((target.cells.length - 1) / target.columns);
  return target.cells[Math.min(target.cells.length - 1, row * target.columns + column)];
}

function nearBlock(layout: Layout, from: number, step: -1 | 1): number | undefined {
  const at = (layout.block[from] ?? 0) + step;
  const block = layout.blocks[Math.max(0, Math.min(layout.blocks.length - 1, at))];
  return block?.cells[0] ?? from;
}
