/** Which nodes stand together, and in which order. Pure. */

import type { Group } from '../grid/layout.ts';
import type { Fleet, Grouping } from './fleet.ts';

const COLLATOR = new Intl.Collator('en', { numeric: true });

/** Of the nodes that are shown (undefined = all), sorted by name, in groups sorted by name; those in none are last. */
export function groupsOf(fleet: Fleet, grouping: Grouping, shown: ReadonlySet<number> | undefined): Group[] {
  const groups = new Map<string, number[]>();
  for (let at = 0; at < fleet.count; at++) {
    if (shown && !shown.has(at)) continue;
    const name = fleet.groupOf(at, grouping);
    const cells = groups.get(name);
    if (cells) cells.push(at);
    else groups.set(name, [at]);
  }
  return [...groups]
    .sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : COLLATOR.compare(a, b)))
    .map(([name, cells]) => ({ name: name === '' && grouping !== 'none' ? 'others' : name, cells }));
}
