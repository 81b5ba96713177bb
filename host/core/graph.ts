/** The mutation graph of all services: its variables, its mutations with the derived asks, and the classes of nodes in it. */

import { covers } from '@kraken-hpc/sdk/state';
import { NodeClass } from './classes.ts';
import { type Contradiction, withoutContradictions } from './contradictions.ts';
import type { Conditions, Discovery, Json, Mutation, Path, Poller, Scalar, ServiceDeclaration, Variable } from './declaration.ts';

/** The code of every value that nothing in the graph names, where values are not interned one by one. */
const OTHER = 0xffff;

/** One path that the graph names, with small numbers for its values. */
export class GraphVariable {
  readonly index: number;
  readonly path: Path;
  readonly declared: Variable | undefined;
  /** Some mutation mutates it. */
  readonly isMutable: boolean;
  /** Mutated or discovered: its value is read from dsc alone. */
  readonly owned: boolean;
  readonly #codes = new Map<Scalar, number>();
  readonly #values: (Scalar | undefined)[];

  constructor(index: number, path: Path, declared: Variable | undefined, isMutable: boolean, owned: boolean) {
    this.index = index;
    this.path = path;
    this.declared = declared;
    this.isMutable = isMutable;
    this.owned = owned;
    this.#values = [declared?.unknown];
    if (declared?.unknown !== undefined) this.#codes.set(declared.unknown, 0);
    for (const value of declared?.values ?? []) this.name(value);
  }

  /** The code of a value that a declaration names. */
  name(value: Scalar): number {
    const known = this.#codes.get(value);
    if (known !== undefined) return known;
    const code = this.#values.length;
    if (code >= OTHER) return OTHER;
    this.#codes.set(value, code);
    this.#values.push(value);
    return code;
  }

  /** 0 = unknown or absent. Stable for this graph. Values that no declaration names share one code where nothing mutates the path. */
  code(value: Json | undefined): number {
    if (value === undefined || value === null) return 0;
    if (typeof value === 'object') return OTHER;
    return this.#codes.get(value) ?? (this.isMutable ? this.name(value) : OTHER);
  }

  /** Absent for 0 where the schema names no unknown value, and for what shares a code. */
  value(code: number): Scalar | undefined {
    return this.#values[code];
  }

  /** How many codes are in use, 0 included. */
  get size(): number {
    return this.#values.length;
  }
}

/** What an ask derived from a poller stands for. */
export interface Ask {
  readonly poller: Poller;
  readonly path: Path;
}

export class Graph {
  /** By path: every path that mutations, requires, excludes, discovers and quiet name. */
  readonly variables: readonly GraphVariable[];
  /** Those of which people are told something where a certain value is seen. */
  readonly remarked: readonly GraphVariable[];
  /** By id, the derived asks (`service/ask:poller/path`) included. */
  readonly mutations: readonly Mutation[];
  readonly services: readonly ServiceDeclaration[];
  readonly #byPath = new Map<Path, GraphVariable>();
  readonly #byId = new Map<string, Mutation>();
  readonly #asks = new Map<string, Ask>();
  readonly #classes = new Map<string, NodeClass>();
  readonly #pollers: readonly Poller[];
  readonly #discovered = new Map<string, Set<Path>>();
  /** What nothing mutates and conditions name: its value decides which mutations a node has. */
  readonly #statics: readonly GraphVariable[];

  constructor(services: readonly ServiceDeclaration[], declared: ReadonlyMap<Path, Variable>) {
    this.services = services;
    const mutations = services.flatMap((service) => service.mutations).sort(byId);
    const mutable = new Set(mutations.flatMap((mutation) => Object.keys(mutation.mutates)));
    this.#pollers = services.flatMap((service) => service.pollers).sort(byId);
    for (const ask of this.#pollers.flatMap((poller) => asksOf(poller, mutations, mutable, declared))) {
      mutations.push(ask.mutation);
      this.#asks.set(ask.mutation.id, { poller: ask.poller, path: ask.path });
    }
    this.mutations = mutations.sort(byId);
    for (const mutation of mutations) this.#byId.set(mutation.id, mutation);

    for (const service of services) this.#discovered.set(service.service, discoveredBy(service));
    const discovered = new Set([...this.#discovered.values()].flatMap((paths) => [...paths]));
    const paths = new Set([...mutable, ...[...discovered].filter((path) => !path.endsWith('/')), ...services.flatMap(conditionPaths)]);
    this.variables = [...paths].sort().map((path, index) => {
      const isOwned = mutable.has(path) || [...discovered].some((owned) => covers(owned, path));
      return new GraphVariable(index, path, declared.get(path), mutable.has(path), isOwned);
    });
    for (const variable of this.variables) this.#byPath.set(variable.path, variable);
    this.remarked = this.variables.filter((variable) => variable.declared?.says !== undefined);
    this.#nameValues();
    const conditional = new Set(services.flatMap(conditionPaths));
    this.#statics = this.variables.filter((variable) => !variable.isMutable && conditional.has(variable.path));
  }

  variable(path: Path): GraphVariable | undefined {
    return this.#byPath.get(path);
  }

  mutation(id: string): Mutation | undefined {
    return this.#byId.get(id);
  }

  /** The poller that a derived ask runs; undefined for every other mutation. */
  askOf(mutation: string): Ask | undefined {
    return this.#asks.get(mutation);
  }

  pollersOf(path: Path): readonly Poller[] {
    return this.#pollers.filter((poller) => poller.discovers.some((discovered) => covers(discovered, path)));
  }

  /** Whether this service declared that it may observe this path. */
  discoverable(service: string, path: Path): boolean {
    const paths = this.#discovered.get(service);
    if (!paths) return false;
    if (paths.has(path)) return true;
    for (const discovered of paths) if (covers(discovered, path)) return true;
    return false;
  }

  /**
   * The class of a node: nodes that the same services serve and whose unmutated values are alike have the same mutations.
   * `forced`: quiet paths that the barrier before power-off shall not wait for.
   */
  classOf(serves: (service: string) => boolean, staticValue: (variable: GraphVariable) => number, forced?: ReadonlySet<Path>): NodeClass {
    let key = '';
    for (const { service } of this.services) key += serves(service) ? '+' : '-';
    for (const variable of this.#statics) key += String.fromCharCode(staticValue(variable));
    const skipped = forced ? [...forced].filter((path) => this.services.some((service) => path in service.quiet)).sort() : [];
    for (const path of skipped) key += `${path}\n`;
    let found = this.#classes.get(key);
    if (!found) {
      const serving = this.services.filter((_, index) => key[index] === '+');
      const statics = new Map(this.#statics.map((variable) => [variable.index, staticValue(variable)]));
      found = new NodeClass(this, this.#classes.size, serving, statics, new Set(skipped));
      this.#classes.set(key, found);
    }
    return found;
  }

  /** Gives every value that a declaration names its code, in the order of ids, so that codes do not depend on what was seen first. */
  #nameValues(): void {
    const name = (path: Path, value: Scalar): unknown => this.#byPath.get(path)?.name(value);
    const nameAll = (conditions: Conditions): void => {
      for (const [path, value] of Object.entries(conditions)) name(path, value);
    };
    for (const mutation of this.mutations) {
      for (const [path, [from, to]] of Object.entries(mutation.mutates)) {
        name(path, from);
        name(path, to);
      }
      for (const conditions of [mutation.requires, mutation.excludes, mutation.failTo]) nameAll(conditions);
    }
    for (const service of this.services) {
      nameAll(service.quiet);
      for (const way of [...service.pollers, ...service.discoveries]) nameAll(way.requires);
    }
  }
}

/**
 * The graph of all services that contradict neither themselves nor each other; the others are left out, and said why.
 * `variables`: those of the core and of the extension schemas. The order of what is given plays no part.
 */
export function buildGraph(
  services: readonly ServiceDeclaration[],
  variables: readonly Variable[],
): { graph: Graph; refused: Contradiction[] } {
  const { accepted, declared, refused } = withoutContradictions(services, variables);
  return { graph: new Graph(accepted, declared), refused };
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** For every mutable path that this poller discovers, the step from unknown to the enum's next value, in the context of its service. */
function asksOf(
  poller: Poller,
  performed: readonly Mutation[],
  mutable: ReadonlySet<Path>,
  declared: ReadonlyMap<Path, Variable>,
): (Ask & { readonly mutation: Mutation })[] {
  const asks: (Ask & { readonly mutation: Mutation })[] = [];
  for (const path of [...mutable].sort()) {
    const variable = declared.get(path);
    const next = variable?.values?.[1];
    if (variable?.unknown === undefined || next === undefined || !poller.discovers.some((discovered) => covers(discovered, path))) continue;
    if (path in poller.requires) continue;
    const name = `ask:${poller.name}${path}`;
    const mutation: Mutation = {
      id: `${poller.service}/${name}`,
      service: poller.service,
      name,
      mutates: { [path]: [variable.unknown, next] },
      requires: poller.requires,
      excludes: {},
      context: performed.find((mutation) => mutation.service === poller.service && path in mutation.mutates)?.context ?? 'child',
      timeout: poller.timeout,
      failTo: {},
      cost: 1,
      disruptive: false,
    };
    asks.push({ poller, path, mutation });
  }
  return asks;
}

function discoveredBy(service: ServiceDeclaration): Set<Path> {
  const ways: readonly (Poller | Discovery)[] = [...service.pollers, ...service.discoveries];
  return new Set([...service.mutations.flatMap((mutation) => Object.keys(mutation.mutates)), ...ways.flatMap((way) => way.discovers)]);
}

/** Every path in a condition of this service. */
function conditionPaths(service: ServiceDeclaration): Path[] {
  const conditions: Conditions[] = [service.quiet, ...[...service.pollers, ...service.discoveries].map((way) => way.requires)];
  for (const mutation of service.mutations) conditions.push(mutation.requires, mutation.excludes, mutation.failTo);
  return conditions.flatMap(Object.keys);
}
