/** Updates that are larger than a datagram or a frame: cut into parts, and put together again. */
import { encode, MalformedError, PART_HEAD } from './codec.ts';
import type { Part } from './messages.ts';

const NOTHING = new Uint8Array(0);

/** Parts of one update over UDP: as many as `PartsSeen` has room for, and a receiver's buffer takes in one burst. */
const PARTS_MOST = 16;

/** An update as it goes out over one path. */
export class Cut {
  readonly count: number;
  readonly #run: number;
  readonly #number: number;
  readonly #bytes: Uint8Array;
  readonly #room: number;

  /** `size`: of the largest message the path takes. */
  constructor(run: number, number: number, bytes: Uint8Array, size: number) {
    this.#run = run;
    this.#number = number;
    this.#bytes = bytes;
    this.#room = bytes.length <= size ? bytes.length : size - PART_HEAD;
    this.count = Math.ceil(bytes.length / this.#room);
  }

  /** The messages that hold the parts with these indices, in their order; an update that fits goes as it is. */
  messages(indices: readonly number[]): readonly Uint8Array[] {
    if (this.count === 1) return [this.#bytes];
    return indices.map((index, i) =>
      encode({
        kind: 'part',
        run: this.#run,
        number: this.#number,
        index,
        count: this.count,
        asks: i === indices.length - 1,
        bytes: this.#bytes.subarray(index * this.#room, (index + 1) * this.#room),
      }),
    );
  }

  /** Indices of the parts that the other end has not seen. */
  missing(seen: number): readonly number[] {
    return Array.from({ length: this.count }, (_, index) => index).filter((index) => index >= 32 || ((seen >>> index) & 1) === 0);
  }
}

/** Largest message that can be cut into parts which go over UDP. */
export const cutMost = (size: number): number => PARTS_MOST * (size - PART_HEAD);

/** Collects the parts of one update; a newer one takes its place. */
export class Assembly {
  readonly #most: number;
  readonly #countMost: number;
  #run = 0;
  #number = 0;
  #parts: (Uint8Array | undefined)[] = [];
  #missing = 0;
  #size = 0;

  /** `most`: bytes of the largest update, `least`: of the smallest part that is not the last. */
  constructor(most: number, least: number) {
    this.#most = most;
    this.#countMost = Math.ceil(most / least);
  }

  /** The whole update, with the last part that was missing. Throws `MalformedError` where it cannot be one. */
  add(part: Part): Uint8Array | undefined {
    const { run, number, index, count, bytes } = part;
    if (run < this.#run || (run === this.#run && number < this.#number)) return undefined;
    if (count > this.#countMost) throw new MalformedError(`an update of ${count} parts`);
    if (run !== this.#run || number !== this.#number || count !== this.#parts.length) this.#begin(run, number, count);
    if (this.#parts[index]) return undefined;
    if (this.#size + bytes.length > this.#most) throw new MalformedError(`an update of more than ${this.#most} bytes`);
    this.#parts[index] = bytes;
    this.#size += bytes.length;
    if (--this.#missing > 0) return undefined;
    const whole = Buffer.concat(this.#parts as Uint8Array[]);
    // That they came is remembered for whoever asks, what they held is not.
    this.#parts.fill(NOTHING);
    return whole;
  }

  /** Bit i: part i of the update has come. */
  seen(run: number, number: number): number {
    if (run !== this.#run || number !== this.#number) return 0;
    return this.#parts.slice(0, 32).reduce<number>((mask, part, index) => (part ? mask | (1 << index) : mask), 0) >>> 0;
  }

  /** What came is not kept: it is to come again. */
  clear(): void {
    this.#begin(0, 0, 0);
  }

  #begin(run: number, number: number, count: number): void {
    this.#run = run;
    this.#number = number;
    this.#parts = new Array<Uint8Array | undefined>(count).fill(undefined);
    this.#missing = count;
    this.#size = 0;
  }
}
