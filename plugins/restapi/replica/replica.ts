/**
 * All nodes as the host tells them: a copy that is kept by one watch, and that every read is served from. While a snapshot is read, the
 * copy before it goes on being served; nobody ever sees half of one.
 */

import type { Host, Watcher } from '@kraken-hpc/sdk';
import { type Doc, matches, type NodeSet, namesOf, parseNodeSet } from '@kraken-hpc/sdk/state';
import type { Change, Fact, NodeState, Result, Revision } from '@kraken-hpc/sdk/wire';
import { ReplicaNode } from './node.ts';
import { Words } from './words.ts';

/** What the replica uses of the host. */
export type Source = Pick<Host<unknown, unknown>, 'watch' | 'operate'>;

/** What the host says of a change; how many it did not say: some. */
export interface Changed {
  readonly revision?: Revision;
  readonly created?: number;
  readonly changed?: number;
  readonly removed?: number;
}

interface Waiter {
  readonly revision: Revision;
  readonly done: () => void;
}

export class Replica implements Watcher {
  readonly #host: Source;
  #words: Words | undefined;
  #nodes = new Map<string, ReplicaNode>();
  #names = new Map<string, ReplicaNode>();
  #sorted: readonly ReplicaNode[] | undefined;
  /** The snapshot that is being read; undefined: none is. */
  #building: Map<string, ReplicaNode> | undefined = new Map();
  #revision: Revision = 0;
  #version = 0;
  #isWhole = false;
  #ready: () => void = () => undefined;
  #waiters: Waiter[] = [];
  #sharing = new Map<string, string>();
  #learning: Promise<void> | undefined;
  /** When the first snapshot is complete. */
  readonly whole: Promise<void>;

  constructor(host: Source) {
    this.#host = host;
    this.whole = new Promise((resolve) => {
      this.#ready = resolve;
    });
  }

  /** Rejects where the host refuses. */
  async open(): Promise<void> {
    await this.#learn();
    await this.#host.watch({ view: 'both' }, this);
    await this.whole;
  }

  /** Throws before `open` has resolved. */
  get words(): Words {
    if (!this.#words) throw new Error('the replica is not open');
    return this.#words;
  }

  get revision(): Revision {
    return this.#revision;
  }

  /** Another one whenever anything has changed. */
  get version(): number {
    return this.#version;
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** By id, in any case, or by name. */
  find(given: string): ReplicaNode | undefined {
    return this.#nodes.get(given) ?? this.#names.get(given) ?? this.#nodes.get(given.toLowerCase());
  }

  byId(id: string): ReplicaNode | undefined {
    return this.#nodes.get(id);
  }

  /** Sorted by name, the numbers in it as numbers. */
  all(): readonly ReplicaNode[] {
    this.#sorted ??= [...this.#nodes.values()].sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1));
    return this.#sorted;
  }

  /** Those of a set (empty = all), sorted. Throws NodeSetError. */
  select(text: string): readonly ReplicaNode[] {
    if (text === '') return this.all();
    const set = parseNodeSet(text);
    const names = namesOf(set);
    if (names === undefined) return this.matching(set);
    const found = new Set<ReplicaNode>();
    for (const name of names) {
      const node = this.find(name);
      if (node) found.add(node);
    }
    return found.size > 1 ? [...found].sort((a, b) => (a.sortKey < b.sortKey ? -1 : 1)) : [...found];
  }

  matching(set: NodeSet): readonly ReplicaNode[] {
    return this.all().filter((node) => matches(set, node));
  }

  /** Resolves when the replica knows this revision, or after `patience` milliseconds without it. */
  reached(revision: Revision, patience: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, patience);
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      this.#waiters.push({ revision, done });
    });
  }

  /**
   * Resolves when what a change did is here, or after `patience` milliseconds. What changed nothing of a node is told to nobody who
   * watches: its revision may never come, and is not waited for.
   */
  async caughtUp({ revision = 0, changed = 1, created = 0, removed = 0 }: Changed, patience: number): Promise<void> {
    if (changed + created + removed > 0) await this.reached(revision, patience);
  }

  nodes(
    nodes: readonly NodeState[],
    more: boolean,
    { revision, snapshot }: { readonly revision: Revision; readonly snapshot: boolean },
  ): void {
    for (const state of nodes) this.#add(state, revision);
    // Of a snapshot nothing is known before it is whole.
    if (snapshot && more) return;
    this.#version++;
    this.#revision = Math.max(this.#revision, revision);
    if (snapshot && this.#building) this.#replaceAll(this.#building);
    this.#wake();
  }

  #replaceAll(building: Map<string, ReplicaNode>): void {
    this.#nodes = building;
    this.#building = undefined;
    this.#names = new Map([...this.#nodes.values()].map((node) => [node.name, node]));
    this.#sorted = undefined;
    this.#isWhole = true;
    this.#ready();
  }

  changes(changes: readonly Change[], revision: Revision): void {
    this.#version++;
    for (const change of changes) this.#take(change, revision);
    this.#revision = Math.max(this.#revision, revision);
    this.#wake();
  }

  resync(): void {
    this.#building = new Map();
  }

  #add(state: NodeState, revision: Revision): void {
    const facts: Record<string, Fact> = {};
    for (const [path, fact] of Object.entries(state.facts ?? {})) facts[path] = { ...fact, by: this.#share(fact.by) };
    const node = new ReplicaNode({ ...state, facts }, revision, (path) => this.words.isMutable(path));
    if (this.#building) this.#building.set(node.id, node);
    else this.#replace(node);
    if (Object.keys(node.cfg).some((member) => !this.#knows(member))) void this.#learn();
  }

  #replace(node: ReplicaNode): void {
    const before = this.#nodes.get(node.id);
    if (before && this.#names.get(before.name) === before) this.#names.delete(before.name);
    this.#nodes.set(node.id, node);
    this.#names.set(node.name, node);
    this.#sorted = undefined;
  }

  #take(change: Change, revision: Revision): void {
    const { node: id, path, to } = change;
    for (const nodes of [this.#nodes, this.#building]) {
      const node = nodes?.get(id);
      if (!node) continue;
      if (path === '' && to === undefined) {
        nodes?.delete(id);
        if (this.#names.get(node.name) === node) this.#names.delete(node.name);
        this.#sorted = undefined;
        continue;
      }
      const name = node.name;
      if (node.take({ ...change, by: this.#share(change.by ?? '') }, revision)) {
        if (this.#names.get(name) === node) this.#names.delete(name);
        this.#names.set(node.name, node);
        this.#sorted = undefined;
      }
      // A service came or went: what nodes may hold can be another.
      if (path.startsWith('/services/')) void this.#learn();
    }
  }

  /** The same few names stand in every fact. */
  #share(name: string): string {
    const known = this.#sharing.get(name);
    if (known !== undefined) return known;
    if (this.#sharing.size > 10_000) this.#sharing.clear();
    this.#sharing.set(name, name);
    return name;
  }

  #knows(member: string): boolean {
    const core = this.words.core['properties'];
    return this.words.member(member) !== undefined || member === 'other' || Object.hasOwn((core ?? {}) as Doc, member);
  }

  /** Asks once for however many reasons there are at the moment. */
  #learn(): Promise<void> {
    this.#learning ??= this.#host
      .operate('schema/get', {})
      .then((answer: Result<'schema/get'>) => {
        this.#words = new Words(answer);
        for (const node of this.#nodes.values()) node.forgetTexts();
      })
      .finally(() => {
        this.#learning = undefined;
      });
    return this.#learning;
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const ready = this.#waiters.filter(({ revision }) => revision <= this.#revision);
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter(({ revision }) => revision > this.#revision);
    for (const { done } of ready) done();
  }
}
