/**
 * Which sequence numbers have been seen: a sliding window over the newest (RFC 6479). Blocks of 32 are a ring, and the window moves by
 * whole blocks: nothing is ever shifted. While nothing is missing there is nothing to remember but the newest: 10,000 sessions at rest
 * keep no blocks.
 */
const BLOCK = 32;
/** Numbers that are still taken, counted back from the newest; one block more is kept, of which the newest may be the first. */
export const REPLAY_WINDOW = 1_024;
const BLOCKS = REPLAY_WINDOW / BLOCK + 1;
const ALL = 0xffffffff;

export class ReplayWindow {
  #newest = 0;
  /** Undefined: all up to the newest have been seen, or are too old to tell. */
  #blocks: Uint32Array | undefined;
  /** Below it may be some that have not been seen. */
  #gapAt = 0;

  /** True where this number, 1 or more, was not seen before and is not too old to tell. */
  isFresh(number: number): boolean {
    if (number < 1 || number + REPLAY_WINDOW <= this.#newest) return false;
    if (number > this.#newest) return true;
    const block = this.#blocks?.[Math.floor(number / BLOCK) % BLOCKS] ?? ALL;
    return ((block >>> (number % BLOCK)) & 1) === 0;
  }

  /** Notes a number that was fresh, after what it came with was found authentic. */
  accept(number: number): void {
    if (number === this.#newest + 1) {
      if (number - this.#gapAt > REPLAY_WINDOW) this.#blocks = undefined;
      if (!this.#blocks) {
        this.#newest = number;
        return;
      }
    } else if (number > this.#newest) this.#gapAt = number;
    this.#blocks ??= this.#allSeen();
    this.#mark(number, this.#blocks);
  }

  /** Up to the newest; what comes after it in its block has not been seen. */
  #allSeen(): Uint32Array {
    const blocks = new Uint32Array(BLOCKS).fill(ALL);
    blocks[Math.floor(this.#newest / BLOCK) % BLOCKS] = 2 ** ((this.#newest % BLOCK) + 1) - 1;
    return blocks;
  }

  #mark(number: number, blocks: Uint32Array): void {
    const block = Math.floor(number / BLOCK);
    const newest = Math.floor(this.#newest / BLOCK);
    for (let i = 1; i <= Math.min(block - newest, BLOCKS); i++) blocks[(newest + i) % BLOCKS] = 0;
    const at = block % BLOCKS;
    blocks[at] = (blocks[at] ?? 0) | (1 << (number % BLOCK));
    this.#newest = Math.max(this.#newest, number);
  }
}
