/** What a module uses while it is driven: log, memory, observations; and whether a secret comes out of it. */
import { residentBytes } from '../modules/memory.ts';
import type { Book } from './book.ts';
import type { Dialogue } from './dialogue.ts';

export interface Bounds {
  readonly logPerSecond: number;
  readonly memory: number;
  readonly eventsPerSecond: number;
}

const MIB = 1024 * 1024;
const SAMPLED = 50;
/** Longer beginnings of a line are not looked through for secrets. */
const LOOKED = 65_536;

/** Of one process. */
export class Watch {
  readonly #book: Book;
  readonly #bounds: Bounds;
  readonly #from = performance.now();
  #logged = 0;
  #observed = 0;
  #timer: NodeJS.Timeout | undefined;
  #isSampled = false;
  /** Known when the schema of its config is. */
  secrets: readonly string[] = [];
  readonly #texts: string[] = [];

  constructor(book: Book, bounds: Bounds) {
    this.#book = book;
    this.#bounds = bounds;
  }

  /** Looks at its memory until it is gone. */
  follow(dialogue: Dialogue): void {
    this.#timer = setInterval(() => {
      const bytes = residentBytes(dialogue.pid);
      if (bytes === undefined) return;
      this.#isSampled = true;
      if (bytes <= this.#bounds.memory) return;
      dialogue.fail(
        'memory.limit',
        `it uses ${Math.round(bytes / MIB)} MiB of memory; the limit is ${Math.round(this.#bounds.memory / MIB)}`,
      );
      dialogue.kill('SIGKILL');
    }, SAMPLED);
    void dialogue.gone.then(() => clearInterval(this.#timer));
  }

  said(line: string, dialogue: Dialogue): void {
    if (line.includes('"$/log"')) this.#log(line.length, dialogue);
    this.#look(line.slice(0, LOOKED), dialogue);
  }

  logged(bytes: number, text: string, dialogue: Dialogue): void {
    this.#log(bytes, dialogue);
    this.#look(text.slice(0, LOOKED), dialogue);
  }

  observed(count: number, dialogue: Dialogue): void {
    this.#observed += count;
    const allowed = this.#bounds.eventsPerSecond * (1 + this.#seconds);
    if (this.#observed <= allowed) return;
    dialogue.fail(
      'report.rate',
      `it reported ${this.#observed} observations in ${this.#seconds.toFixed(1)} s; the limit is ${this.#bounds.eventsPerSecond} a second`,
    );
    dialogue.kill('SIGKILL');
  }

  /** The secrets are known now: what it said before counts too. */
  learn(secrets: readonly string[], dialogue: Dialogue): void {
    this.secrets = secrets;
    for (const text of this.#texts.splice(0)) this.#look(text, dialogue);
  }

  /** It has lived and kept to it. */
  pass(): void {
    this.#book.pass('log.rate');
    if (this.#isSampled) this.#book.pass('memory.limit');
    else this.#book.skip('its memory cannot be seen here (there is no /proc)', 'memory.limit');
  }

  get #seconds(): number {
    return (performance.now() - this.#from) / 1000;
  }

  #log(bytes: number, dialogue: Dialogue): void {
    this.#logged += bytes;
    if (this.#logged <= this.#bounds.logPerSecond * (1 + this.#seconds)) return;
    dialogue.fail(
      'log.rate',
      `it logged ${this.#logged} bytes in ${this.#seconds.toFixed(1)} s; the limit is ${this.#bounds.logPerSecond} a second`,
    );
  }

  #look(text: string, dialogue: Dialogue): void {
    if (this.secrets.length === 0) {
      if (this.#texts.length < 100) this.#texts.push(text);
      return;
    }
    if (this.secrets.some((secret) => text.includes(secret)))
      dialogue.fail('secret.kept', 'a value that its config schema marks as secret came out of it');
  }
}
