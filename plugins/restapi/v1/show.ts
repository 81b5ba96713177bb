/** A node as it is shown: whole documents, whose texts are made once and kept with the node, or the fields that were asked for. */
import { get, isObject, isSubtree, leaves } from '@kraken-hpc/sdk/state';
import type { Fact, Json, Path } from '@kraken-hpc/sdk/wire';
import type { ReplicaNode } from '../replica/node.ts';

export interface Shape {
  readonly view: 'cfg' | 'dsc' | 'both';
  readonly facts: boolean;
  /** Absent = whole documents. */
  readonly fields?: readonly Path[];
}

/** What is kept are the parts, which all shapes share, however people ask; what is made of fields is not kept. */
export function textOf(node: ReplicaNode, { view, facts, fields }: Shape): string {
  if (fields !== undefined) return JSON.stringify(withFields(node, { view, facts }, fields));
  let text = `{"id":${JSON.stringify(node.id)}`;
  if (node.name !== '') text += `,"name":${JSON.stringify(node.name)}`;
  if (view !== 'dsc') text += `,"cfg":${node.text('v1 cfg', cfgText)}`;
  if (view !== 'cfg') text += `,"dsc":${node.text('v1 dsc', dscText)}`;
  if (view !== 'cfg' && facts) text += `,"facts":${node.text('v1 facts', factsText)}`;
  return `${text},"rev":${node.rev}}`;
}

const cfgText = ({ cfg }: ReplicaNode): string => JSON.stringify(cfg);
const dscText = ({ dsc }: ReplicaNode): string => JSON.stringify(dsc);
const factsText = ({ facts }: ReplicaNode): string => JSON.stringify(facts);

function withFields(node: ReplicaNode, { view, facts }: Omit<Shape, 'fields'>, fields: readonly Path[]): object {
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
