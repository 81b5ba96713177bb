/** This host's place in the tree of hosts, and which nodes hang on which host. */

import { get } from '@kraken-hpc/sdk/state';
import type { Node } from './node.ts';
import type { Millis, NodeId } from './record.ts';

export interface Frozen {
  readonly by: string;
  readonly why: string;
  readonly since: Millis;
}

export class Tree {
  /** A sync layer is there: the core speaks with the nodes' own hosts. */
  hosts = false;
  isRoot = true;
  /** The hosts over this one, the parent first; as far as they are known. */
  above: readonly NodeId[] = [];
  /** The neighbour that tells this host its cfg, the last that did. */
  parent: NodeId | undefined;
  /** A freeze of a host above. */
  frozenAbove: Frozen | undefined;
  /** Hosts came or went: who is deaf is to be found out anew. */
  isStirred = false;
  /** Until then no line about claims of nodes that are not known. */
  quietUntil: Millis = 0;
  /** Nodes whose parents have changed since that was found out. */
  readonly rehung = new Set<Node>();
  /** Hosts that were in sync once, and are not connected. */
  readonly deaf = new Set<NodeId>();
  /** Nodes with a window for a first claim. */
  readonly windows = new Set<Node>();
  /** By host: the nodes that name it as a parent, or are attached to it. */
  readonly #hanging = new Map<NodeId, Set<Node>>();
  /** By neighbour: the nodes of which it has said something. */
  readonly #through = new Map<NodeId, Set<Node>>();

  /** Keeps the index true: when a node's parents or its place may have changed. */
  hang(node: Node): void {
    const hosts = hostsOf(node);
    if (hosts.length === node.hangsOn.length && hosts.every((host, i) => node.hangsOn[i] === host)) return;
    this.#unhang(node);
    node.hangsOn = hosts;
    for (const host of hosts) add(this.#hanging, host, node);
    this.rehung.add(node);
    this.isStirred = true;
  }

  forget(node: Node): void {
    this.#unhang(node);
    node.hangsOn = [];
    this.windows.delete(node);
    this.rehung.delete(node);
    for (const { via } of node.facts.values()) if (via !== undefined) this.#through.get(via)?.delete(node);
    for (const host of node.said?.keys() ?? []) this.#through.get(host)?.delete(node);
    if (node.book.at?.via !== undefined) this.#through.get(node.book.at.via)?.delete(node);
    this.isStirred = true;
  }

  #unhang(node: Node): void {
    for (const host of node.hangsOn) {
      const nodes = this.#hanging.get(host);
      nodes?.delete(node);
      if (nodes?.size === 0) this.#hanging.delete(host);
    }
  }

  hanging(host: NodeId): ReadonlySet<Node> {
    return this.#hanging.get(host) ?? NONE;
  }

  get hostIds(): Iterable<NodeId> {
    return this.#hanging.keys();
  }

  heardThrough(neighbour: NodeId, node: Node): void {
    add(this.#through, neighbour, node);
  }

  through(neighbour: NodeId): ReadonlySet<Node> {
    return this.#through.get(neighbour) ?? NONE;
  }
}

const NONE: ReadonlySet<Node> = new Set();

function add(index: Map<NodeId, Set<Node>>, host: NodeId, node: Node): void {
  const nodes = index.get(host);
  if (nodes) nodes.add(node);
  else index.set(host, new Set([node]));
}

/** Its parents in the order of preference. */
export function parentsOf(node: Node): readonly NodeId[] {
  const others = get(node.cfg, '/parents');
  const named = Array.isArray(others) ? others.filter((other): other is string => typeof other === 'string') : [];
  return node.parent === undefined || named.includes(node.parent) ? named : [node.parent, ...named];
}

function hostsOf(node: Node): readonly NodeId[] {
  const parents = parentsOf(node);
  const at = node.book.at?.host;
  return at === undefined || parents.includes(at) ? parents : [...parents, at];
}
