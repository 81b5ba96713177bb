/** Aligned text: tables, cut to the width of the terminal. */
import { stripVTControlCharacters } from 'node:util';
import type { Style } from './style.ts';

const GAP = '  ';

/** Rows under headings; the last column is cut where the line would be longer than `width` (absent = nothing is cut). */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], style: Style, width?: number): string {
  const widths = headings.map((heading, column) => rows.reduce((most, row) => Math.max(most, lengthOf(row[column] ?? '')), heading.length));
  const line = (cells: readonly string[]): string => {
    const last = cells.length - 1;
    const text = cells.map((cell, column) => (column === last ? cell : pad(cell, widths[column] ?? 0))).join(GAP);
    return cut(text.trimEnd(), width);
  };
  return `${[style.dim(line(headings)), ...rows.map(line)].join('\n')}\n`;
}

/** Names and values, one pair a line. */
export function pairs(rows: readonly (readonly [name: string, value: string])[], indent = ''): string {
  const widest = rows.reduce((most, [name]) => Math.max(most, lengthOf(name)), 0);
  return rows.map(([name, value]) => `${indent}${pad(name, widest)}${GAP}${value}\n`).join('');
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - lengthOf(text)));
}

/** What is seen of a text that may be coloured. */
function lengthOf(text: string): number {
  return text.includes('\u001b') ? stripVTControlCharacters(text).length : text.length;
}

/** At most so many characters are seen; colours that were begun are ended. */
export function cut(text: string, width: number | undefined): string {
  if (width === undefined || lengthOf(text) <= width) return text;
  const room = Math.max(0, width - 1);
  let seen = 0;
  let out = '';
  for (const piece of text.split(/(\u001b\[[0-9;]*m)/)) {
    if (piece.startsWith('\u001b')) {
      out += piece;
      continue;
    }
    // The sign that something is missing stands where the first character was left out.
    if (seen <= room) out += piece.slice(0, room - seen) + (seen + piece.length > room ? '…' : '');
    seen += piece.length;
  }
  return out;
}

/** What came from elsewhere, on one line, without anything that moves the cursor. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
