/** A change as it is told to those who watch or read the history. */
import type { Path } from '../core/declaration.ts';
import { get, isSubtree, sameJson } from '../core/pointer.ts';
import type { Change, Millis } from '../core/record.ts';

/** Less what only the journal needs. */
export function showChange(change: Change, at: Millis): Omit<Change, 'boot' | 'over'> & { readonly at: Millis } {
  const { boot: _boot, over: _over, ...shown } = change;
  return { ...shown, at };
}

/**
 * The parts of a change that these paths let through (absent = all). What changed above a path, a whole member set or removed, is told
 * by that path alone, so that nobody is shown what lies beside it.
 */
export function narrow(change: Change, paths: readonly Path[] | undefined): readonly Change[] {
  if (!paths) return [change];
  const found: Change[] = [];
  for (const asked of paths) {
    const path = isSubtree(asked) ? asked.slice(0, -1) : asked;
    if (change.path === path || change.path.startsWith(`${path}/`)) return [change];
    if (!path.startsWith(`${change.path}/`)) continue;
    const rest = path.slice(change.path.length);
    const { from, to, ...others } = change;
    const before = from === undefined ? undefined : get(from, rest);
    const after = to === undefined ? undefined : get(to, rest);
    if (sameJson(before, after)) continue;
    found.push({ ...others, path, ...(before === undefined ? {} : { from: before }), ...(after === undefined ? {} : { to: after }) });
  }
  return found;
}
