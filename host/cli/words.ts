/** Values, times and paths as a person reads them. */
import type { Json } from '@kraken-hpc/sdk/wire';
import { noteSentence } from '../core/notes.ts';
import { oneLine } from './columns.ts';

/** Of a value nobody has set or seen. */
export const NONE = '-';

export function valueText(value: Json | undefined): string {
  if (value === undefined || value === null) return NONE;
  return oneLine(typeof value === 'string' ? value : JSON.stringify(value));
}

/** `/pxe/state` → pxe.state; what has a dot in it stays a pointer. */
export function pathText(path: string): string {
  return path.includes('.') || path.includes('~') ? path : path.slice(1).replaceAll('/', '.');
}

const UNITS: readonly (readonly [millis: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** 90,500 → 1 min 30 s: the two largest units. */
export function spanText(millis: number): string {
  let rest = Math.max(0, Math.round(millis / 1000) * 1000);
  const parts: string[] = [];
  for (const [size, name] of UNITS) {
    const count = Math.floor(rest / size);
    if (count === 0) {
      if (parts.length > 0) break;
      continue;
    }
    rest -= count * size;
    parts.push(`${count} ${name}`);
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0 s' : parts.join(' ');
}

/** The hour of the day, with the date where it was not today; the local time of who reads. */
export function timeText(at: number, now: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (new Date(now).toDateString() === date.toDateString()) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

/** What a note of the history says: its name with its value, or the sentence that they make. */
export function noteText(note: string, value: Json | undefined, now: number, names: ReadonlyMap<string, string>): string {
  const sentence = noteSentence(note, value, (id) => names.get(id) ?? id);
  if (sentence !== undefined) return oneLine(sentence);
  if (value === undefined || value === true) return note;
  return note === 'held' && typeof value === 'number' ? `held until ${timeText(value, now)}` : `${note} ${valueText(value)}`;
}

/** 1 node, 2 nodes. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

export function range([from, to]: readonly [from: number, to: number]): string {
  return from === to ? String(from) : `${from}–${to}`;
}

/** Bytes, by thousands. */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
