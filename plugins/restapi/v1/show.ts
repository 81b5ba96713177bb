/** A node as it is shown: whole documents, whose text is made once and kept with the node, or the fields that were asked for. */
import { get, isObject, isSubtree, leaves } from '@kraken-hpc/sdk/state';
import type { Fact, Json, Path } from '@kraken-hpc/sdk/wire';
import type { ReplicaNode } from '../replica/node.ts';

export interface Shape {
  readonly view: 'cfg' | 'dsc' | 'both';
  readonly facts: boolean;
  /** Absent = whole documents. */
  readonly fields?: readonly Path[];
}

/** The texts that are kept have few names, however people ask: what is made of fields is not kept. */
export function textOf(node: ReplicaNode, shape: Shape): string {
  if (shape.fields !== undefined) return JSON.stringify(withFields(node, shape, shape.fields));
  return shape.facts ? node.text(FACTS[shape.view], (one) => JSON.stringify(whole(one, shape))) : plain(node, shape);
}

const FACTS = { cfg: 'v1 cfg', dsc: 'v1 dsc facts', both: 'v1 both facts' } as const;
const PLAIN = { cfg: 'v1 cfg', dsc: 'v1 dsc', both: 'v1 both' } as const;

function plain(node: ReplicaNode, shape: Shape): string {
  return node.text(PLAIN[shape.view], (one) => JSON.stringify(whole(one, shape)));
}

function whole(node: ReplicaNode, { view, facts }: Shape): object {
  return {
    id: node.id,
    ...(node.name === '' ? {} : { name: node.name }),
    ...(view === 'dsc' ? {} : { cfg: node.cfg }),
    ...(view === 'cfg' ? {} : { dsc: node.dsc }),
    ...(view === 'cfg' || !facts ? {} : { facts: node.facts }),
    rev: node.rev,
  };
}

function withFields(node: ReplicaNode, { view, facts }: Shape, fields: readonly Path[]): object {
  const seen = view === 'cfg' ? {} : seenAt(node, fields);
  return {
    id: node.id,
    ...(node.name === '' ? {} : { name: node.name }),
    ...(view === 'dsc' ? {} : { cfg: wantedAt(node, fields) }),
    ...(view === 'cfg' ? {} : { dsc: valuesOf(seen) }),
    ...(view === 'cfg' || !facts ? {} : { facts: seen }),
    rev: node.rev,
  };
}

/** What stands at each path; of an object all that stands below. */
function wantedAt(node: ReplicaNode, fields: readonly Path[]): Record<Path, Json> {
  const values: Record<Path, Json> = {};
  for (const field of fields) {
    const path = bare(field);
    const value = get(node.cfg, path);
    if (value === undefined) continue;
    if (isObject(value) && Object.keys(value).length > 0) for (const [below, leaf] of leaves(value)) values[path + below] = leaf;
    else values[path] = value;
  }
  return values;
}

function seenAt(node: ReplicaNode, fields: readonly Path[]): Record<Path, Fact> {
  const found: Record<Path, Fact> = {};
  for (const field of fields) {
    const path = bare(field);
    const fact = node.facts[path];
    if (fact) found[path] = fact;
    else for (const below in node.facts) if (below.startsWith(`${path}/`)) found[below] = node.facts[below] as Fact;
  }
  return found;
}

function valuesOf(facts: Readonly<Record<Path, Fact>>): Record<Path, Json> {
  const values: Record<Path, Json> = {};
  for (const path in facts) values[path] = (facts[path] as Fact).value;
  return values;
}

function bare(path: Path): Path {
  return isSubtree(path) ? path.slice(0, -1) : path;
}
