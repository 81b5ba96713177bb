/** A binary heap: the least key first, of equal keys the one that was pushed first. */
export class Heap<T> {
  readonly #keys: number[] = [];
  readonly #orders: number[] = [];
  readonly #items: T[] = [];
  #pushed = 0;

  push(key: number, item: T): void {
    let at = this.#keys.length;
    this.#keys.push(key);
    this.#orders.push(this.#pushed++);
    this.#items.push(item);
    for (let up = (at - 1) >> 1; at > 0 && this.#isLess(at, up); up = (at - 1) >> 1) {
      this.#swap(at, up);
      at = up;
    }
  }

  /** The first item, if its key is below `limit`. */
  pop(limit = Number.POSITIVE_INFINITY): T | undefined {
    const first = this.#items[0];
    if (first === undefined || !((this.#keys[0] ?? 0) < limit)) return undefined;
    this.#swap(0, this.#items.length - 1);
    this.#keys.pop();
    this.#orders.pop();
    this.#items.pop();
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < this.#items.length && this.#isLess(child, least)) least = child;
      if (least === at) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  #isLess(a: number, b: number): boolean {
    const difference = (this.#keys[a] ?? 0) - (this.#keys[b] ?? 0);
    return difference !== 0 ? difference < 0 : (this.#orders[a] ?? 0) < (this.#orders[b] ?? 0);
  }

  #swap(a: number, b: number): void {
    for (const array of [this.#keys, this.#orders, this.#items] as unknown[][]) [array[a], array[b]] = [array[b], array[a]];
  }
}
