/** The mutation graph of a class of nodes, for people: what can be reached, where the node is, and where it goes. */
import type { GraphView } from './answers.ts';
import { allTransitions, type NodeClass } from './classes.ts';
import type { Path, Scalar } from './declaration.ts';
import type { Graph } from './graph.ts';
import type { Transition } from './planner/model.ts';
import type { Plan } from './planner/plan.ts';

/** More states than a person can look at, or a browser draw. */
const MAX_STATES = 400;

type State = GraphView['nodes'][number];
type Edge = GraphView['edges'][number];

/**
 * Everything that can be reached from the view (by the graph's variables), and from nothing known; the way of the plan first.
 * A state is named by what is known in it (`physState=POWER_ON runState=SYNC`), so that its id outlives plugins and restarts.
 */
export function graphView(cls: NodeClass, view: Uint16Array, plan: Plan): GraphView {
  const drawing = new Drawing(cls.graph, cls.transitions);
  const way = drawing.walk(view, plan);
  drawing.spread(view);
  drawing.spread(new Uint16Array(view.length));
  return drawing.marked(way);
}

/** What any node could come to from nothing known, by the mutations of all services. */
export function wholeGraphView(graph: Graph): GraphView {
  const drawing = new Drawing(graph, allTransitions(graph));
  drawing.spread(new Uint16Array(graph.variables.length));
  return drawing.marked({ states: [], edges: [] });
}

class Drawing {
  readonly #graph: Graph;
  readonly #transitions: ReadonlyMap<string, Transition>;
  /** The variables that are drawn: those that the class's mutations name. */
  readonly #variables: readonly number[];
  readonly #states = new Map<string, Uint16Array>();
  readonly #edges = new Map<string, { from: string; to: string; mutation: string }>();
  #truncated = false;

  constructor(graph: Graph, transitions: readonly Transition[]) {
    this.#graph = graph;
    this.#transitions = new Map(transitions.map((transition) => [transition.mutation.id, transition]));
    const named = transitions.flatMap(({ pre, neg, eff }) => [...pre, ...neg, ...eff].map((fact) => fact.variable));
    this.#variables = [...new Set(named)].sort((a, b) => a - b);
  }

  /** Adds the way of the plan; the ids of its states, and of the edges between them. */
  walk(view: Uint16Array, plan: Plan): { states: string[]; edges: string[] } {
    const states = [this.#add(view) ?? ''];
    const edges: string[] = [];
    let state = view;
    for (const { mutation } of plan.kind === 'plan' ? plan.steps : plan.rest.steps) {
      const transition = this.#transitions.get(mutation.id);
      if (!transition) break;
      const next = after(state, transition);
      const edge = this.#connect(state, next, mutation.id);
      if (edge === undefined) break;
      edges.push(edge);
      states.push(this.#idOf(next));
      state = next;
    }
    return { states, edges };
  }

  /** Adds whatever can be reached from here, nearest first. */
  spread(start: Uint16Array): void {
    const visited = new Set<string>();
    const queue = this.#add(start) === undefined ? [] : [start];
    for (const state of queue) {
      if (visited.has(this.#idOf(state))) continue;
      visited.add(this.#idOf(state));
      for (const transition of this.#transitions.values()) {
        if (!canRun(state, transition)) continue;
        const next = after(state, transition);
        if (this.#connect(state, next, transition.mutation.id) !== undefined) queue.push(next);
      }
    }
  }

  marked(way: { readonly states: readonly string[]; readonly edges: readonly string[] }): GraphView {
    const markOf = (id: string): State['mark'] =>
      id === way.states[0] ? 'current' : id === way.states.at(-1) ? 'goal' : way.states.includes(id) ? 'path' : 'other';
    const markOfEdge = (id: string): Edge['mark'] => (id === way.edges[0] ? 'current' : way.edges.includes(id) ? 'path' : 'other');
    return {
      nodes: [...this.#states].map(([id, state]) => ({ id, state: this.#valuesOf(state), mark: markOf(id) })),
      edges: [...this.#edges].map(([id, edge]) => ({ id, ...edge, mark: markOfEdge(id) })),
      truncated: this.#truncated,
    };
  }

  #connect(from: Uint16Array, to: Uint16Array, mutation: string): string | undefined {
    const target = this.#add(to);
    if (target === undefined) return undefined;
    const source = this.#idOf(from);
    const id = `${source} | ${mutation}`;
    this.#edges.set(id, { from: source, to: target, mutation });
    return id;
  }

  #add(state: Uint16Array): string | undefined {
    const id = this.#idOf(state);
    if (this.#states.has(id)) return id;
    if (this.#states.size >= MAX_STATES) {
      this.#truncated = true;
      return undefined;
    }
    this.#states.set(id, state);
    return id;
  }

  #idOf(state: Uint16Array): string {
    const known = this.#variables.filter((variable) => state[variable] !== 0);
    if (known.length === 0) return 'nothing known';
    return known.map((variable) => `${this.#pathOf(variable).slice(1)}=${this.#valueOf(variable, state) ?? 'other'}`).join(' ');
  }

  #valuesOf(state: Uint16Array): Record<Path, Scalar> {
    const values: Record<Path, Scalar> = {};
    for (const variable of this.#variables) {
      const value = this.#valueOf(variable, state);
      if (value !== undefined) values[this.#pathOf(variable)] = value;
    }
    return values;
  }

  #pathOf(variable: number): Path {
    return this.#graph.variables[variable]?.path ?? '';
  }

  #valueOf(variable: number, state: Uint16Array): Scalar | undefined {
    return this.#graph.variables[variable]?.value(state[variable] ?? 0);
  }
}

function canRun(state: Uint16Array, { pre, neg }: Transition): boolean {
  return pre.every(({ variable, code }) => state[variable] === code) && neg.every(({ variable, code }) => state[variable] !== code);
}

function after(state: Uint16Array, { eff }: Transition): Uint16Array {
  const next = state.slice();
  for (const { variable, code } of eff) next[variable] = code;
  return next;
}
