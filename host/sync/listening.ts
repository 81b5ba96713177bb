/** Hears what the peer tells: puts parts together, gives updates out one by one, acknowledges them, and asks for a snapshot when lost. */
import type { Millis } from '../core/record.ts';
import { decode, encode, MalformedError } from './codec.ts';
import type { Way } from './greeting.ts';
import { Incoming } from './incoming.ts';
import type { Hello, Part, Update } from './messages.ts';
import { Assembly } from './parts.ts';
import type { SyncSettings } from './settings.ts';
import type { Outbox } from './telling.ts';

export class Listening {
  readonly counts = { updatesIn: 0, resyncs: 0, refused: 0 };
  /** When a snapshot is asked for, next. */
  wake: Millis = Number.POSITIVE_INFINITY;
  readonly #settings: SyncSettings;
  readonly #outbox: Outbox;
  readonly #in = new Incoming();
  /** Made when the first part comes: most updates come whole. */
  readonly #assemblies: Partial<Record<Way, Assembly>> = {};
  /** Where the last update came from: its acknowledgement goes back there. */
  #from: Way = 'udp';
  #pause: Millis;

  constructor(settings: SyncSettings, outbox: Outbox) {
    this.#settings = settings;
    this.#outbox = outbox;
    this.#pause = settings.retryFirst;
  }

  get run(): number {
    return this.#in.run;
  }

  get have(): number {
    return this.#in.have;
  }

  /** All that came was taken, and nothing is wrong with it. */
  get isDone(): boolean {
    return !this.#in.broken && !this.#in.isBusy;
  }

  restart(): void {
    this.#in.restart();
    this.wake = Number.POSITIVE_INFINITY;
    this.#assemblies.udp?.clear();
    this.#assemblies.stream?.clear();
  }

  /** What was taken is not there any more: a snapshot is asked for. */
  forget(now: Millis): void {
    if (this.#in.forget()) this.#isWrong(now);
  }

  streamClosed(): void {
    this.#assemblies.stream?.clear();
  }

  hear(update: Update, size: number, way: Way, now: Millis): readonly Update[] {
    const verdict = this.#in.receive(update, size);
    switch (verdict.kind) {
      case 'take':
        this.#from = way;
        this.counts.updatesIn++;
        return [verdict.update];
      case 'kept':
        this.counts.updatesIn++;
        this.#acknowledge(way);
        return [];
      case 'had':
        this.#acknowledge(way);
        return [];
      case 'gap':
        this.#isWrong(now);
        this.#assemblies[way]?.clear();
        return [];
      case 'busy':
        this.#assemblies[way]?.clear();
        return [];
      default:
        return verdict satisfies never;
    }
  }

  hearPart(part: Part, way: Way, now: Millis): readonly Update[] {
    if (this.#in.had(part.run, part.number)) {
      if (part.asks) this.#acknowledge(way);
      return [];
    }
    const assembly = this.#assemblyFor(way);
    const whole = assembly.add(part);
    if (part.asks && way === 'udp') {
      const seen = assembly.seen(part.run, part.number);
      this.#outbox.put(way, [encode({ kind: 'partsSeen', run: part.run, number: part.number, seen })]);
    }
    if (!whole) return [];
    const update = decode(whole);
    if (update.kind !== 'update' || update.run !== part.run || update.number !== part.number)
      throw new MalformedError('the parts make no update, or another');
    return this.hear(update, whole.length, way, now);
  }

  #assemblyFor(way: Way): Assembly {
    const { room } = this.#outbox;
    return (this.#assemblies[way] ??= new Assembly(this.#settings.update, Math.min(room.udp, room.stream) / 2));
  }

  /** Whether both ends have the same; undefined where one of them is ahead. */
  compare({ head, digest }: Hello, now: Millis): boolean | undefined {
    if (head !== this.#in.have || this.#in.isBusy || this.#in.broken) return undefined;
    if (digest === this.#in.digest) return true;
    this.#in.broken = true;
    this.#isWrong(now);
    return false;
  }

  taken(number: number, now: Millis): void {
    const agrees = this.#in.taken(number);
    if (agrees === undefined) return;
    if (agrees) {
      this.#pause = this.#settings.retryFirst;
      this.wake = Number.POSITIVE_INFINITY;
    } else this.#isWrong(now);
    this.#acknowledge(this.#from);
  }

  refused(number: number, now: Millis): void {
    if (!this.#in.refused(number)) return;
    this.counts.refused++;
    this.#isWrong(now + this.#pause);
    this.#acknowledge(this.#from);
  }

  /** True where a hello of now is to ask for a snapshot; the next one is due later than this one was. */
  asksAgain(now: Millis): boolean {
    if (now < this.wake) return false;
    if (!this.#in.broken || this.#in.isBusy) {
      this.wake = this.#in.broken ? now + this.#pause : Number.POSITIVE_INFINITY;
      return false;
    }
    this.wake = now + this.#pause;
    this.#pause = Math.min(this.#settings.retryMost, this.#pause * 2);
    return true;
  }

  /** A snapshot is asked for at this time, or when the one that was asked for before is due: no defect at either end makes a flood. */
  #isWrong(askAt: Millis): void {
    this.#in.broken = true;
    if (this.wake !== Number.POSITIVE_INFINITY) return;
    this.counts.resyncs++;
    this.wake = askAt;
  }

  #acknowledge(way: Way): void {
    const { run, have, broken } = this.#in;
    this.#outbox.put(way, [encode({ kind: 'ack', run, have, broken })]);
  }
}
