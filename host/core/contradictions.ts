/** What makes a service's declaration refused at load: it contradicts itself, the schemas, or another service. */
import type { Path, ServiceDeclaration, Variable } from './declaration.ts';
import { faultsOf, show, waysOf } from './faults.ts';
import { covers } from './pointer.ts';

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
    const sound = accepted.filter((service) => {
      const texts = [
        ...faultsOf(service, declared),
        ...tooWeak(service, accepted),
        ...neverQuiet(service, accepted),
        ...noWayOut(service, accepted, declared),
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

/**
 * Ways to discover a path under weaker conditions than its owner declares: they would make it known when the owner says that
 * it cannot be. The owner of a path is the core where the core discovers it, else who declares the variable. Only conditions
 * on what somebody mutates count; the others say which nodes are meant.
 */
function tooWeak(service: ServiceDeclaration, accepted: readonly ServiceDeclaration[]): string[] {
  const mutable = new Set(accepted.flatMap((other) => other.mutations.flatMap((mutation) => Object.keys(mutation.mutates))));
  const texts: string[] = [];
  for (const { kind, way } of waysOf(service)) {
    for (const path of way.discovers) {
      const owners = accepted.filter((other) =>
        other.service === 'core'
          ? waysOf(other).some((own) => own.way.discovers.includes(path))
          : other.variables.some((variable) => variable.path === path),
      );
      if (owners.length === 0 || owners.some((owner) => owner.service === service.service || owner.module === service.module)) continue;
      const theirs = owners.flatMap(waysOf).filter((own) => own.way.discovers.some((discovered) => covers(discovered, path)));
      const lacking = theirs.map((own) =>
        Object.entries(own.way.requires).filter(([name, value]) => mutable.has(name) && way.requires[name] !== value),
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
function neverQuiet(service: ServiceDeclaration, accepted: readonly ServiceDeclaration[]): string[] {
  const barriers = accepted.flatMap((other) => other.mutations.filter((mutation) => mutation.id === QUIESCE));
  return barriers.flatMap(({ mutates }) =>
    Object.entries(service.quiet).flatMap(([path, value]) =>
      path in mutates
        ? [
            `service ${service.service} wants ${path} quiet at ${show(value)}, but ${QUIESCE} itself mutates ${path}; name a path of the module's own`,
          ]
        : [],
    ),
  );
}

/** failTo values in which a node would be stuck for ever. The core's own are exempt: what leads out of them comes with the power plugins. */
function noWayOut(service: ServiceDeclaration, accepted: readonly ServiceDeclaration[], declared: ReadonlyMap<Path, Variable>): string[] {
  if (service.service === 'core') return [];
  const texts: string[] = [];
  for (const mutation of service.mutations) {
    for (const [path, value] of Object.entries(mutation.failTo).sort()) {
      const variable = declared.get(path);
      if (variable?.terminal.includes(value) || value === variable?.unknown) continue;
      if (accepted.some((other) => other.mutations.some((out) => out.mutates[path]?.[0] === value && out.mutates[path]?.[1] !== value)))
        continue;
      texts.push(
        `mutation ${mutation.id} fails to ${path} ${show(value)}, and no mutation of any loaded service leads out of it; load one that does, or mark the value x-terminal`,
      );
    }
  }
  return texts;
}
