/** A node in the original's dialect, as its clients read it: proto3's JSON mapping, zero values left out, every extension named. */
import { type Doc, toOriginal, withoutZeros } from '@kraken-hpc/sdk/state';
import type { Json } from '@kraken-hpc/sdk/wire';
import type { ReplicaNode, View } from '../replica/node.ts';
import type { Words } from '../replica/words.ts';

/** Made once for as long as the node is as it is. */
export function textOf(node: ReplicaNode, view: View, words: Words): string {
  return node.text(`original ${view}`, () => JSON.stringify(show(node, view, words)));
}

function show(node: ReplicaNode, view: View, words: Words): Doc {
  const shown = withoutZeros(toOriginal(view === 'cfg' ? node.cfg : observed(node), words), words) as { [member: string]: Json };
  const extensions = (shown['extensions'] ?? []) as { readonly '@type': string }[];
  const empty = words.typeUrls.filter((type) => !extensions.some((extension) => extension['@type'] === type));
  shown['extensions'] = [...extensions, ...empty.map((type) => ({ '@type': type }))];
  return shown;
}

/** What was seen; who it is and whose child goes without seeing. */
function observed(node: ReplicaNode): Doc {
  const { nodename, parentId } = node.cfg;
  const known: { [member: string]: Json } = {};
  if (nodename !== undefined) known['nodename'] = nodename;
  if (parentId !== undefined) known['parentId'] = parentId;
  return { ...known, ...node.dsc };
}
