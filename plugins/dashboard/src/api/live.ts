/** Events as they happen, over one WebSocket that is opened again for ever; what was missed is read anew. */
import type { Event } from './answers.ts';
import { EVENTS } from './client.ts';

export type Connection = 'connecting' | 'live' | 'lost';

export interface LiveOptions {
  /** In order. */
  events(events: readonly Event[]): void;
  /** Read everything anew: at the start, and whenever something was lost. Events are held back until it resolves, to its revision. */
  load(): Promise<number>;
  connection(state: Connection): void;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export class Live {
  readonly #options: LiveOptions;
  #socket: WebSocket | undefined;
  #wait = FIRST_WAIT;
  /** Events that came while everything is read; undefined: nothing is read. */
  #held: Event[] | undefined;
  #again = false;
  /** Once: who has lost it and tries again has still lost it, until everything is read. */
  #isFirst = true;
  #ended = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#open();
  }

  end(): void {
    this.#ended = true;
    this.#socket?.close();
  }

  #open(): void {
    if (this.#ended) return;
    const url = new URL(EVENTS);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url);
    this.#socket = socket;
    if (this.#isFirst) this.#options.connection('connecting');
    this.#isFirst = false;
    socket.onopen = () => {
      this.#wait = FIRST_WAIT;
      void this.#load();
    };
    socket.onmessage = ({ data }) => this.#take(JSON.parse(String(data)) as (Event | { readonly kind: 'resync' })[]);
    socket.onclose = () => {
      if (this.#ended) return;
      this.#options.connection('lost');
      setTimeout(() => this.#open(), this.#wait);
      this.#wait = Math.min(LONGEST_WAIT, this.#wait * 2);
    };
  }

  #take(events: readonly (Event | { readonly kind: 'resync' })[]): void {
    const at = events.findLastIndex(({ kind }) => kind === 'resync');
    if (at >= 0) void this.#load();
    const told = events.slice(at + 1) as readonly Event[];
    if (this.#held) this.#held.push(...told);
    else this.#options.events(told);
  }

  async #load(): Promise<void> {
    if (this.#held) {
      this.#again = true;
      return;
    }
    this.#held = [];
    try {
      const revision = await this.#options.load();
      const held = this.#held.filter((event) => (event.revision ?? 0) > revision);
      this.#held = undefined;
      this.#options.connection('live');
      this.#options.events(held);
    } catch {
      this.#held = undefined;
      this.#socket?.close();
    }
    if (!this.#again) return;
    this.#again = false;
    void this.#load();
  }
}
