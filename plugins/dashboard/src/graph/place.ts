/** What the page asks of its worker, and what that answers: where the boxes of a graph stand. */

export interface Box {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

export interface Line {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly width: number;
}

export interface PlaceAsked {
  readonly number: number;
  /** Width of the frame by its height: the graph runs to the side or down, as fits better. */
  readonly aspect: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

export interface Placed {
  readonly number: number;
  readonly width: number;
  readonly height: number;
  /** By id: the middle. */
  readonly boxes: Readonly<Record<string, { readonly x: number; readonly y: number }>>;
  readonly lines: Readonly<Record<string, readonly { readonly x: number; readonly y: number }[]>>;
}
