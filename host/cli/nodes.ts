/** Nodes read from the host, page by page. */

import { foldNames } from '@kraken-hpc/sdk/state';
import type { NodeState, Params } from '@kraken-hpc/sdk/wire';
import type { Client } from './client.ts';

/** All that a question names; a list that changes while it is read is begun anew by the host's refusal, which is passed on. */
export async function readNodes(client: Client, question: Omit<Params<'state/read'>, 'after'>): Promise<NodeState[]> {
  const nodes: NodeState[] = [];
  let after: string | undefined;
  do {
    const page = await client.ask('state/read', { ...question, ...(after === undefined ? {} : { after }) });
    for (const node of page.nodes) nodes.push(node);
    after = page.next;
  } while (after !== undefined);
  return nodes;
}

/** By name, numbers in them as numbers: kr2 before kr10. */
export function byName(a: NodeState, b: NodeState): number {
  return COLLATOR.compare(nameOf(a), nameOf(b));
}

const COLLATOR = new Intl.Collator('en', { numeric: true });

export function nameOf({ id, name }: { readonly id: string; readonly name?: string }): string {
  return name || id;
}

/** From ids to names as sets; an id that has no name is itself. */
export type Fold = (ids: readonly string[]) => string;

export async function readNames(client: Client): Promise<ReadonlyMap<string, string>> {
  const nodes = await readNodes(client, { paths: ['/nodename'], view: 'cfg' });
  return new Map(nodes.map((node) => [node.id, nameOf(node)]));
}

export function folder(names: ReadonlyMap<string, string>): Fold {
  return (ids) => foldNames(ids.map((id) => names.get(id) ?? id).sort(COLLATOR.compare));
}
