/** How the original Kraken writes paths, contexts and durations in the definition of a module, in ours. */
import { formatPath, TYPE_PREFIX, type Vocabulary } from '@kraken-hpc/sdk/state';
import type { Json, Path } from '../core/declaration.ts';

/** `/PhysState` → `/physState`, `type.googleapis.com/PXE.Client/State` → `/pxe/state`; ours as they are. */
export function pathOf(text: string, words: Vocabulary): Path {
  if (text.startsWith(TYPE_PREFIX)) {
    const [type = '', ...fields] = text.slice(TYPE_PREFIX.length).split('/');
    const member = words.type(type)?.member ?? field(type.split('.')[0] ?? type);
    return formatPath([member, ...fields.map(field)]);
  }
  return isOriginalPath(text) ? formatPath(text.slice(1).split('/').map(field)) : text;
}

export function isOriginalPath(text: string): boolean {
  return text.startsWith(TYPE_PREFIX) || /^\/[A-Z]/.test(text);
}

/** Go's exported names: `PhysState`, `ID`. */
function field(name: string): string {
  return /^[A-Z0-9]+$/.test(name) ? name.toLowerCase() : name.charAt(0).toLowerCase() + name.slice(1);
}

const MILLIS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's `1m30s` → `90s`. What is no duration is left for others to refuse. */
export function durationOf(given: Json): Json {
  if (typeof given !== 'string' || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h)){2,}$/.test(given)) return given;
  const parts = given.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g);
  const millis = [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (MILLIS[unit ?? ''] ?? 0), 0);
  return millis % 1000 === 0 ? `${millis / 1000}s` : `${Math.round(millis)}ms`;
}
