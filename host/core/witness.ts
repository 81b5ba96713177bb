/** What a person says that they saw: taken as any observation is, in their name, where nobody knows better. */
import type { Json, Path } from './declaration.ts';
import type { Author } from './event.ts';
import type { Node } from './node.ts';
import { takeValue } from './observe.ts';
import type { NodeId } from './record.ts';
import { atParent } from './self.ts';
import type { World } from './world.ts';

interface Ignored {
  readonly node: NodeId;
  readonly path: Path;
  readonly why: string;
}

/** Leases and services have commands of their own. */
const OTHERWISE: ReadonlyMap<string, string> = new Map([
  ['busy', 'a lease is made by node/busy and ended by node/release'],
  ['services', 'services are observed by the host that runs them'],
]);

export function witness(w: World, values: ReadonlyMap<NodeId, Readonly<Record<Path, Json>>>, author: Author): Json {
  const ignored: Ignored[] = [];
  for (const [id, seen] of values) {
    const node = w.nodes.get(id);
    if (!node) continue;
    for (const path in seen) {
      const why = take(w, node, path, seen[path] as Json, author.user);
      if (why !== undefined) ignored.push({ node: id, path, why });
    }
  }
  return { revision: w.revision, ignored } as unknown as Json;
}

/** Why it was left as it is, or undefined. */
function take(w: World, node: Node, path: Path, value: Json, by: string): string | undefined {
  const otherwise = OTHERWISE.get(path.split('/')[1] ?? '');
  if (otherwise !== undefined) return otherwise;
  const witnessing = node.facts.get(path)?.via;
  const host = witnessing === undefined ? undefined : w.nodes.get(witnessing);
  if (host && !atParent(w, '')) return `the host of ${host.name || host.id} observes it`;
  return takeValue(w, node, by, path, value);
}
