/** The bytes of one answer on their way: one page at a time, the next when the kernel has taken it, whoever reads slowly waits alone. */

import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { PAGE, type Reader } from '../files/file-table.ts';
import type { Range } from './range.ts';

/** After so many bytes in one go the others have their turn: a client on a fast line could keep the process busy for a whole file. */
const ONE_GO = 1024 * 1024;

export class Sending {
  readonly #response: ServerResponse;
  readonly #reader: Reader;
  readonly #range: Range;
  #position: number;
  /** When the page that is under way was handed over. */
  #since: number;
  #wake: (() => void) | undefined;

  constructor(response: ServerResponse, reader: Reader, range: Range, now: number) {
    this.#response = response;
    this.#reader = reader;
    this.#range = range;
    this.#position = range.from;
    this.#since = now;
    const wake = (): void => this.#wake?.();
    response.on('drain', wake).on('close', wake);
  }

  /** Bytes that were handed to the kernel, or wait for it. */
  get bytes(): number {
    return this.#position - this.#range.from;
  }

  /** Whether the client has taken less than a page since then. */
  isStuck(since: number): boolean {
    return this.#since < since;
  }

  /** Resolves when all was handed over, or the connection is gone. Rejects where the file cannot be read any more. */
  async run(now: () => number): Promise<void> {
    const { to } = this.#range;
    let gone = 0;
    while (this.#position < to && !this.#response.destroyed) {
      const index = Math.floor(this.#position / PAGE);
      const found = this.#reader.page(index);
      const page = found instanceof Promise ? await found : found;
      if (this.#response.destroyed) return;
      const bytes = page.subarray(this.#position - index * PAGE, Math.min(PAGE, to - index * PAGE));
      this.#position += bytes.length;
      gone += bytes.length;
      this.#since = now();
      if (this.#position === to) this.#response.end(bytes);
      else if (!this.#response.write(bytes)) await this.#taken();
      if (gone < ONE_GO) continue;
      gone = 0;
      await turn();
    }
  }

  #taken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
