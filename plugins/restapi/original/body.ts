/** What the original's clients send: whatever they call it, it is JSON; a node, or a list of nodes. */
import { type Doc, isObject } from '@kraken-hpc/sdk/state';
import { Refused } from '../problem.ts';

/** Throws Refused (400). */
export function nodeOf(body: unknown, id: string | undefined): Doc & { readonly id: string } {
  const node = withId(body, 'body');
  if (id !== undefined && id.toLowerCase() !== node.id)
    throw refuse('/id', `the path says ${id.slice(0, 100)}, and the body ${node.id}`, 'Send the node to its own path');
  return node;
}

/** undefined: it is no list at all, which the original takes for an empty one. Throws Refused (400). */
export function nodesOf(body: unknown): readonly (Doc & { readonly id: string })[] {
  if (!isObject(body)) throw refuse('', 'it is no JSON object', 'Send {"nodes": […]}');
  const { nodes } = body;
  if (nodes === undefined) return [];
  if (!Array.isArray(nodes)) throw refuse('/nodes', 'it is no list', 'Send {"nodes": […]}');
  return nodes.map((node, index) => withId(node, `/nodes/${index}`));
}

function withId(node: unknown, field: string): Doc & { readonly id: string } {
  if (!isObject(node)) throw refuse(field, 'it is no JSON object', 'Send a node');
  const { id } = node;
  if (typeof id !== 'string' || id === '') throw refuse(`${field === 'body' ? '' : field}/id`, 'it has no id', 'Name the node by its UUID');
  return { ...node, id: id.toLowerCase() };
}

function refuse(field: string, why: string, todo: string): Refused {
  return new Refused(
    400,
    { what: 'the request is refused', where: `body ${field}`.trim(), why, todo },
    { field: field === '' ? 'body' : field },
  );
}
