/**
 * The receiver's end of the replicated map (`outgoing.ts` is the other): a mirror of hashes, in memory only, and the number of the
 * last update that was taken. Updates are given out one at a time and in order; the mirror goes on when they are taken.
 */
import type { Item } from '../core/event.ts';
import { MalformedError } from './codec.ts';
import { digestWith, hashEntry } from './digest.ts';
import type { Update } from './messages.ts';

/** Largest snapshot and mirror, in items and in bytes: neither a defect nor malice at the other end costs all memory. */
const ITEMS_MOST = 4_000_000;
const BYTES_MOST = 512 * 1024 * 1024;

/** What became of an update: to be taken now, kept until the snapshot is whole, had before, being taken, or out of turn. */
export type Verdict = { readonly kind: 'take'; readonly update: Update } | { readonly kind: 'kept' | 'had' | 'busy' | 'gap' };

export class Incoming {
  /** The peer's stream, and the last number of it that was taken. */
  run = 0;
  have = 0;
  digest = 0;
  /** The mirror is not what the other end has told. */
  broken = false;
  /** Hashes by node and member. */
  readonly #mirror = new Map<string, number>();
  #kept: Item[] | undefined;
  #keptBytes = 0;
  /** The snapshot that is being told began, and all of it came since. */
  #within = false;
  #given: { readonly ticket: number; readonly update: Update } | undefined;
  #tickets = 0;
  readonly #most: number;

  constructor(most = ITEMS_MOST) {
    this.#most = most;
  }

  /** Everything from the other end begins anew. What is being taken is taken, and not acknowledged. */
  restart(): void {
    this.run = 0;
    this.have = 0;
    this.#empty();
    this.broken = false;
    this.#given = undefined;
  }

  /** What was taken is not there any more; true where a snapshot must be asked for, as none is on its way that is known of. */
  forget(): boolean {
    this.#mirror.clear();
    this.digest = 0;
    if (this.have > 0 && !this.#within && !this.#given?.update.snapshot) this.broken = true;
    return this.broken;
  }

  /** An update is being taken, or a snapshot is still being told: the mirror cannot be compared. */
  get isBusy(): boolean {
    return this.#given !== undefined || this.#within;
  }

  had(run: number, number: number): boolean {
    return run < this.run || (run === this.run && number <= this.have);
  }

  /**
   * `size`: in bytes. Its number is what `taken` and `refused` are called with. Throws `MalformedError` for a map without end, of which
   * nothing is kept.
   */
  receive(update: Update, size = 0): Verdict {
    if (this.had(update.run, update.number)) return { kind: 'had' };
    if (this.#given) return { kind: 'busy' };
    if (update.run > this.run) this.restart();
    const isNext = this.have > 0 && update.number === this.have + 1 && !this.broken && update.snapshot === this.#within;
    if (!update.begins && !isNext) return { kind: 'gap' };
    this.run = update.run;
    if (update.begins) this.#release();
    this.#keptBytes += size;
    const before = update.snapshot ? (this.#kept?.length ?? 0) : this.#mirror.size;
    const more = update.items.filter(({ value }) => value !== undefined).length;
    if (before + more > this.#most || this.#keptBytes > BYTES_MOST) this.#refuse();
    if (!update.more) return { kind: 'take', update: this.#give(update) };
    this.#within = true;
    this.broken = false;
    this.#kept ??= [];
    this.#kept.push(...update.items);
    this.have = update.number;
    return { kind: 'kept' };
  }

  /** True where the digest of the mirror is now what the other end says. Undefined: nothing with this number is being taken. */
  taken(number: number): boolean | undefined {
    const given = this.#given;
    if (given?.ticket !== number) return undefined;
    this.#given = undefined;
    const { update } = given;
    if (update.snapshot) this.#empty();
    for (const item of update.items) this.#reflect(item);
    this.have = update.number;
    this.broken = this.digest !== update.digest;
    return !this.broken;
  }

  /** What was given out could not be taken: it is behind us, and only a snapshot can mend that. */
  refused(number: number): boolean {
    if (this.#given?.ticket !== number) return false;
    this.have = this.#given.update.number;
    this.#given = undefined;
    this.broken = true;
    return true;
  }

  #refuse(): never {
    this.#release();
    this.#within = false;
    this.broken = true;
    throw new MalformedError(`a map of over ${this.#most} items or ${BYTES_MOST} bytes`);
  }

  #release(): void {
    this.#kept = undefined;
    this.#keptBytes = 0;
  }

  #give(update: Update): Update {
    this.#tickets++;
    const whole = { ...update, items: this.#kept ? [...this.#kept, ...update.items] : update.items };
    this.#within = false;
    this.#release();
    this.#given = { ticket: this.#tickets, update: whole };
    return { ...whole, number: this.#tickets };
  }

  #reflect({ node, member, value }: Item): void {
    const key = `${node.length} ${node}${member}`;
    const hash = value === undefined ? 0 : hashEntry(node, member, JSON.stringify(value));
    this.digest = digestWith(this.digest, this.#mirror.get(key) ?? 0, hash);
    if (hash !== 0) this.#mirror.set(key, hash);
    else this.#mirror.delete(key);
  }

  #empty(): void {
    this.#mirror.clear();
    this.digest = 0;
    this.#within = false;
    this.#release();
  }
}
