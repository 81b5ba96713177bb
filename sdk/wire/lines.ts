/** Bytes ↔ lines. A line is UTF-8 without its newline, at most LINE_LIMIT bytes; what breaks that is a value, never a throw. */
import { isUtf8 } from 'node:buffer';
import { LINE_LIMIT } from './methods.ts';

/** Why a line was not one. `bytes`: how many there were; `start`: how it began. */
export type LineFault =
  /** Said once, when the limit is passed; the rest of that line is skipped. */
  | { readonly fault: 'tooLong'; readonly bytes: number; readonly limit: number }
  | { readonly fault: 'invalidUtf8'; readonly bytes: number; readonly start: string }
  /** The stream ended in the middle of a line. */
  | { readonly fault: 'halfLine'; readonly bytes: number; readonly start: string };

const NEWLINE = 10;
/** How much of a bad line is shown to a person. */
const SHOWN = 80;

const start = (bytes: Buffer): string =>
  bytes
    .subarray(0, SHOWN)
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]/g, '.');

/** Cuts bytes into lines of UTF-8, however they come, and holds no more than one line of the limit. */
export class LineDecoder {
  readonly #limit: number;
  /** The beginning of a line whose end has not come yet. */
  #parts: Buffer[] = [];
  #held = 0;
  /** Skipping the rest of a line that was too long. */
  #skipping = false;

  constructor(limit: number = LINE_LIMIT) {
    this.#limit = limit;
  }

  /** Bytes of an unfinished line that are kept. */
  get held(): number {
    return this.#held;
  }

  /** Every line that is complete with this chunk, in order, and what was wrong in between. */
  push(chunk: Buffer): (string | LineFault)[] {
    const out: (string | LineFault)[] = [];
    const last = chunk.lastIndexOf(NEWLINE);
    if (last === -1) {
      this.#hold(chunk, out);
      return out;
    }
    let from = 0;
    if (this.#held > 0 || this.#skipping) {
      const first = chunk.indexOf(NEWLINE);
      this.#hold(chunk.subarray(0, first), out);
      this.#finish(out);
      from = first + 1;
    }
    if (from <= last) this.#complete(chunk.subarray(from, last), out);
    if (last + 1 < chunk.length) this.#hold(chunk.subarray(last + 1), out);
    return out;
  }

  /** The stream has ended. */
  end(): LineFault | undefined {
    if (this.#held === 0) return undefined;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    return { fault: 'halfLine', bytes: bytes.length, start: start(bytes) };
  }

  #hold(bytes: Buffer, out: (string | LineFault)[]): void {
    if (this.#skipping || bytes.length === 0) return;
    this.#held += bytes.length;
    if (this.#held > this.#limit) {
      out.push({ fault: 'tooLong', bytes: this.#held, limit: this.#limit });
      this.#parts = [];
      this.#held = 0;
      this.#skipping = true;
      return;
    }
    this.#parts.push(bytes);
  }

  /** The newline of the held line has come. */
  #finish(out: (string | LineFault)[]): void {
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    const bytes = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#held = 0;
    this.#one(bytes, out);
  }

  #one(bytes: Buffer, out: (string | LineFault)[]): void {
    if (bytes.length > this.#limit) out.push({ fault: 'tooLong', bytes: bytes.length, limit: this.#limit });
    else if (isUtf8(bytes)) out.push(bytes.toString());
    else out.push({ fault: 'invalidUtf8', bytes: bytes.length, start: start(bytes) });
  }

  /** Whole lines, checked and decoded in one go where nothing is wrong with any of them. */
  #complete(bytes: Buffer, out: (string | LineFault)[]): void {
    if (bytes.length <= this.#limit && isUtf8(bytes)) {
      const text = bytes.toString();
      if (text.includes('\n')) out.push(...text.split('\n'));
      else out.push(text);
      return;
    }
    for (let from = 0; from <= bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, from);
      const to = newline === -1 ? bytes.length : newline;
      this.#one(bytes.subarray(from, to), out);
      from = to + 1;
    }
  }
}

/** A message as a line, newline included; undefined if it is over the limit. */
export function encodeLine(message: unknown, limit: number = LINE_LIMIT): string | undefined {
  const text = JSON.stringify(message);
  // A UTF-16 unit is at most three bytes, so that most lines need no counting.
  if (text.length * 3 > limit && Buffer.byteLength(text) > limit) return undefined;
  return `${text}\n`;
}
