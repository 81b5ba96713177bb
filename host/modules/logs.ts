/** What a module wrote to stderr and `$/log`: the last lines, bounded in lines, in length and in bytes a second; what was dropped is said. */
import type { Millis } from '../core/record.ts';
import { Bucket } from './bucket.ts';
import type { Limits } from './limits.ts';

type LogLimits = Pick<Limits, 'logPerSecond' | 'logLines' | 'logLine'>;

export class ModuleLog {
  readonly #limits: LogLimits;
  readonly #now: () => Millis;
  readonly #scrub: (line: string) => string;
  readonly #bucket: Bucket;
  readonly #lines: string[] = [];
  readonly #followers = new Set<(line: string) => void>();
  #first = 0;
  #partial = '';
  #dropped = { lines: 0, bytes: 0, since: 0 };
  #last = '';

  /** `scrub` takes the secrets out of a line. */
  constructor(limits: LogLimits, now: () => Millis, scrub: (line: string) => string) {
    this.#limits = limits;
    this.#now = now;
    this.#scrub = scrub;
    this.#bucket = new Bucket(limits.logPerSecond, now());
  }

  /** A piece of stderr, cut anywhere. Over the limit whole pieces are dropped before they are looked at: false. */
  chunk(text: string): boolean {
    if (text.length > this.#limits.logPerSecond || !this.#bucket.take(text.length, this.#now())) {
      this.#drop(text);
      return false;
    }
    const pieces = (this.#partial + text).split('\n');
    this.#partial = (pieces.pop() ?? '').slice(0, this.#limits.logLine + 1);
    for (const piece of pieces) this.#keep(piece);
    return true;
  }

  /** One line of `$/log`, or of the host about the module. */
  line(text: string): void {
    if (this.#bucket.take(text.length + 1, this.#now())) this.#keep(text.replaceAll('\n', ' '));
    else this.#drop(`${text}\n`);
  }

  /** What the host says about the module is never dropped: it is bounded where it is said. */
  note(text: string): void {
    this.#push(`kraken: ${text}`);
  }

  /** The process ended: a last line without its newline is a line. */
  end(): void {
    if (this.#partial !== '') this.#keep(this.#partial);
    this.#partial = '';
    this.#sayDropped();
  }

  /** The last line that the module itself wrote, cut to a sentence's length; empty if none. */
  get last(): string {
    const line = this.#partial.trim() || this.#last;
    return line.length > 200 ? `${line.slice(0, 200)}…` : line;
  }

  tail(count: number): readonly string[] {
    const all = [...this.#lines.slice(this.#first), ...this.#lines.slice(0, this.#first)];
    return count >= all.length ? all : all.slice(all.length - Math.max(0, count));
  }

  follow(follower: (line: string) => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  #keep(raw: string): void {
    this.#sayDropped();
    const line = raw.trimEnd();
    if (line === '') return;
    const { logLine } = this.#limits;
    const kept = this.#scrub(line.length > logLine ? `${line.slice(0, logLine)}… (cut at ${logLine} characters)` : line);
    this.#last = kept;
    this.#push(kept);
  }

  #push(line: string): void {
    const stamped = `${new Date(this.#now()).toISOString()} ${line}`;
    if (this.#lines.length < this.#limits.logLines) this.#lines.push(stamped);
    else {
      this.#lines[this.#first] = stamped;
      this.#first = (this.#first + 1) % this.#limits.logLines;
    }
    for (const follower of this.#followers) follower(stamped);
  }

  #drop(text: string): void {
    if (this.#dropped.lines === 0) this.#dropped.since = this.#now();
    const lines = text.split('\n').length - 1;
    this.#dropped.lines += lines === 0 ? 1 : lines;
    this.#dropped.bytes += text.length;
    this.#partial = '';
  }

  #sayDropped(): void {
    const { lines, bytes, since } = this.#dropped;
    if (lines === 0) return;
    this.#dropped = { lines: 0, bytes: 0, since: 0 };
    const seconds = Math.max(1, Math.round((this.#now() - since) / 1000));
    this.note(
      `dropped ${lines} lines (${bytes} bytes) of its log in ${seconds} s: the limit is ${this.#limits.logPerSecond} bytes a second`,
    );
  }
}
