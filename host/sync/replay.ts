/**
 * Which sequence numbers have been seen: a sliding window over the newest (RFC 6479). Blocks of 32 are a ring, and the window moves by
 * whole blocks: nothing is ever shifted.
 */
const BLOCK = 32;
/** Numbers that are still taken, counted back from the newest; one block more is kept, of which the newest may be the first. */
export const REPLAY_WINDOW = 1_024;
const BLOCKS = REPLAY_WINDOW / BLOCK + 1;

export class ReplayWindow {
  #newest = 0;
  readonly #blocks = new Uint32Array(BLOCKS);

  /** True where this number, 1 or more, was not seen before and is not too old to tell. */
  isFresh(number: number): boolean {
    if (number < 1 || number + REPLAY_WINDOW <= this.#newest) return false;
    if (number > this.#newest) return true;
    const block = this.#blocks[Math.floor(number / BLOCK) % BLOCKS] ?? 0;
    return ((block >>> (number % BLOCK)) & 1) === 0;
  }

  /** Notes a number that was fresh, after what it came with was found authentic. */
  accept(number: number): void {
    const block = Math.floor(number / BLOCK);
    const newest = Math.floor(this.#newest / BLOCK);
    for (let i = 1; i <= Math.min(block - newest, BLOCKS); i++) this.#blocks[(newest + i) % BLOCKS] = 0;
    const at = block % BLOCKS;
    this.#blocks[at] = (this.#blocks[at] ?? 0) | (1 << (number % BLOCK));
    this.#newest = Math.max(this.#newest, number);
  }
}
