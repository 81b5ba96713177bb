/** Hellos: when the next one is due and on which ways, whether they are answered, and what their clocks say of the round trip. */
import type { Millis } from '../core/record.ts';
import type { Hello } from './messages.ts';
import type { SyncSettings } from './settings.ts';

export type Way = 'udp' | 'stream';

const CLOCK = 2 ** 32;
const KEPT_MOST = 0xffff;
/** A hello that is not answered is sent again, so often in all. */
const TRIES = 3;
const ANSWER_LEAST = 200;
/** Of so many hellos one asks for an answer: the parent's half costs half, and a lost answer is asked for again at once. */
const ASKS_EVERY = 2;

/** Changed in place: a new one for every hello would be old garbage by the time it goes. */
interface Heard {
  sent: number;
  at: Millis;
}

export class Greeting {
  /** Datagrams get there and back, as far as is known. */
  udpWorks = true;
  hasStream = false;
  /** Round trip, smoothed. */
  rtt: Millis | undefined;
  readonly #settings: SyncSettings;
  readonly #random: () => number;
  readonly #heard: Record<Way, Heard | undefined> = { udp: undefined, stream: undefined };
  #failedAt: Millis = 0;
  #newest: number | undefined;
  #due: Millis;
  #said = 0;
  #asked: { readonly at: Millis; tries: number; due: Millis } | undefined;

  /** `speaksFirst`: the child, which says hello by the clock. */
  constructor(settings: SyncSettings, speaksFirst: boolean, now: Millis, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.#due = speaksFirst ? now : Number.POSITIVE_INFINITY;
  }

  get all(): readonly Way[] {
    return this.hasStream ? ['udp', 'stream'] : ['udp'];
  }

  get wake(): Millis {
    return Math.min(this.#due, this.#asked?.due ?? Number.POSITIVE_INFINITY);
  }

  /** A hello by the clock that wants no answer: true where one is due now, and said with this. */
  saysPlainly(now: Millis): boolean {
    if (now < this.#due || !this.udpWorks || this.#asked || this.#said % ASKS_EVERY === 0) return false;
    this.#next(now);
    return true;
  }

  #next(now: Millis): void {
    this.#said++;
    this.#due = now + this.#settings.hello * (0.9 + 0.2 * this.#random());
  }

  /** The ways on which a hello that asks is due now. */
  tick(now: Millis): readonly Way[] {
    if (now >= this.#due) {
      this.#next(now);
      return this.ask(now, !this.udpWorks);
    }
    const asked = this.#asked;
    if (!asked || now < asked.due) return [];
    if (++asked.tries >= TRIES) this.#asked = undefined;
    if (asked.tries >= 2 && this.hasStream) this.udpFails(now);
    if (!this.#asked) return [];
    asked.due = now + Math.min(this.#settings.resendMost, 2 * (asked.due - asked.at));
    return this.all;
  }

  /** The other end is asked on UDP, or on every way. */
  ask(now: Millis, everywhere: boolean): readonly Way[] {
    const patience = Math.min(this.#settings.resendMost, Math.max(ANSWER_LEAST, 4 * (this.rtt ?? 0)));
    this.#asked = { at: now, tries: 0, due: now + patience };
    return everywhere ? this.all : ['udp'];
  }

  /** The clock fields of a hello that leaves this way. */
  stamp(way: Way, now: Millis): Pick<Hello, 'sent' | 'echo' | 'kept'> {
    const heard = this.#heard[way];
    const kept = heard ? Math.round(now - heard.at) : 0;
    const isKnown = heard !== undefined && kept < KEPT_MOST;
    return { sent: clock(now), echo: isKnown ? heard.sent : 0, kept: isKnown ? kept : 0 };
  }

  /** Takes note of a hello: whether none that was said later has been heard before, and the round trip where it tells one. */
  heard(hello: Hello, way: Way, now: Millis): { readonly isNewest: boolean; readonly rtt: Millis | undefined } {
    const isNewest = this.#newest === undefined || (hello.sent - this.#newest + CLOCK) % CLOCK < CLOCK / 2;
    if (isNewest) this.#newest = hello.sent;
    const before = this.#heard[way];
    if (!before) this.#heard[way] = { sent: hello.sent, at: now };
    else if (isNewest) {
      before.sent = hello.sent;
      before.at = now;
    }
    if (!hello.asks && (way === 'udp' || !this.udpWorks)) this.#asked = undefined;
    const age = (clock(now) - hello.echo + CLOCK) % CLOCK;
    const rtt = hello.echo === 0 || age < hello.kept || age - hello.kept > this.#settings.dead ? undefined : age - hello.kept;
    if (rtt === undefined) return { isNewest, rtt };
    this.rtt = this.rtt === undefined ? rtt : this.rtt + (rtt - this.rtt) / 8;
    if (way === 'udp' && now - age >= this.#failedAt) this.udpWorks = true;
    return { isNewest, rtt };
  }

  /** What we sent as datagrams was not answered, while there is another way. */
  udpFails(now: Millis): void {
    this.udpWorks = false;
    this.#failedAt = now;
  }

  /** What we sent as a datagram was answered. */
  udpAnswered(): void {
    this.udpWorks = true;
  }

  /** The other end's clock begins anew. */
  restart(): void {
    this.#newest = undefined;
    this.#heard.udp = undefined;
    this.#heard.stream = undefined;
    this.udpWorks = true;
  }
}

/** Never 0, which stands for none. */
const clock = (now: Millis): number => Math.round(now) % CLOCK || 1;
