/** A node in the original's dialect, as its clients read it: proto3's JSON mapping, zero values left out, every extension named. */
import { type Doc, TYPE_PREFIX, toOriginal, withoutZeros } from '@kraken-hpc/sdk/state';
import type { Json } from '@kraken-hpc/sdk/wire';
import type { ReplicaNode, View } from '../replica/node.ts';
import type { Words } from '../replica/words.ts';

/** Made once for as long as the node is as it is. */
export function textOf(node: ReplicaNode, view: View, words: Words): string {
  return node.text(`original ${view}`, () => JSON.stringify(show(node, view, words)));
}

function show(node: ReplicaNode, view: View, words: Words): Doc {
  const { extensions = [], ...fields } = withoutZeros(toOriginal(view === 'cfg' ? node.cfg : observed(node), words), words) as {
    extensions?: { readonly '@type': string }[];
  };
  const there = new Set(extensions.map((extension) => extension['@type']));
  const types = [...words.members.values()].flatMap(({ type }) => (type === undefined ? [] : [`${TYPE_PREFIX}${type}`]));
  const empty = types.filter((type) => !there.has(type)).map((type) => ({ '@type': type }));
  return { ...fields, extensions: [...extensions, ...empty] } as unknown as Doc;
}

/** What was seen; who it is and whose child goes without seeing. */
function observed(node: ReplicaNode): Doc {
  const { nodename, parentId } = node.cfg;
  const known: { [member: string]: Json } = {};
  if (nodename !== undefined) known['nodename'] = nodename;
  if (parentId !== undefined) known['parentId'] = parentId;
  return { ...known, ...node.dsc };
}
