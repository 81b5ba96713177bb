/** Virtual time: what is due happens in order, and nothing else lets time pass. Milliseconds since the simulation began. */
export type Millis = number;

interface Due {
  readonly at: Millis;
  readonly order: number;
  readonly run: () => void;
}

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** More in one call of `run` is an endless loop. */
const STEPS_MOST = 1_000_000;

export class Clock {
  now: Millis = 0;
  steps = 0;
  readonly #heap: Due[] = [];
  #order = 0;

  later(after: Millis, run: () => void): void {
    const due: Due = { at: this.now + Math.max(0, after), order: this.#order++, run };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above] as Due;
      if (!before(due, other)) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = due;
  }

  run(time: Millis): void {
    const end = this.now + time;
    for (let steps = 0; ; steps++) {
      if (steps > STEPS_MOST) throw new Error('the simulation does not come to rest');
      const next = this.#heap[0];
      if (!next || next.at > end) break;
      this.#pop();
      this.steps++;
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  /** Runs until the condition holds; false if it does not within the time. */
  until(condition: () => boolean, within: Millis, step: Millis = SECOND): boolean {
    for (const end = this.now + within; this.now < end; ) {
      if (condition()) return true;
      this.run(Math.min(step, end - this.now));
    }
    return condition();
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Due;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right && before(right, heap[below] as Due)) below++;
      const other = heap[below] as Due;
      if (!before(other, last)) break;
      heap[at] = other;
      at = below;
    }
    heap[at] = last;
  }
}

function before(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
