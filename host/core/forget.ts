import type { Path } from './declaration.ts';
import type { Node } from './node.ts';
import { classOf } from './situation.ts';
import type { World } from './world.ts';

/** What a module observed ends when its requirements are observed to be otherwise. An unknown or failTo value ends nothing. */
export function forget(w: World, node: Node, path: Path): void {
  const changed = w.graph.variable(path);
  if (!changed) return;
  const code = node.view[changed.index] ?? 0;
  if (code === 0) return;
  const cls = classOf(w, node);
  for (const other of node.facts.keys()) {
    const variable = other === path ? undefined : w.graph.variable(other);
    if (!variable) continue;
    const broken = cls.knownWhile(variable.index).some((condition) => condition.variable === changed.index && condition.code !== code);
    if (broken) w.setFact(node, other, undefined, 'core', { why: `${path} is ${String(node.seen(path))} now` });
  }
}
