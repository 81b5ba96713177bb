/** How many nodes were in which state over the last minutes, a sample a second. */
import type { Column } from '../fleet/column.ts';

const MOST = 300;

export interface Samples {
  readonly path: string;
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly values: readonly string[];
  /** By value: its count at each time. */
  readonly counts: readonly (readonly number[])[];
  /** Changes a second. */
  readonly rates: readonly number[];
}

export class Trend {
  #path = '';
  #times: number[] = [];
  #samples: number[][] = [];
  #values: readonly string[] = [];
  #rates: number[] = [];
  #changes = 0;

  sample(column: Column, changes: number): void {
    if (column.path !== this.#path) {
      this.#path = column.path;
      this.#times = [];
      this.#samples = [];
      this.#rates = [];
    }
    this.#values = column.values;
    this.#times.push(Math.round(Date.now() / 1_000));
    this.#samples.push([...column.counts]);
    // After a new snapshot the changes are counted from 0.
    this.#rates.push(Math.max(0, changes - this.#changes));
    this.#changes = changes;
    if (this.#times.length <= MOST) return;
    this.#times.shift();
    this.#samples.shift();
    this.#rates.shift();
  }

  read(): Samples {
    const values = this.#values.map((_, code) => code).filter((code) => this.#samples.some((counts) => (counts[code] ?? 0) > 0));
    return {
      path: this.#path,
      times: this.#times,
      values: values.map((code) => this.#values[code] ?? ''),
      counts: values.map((code) => this.#samples.map((counts) => counts[code] ?? 0)),
      rates: this.#rates,
    };
  }
}
