/** What people type as values: PATH=VALUE, durations, counts. */
import type { Json } from '@kraken-hpc/sdk/wire';
import { usage } from './failure.ts';

/** `pxe.state` and `/pxe/state` are the same; a member with a dot in its name needs slashes. */
export function parsePathText(text: string): string {
  const path = text.startsWith('/') ? text : `/${text.replaceAll('.', '/')}`;
  if (!/^(?:\/[^/]+)+$/.test(path) || /~(?![01])/.test(path))
    throw usage(`${JSON.stringify(text)} is no path`, 'A path is written physState, pxe.state or /pxe/state');
  return path;
}

/** `PATH=VALUE` sets, `PATH-` removes (null). A value that is a JSON number, boolean or quoted string is that; all else is a string. */
export function parseValues(words: readonly string[]): Record<string, Json> {
  const values: Record<string, Json> = {};
  for (const word of words) {
    const [path, value] = parseValue(word);
    if (Object.hasOwn(values, path)) throw usage(`${path} is given twice`, 'Leave one of them out');
    values[path] = value;
  }
  return values;
}

function parseValue(word: string): [path: string, value: Json] {
  const equals = word.indexOf('=');
  if (equals > 0) return [parsePathText(word.slice(0, equals)), parseScalar(word.slice(equals + 1))];
  if (equals < 0 && word.length > 1 && word.endsWith('-')) return [parsePathText(word.slice(0, -1)), null];
  throw usage(`${JSON.stringify(word)} sets nothing`, 'Write PATH=VALUE to set, as in physState=POWER_ON, or PATH- to remove');
}

/** `0011` is no JSON number, and stays what was typed; so does what JSON would round. */
function parseScalar(text: string): Json {
  if (text === 'true') return true;
  if (text === 'false') return false;
  if (text === 'null') return null;
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) && String(Number(text)) === text) return Number(text);
  if (!/^".*"$/s.test(text)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds. */
export function parseDuration(text: string, what: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
  const millis = Math.round(Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? 0));
  if (millis > 0) return millis;
  throw usage(`${what} ${text} is no duration`, 'Write 90s, 30m, 2h or 1d');
}

export function parseCount(text: string | undefined, what: string, preset: number, most = Number.MAX_SAFE_INTEGER): number {
  if (text === undefined) return preset;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw usage(`${what} ${text} is no whole number from 1${most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`}`);
}

/** A number that is not negative. */
export function parseAmount(text: string | undefined, what: string, preset: number): number {
  if (text === undefined) return preset;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw usage(`${what} ${text} is no number`);
}
