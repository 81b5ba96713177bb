/** How often an address may ask: a bucket of tokens each, for a bounded number of addresses (those that came first are forgotten first). */
interface Bucket {
  tokens: number;
  at: number;
}

const MOST_ADDRESSES = 4096;

export class Pace {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#burst = 2 * perSecond;
  }

  /** Whether this one is still within the pace; `now` in milliseconds. */
  allows(address: string, now: number): boolean {
    let bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      if (this.#buckets.size >= MOST_ADDRESSES) for (const oldest of this.#buckets.keys()) return this.#replace(oldest, address, now);
      bucket = { tokens: this.#burst, at: now };
      this.#buckets.set(address, bucket);
    }
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) * this.#perSecond) / 1000);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  /** More than the one that was taken for asking. */
  charge(address: string, tokens: number): void {
    const bucket = this.#buckets.get(address);
    if (bucket !== undefined) bucket.tokens = Math.max(0, bucket.tokens - tokens);
  }

  #replace(oldest: string, address: string, now: number): boolean {
    this.#buckets.delete(oldest);
    return this.allows(address, now);
  }
}
