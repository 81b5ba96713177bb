/** A node as it is shown: whole documents, or only what a list of paths names; and a page of them. */

import { type Doc, get, isObject, isSubtree, leaves } from '@kraken-hpc/sdk/state';
import type { Json, Path } from '../core/declaration.ts';
import type { NodeView, Queries } from '../core/queries.ts';
import type { Change, Fact, Millis, NodeId } from '../core/record.ts';
import { isTooLarge } from './lines.ts';

export type View = 'cfg' | 'dsc' | 'both';
type Paths = readonly Path[] | undefined;

/** Characters of a page: with three bytes for each it still fits into a line. */
const PAGE_CHARACTERS = 1_000_000;

export interface Page {
  readonly nodes: Json[];
  /** Where in the ids to go on. */
  readonly taken: number;
  /** The last node of this page; absent at the end. */
  readonly next?: NodeId;
  /** The one node of this page fits into no line: `nodes` is empty. */
  readonly large?: NodeView;
}

/** The nodes from an index on, as many as fit; at least one. Nodes that are gone by now are passed over. */
export function page(engine: Queries, ids: readonly NodeId[], start: number, view: View, paths: Paths, most: number, facts: boolean): Page {
  const nodes: Json[] = [];
  let characters = 0;
  let at = start;
  for (; at < ids.length && nodes.length < most && characters < PAGE_CHARACTERS; at++) {
    const node = engine.node(ids[at] as NodeId);
    if (!node) continue;
    const shown = showNode(engine, node, view, paths, facts);
    const text = JSON.stringify(shown);
    const size = text.length;
    if (nodes.length === 0 && isTooLarge(text))
      return { nodes, taken: at + 1, ...(at + 1 < ids.length ? { next: node.id } : {}), large: node };
    if (nodes.length > 0 && characters + size > PAGE_CHARACTERS) break;
    characters += size;
    nodes.push(shown);
  }
  const last = ids[at - 1];
  return { nodes, taken: at, ...(at < ids.length && last !== undefined ? { next: last } : {}) };
}

export function showNode(engine: Queries, node: NodeView, view: View, paths: Paths, facts: boolean): Json {
  const known = view === 'cfg' ? undefined : factsOf(node, paths);
  return {
    id: node.id,
    ...(node.name ? { name: node.name } : {}),
    ...(view === 'dsc' ? {} : { cfg: (paths ? cfgValues(node, paths) : node.cfg) as Json }),
    ...(known
      ? { dsc: (paths ? Object.fromEntries(known.map(([path, { value }]) => [path, value])) : engine.dscDocument(node.id)) as Json }
      : {}),
    ...(known && facts ? { facts: Object.fromEntries(known.map(([path, fact]) => [path, showFact(fact)])) } : {}),
  };
}

/** A node that fits into no line: itself without values, and these one by one, as they would have been told had they just changed. */
export function nodeInParts(
  node: NodeView,
  view: View,
  paths: Paths,
): { readonly node: Json; readonly values: readonly (Partial<Change> & { readonly at?: Millis })[] } {
  const cfg = view === 'dsc' ? [] : paths ? Object.entries(cfgValues(node, paths)) : [...leaves(node.cfg)];
  const facts = view === 'cfg' ? [] : factsOf(node, paths);
  return {
    node: {
      id: node.id,
      ...(node.name ? { name: node.name } : {}),
      ...(view === 'dsc' ? {} : { cfg: {} }),
      ...(view === 'cfg' ? {} : { dsc: {}, facts: {} }),
    },
    values: [
      ...cfg.map(([path, to]) => ({ node: node.id, view: 'cfg' as const, path, to })),
      ...facts.map(([path, { value, by, at, rev }]) => ({ node: node.id, view: 'dsc' as const, path, to: value, by, at, rev })),
    ],
  };
}

function cfgValues(node: NodeView, paths: readonly Path[]): Doc {
  const values: Record<Path, Json> = {};
  for (const asked of paths) {
    const path = bare(asked);
    const value = get(node.cfg, path);
    if (value === undefined) continue;
    if (isObject(value) && Object.keys(value).length > 0) for (const [below, leaf] of leaves(value)) values[path + below] = leaf;
    else values[path] = value;
  }
  return values;
}

function factsOf(node: NodeView, paths: Paths): [Path, Fact][] {
  if (!paths) return [...node.facts];
  const found = new Map<Path, Fact>();
  for (const asked of paths) {
    const path = bare(asked);
    const fact = node.facts.get(path);
    if (fact) found.set(path, fact);
    else for (const [below, one] of node.facts) if (below.startsWith(`${path}/`)) found.set(below, one);
  }
  return [...found];
}

function showFact({ value, by, at, rev, stale, boot }: Fact): Json {
  return { value, by, at, rev, ...(stale === undefined ? {} : { stale }), ...(boot === undefined ? {} : { boot }) };
}

function bare(path: Path): Path {
  return isSubtree(path) ? path.slice(0, -1) : path;
}
