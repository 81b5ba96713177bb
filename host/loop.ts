/**
 * The shell around the core: events are queued, the engine runs one turn with all that arrived together, its effects are
 * performed. What acknowledges or disrupts something waits until the turn's journal record is on disk.
 */
import type { Json } from './core/declaration.ts';
import type { Effect } from './core/effect.ts';
import type { Engine } from './core/engine.ts';
import type { Event, RequestId } from './core/event.ts';
import type { Millis, Turn } from './core/record.ts';
import { RefusalError } from './core/refusal.ts';

type Of<T extends Effect['type']> = Extract<Effect, { type: T }>;

/** Who does what the core asks for; each answers with an event. */
export interface Performers {
  run(effect: Of<'run'>): void;
  poll(effect: Of<'poll'>): void;
  cancel(effect: Of<'cancel'>): void;
  probe(effect: Of<'probe'>): void;
  log(effect: Of<'log'>): void;
}

/** What the loop needs of the store. */
export interface Ledger {
  readonly durableSeq: number;
  readonly lastSeq: number;
  append(turn: Turn, durable: boolean): void;
  onDurable(listener: (seq: number) => void): () => void;
}

/** Longest sleep that a timer of Node takes. */
const LONGEST_SLEEP = 0x7fffffff;

export class Loop {
  readonly #engine: Engine;
  readonly #ledger: Ledger;
  readonly #perform: Performers;
  readonly #now: () => Millis;
  #queue: Event[] = [];
  #scheduled = false;
  #stopped: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #nextRequest: RequestId = 1;
  readonly #requests = new Map<RequestId, { resolve(result: Json): void; reject(error: Error): void }>();
  /** Effects that wait for a turn to be on disk, in the order of turns. */
  #held: { readonly seq: number; readonly effect: Effect }[] = [];
  readonly #turnListeners = new Set<(turn: Turn) => void>();

  constructor(engine: Engine, ledger: Ledger, perform: Performers, now: () => Millis) {
    this.#engine = engine;
    this.#ledger = ledger;
    this.#perform = perform;
    this.#now = now;
    ledger.onDurable((seq) => this.#release(seq));
  }

  push(event: Event): void {
    if (this.#stopped) return;
    this.#queue.push(event);
    this.#schedule();
  }

  /** Settles with the answer when it is durable; rejects with a RefusalError. */
  ask(make: (request: RequestId) => Event): Promise<Json> {
    const request = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      if (this.#stopped) {
        reject(this.#stopped);
        return;
      }
      this.#requests.set(request, { resolve, reject });
      this.push(make(request));
    });
  }

  onTurn(listener: (turn: Turn) => void): () => void {
    this.#turnListeners.add(listener);
    return () => this.#turnListeners.delete(listener);
  }

  /** No turn runs any more; what was asked and not answered, or is asked from now on, is refused: that is why. */
  stop(why: Error = stopping()): void {
    this.#stopped ??= why;
    clearTimeout(this.#timer);
    for (const { reject } of this.#requests.values()) reject(this.#stopped);
    this.#requests.clear();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#stopped) return;
      const events = this.#queue;
      this.#queue = [];
      this.#turn(events);
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  #turn(events: readonly Event[]): void {
    const effects = this.#engine.turn(events, this.#now());
    for (const effect of effects) {
      if ('afterDurable' in effect && effect.afterDurable && this.#ledger.lastSeq > this.#ledger.durableSeq) {
        this.#held.push({ seq: this.#ledger.lastSeq, effect });
      } else this.#do(effect);
    }
    this.#sleep();
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case 'journal':
        this.#ledger.append(effect.turn, effect.durable);
        for (const listener of this.#turnListeners) listener(effect.turn);
        return;
      case 'run':
        return this.#perform.run(effect);
      case 'poll':
        return this.#perform.poll(effect);
      case 'cancel':
        return this.#perform.cancel(effect);
      case 'probe':
        return this.#perform.probe(effect);
      case 'log':
        return this.#perform.log(effect);
      case 'answer':
        this.#requests.get(effect.request)?.resolve(effect.result);
        this.#requests.delete(effect.request);
        return;
      case 'refuse':
        this.#requests.get(effect.request)?.reject(new RefusalError(effect.refusal));
        this.#requests.delete(effect.request);
        return;
      default:
        effect satisfies never;
    }
  }

  #release(seq: number): void {
    let done = 0;
    for (const { seq: needs, effect } of this.#held) {
      if (needs > seq) break;
      this.#do(effect);
      done++;
    }
    if (done > 0) this.#held = this.#held.slice(done);
  }

  #sleep(): void {
    const at = this.#engine.wake ?? Number.POSITIVE_INFINITY;
    if (at <= this.#now()) {
      this.push({ type: 'tick' });
      return;
    }
    if (at === this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.push({ type: 'tick' });
      },
      Math.min(LONGEST_SLEEP, Math.max(0, Math.ceil(at - this.#now()))),
    );
  }
}

function stopping(): RefusalError {
  return new RefusalError({
    code: -32019,
    what: 'the request was not carried out',
    where: 'kraken',
    why: 'the host is stopping',
    todo: 'Ask again when it is up',
  });
}
