/** A change as it is told to those who watch or read the history. */

import { get, isObject, isSubtree, leaves, sameJson } from '@kraken-hpc/sdk/state';
import type { Json, Path } from '../core/declaration.ts';
import type { Change, Millis } from '../core/record.ts';
import { isTooLarge } from './lines.ts';

/** Less what only the journal needs. */
export function showChange(change: Change, at: Millis): Omit<Change, 'boot' | 'over'> & { readonly at: Millis } {
  const { boot: _boot, over: _over, ...shown } = change;
  return { ...shown, at };
}

type Shown = Partial<Change> & { readonly at?: Millis };

/** Characters that are shown of a value that does not fit into a line. */
const CUT_CHARACTERS = 1_000;

/** A change as it stands in a line. Of one that is larger than a line the values are cut, and `cut` says of which and how large they are. */
export function changeText(change: Shown): string {
  const text = JSON.stringify(change);
  if (!isTooLarge(text)) return text;
  const cut: Record<string, number> = {};
  const shown: Record<string, unknown> = { ...change };
  for (const member of ['from', 'to'] as const) {
    const value = JSON.stringify(change[member]) ?? '';
    if (value.length <= CUT_CHARACTERS || !isTooLarge(JSON.stringify(shown))) continue;
    cut[member] = Buffer.byteLength(value);
    shown[member] = `${value.slice(0, CUT_CHARACTERS)}…`;
  }
  return JSON.stringify({ ...shown, cut });
}

/**
 * The parts of a change that these paths let through (absent = all), value by value, as paths are read. What changed above a path, a
 * whole member set or removed, is told by that path alone, so that nobody is shown what lies beside it.
 */
export function narrow(change: Change, paths: readonly Path[] | undefined): readonly Change[] {
  if (!paths) return [change];
  const found = new Map<Path, Change>();
  for (const asked of paths) {
    const path = isSubtree(asked) ? asked.slice(0, -1) : asked;
    const isBelow = change.path === path || change.path.startsWith(`${path}/`);
    if (!isBelow && !path.startsWith(`${change.path}/`)) continue;
    for (const part of valueByValue(change, isBelow ? change.path : path)) found.set(part.path, part);
  }
  return [...found.values()];
}

/** What a change is to the values at this path, which is its own or below it. */
function valueByValue(change: Change, path: Path): Change[] {
  const { from, to, ...others } = change;
  const rest = path.slice(change.path.length);
  const before = valuesAt(from, rest);
  const after = valuesAt(to, rest);
  const parts: Change[] = [];
  for (const below of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(below);
    const now = after.get(below);
    if (sameJson(old, now)) continue;
    parts.push({ ...others, path: path + below, ...(old === undefined ? {} : { from: old }), ...(now === undefined ? {} : { to: now }) });
  }
  return parts;
}

function valuesAt(value: Json | undefined, path: Path): ReadonlyMap<Path, Json> {
  const there = value === undefined ? undefined : get(value, path);
  if (there === undefined) return new Map();
  return new Map(isObject(there) && Object.keys(there).length > 0 ? leaves(there) : [['', there]]);
}
