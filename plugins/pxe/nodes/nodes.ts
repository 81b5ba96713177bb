/** What the host tells of the nodes that this service serves: their documents, and what is seen of their boots. */
import type { Watcher } from '@kraken-hpc/sdk';
import { isEmpty, type Tree, treeOf, withValue } from './document.ts';
import type { Leases } from './leases.ts';

/** Read of every node, in cfg and in dsc. */
export const PATHS = ['/nodename', '/arch', '/platform', '/parentId', '/ipv4/', '/pxe/', '/booted/id', '/physState', '/runState'] as const;

export interface KnownNode {
  readonly id: string;
  readonly cfg: Tree;
  /** By path. */
  readonly dsc: Readonly<Record<string, unknown>>;
}

/** Told when a node's document has become another, or what is seen of it. */
export interface Listener {
  cfg(node: string): void;
  dsc(node: string, path: string): void;
}

export class Nodes {
  readonly #leases: Leases;
  readonly #nodes = new Map<string, KnownNode>();
  readonly #names = new Map<string, string>();
  /** Named in the snapshot that is coming in; all others are gone when it has. */
  #fresh: Set<string> | undefined = new Set();
  #complete: () => void = () => {};
  /** The first snapshot is in. */
  readonly whenComplete = new Promise<void>((resolve) => {
    this.#complete = resolve;
  });

  constructor(leases: Leases) {
    this.#leases = leases;
  }

  get(id: string): KnownNode | undefined {
    return this.#nodes.get(id);
  }

  /** By id or name. */
  find(text: string): KnownNode | undefined {
    return this.#nodes.get(text) ?? this.#nodes.get(this.#names.get(text) ?? '');
  }

  ids(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  watcher(listener: Listener): Watcher {
    return {
      nodes: (nodes, more, { snapshot }) => {
        for (const { id, cfg = {}, dsc = {} } of nodes) {
          this.#fresh?.add(id);
          this.#put({ id, cfg: treeOf(cfg), dsc });
          listener.cfg(id);
          for (const path of Object.keys(dsc)) listener.dsc(id, path);
        }
        if (snapshot && !more) for (const gone of this.#endSnapshot()) listener.cfg(gone);
      },
      changes: (changes) => {
        for (const { node, path, view, to } of changes) {
          if (view === 'cfg') {
            this.#change(node, path, to);
            listener.cfg(node);
          } else if (view === 'dsc') {
            this.#see(node, path, to);
            listener.dsc(node, path);
          }
        }
      },
      // What is known stays good until the new snapshot is whole: nobody's boot ends for it.
      resync: () => {
        this.#fresh = new Set();
      },
    };
  }

  #endSnapshot(): string[] {
    const gone = this.#fresh === undefined ? [] : this.ids().filter((id) => this.#fresh?.has(id) !== true);
    for (const id of gone) this.#remove(id);
    this.#fresh = undefined;
    this.#complete();
    return gone;
  }

  #put(node: KnownNode): void {
    this.#forgetName(node.id);
    this.#nodes.set(node.id, node);
    const name = node.cfg['nodename'];
    if (typeof name === 'string') this.#names.set(name, node.id);
    this.#leases.put(node.id, node.cfg);
  }

  #remove(id: string): void {
    this.#forgetName(id);
    this.#nodes.delete(id);
    this.#leases.put(id, undefined);
  }

  #forgetName(id: string): void {
    const name = this.#nodes.get(id)?.cfg['nodename'];
    if (typeof name === 'string' && this.#names.get(name) === id) this.#names.delete(name);
  }

  #change(id: string, path: string, to: unknown): void {
    const node = this.#nodes.get(id) ?? { id, cfg: {}, dsc: {} };
    const cfg = withValue(node.cfg, path, to);
    if (isEmpty(cfg)) return this.#remove(id);
    this.#fresh?.add(id);
    this.#put({ ...node, cfg });
  }

  #see(id: string, path: string, to: unknown): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    const { [path]: _before, ...dsc } = node.dsc;
    this.#nodes.set(id, { ...node, dsc: to === undefined ? dsc : { ...dsc, [path]: to } });
  }
}
