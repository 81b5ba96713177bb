/** Machines that asked for an address and are no node's: for people to adopt. A bounded list; nothing is given to them. */
import type { Stranger } from './dhcp/types.ts';

export interface SeenStranger extends Stranger {
  /** Milliseconds since the epoch. */
  readonly first: number;
  readonly last: number;
  /** How often it asked. */
  readonly asked: number;
}

export class Strangers {
  readonly #most: number;
  /** By MAC, who asked last at the end. */
  readonly #seen = new Map<string, SeenStranger>();

  /** Of more than `most`, the one that was quiet for longest is forgotten. */
  constructor(most: number) {
    this.#most = most;
  }

  /** True = it was not in the list. */
  note(stranger: Stranger, now: number): boolean {
    const before = this.#seen.get(stranger.mac);
    this.#seen.delete(stranger.mac);
    this.#seen.set(stranger.mac, { ...stranger, first: before?.first ?? now, last: now, asked: (before?.asked ?? 0) + 1 });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > this.#most && oldest !== undefined) this.#seen.delete(oldest);
    return before === undefined;
  }

  /** Who asked last comes first; without those that have become nodes since. */
  list(isNode: (mac: string) => boolean): readonly SeenStranger[] {
    for (const mac of [...this.#seen.keys()]) if (isNode(mac)) this.#seen.delete(mac);
    return [...this.#seen.values()].reverse();
  }
}
