/** What a module is shown of a node: the paths that it declared, never more. */

import { covers, get, isObject, isSubtree, leaves } from '@kraken-hpc/sdk/state';
import type { Json, Path, ServiceDeclaration } from './declaration.ts';
import type { TaskNode } from './effect.ts';
import type { Node } from './node.ts';
import type { Revision } from './record.ts';

/** The paths of a declaration: what it mutates, requires, excludes, discovers, reads, and its own state. */
export function pathsOf(declaration: ServiceDeclaration): readonly Path[] {
  const paths = new Set<Path>([
    ...declaration.reads,
    ...declaration.variables.map((variable) => variable.path),
    ...Object.keys(declaration.quiet),
  ]);
  for (const mutation of declaration.mutations) {
    for (const conditions of [mutation.mutates, mutation.requires, mutation.excludes, mutation.failTo])
      for (const path in conditions) paths.add(path);
  }
  for (const way of [...declaration.pollers, ...declaration.discoveries]) {
    for (const path of way.discovers) paths.add(path);
    for (const path in way.requires) paths.add(path);
  }
  return [...paths].sort();
}

export function taskNode(node: Node, paths: readonly Path[], revision: Revision): TaskNode {
  const cfg: Record<Path, Json> = {};
  const dsc: Record<Path, Json> = {};
  for (const path of paths) {
    if (isSubtree(path)) {
      addSubtree(cfg, node, path);
      for (const [seen, fact] of node.facts) if (covers(path, seen)) dsc[seen] = fact.value;
      continue;
    }
    const wanted = get(node.cfg, path);
    if (wanted !== undefined) cfg[path] = wanted;
    const seen = node.facts.get(path);
    if (seen !== undefined) dsc[path] = seen.value;
  }
  return { id: node.id, cfg, dsc, revision };
}

function addSubtree(cfg: Record<Path, Json>, node: Node, path: Path): void {
  const root = path.slice(0, -1);
  const part = root === '' ? node.cfg : get(node.cfg, root);
  if (!isObject(part)) return;
  for (const [leaf, value] of leaves(part)) cfg[`${root}${leaf}`] = value;
}
