/** `kraken node get`: one node or more, whole. */

import { leaves } from '@kraken-hpc/sdk/state';
import type { Json, NodeState } from '@kraken-hpc/sdk/wire';
import { withClient } from './client.ts';
import { cut, table } from './columns.ts';
import { noMatch } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { isOriginal, viewOf } from './node-list.ts';
import { byName, nameOf, readNodes } from './nodes.ts';
import { printData } from './output.ts';
import { NONE, pathText, spanText, valueText } from './words.ts';

type Fact = NonNullable<NodeState['facts']>[string];

/** Of a value, unless -o wide: a whole list in one line would push the rest out of sight. */
const LONGEST = 48;

export const show: Action = async (call) => {
  const view = viewOf(call);
  const [set = ''] = call.args;
  const original = isOriginal(call) ? { original: true } : {};
  const nodes = await withClient(call, (client) => readNodes(client, { set, view: 'both', ...original }));
  if (nodes.length === 0) throw noMatch(set);
  nodes.sort(byName);
  // What is asked for by its name is printed; without it, what node apply takes.
  const isBoth = view === 'both' && flag(call, 'type') !== undefined;
  const documents = nodes.map((node) => {
    const { id, name, cfg, dsc } = node;
    if (isBoth) return node;
    return view === 'dsc' ? { id, ...(name ? { nodename: name } : {}), ...dsc } : (cfg ?? { id });
  });
  if (await printData(call, { nodes: documents }, nodes.map(nameOf))) return;
  call.io.out(nodes.map((node) => text(node, view, call)).join('\n'));
};

function text(node: NodeState, view: string, call: Call): string {
  const { style } = call;
  const wanted = new Map<string, Json>(view === 'dsc' ? [] : leaves(node.cfg ?? {}));
  const seen = new Map<string, Fact>(view === 'cfg' ? [] : Object.entries(node.facts ?? {}));
  for (const path of ['/id', '/nodename']) wanted.delete(path);
  const rows = [...new Set([...wanted.keys(), ...seen.keys()])].sort().map((path) => row(path, wanted.get(path), seen.get(path), call));
  const head = `${style.bold(nameOf(node))}  ${style.dim(node.id)}\n`;
  return (
    head + (rows.length === 0 ? '  nothing is known of it\n' : table(['PATH', 'WANTED', 'SEEN', 'BY', 'AGE'], rows, style, call.io.columns))
  );
}

function row(path: string, wanted: Json | undefined, fact: Fact | undefined, { style, io, format }: Call): string[] {
  const differs = wanted !== undefined && fact !== undefined && JSON.stringify(wanted) !== JSON.stringify(fact.value);
  const short = (value: Json | undefined): string => cut(valueText(value), format === 'wide' ? undefined : LONGEST);
  const seen = short(fact?.value);
  const age = fact === undefined ? NONE : spanText(io.now() - fact.at);
  return [
    pathText(path),
    short(wanted),
    differs ? style.warn(seen) : seen,
    fact?.by ?? NONE,
    fact?.stale === undefined ? age : `${age}, ${style.warn(`stale for ${spanText(io.now() - fact.stale)}`)}`,
  ];
}
