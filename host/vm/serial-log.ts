/** What comes out of a machine's serial port, each line with the time at which it came. */
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface SerialLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

/** Beyond this nothing more is kept of a machine that writes without end. */
const MOST_BYTES = 32 << 20;

export class SerialLog {
  readonly file: string;
  #bytes = 0;

  constructor(file: string) {
    this.file = file;
    appendFileSync(file, '');
  }

  /** What the box itself does with the machine. */
  note(text: string): void {
    this.#add(`*** ${text}`);
  }

  /** Reads it to its end. */
  take(input: Readable): void {
    createInterface({ input }).on('line', (line) => this.#add(line));
  }

  lines(): readonly SerialLine[] {
    return readFileSync(this.file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => ({ at: Date.parse(line.slice(0, 24)), text: line.slice(25) }));
  }

  /** Without what is meant for a terminal, such as colours and cursors. */
  #add(line: string): void {
    const text = line.replaceAll(/\u001b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[A-Za-z])|[\u0000-\u0008\u000b-\u001f]/g, '');
    if (text.trim() === '' || this.#bytes > MOST_BYTES) return;
    const bytes = `${new Date().toISOString()} ${text}\n`;
    this.#bytes += bytes.length;
    appendFileSync(this.file, bytes);
  }
}
