/** What would make a change of cfg impossible; looked for in all of it before any of it happens. */

import { type Doc, get } from '@kraken-hpc/sdk/state';
import type { Json } from './declaration.ts';
import type { Refusal } from './effect.ts';
import { CODES } from './failures.ts';
import type { NodeId } from './record.ts';
import type { World } from './world.ts';

/** The documents that a change leads to, by node; undefined = removed. */
export type Drafts = Map<NodeId, Doc | undefined>;

/** What makes the change impossible, or undefined. */
export function check(w: World, drafts: Drafts): Refusal | undefined {
  const names = new Map<string, NodeId>();
  const children = [...drafts.values()].includes(undefined) ? childrenOf(w, drafts) : undefined;
  let grown = 0;
  for (const [id, doc] of drafts) {
    const problem = doc === undefined ? checkRemoval(w, children?.get(id), id) : checkDocument(w, drafts, names, id, doc);
    if (problem) return problem;
    if (doc !== undefined && !w.nodes.has(id)) grown++;
  }
  if (w.nodes.size + grown > w.settings.nodesMost) {
    return refusal(
      CODES.tooMany,
      'cannot be created',
      `${grown} nodes`,
      `this host holds at most ${w.settings.nodesMost}`,
      'Raise nodesMost in its configuration.',
    );
  }
  return undefined;
}

/** Of each node that is some node's parent after the change, the name of one of those. */
function childrenOf(w: World, drafts: Drafts): ReadonlyMap<NodeId, string> {
  const children = new Map<NodeId, string>();
  for (const { id, name, cfg } of w.nodes.values()) {
    const parent = (drafts.has(id) ? drafts.get(id) : cfg)?.['parentId'];
    if (typeof parent === 'string') children.set(parent, name || id);
  }
  return children;
}

function checkRemoval(w: World, child: string | undefined, id: NodeId): Refusal | undefined {
  const where = w.nodes.get(id)?.name || id;
  if (id === w.self)
    return refusal(
      CODES.invalidValue,
      'cannot be deleted',
      where,
      'this is the node that this host runs on',
      'Delete its children, or stop the host.',
    );
  if (child !== undefined)
    return refusal(
      CODES.conflict,
      'cannot be deleted',
      where,
      `${child} has it as parent`,
      'Give its children another parent first, or delete them too.',
    );
  return undefined;
}

function checkDocument(w: World, drafts: Drafts, names: Map<string, NodeId>, id: NodeId, doc: Doc): Refusal | undefined {
  const where = nameIn(doc, id);
  const name = doc['nodename'];
  if (typeof name === 'string' && name !== '') {
    const holder = names.get(name) ?? w.byName.get(name)?.id;
    const taken = holder !== undefined && holder !== id && (!drafts.has(holder) || drafts.get(holder)?.['nodename'] === name);
    if (taken)
      return refusal(CODES.conflict, `/nodename ${name} is taken`, where, `node ${holder} has it`, 'Names are unique; choose another.');
    names.set(name, id);
  }
  for (const variable of w.graph.variables) {
    const value = get(doc, variable.path);
    if (value === undefined) continue;
    const { values, neverWanted } = variable.declared ?? {};
    if (values && !values.some((known) => known === value)) {
      return refusal(
        CODES.invalidValue,
        `${variable.path} = ${JSON.stringify(value)}`,
        where,
        `it is none of ${values.join(', ')}`,
        'Correct the value.',
      );
    }
    if (neverWanted?.some((never) => never === value)) {
      return refusal(
        CODES.invalidValue,
        `${variable.path} = ${String(value)} cannot be wanted`,
        where,
        'it says what was found, not what should be',
        'Choose where the node is to end.',
      );
    }
  }
  return checkParent(w, drafts, id, doc, where);
}

function checkParent(w: World, drafts: Drafts, id: NodeId, doc: Doc, where: string): Refusal | undefined {
  const parentOf = (node: NodeId): Json | undefined => (drafts.has(node) ? drafts.get(node) : w.nodes.get(node)?.cfg)?.['parentId'];
  const parent = doc['parentId'];
  if (parent === undefined || parent === w.self) return undefined;
  if (typeof parent !== 'string' || (drafts.has(parent) ? drafts.get(parent) === undefined : !w.nodes.has(parent))) {
    return refusal(
      CODES.unknownNode,
      `/parentId ${String(parent)}`,
      where,
      'no node has this id',
      'Create the parent first, or in the same file.',
    );
  }
  const seen = new Set<Json>([id]);
  for (let up: Json | undefined = parent; typeof up === 'string'; up = parentOf(up)) {
    if (seen.has(up))
      return refusal(
        CODES.invalidValue,
        `/parentId ${parent}`,
        where,
        'its parents form a loop',
        'Choose a parent that is not below the node itself.',
      );
    seen.add(up);
  }
  return undefined;
}

export function nameIn(doc: Doc, id: NodeId): string {
  return typeof doc['nodename'] === 'string' && doc['nodename'] ? doc['nodename'] : id;
}

export function refusal(code: number, what: string, where: string, why: string, todo: string): Refusal {
  return { code, what, where, why, todo };
}
