import type { Millis } from './record.ts';

/** What the core wants to be woken for. Waking early or twice is harmless: every receiver looks again. */
export type Timer =
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'run'; readonly run: number }
  | { readonly kind: 'poll'; readonly poller: string }
  | { readonly kind: 'limits' }
  /** While windows for first claims are open. */
  | { readonly kind: 'beat' };

/** A binary heap by time; equal times in the order of adding, so that runs are repeatable. */
export class Timers {
  readonly #heap: { at: Millis; order: number; timer: Timer }[] = [];
  #order = 0;

  get next(): Millis | undefined {
    return this.#heap[0]?.at;
  }

  add(at: Millis, timer: Timer): void {
    const heap = this.#heap;
    const entry = { at, order: this.#order++, timer };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (!parent || !before(entry, parent)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = entry;
  }

  /** The earliest timer that is due, or undefined. */
  due(now: Millis): Timer | undefined {
    const heap = this.#heap;
    const top = heap[0];
    if (!top || top.at > now) return undefined;
    const last = heap.pop();
    if (last && heap.length > 0) this.#sink(last);
    return top.timer;
  }

  #sink(entry: { at: Millis; order: number; timer: Timer }): void {
    const heap = this.#heap;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      if (!left) break;
      const right = heap[2 * i + 2];
      const child = right && before(right, left) ? 2 * i + 2 : 2 * i + 1;
      const smaller = heap[child];
      if (!smaller || !before(smaller, entry)) break;
      heap[i] = smaller;
      i = child;
    }
    heap[i] = entry;
  }
}

function before(a: { at: Millis; order: number }, b: { at: Millis; order: number }): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
