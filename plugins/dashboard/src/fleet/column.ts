/** One path of all nodes, as small numbers: what is seen and what is wanted there. 0 = nothing. */

export class Column {
  readonly path: string;
  /** By code. */
  readonly values: string[] = [''];
  seen = new Uint16Array(0);
  wanted = new Uint16Array(0);
  readonly #codes = new Map<string, number>([['', 0]]);
  /** Nodes by what is seen: kept up to date, so that counting costs nothing. */
  readonly counts: number[] = [0];

  constructor(path: string) {
    this.path = path;
  }

  resize(count: number): void {
    this.seen = new Uint16Array(count);
    this.wanted = new Uint16Array(count);
    this.counts.fill(0);
    this.counts[0] = count;
  }

  /** Whether something else is seen (or wanted) now. */
  set(view: 'seen' | 'wanted', index: number, value: unknown): boolean {
    const code = this.#code(value);
    const codes = this[view];
    const before = codes[index] ?? 0;
    if (before === code) return false;
    codes[index] = code;
    if (view === 'seen') {
      this.counts[before] = (this.counts[before] ?? 0) - 1;
      this.counts[code] = (this.counts[code] ?? 0) + 1;
    }
    return true;
  }

  value(view: 'seen' | 'wanted', index: number): string {
    return this.values[this[view][index] ?? 0] ?? '';
  }

  /** Whether something is wanted there that is not seen. */
  differs(index: number): boolean {
    const wanted = this.wanted[index] ?? 0;
    return wanted !== 0 && wanted !== this.seen[index];
  }

  #code(value: unknown): number {
    if (value === undefined || value === null) return 0;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const known = this.#codes.get(text);
    if (known !== undefined) return known;
    // More kinds of values than that are no states: they share the last code.
    if (this.values.length >= 4_096) return this.values.length - 1;
    this.values.push(text);
    this.counts.push(0);
    this.#codes.set(text, this.values.length - 1);
    return this.values.length - 1;
  }
}
