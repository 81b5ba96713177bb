/**
 * The world that the core owns and changes in place, and the only ways to change it: each writes what it did into the turn,
 * so that nothing can change without being journaled, shown to watchers and kept in the history.
 */

import { type Doc, get, isObject, matches, type NodeSet, type Subject } from '@kraken-hpc/sdk/state';
import { type Domain, joinDomains } from './brake.ts';
import type { Batch, Poll, Run } from './calls.ts';
import type { NodeClass } from './classes.ts';
import type { Contradiction } from './contradictions.ts';
import type { Json, Path, ServiceDeclaration, Variable } from './declaration.ts';
import type { Effect } from './effect.ts';
import type { ServiceState } from './event.ts';
import type { Graph, GraphVariable } from './graph.ts';
import { buildGraph } from './graph.ts';
import { Limiter } from './limits.ts';
import type { Node } from './node.ts';
import { seededRandom } from './random.ts';
import type { Change, Millis, NodeId } from './record.ts';
import type { Booted } from './self.ts';
import { hasSwitch } from './self.ts';
import type { Settings } from './settings.ts';
import { pathsOf } from './task.ts';
import { Timers } from './timers.ts';
import { type Frozen, Tree } from './tree.ts';
import { TurnBook } from './turn-book.ts';

/** A service as the core sees it. */
export interface Service {
  readonly declaration: ServiceDeclaration;
  readonly serves: NodeSet | undefined;
  state: ServiceState;
  since: Millis;
  why: string | undefined;
}

/** What a fact carries beside its value, and why it changed. */
export interface FactMore {
  readonly boot?: string;
  readonly over?: Json;
  readonly via?: NodeId;
  readonly why?: string;
}

export class World extends TurnBook {
  readonly settings: Settings;
  readonly random: () => number;
  readonly nodes = new Map<NodeId, Node>();
  readonly byName = new Map<string, Node>();
  readonly services = new Map<string, Service>();
  /** Services that are not in the graph, and why: rejected, or crashed before they declared anything. */
  readonly broken = new Map<string, { readonly state: ServiceState; readonly why: string | undefined }>();
  readonly timers = new Timers();
  readonly limits = new Limiter();
  readonly runs = new Map<number, Run>();
  readonly polls = new Map<number, Poll>();
  readonly domains = new Map<string, Domain>();
  /** This host's place among the others. */
  readonly tree = new Tree();
  /** What this host's machine was booted with. */
  booted: Booted | undefined;
  brakesChanged = false;
  /** Nodes whose paths shall be observed now, by poller: sent at the end of the turn. */
  readonly asks = new Map<string, Set<Node>>();
  readonly outbox = new Map<string, Batch>();
  readonly batches: Batch[] = [];
  /** Sweeps under way, by poller: who is still to be asked, and how many calls are out. */
  readonly sweeps = new Map<string, { rest: Node[]; under: number }>();
  /** Pollers whose period is running. */
  readonly scheduled = new Set<string>();
  readonly pollerServes = new WeakMap<NodeClass, Map<string, boolean>>();
  /** The one timer for the limits' rates. */
  limitsAt = 0;
  readonly #paths = new Map<string, readonly Path[]>();
  /** The run whose reply is being taken. */
  replying: number | undefined;
  readonly dirty = new Set<Node>();
  readonly dropped = { stale: 0, undeclared: 0, unknownNode: 0, badValue: 0, second: 0, authority: 0, claims: 0 };

  self: NodeId = '';
  upSince: Millis = 0;
  connectedSince: Millis | undefined = 0;
  frozen: Frozen | undefined;
  graph: Graph;
  refused: Contradiction[] = [];
  /** Variables of the core and the extension schemas; a service brings its own beside them. */
  readonly variables: readonly Variable[];
  nextId = 1;

  constructor(settings: Settings, variables: readonly Variable[], seed: number) {
    super();
    this.settings = settings;
    this.variables = variables;
    this.random = seededRandom(seed);
    this.graph = buildGraph([], variables).graph;
  }

  // --- nodes -----------------------------------------------------------------------------------------------------------

  get isRoot(): boolean {
    return this.tree.isRoot;
  }

  /**
   * The nodes that are this host's to act on: whose steps it runs and whose loss it counts. Where a node is attached decides; one that
   * is attached nowhere is its primary parent's, and the root's where that parent is not known.
   */
  isChild(node: Node): boolean {
    const { at } = node.book;
    if (at?.live) return at.host === this.self;
    return node.parent === this.self || (this.isRoot && node.parent !== undefined && node.id !== this.self && !this.nodes.has(node.parent));
  }

  add(node: Node): void {
    this.nodes.set(node.id, node);
    if (node.name) this.byName.set(node.name, node);
    this.reread(node);
  }

  /** Takes a deleted node out of everything that counts it. */
  forgetNode(node: Node): void {
    this.nodes.delete(node.id);
    if (this.byName.get(node.name) === node) this.byName.delete(node.name);
    this.dirty.delete(node);
    this.tree.forget(node);
    joinDomains(this, node);
  }

  // --- what is observed -----------------------------------------------------------------------------------------------------------

  /** Sets or, with value undefined, forgets one observed value. Equal values only refresh its age. */
  setFact(node: Node, path: Path, value: Json | undefined, by: string, more: FactMore = {}): void {
    const old = node.facts.get(path);
    if (old === undefined && value === undefined) return;
    const { why, ...kept } = more;
    const change: Change = {
      rev: ++this.revision,
      node: node.id,
      view: 'dsc',
      path,
      ...(old === undefined ? {} : { from: old.value }),
      ...(value === undefined ? {} : { to: value }),
      by,
      ...(why ? { why } : {}),
      ...kept,
    };
    this.changed(change);
    if (value === undefined) {
      node.facts.delete(path);
      node.ended ??= new Map();
      node.ended.set(path, change.rev);
    } else {
      node.facts.set(path, { value, by, at: this.now, rev: change.rev, ...kept });
      if (kept.via !== undefined) this.tree.heardThrough(kept.via, node);
    }
    this.refresh(node, path);
    this.dirty.add(node);
  }

  override take(): Effect[] {
    if (this.brakesChanged) this.#keepBrakes();
    return super.take();
  }

  #keepBrakes(): void {
    this.brakesChanged = false;
    const on = [...this.domains.values()].flatMap(({ name, brake }) =>
      brake ? [[name, { since: brake.since, lost: [...brake.lost], back: [...brake.back], most: brake.most }]] : [],
    );
    this.keep('brakes', Object.fromEntries(on));
  }

  // --- the graph's view of a node --------------------------------------------------------------------------------------------------

  serves(service: string, node: Node): boolean {
    const found = this.services.get(service);
    if (!found) return service === 'core';
    if (service === 'parent') return node.id === this.self && !hasSwitch(this, node);
    return found.serves === undefined || matches(found.serves, this.subject(node));
  }

  /** The same for a document that is not in force yet. */
  servesDocument(service: string, id: NodeId, name: string, doc: Doc, node: Node | undefined): boolean {
    const found = this.services.get(service);
    if (!found?.serves) return found !== undefined;
    const labels = get(doc, '/labels');
    const label = (key: string): string | undefined => (isObject(labels) && labels[key] !== undefined ? String(labels[key]) : undefined);
    return matches(found.serves, { id, name, label, value: (view, path) => this.#valueAt(view, path, doc, node) });
  }

  /** What a node set is matched against. */
  subject(node: Node): Subject {
    return {
      id: node.id,
      name: node.name,
      label: (name) => node.label(name),
      value: (view, path) => this.#valueAt(view, path, node.cfg, node),
    };
  }

  /** As the planner reads (`readCode`): what nothing mutates is as it is configured, until it is observed. */
  #valueAt(view: 'cfg' | 'dsc', path: Path, cfg: Doc, node: Node | undefined): Json | undefined {
    if (view === 'cfg') return get(cfg, path);
    return node?.seen(path) ?? (this.graph.variable(path)?.isMutable ? undefined : get(cfg, path));
  }

  /** What the planner goes by: an observed path reads dsc; one that nothing mutates reads dsc if observed, else cfg. */
  readCode(node: Node, variable: GraphVariable): number {
    const seen = node.seen(variable.path);
    if (variable.isMutable || seen !== undefined) return variable.code(seen);
    return variable.code(get(node.cfg, variable.path));
  }

  goalCode(node: Node, variable: GraphVariable): number {
    if (!variable.isMutable || variable.declared?.means) return 0;
    return variable.code(get(node.cfg, variable.path));
  }

  /** One path of a node has changed: keep its codes true. */
  refresh(node: Node, path: Path): void {
    const variable = this.graph.variable(path);
    if (!variable) return;
    const code = this.readCode(node, variable);
    if (node.view[variable.index] === code) return;
    node.view[variable.index] = code;
    if (!variable.isMutable) node.cls = undefined;
  }

  /** Reads all of a node anew: after a change of cfg or of the graph. */
  reread(node: Node): void {
    const { variables } = this.graph;
    if (node.view.length !== variables.length) {
      node.view = new Uint16Array(variables.length);
      node.goal = new Uint16Array(variables.length);
    }
    for (const variable of variables) {
      node.view[variable.index] = this.readCode(node, variable);
      node.goal[variable.index] = this.goalCode(node, variable);
    }
    node.unled = this.variables.filter((declared) => this.#isUnled(node, declared)).map((declared) => declared.path);
    node.cls = undefined;
    this.tree.hang(node);
    joinDomains(this, node);
    this.dirty.add(node);
  }

  #isUnled(node: Node, { path, values, unknown, means }: Variable): boolean {
    if (means || values === undefined || path.startsWith('/services/') || this.graph.variable(path)?.isMutable) return false;
    const wanted = get(node.cfg, path);
    return wanted !== undefined && wanted !== unknown;
  }

  /** Wanted values that are not there, and to which no service can lead. */
  unledNow(node: Node): readonly Path[] {
    return node.unled.length === 0 ? node.unled : node.unled.filter((path) => node.seen(path) !== get(node.cfg, path));
  }

  /** Runs a poller for this node at the end of the turn. */
  ask(poller: string, node: Node): void {
    let nodes = this.asks.get(poller);
    if (!nodes) {
      nodes = new Set();
      this.asks.set(poller, nodes);
    }
    nodes.add(node);
  }

  /** Wakes a node at a time to come: it is looked at again then. */
  wake(node: Node, at: Millis): void {
    if (at <= this.now || (node.wakeAt > this.now && node.wakeAt <= at)) return;
    node.wakeAt = at;
    this.timers.add(at, { kind: 'node', node: node.id });
  }

  /** The paths that a service is shown; the core's own steps show what they mutate. */
  pathsOf(service: string): readonly Path[] {
    let paths = this.#paths.get(service);
    if (!paths) {
      const declaration = this.services.get(service)?.declaration;
      paths = declaration ? pathsOf(declaration) : [];
      this.#paths.set(service, paths);
    }
    return paths;
  }

  /** Builds the graph from the services that are declared; returns what had to be refused. */
  rebuild(services: readonly ServiceDeclaration[]): Contradiction[] {
    const built = buildGraph(services, this.variables);
    this.graph = built.graph;
    this.refused = built.refused;
    this.#paths.clear();
    for (const node of this.nodes.values()) this.reread(node);
    return built.refused;
  }
}
