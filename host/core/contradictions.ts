/** What makes a service's declaration refused at load: it contradicts itself, the schemas, or another service. */

import { covers } from '@kraken-hpc/sdk/state';
import type { Mutation, Path, Scalar, ServiceDeclaration, Variable } from './declaration.ts';
import { faultsOf, show, waysOf } from './faults.ts';

export interface Contradiction {
  readonly service: string;
  /** Names both sides, the path, the values, and what to do. */
  readonly text: string;
}

/** The id of the core's barrier before a power-off, which waits for every `quiet` that applies to the node. */
export const QUIESCE = 'core/quiesce';

interface Sound {
  readonly accepted: readonly ServiceDeclaration[];
  /** Every declared variable, by path. */
  readonly declared: ReadonlyMap<Path, Variable>;
  readonly refused: Contradiction[];
}

/**
 * The services that may be loaded together. `core` comes first, then by name: of two that contradict each other the later is
 * refused. What a service needs of another one (the way out of its failTo) it needs of those that are accepted.
 */
export function withoutContradictions(services: readonly ServiceDeclaration[], variables: readonly Variable[]): Sound {
  const refused: Contradiction[] = [];
  let accepted: ServiceDeclaration[] = [];
  const names = new Map<string, number>();
  for (const { service } of services) names.set(service, (names.get(service) ?? 0) + 1);
  const base = new Map(variables.map((variable) => [variable.path, { by: 'the schemas', variable }]));
  const known = new Map(base);
  for (const service of [...services].sort(inOrder)) {
    const doubled = (names.get(service.service) ?? 0) > 1;
    const texts = doubled
      ? [`two services are named ${service.service}: neither is loaded; rename one of them`]
      : redeclared(service, known);
    if (texts.length === 0) {
      for (const variable of service.variables)
        if (!known.has(variable.path)) known.set(variable.path, { by: `service ${service.service}`, variable });
      accepted.push(service);
    }
    if (!doubled || !refused.some((other) => other.service === service.service)) refuse(refused, service, texts);
  }
  for (;;) {
    const declared = new Map([...base].map(([path, { variable }]) => [path, variable]));
    for (const service of accepted)
      for (const variable of service.variables) declared.set(variable.path, declared.get(variable.path) ?? variable);
    const company = companyOf(accepted);
    const sound = accepted.filter((service) => {
      const texts = [
        ...faultsOf(service, declared),
        ...tooWeak(service, company),
        ...neverQuiet(service, company),
        ...noWayOut(service, company, declared),
      ];
      refuse(refused, service, texts);
      return texts.length === 0;
    });
    if (sound.length === accepted.length) return { accepted, declared, refused: refused.sort(byServiceAndText) };
    accepted = sound;
  }
}

/** The core first, then by name. */
function inOrder(a: ServiceDeclaration, b: ServiceDeclaration): number {
  const rank = Number(b.service === 'core') - Number(a.service === 'core');
  return rank !== 0 ? rank : a.service < b.service ? -1 : a.service > b.service ? 1 : 0;
}

function refuse(refused: Contradiction[], { service }: ServiceDeclaration, texts: readonly string[]): void {
  for (const text of texts) refused.push({ service, text });
}

function byServiceAndText(a: Contradiction, b: Contradiction): number {
  const [one, other] = [`${a.service} ${a.text}`, `${b.service} ${b.text}`];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** A path that somebody else has declared to be something else. */
function redeclared(service: ServiceDeclaration, known: ReadonlyMap<Path, { readonly by: string; readonly variable: Variable }>): string[] {
  return service.variables.flatMap((variable) => {
    const other = known.get(variable.path);
    if (!other || shapeOf(other.variable) === shapeOf(variable)) return [];
    return `service ${service.service} declares ${variable.path} as ${shapeOf(variable)}, but ${other.by} as ${shapeOf(other.variable)}; give one of them another path`;
  });
}

function shapeOf(variable: Variable): string {
  return JSON.stringify([
    variable.values ?? 'any value',
    variable.unknown ?? null,
    variable.means,
    variable.neverWanted,
    variable.terminal,
  ]);
}

/** What the services that are loaded together have to say to each other. */
interface Company {
  readonly discoverers: ReadonlyMap<Path, readonly ServiceDeclaration[]>;
  readonly declarers: ReadonlyMap<Path, readonly ServiceDeclaration[]>;
  readonly mutators: ReadonlyMap<Path, readonly ServiceDeclaration[]>;
  /** Paths with a value that some mutation leads out of. */
  readonly exits: ReadonlySet<string>;
  readonly barrier: Mutation | undefined;
}

function companyOf(services: readonly ServiceDeclaration[]): Company {
  const exits = new Set<string>();
  for (const { mutations } of services)
    for (const { mutates } of mutations)
      for (const [path, [from, to]] of Object.entries(mutates)) if (from !== to) exits.add(exitOf(path, from));
  return {
    discoverers: byPath(services, (service) => waysOf(service).flatMap(({ way }) => way.discovers)),
    declarers: byPath(services, (service) => service.variables.map((variable) => variable.path)),
    mutators: byPath(services, (service) => service.mutations.flatMap((mutation) => Object.keys(mutation.mutates))),
    exits,
    barrier: services.flatMap((service) => service.mutations).find((mutation) => mutation.id === QUIESCE),
  };
}

function exitOf(path: Path, value: Scalar): string {
  return JSON.stringify([path, value]);
}

function byPath(services: readonly ServiceDeclaration[], pathsOf: (service: ServiceDeclaration) => readonly Path[]) {
  const found = new Map<Path, ServiceDeclaration[]>();
  for (const service of services) {
    for (const path of new Set(pathsOf(service))) {
      const others = found.get(path);
      if (others) others.push(service);
      else found.set(path, [service]);
    }
  }
  return found;
}

/** Whose a path is: the core's, where it discovers it; else of those who declare the variable, else of those who mutate it. */
function ownersOf(path: Path, { discoverers, declarers, mutators }: Company): readonly ServiceDeclaration[] {
  const core = discoverers.get(path)?.find((service) => service.service === 'core');
  return core ? [core] : (declarers.get(path) ?? mutators.get(path) ?? []);
}

/**
 * Ways to discover a path under weaker conditions than its owner does: they would make it known when the owner says that it
 * cannot be. Only conditions on what somebody mutates count; the others say which nodes are meant.
 */
function tooWeak(service: ServiceDeclaration, company: Company): string[] {
  const texts: string[] = [];
  for (const { kind, way } of waysOf(service)) {
    for (const path of way.discovers) {
      const owners = ownersOf(path, company);
      if (owners.some((owner) => owner.service === service.service || owner.module === service.module)) continue;
      const theirs = owners.flatMap(waysOf).filter((own) => own.way.discovers.some((discovered) => covers(discovered, path)));
      const lacking = theirs.map((own) =>
        Object.entries(own.way.requires).filter(([name, value]) => company.mutators.has(name) && way.requires[name] !== value),
      );
      const least = lacking.sort((a, b) => a.length - b.length)[0];
      if (!least || least.length === 0) continue;
      const wanted = least.map(([name, value]) => `${name} ${show(value)}`).join(', ');
      texts.push(
        `${kind} ${way.id} discovers ${path} without requiring ${wanted}, which ${owners[0]?.service}, whose path it is, requires; add it to its "requires"`,
      );
    }
  }
  return texts;
}

/** A `quiet` on what the barrier itself changes: it would never open. */
function neverQuiet({ service, quiet }: ServiceDeclaration, { barrier }: Company): string[] {
  return Object.entries(quiet).flatMap(([path, value]) => {
    if (!barrier || !(path in barrier.mutates)) return [];
    return `service ${service} wants ${path} quiet at ${show(value)}, but ${QUIESCE} itself mutates ${path}; name a path of the module's own`;
  });
}

/** failTo values in which a node would be stuck for ever. The core's own are exempt: what leads out of them comes with the power plugins. */
function noWayOut({ service, mutations }: ServiceDeclaration, { exits }: Company, declared: ReadonlyMap<Path, Variable>): string[] {
  if (service === 'core') return [];
  return mutations.flatMap(({ id, failTo }) =>
    Object.entries(failTo).flatMap(([path, value]) => {
      const variable = declared.get(path);
      if (variable?.terminal.includes(value) || value === variable?.unknown || exits.has(exitOf(path, value))) return [];
      return `mutation ${id} fails to ${path} ${show(value)}, and no mutation of any loaded service leads out of it; load one that does, or mark the value x-terminal`;
    }),
  );
}
