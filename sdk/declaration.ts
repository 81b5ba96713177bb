/** A definition less its functions: what crosses the wire. */
import type { AnyDefinition } from './define.ts';
import type { Conditions, Declaration, DiscoveryDeclaration, MutationDeclaration, Path, PollerDeclaration } from './wire/index.ts';
import { resultMisfit } from './wire/index.ts';

type Handlers = { readonly run?: unknown; readonly runMany?: unknown; readonly poll?: unknown; readonly pollMany?: unknown };

/** The entry of a mutation or poller without its handlers, and the check that it has exactly one. */
function words(where: string, entry: Handlers & { readonly atOnce?: number }, one: 'run' | 'poll', many: 'runMany' | 'pollMany'): object {
  if ((typeof entry[one] === 'function') === (typeof entry[many] === 'function'))
    throw new Error(`${where} needs ${one} (for a node) or ${many} (for all of them), one of the two`);
  if (entry.atOnce !== undefined && !(Number.isInteger(entry.atOnce) && entry.atOnce > 0))
    throw new Error(`${where}: atOnce must be a whole number above 0, not ${entry.atOnce}`);
  const { run: _run, runMany: _runMany, poll: _poll, pollMany: _pollMany, atOnce: _atOnce, ...rest } = entry;
  return rest;
}

const each = <T>(table: object | undefined, make: (name: string, entry: Handlers) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(table ?? {}).map(([name, entry]: [string, Handlers]) => [name, make(name, entry)]));

/** Throws where the definition contradicts itself, or is not what the protocol allows, naming the place. */
export function declarationOf(definition: AnyDefinition): Declaration {
  const { config, state, extensions, requires, mutations, pollers, discoveries, quiet, reads, hosts, calls } = definition;
  if (hosts !== undefined) {
    words('hosts.sync', hosts.sync, 'run', 'runMany');
    words('hosts.quiesce', hosts.quiesce, 'run', 'runMany');
  }
  const permissions = hosts === undefined ? definition.permissions : [...new Set([...(definition.permissions ?? []), 'sessions' as const])];
  const all = {
    config,
    state,
    extensions,
    requires: requires as Conditions | undefined,
    mutations: mutations && each(mutations, (name, entry) => words(`mutation ${name}`, entry, 'run', 'runMany') as MutationDeclaration),
    pollers: pollers && each(pollers, (name, entry) => words(`poller ${name}`, entry, 'poll', 'pollMany') as PollerDeclaration),
    discoveries: discoveries as Readonly<Record<string, DiscoveryDeclaration>> | undefined,
    quiet: quiet as Conditions | undefined,
    reads,
    permissions,
    playsHosts: hosts === undefined ? undefined : true,
    calls: calls && Object.fromEntries(Object.entries(calls).map(([name, { call: _call, ...words }]) => [name, words])),
  };
  const declaration = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Declaration;
  const misfit = resultMisfit('initialize', { protocol: 1, module: { name: 'module' }, capabilities: [], declaration });
  if (misfit !== undefined)
    throw new Error(`defineModule: ${misfit.field.replace('/declaration', '') || 'the definition'} ${misfit.message}`);
  return declaration;
}

/** What the module may report: the paths of its mutations, pollers and discoveries. */
export class Reportable {
  readonly #paths = new Set<Path>();
  readonly #subtrees: Path[] = [];
  readonly #anything: boolean;

  constructor({ mutations, pollers, discoveries, permissions, playsHosts }: Declaration) {
    this.#anything = permissions?.includes('dsc:write') === true;
    for (const mutation of Object.values(mutations ?? {})) for (const path of Object.keys(mutation.mutates)) this.#add(path);
    for (const { discovers } of [...Object.values(pollers ?? {}), ...Object.values(discoveries ?? {})])
      for (const path of discovers) this.#add(path);
    if (playsHosts === true) for (const path of ['/physState', '/runState', '/busy', '/services/']) this.#add(path);
  }

  /** The first path that it did not declare. */
  undeclared(values: Readonly<Record<Path, unknown>>): Path | undefined {
    if (this.#anything) return undefined;
    for (const path in values) if (!this.#paths.has(path) && !this.#subtrees.some((subtree) => path.startsWith(subtree))) return path;
    return undefined;
  }

  #add(path: Path): void {
    if (path.endsWith('/')) this.#subtrees.push(path);
    else this.#paths.add(path);
  }
}
