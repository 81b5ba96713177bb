/** What is wrong with a service's declaration by itself and against the schemas. */

import { covers } from '@kraken-hpc/sdk/state';
import type { Conditions, Mutation, Path, Poller, Scalar, ServiceDeclaration, Variable } from './declaration.ts';

/** Costs beyond these could not be added exactly. */
const CHEAPEST = 0.001;
const DEAREST = 1_000_000;

/** A sentence for each fault; none = it may be loaded, as far as it is about itself. */
export function faultsOf(service: ServiceDeclaration, declared: ReadonlyMap<Path, Variable>): string[] {
  const faults = new Faults(service.service, declared);
  for (const mutation of service.mutations) faults.mutation(mutation);
  for (const { id, every, timeout } of service.pollers) {
    faults.positive(`poller ${id}`, 'interval', every);
    faults.positive(`poller ${id}`, 'timeout', timeout);
  }
  for (const { kind, way } of waysOf(service)) {
    const what = `${kind} ${way.id}`;
    faults.id(kind, way.id);
    for (const path of way.discovers) faults.path(what, path);
    faults.conditions(what, way.requires);
  }
  faults.conditions(`"quiet" of service ${service.service}`, service.quiet);
  return faults.texts;
}

/** A poller or a discovery: a way to observe paths. */
interface NamedWay {
  readonly kind: 'poller' | 'discovery';
  readonly way: Pick<Poller, 'id' | 'discovers' | 'requires'>;
}

export function waysOf(service: ServiceDeclaration): NamedWay[] {
  const pollers = service.pollers.map((way) => ({ kind: 'poller' as const, way }));
  return [...pollers, ...service.discoveries.map((way) => ({ kind: 'discovery' as const, way }))];
}

export function show(value: Scalar | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

class Faults {
  readonly texts: string[] = [];
  readonly #service: string;
  readonly #declared: ReadonlyMap<Path, Variable>;
  readonly #ids = new Set<string>();

  constructor(service: string, declared: ReadonlyMap<Path, Variable>) {
    this.#service = service;
    this.#declared = declared;
  }

  mutation({ id, mutates, requires, excludes, failTo, timeout, cost }: Mutation): void {
    const what = `mutation ${id}`;
    this.id('mutation', id);
    const changes = Object.entries(mutates).sort();
    if (changes.length === 0) this.texts.push(`${what} mutates nothing; name the path, its from-value and its to-value under "mutates"`);
    for (const [path, [from, to]] of changes) {
      this.value(what, path, from);
      this.value(what, path, to);
      if (path in requires)
        this.texts.push(
          `${what} mutates ${path} from ${show(from)} to ${show(to)} and requires it to be ${show(requires[path])}; take it out of "requires", the from-value says it`,
        );
    }
    for (const conditions of [requires, excludes, failTo]) this.conditions(what, conditions);
    this.positive(what, 'timeout', timeout);
    if (!(cost >= CHEAPEST && cost <= DEAREST)) this.texts.push(`${what} has the cost ${cost}; it must be from ${CHEAPEST} to ${DEAREST}`);
  }

  id(kind: string, id: string): void {
    if (this.#ids.has(`${kind} ${id}`)) this.texts.push(`${kind} ${id} is declared twice; rename one of them`);
    this.#ids.add(`${kind} ${id}`);
    if (!id.startsWith(`${this.#service}/`))
      this.texts.push(`${kind} ${id} is not named ${this.#service}/…, after its service; correct its id`);
  }

  conditions(what: string, conditions: Conditions): void {
    for (const [path, value] of Object.entries(conditions).sort()) this.value(what, path, value);
  }

  value(what: string, path: Path, value: Scalar): void {
    this.path(what, path);
    const values = this.#declared.get(path)?.values;
    if (values && !values.includes(value))
      this.texts.push(
        `${what} names ${path} ${show(value)}, but it can only be ${values.map(show).join(', ')}; correct the value or the schema`,
      );
  }

  path(what: string, path: Path): void {
    if (this.#declared.has(path)) return;
    for (const known of this.#declared.keys()) if (covers(known, path) || covers(path, known)) return;
    this.texts.push(`${what} names ${path}, which is in no schema; correct the path, or declare it under "state"`);
  }

  positive(what: string, name: string, value: number): void {
    if (!(value > 0 && Number.isFinite(value))) this.texts.push(`${what} has the ${name} ${value}; it must be more than 0`);
  }
}
