/**
 * Events as they happen, for everybody who listens: one watch of the host, kept while somebody listens and a while after, and the last
 * ones in a ring, so that who comes back can go on where it was. A listener that does not keep up loses events, never memory, and is
 * told so.
 */
import type { Host } from '@kraken-hpc/sdk';
import type { Event, EventKind, Revision } from '@kraken-hpc/sdk/wire';
import type { Replica } from '../replica/replica.ts';

/** An event as it was told, and its JSON, made once for all listeners. */
export interface Told {
  readonly event: Event;
  readonly text: string;
  readonly revision: Revision;
}

export interface Listener {
  /** In order. The list is the same for all listeners: it is not changed. */
  events(told: readonly Told[]): void;
  /** Something was lost before what comes next: read everything anew. */
  resync(revision: Revision): void;
}

export interface HubOptions {
  /** Events that are kept for those who come back. */
  readonly most: number;
  /** Characters of them. */
  readonly mostCharacters: number;
  /** Milliseconds for which events are kept when nobody listens any more. */
  readonly linger: number;
}

export const HUB: HubOptions = { most: 50_000, mostCharacters: 16_000_000, linger: 300_000 };

const KINDS: readonly EventKind[] = ['state', 'mutation', 'discovery', 'service'];

type Source = Pick<Host<unknown, unknown>, 'events'>;
type Known = Pick<Replica, 'revision' | 'reached'>;

/** Milliseconds. */
const CATCHING_UP = 60_000;
/** What a slow reader missed comes in some lines at once. */
const SETTLING = 50;

export class Hub {
  readonly #host: Source;
  readonly #replica: Known;
  readonly #options: HubOptions;
  readonly #listeners = new Set<Listener>();
  #ring: Told[] = [];
  #first = 0;
  #characters = 0;
  /** All events after this revision are in the ring. */
  #since: Revision = 0;
  #watching: Promise<() => Promise<void>> | undefined;
  #leaving: NodeJS.Timeout | undefined;

  constructor(host: Source, replica: Known, options: HubOptions = HUB) {
    this.#host = host;
    this.#replica = replica;
    this.#options = options;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /**
   * Events from now on, or, with `from`, those after that revision first; where they are not known any more, a resync. Resolves to the
   * way to stop, when nothing can be missed any more.
   */
  async listen(listener: Listener, from?: Revision): Promise<() => void> {
    clearTimeout(this.#leaving);
    this.#watching ??= this.#watch();
    await this.#watching;
    if (from !== undefined) {
      if (from < this.#since || from > this.#replica.revision) listener.resync(this.#replica.revision);
      else {
        const missed = this.#after(from);
        if (missed.length > 0) listener.events(missed);
      }
    }
    this.#listeners.add(listener);
    return () => this.#leave(listener);
  }

  async close(): Promise<void> {
    clearTimeout(this.#leaving);
    await this.#unwatch();
  }

  async #watch(): Promise<() => Promise<void>> {
    try {
      const end = await this.#host.events(KINDS, '', (events, dropped, upTo) => this.#happened(events, dropped, upTo));
      this.#since = this.#replica.revision;
      return end;
    } catch (error) {
      this.#watching = undefined;
      throw error;
    }
  }

  #happened(events: readonly Event[], dropped: number, upTo: Revision): void {
    if (dropped > 0) void this.#lost(upTo);
    const told = events.map((event): Told => ({ event, text: JSON.stringify(event), revision: event.revision ?? 0 }));
    for (const one of told) this.#keep(one);
    for (const listener of this.#listeners) listener.events(told);
  }

  /** Everybody reads anew, when what was left out here has come to the replica. */
  async #lost(upTo: Revision): Promise<void> {
    this.#forget();
    this.#since = Math.max(this.#since, upTo);
    await this.#replica.reached(upTo, CATCHING_UP);
    await new Promise((resolve) => setTimeout(resolve, SETTLING));
    for (const listener of this.#listeners) listener.resync(this.#replica.revision);
  }

  #keep(told: Told): void {
    this.#ring.push(told);
    this.#characters += told.text.length;
    while (this.#ring.length - this.#first > this.#options.most || this.#characters > this.#options.mostCharacters) {
      const oldest = this.#ring[this.#first++];
      if (!oldest) break;
      this.#characters -= oldest.text.length;
      this.#since = Math.max(this.#since, oldest.revision);
    }
    if (this.#first < 10_000) return;
    this.#ring = this.#ring.slice(this.#first);
    this.#first = 0;
  }

  #after(from: Revision): Told[] {
    let at = this.#ring.length;
    while (at > this.#first && (this.#ring[at - 1]?.revision ?? 0) > from) at--;
    return this.#ring.slice(at);
  }

  #leave(listener: Listener): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0 || !this.#watching) return;
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => void this.#unwatch().catch(() => undefined), this.#options.linger).unref();
  }

  async #unwatch(): Promise<void> {
    const watching = this.#watching;
    this.#watching = undefined;
    this.#forget();
    const end = await watching?.catch(() => undefined);
    await end?.();
  }

  #forget(): void {
    this.#ring = [];
    this.#first = 0;
    this.#characters = 0;
  }
}
