/** Paints squares: the left half is one field, the right half another; a corner is cut where more is wanted than is seen. */
import type { Column } from '../fleet/column.ts';
import { type Look, lookOf } from '../fleet/palette.ts';
import { type Block, cornerOf, type Layout, MARGIN } from './layout.ts';

export interface Ink {
  readonly theme: 'light' | 'dark';
  readonly colours: Readonly<Record<string, string>>;
  /** CSS colours of the page. */
  readonly text: string;
  readonly mark: string;
  readonly background: string;
  readonly font: string;
}

export interface Scene {
  readonly layout: Layout;
  readonly left: Column;
  readonly right: Column;
  readonly name: (node: number) => string;
  /** More is wanted than is seen. */
  readonly differs: (node: number) => boolean;
  readonly selected: ReadonlySet<number>;
  readonly held: ReadonlySet<number>;
  /** They wait for a person. */
  readonly waiting: ReadonlySet<number>;
  readonly focused: number | undefined;
  readonly opened: number | undefined;
}

/** Squares of that size and more have letters in them. */
const LETTERED = 24;

export class Painter {
  readonly #context: CanvasRenderingContext2D;
  readonly #looks = new Map<string, Look>();
  #ink: Ink;

  constructor(canvas: HTMLCanvasElement, ink: Ink) {
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('this browser has no 2D canvas');
    this.#context = context;
    this.#ink = ink;
  }

  set ink(ink: Ink) {
    this.#ink = ink;
    this.#looks.clear();
  }

  resize(width: number, height: number, scale: number): void {
    const { canvas } = this.#context;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
  }

  /** All that is seen between `top` and `top + height` of the layout. */
  all(scene: Scene, top: number, width: number, height: number): void {
    const context = this.#context;
    context.fillStyle = this.#ink.background;
    context.fillRect(0, 0, width, height);
    context.save();
    context.translate(MARGIN, -top);
    for (const block of scene.layout.blocks) {
      if (block.y > top + height || block.y + block.height < top) continue;
      this.#header(block, scene.layout);
      for (const node of block.cells) this.#square(scene, node, top, height);
    }
    this.#marks(scene);
    context.restore();
  }

  /** Only these, which look otherwise now. */
  some(scene: Scene, nodes: Iterable<number>, top: number, height: number): void {
    const context = this.#context;
    context.save();
    context.translate(MARGIN, -top);
    for (const node of nodes) this.#square(scene, node, top, height);
    this.#marks(scene);
    context.restore();
  }

  #header({ name, x, y, width, cells, height }: Block, { shape }: Layout): void {
    if (name === '' || height <= 0) return;
    const context = this.#context;
    context.font = `600 11px ${this.#ink.font}`;
    context.fillStyle = this.#ink.text;
    context.textBaseline = 'middle';
    const middle = y + shape.header / 2 - 1;
    const count = String(cells.length);
    const space = width - context.measureText(count).width - 10;
    let shown = name;
    while (shown.length > 1 && context.measureText(shown).width > space) shown = `${shown.slice(0, -2)}…`;
    context.fillText(shown, x, middle);
    context.globalAlpha = 0.6;
    context.font = `400 11px ${this.#ink.font}`;
    context.fillText(count, x + context.measureText(shown).width + 10, middle);
    context.globalAlpha = 1;
  }

  #square(scene: Scene, node: number, top: number, height: number): void {
    const corner = cornerOf(scene.layout, node);
    const { size, gap } = scene.layout.shape;
    if (!corner || corner.y > top + height || corner.y + size < top) return;
    const { x, y } = corner;
    const context = this.#context;
    const left = this.#look(scene.left.value('seen', node));
    const right = this.#look(scene.right.value('seen', node));
    const half = Math.round(size / 2);
    context.fillStyle = this.#ink.background;
    context.fillRect(x - gap / 2, y - gap / 2, size + gap, size + gap);
    context.fillStyle = left.colour;
    context.fillRect(x, y, half, size);
    context.fillStyle = right.colour;
    context.fillRect(x + half, y, size - half, size);
    if (left.isBad) this.#hatch(x, y, half, size);
    if (right.isBad) this.#hatch(x + half, y, size - half, size);
    if (scene.differs(node)) this.#cut(x, y, size);
    if (size >= LETTERED) this.#name(scene.name(node), { x, y, size }, inkOn(left.colour), inkOn(right.colour));
    if (scene.held.has(node)) this.#dot(x, y, size);
    if (scene.waiting.has(node)) this.#flag(x, y, size);
  }

  /** What is wrong is seen without colours, too. */
  #hatch(x: number, y: number, width: number, height: number): void {
    const context = this.#context;
    context.strokeStyle = this.#ink.mark;
    context.lineWidth = 1;
    context.beginPath();
    for (let at = -height; at < width; at += 4) {
      const from = Math.max(0, -at);
      const to = Math.min(height, width - at);
      if (to <= from) continue;
      context.moveTo(x + at + from, y + from);
      context.lineTo(x + at + to, y + to);
    }
    context.stroke();
  }

  #cut(x: number, y: number, size: number): void {
    const context = this.#context;
    const side = Math.max(4, Math.round(size / 3));
    context.fillStyle = this.#ink.background;
    context.beginPath();
    context.moveTo(x + size, y);
    context.lineTo(x + size, y + side);
    context.lineTo(x + size - side, y);
    context.fill();
  }

  #dot(x: number, y: number, size: number): void {
    const context = this.#context;
    context.fillStyle = this.#ink.mark;
    context.beginPath();
    const radius = Math.max(1.5, size / 9);
    context.arc(x + size - radius * 1.8, y + size - radius * 1.8, radius, 0, 2 * Math.PI);
    context.fill();
  }

  /** A triangle in the lower left: the sign of what is first of all that is wrong. */
  #flag(x: number, y: number, size: number): void {
    const context = this.#context;
    const side = Math.max(5, Math.round(size / 2.6));
    context.fillStyle = this.#ink.mark;
    context.strokeStyle = this.#ink.background;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, y + size);
    context.lineTo(x, y + size - side);
    context.lineTo(x + side, y + size);
    context.closePath();
    context.fill();
    context.stroke();
  }

  /** Each half of it in the ink that is read on its half of the square. */
  #name(name: string, { x, y, size }: { x: number; y: number; size: number }, left: string, right: string): void {
    if (left === right) return this.#letters(name, x, y, size, left);
    const half = Math.round(size / 2);
    for (const [from, width, ink] of [
      [x, half, left],
      [x + half, size - half, right],
    ] as const) {
      this.#context.save();
      this.#context.beginPath();
      this.#context.rect(from, y, width, size);
      this.#context.clip();
      this.#letters(name, x, y, size, ink);
      this.#context.restore();
    }
  }

  #letters(name: string, x: number, y: number, size: number, colour: string): void {
    const context = this.#context;
    const shown = /\d+$/.exec(name)?.[0] ?? name.slice(0, 3);
    context.font = `600 ${size > 30 ? 12 : 9}px ${this.#ink.font}`;
    context.textBaseline = 'middle';
    context.textAlign = 'center';
    context.fillStyle = colour;
    context.globalAlpha = 0.85;
    context.fillText(shown.slice(-4), x + size / 2, y + size / 2 + 1);
    context.globalAlpha = 1;
    context.textAlign = 'start';
  }

  #marks({ layout, selected, focused, opened }: Scene): void {
    const { size } = layout.shape;
    const frame = (node: number, width: number, colour: string): void => {
      const corner = cornerOf(layout, node);
      if (!corner) return;
      this.#context.strokeStyle = colour;
      this.#context.lineWidth = width;
      this.#context.strokeRect(corner.x + 0.5, corner.y + 0.5, size - 1, size - 1);
    };
    for (const node of selected) frame(node, 2, this.#ink.mark);
    if (opened !== undefined) frame(opened, 3, this.#ink.mark);
    if (focused !== undefined) {
      frame(focused, 3, this.#ink.mark);
      frame(focused, 1, this.#ink.background);
    }
  }

  #look(value: string): Look {
    let look = this.#looks.get(value);
    if (!look) {
      look = lookOf(value, this.#ink.theme, this.#ink.colours);
      this.#looks.set(value, look);
    }
    return look;
  }
}

/** Dark letters on light colours, light ones on dark (relative luminance, WCAG 2.2). */
function inkOn(colour: string): string {
  const parts = /^#(..)(..)(..)$/.exec(colour)?.slice(1) ?? [];
  const [red = 0, green = 0, blue = 0] = parts.map((part) => (Number.parseInt(part, 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.17 ? '#06131c' : '#ffffff';
}
