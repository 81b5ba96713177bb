/** What may be asked of the core between turns: reads only. */

import type { Subject } from '@kraken-hpc/sdk/state';
import { nest } from '@kraken-hpc/sdk/state';
import type { EngineStatus, Explanation, GraphView, Held, PlanReport, WaitingGroup } from './answers.ts';
import type { Json, Path } from './declaration.ts';
import type { CfgChange, Limit } from './event.ts';
import { explain } from './explain.ts';
import { planChange, planOrder } from './foresee.ts';
import { graphView, wholeGraphView } from './graph-view.ts';
import type { Node } from './node.ts';
import type { NodeView, Queries } from './queries.ts';
import type { Millis, NodeId, Revision } from './record.ts';
import { classOf, planOf } from './situation.ts';
import { status, waiting } from './waiting.ts';
import type { World } from './world.ts';

export class Questions implements Queries {
  readonly #w: World;

  constructor(world: World) {
    this.#w = world;
  }

  get revision(): Revision {
    return this.#w.revision;
  }

  get self(): NodeId {
    return this.#w.self;
  }

  node(id: NodeId): NodeView | undefined {
    return this.#w.nodes.get(id);
  }

  named(name: string): NodeView | undefined {
    return this.#w.byName.get(name);
  }

  subject(id: NodeId): Subject {
    const node = this.#w.nodes.get(id);
    return node ? this.#w.subject(node) : { id: '', name: '', label: () => undefined, value: () => undefined };
  }

  ids(): Iterable<NodeId> {
    return this.#w.nodes.keys();
  }

  count(): number {
    return this.#w.nodes.size;
  }

  dscDocument(id: NodeId): { readonly [member: string]: Json } {
    const node = this.#w.nodes.get(id);
    if (!node) return {};
    const entries: [Path, Json][] = [['/id', id]];
    for (const [path, fact] of node.facts) entries.push([path, fact.value]);
    return nest(entries);
  }

  explain(id: NodeId, now: Millis): Explanation {
    return explain(this.#at(now), this.#mustHave(id));
  }

  plan(change: CfgChange, now: Millis): PlanReport {
    return planChange(this.#at(now), change);
  }

  planOrder(nodes: readonly NodeId[], now: Millis): PlanReport {
    return planOrder(this.#at(now), nodes);
  }

  waiting(now: Millis, nodes?: ReadonlySet<NodeId>): readonly WaitingGroup[] {
    return waiting(this.#at(now), nodes);
  }

  status(now: Millis): EngineStatus {
    return status(this.#at(now));
  }

  graph(id?: NodeId): GraphView {
    if (id === undefined) return wholeGraphView(this.#w.graph);
    const node = this.#mustHave(id);
    return graphView(classOf(this.#w, node), node.view, planOf(this.#w, node));
  }

  limits(): readonly Limit[] {
    return this.#w.limits.limits;
  }

  holds(now: Millis): readonly Held[] {
    return [...this.#w.nodes.values()].flatMap(({ id, name, book: { hold } }) =>
      hold && (hold.until === undefined || hold.until > now) ? [{ node: id, name, ...hold }] : [],
    );
  }

  tokens(now: Millis): ReturnType<Queries['tokens']> {
    return [...this.#w.nodes.values()].flatMap(({ id, name, book: { token } }) =>
      token && token.until > now ? [{ node: id, name, until: token.until }] : [],
    );
  }

  /** Ages and deadlines are told by the time of asking. */
  #at(now: Millis): World {
    this.#w.now = Math.max(this.#w.now, now);
    return this.#w;
  }

  #mustHave(id: NodeId): Node {
    const node = this.#w.nodes.get(id);
    if (!node) throw new Error(`no node has the id ${id}`);
    return node;
  }

  mutable(): readonly Path[] {
    return this.#w.graph.variables.filter(({ isMutable }) => isMutable).map(({ path }) => path);
  }
}
