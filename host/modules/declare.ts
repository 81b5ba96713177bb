/**
 * The declaration as it came over the wire, turned into what the core works with: durations in milliseconds, full ids,
 * the top-level requires merged in, everything sorted. Every problem is named; one is enough to refuse it all.
 * Whether it contradicts itself or another service is the graph's to say, which knows them all.
 */
import { CODES } from '@kraken-hpc/sdk/wire';
import type {
  Conditions,
  Context,
  Discovery,
  Json,
  Mutation,
  Path,
  Poller,
  Scalar,
  ServiceDeclaration,
  Variable,
} from '../core/declaration.ts';
import { parseDuration } from './duration.ts';
import { isPermission } from './permissions.ts';
import { refuse } from './refuse.ts';
import { isObject, isScalar, type Problem, variablesOf } from './variables.ts';

/** What is told about the service by its configuration, not by itself. */
export interface Instance {
  readonly service: string;
  readonly module: string;
  readonly serves: string;
  readonly permissions: readonly string[];
}

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const PATH = /^(?:\/(?:[^/~]|~[01])+)+\/?$/;
const MEMBERS = [
  'config',
  'state',
  'extensions',
  'requires',
  'mutations',
  'pollers',
  'discoveries',
  'quiet',
  'reads',
  'permissions',
  'playsHosts',
  'calls',
];
/** The node's own members: no module may define what they are. */
const CORE_MEMBERS = [
  'id',
  'nodename',
  'parentId',
  'parents',
  'arch',
  'platform',
  'labels',
  'physState',
  'runState',
  'busy',
  'services',
  'booted',
];
const CONTEXTS: readonly Context[] = ['self', 'child', 'all'];
const MOST = 1000;
/** What a poller may take where it does not say. */
const POLL_TIMEOUT = 30_000;

/** Throws a RefusalError that names every problem. */
export function declare(wire: Json | undefined, instance: Instance): ServiceDeclaration {
  const problems: string[] = [];
  const problem: Problem = (where, what) => problems.push(where ? `${where}: ${what}` : what);
  const declared = isObject(wire) ? wire : {};
  if (!isObject(wire)) problem('', 'the declaration is not an object');
  for (const member of Object.keys(declared)) if (!MEMBERS.includes(member)) problem(member, 'there is no such member in a declaration');
  const reader = new Reader(instance.service, conditions('requires', declared.requires, problem), problem);
  const result: ServiceDeclaration = {
    service: instance.service,
    module: instance.module,
    serves: instance.serves,
    variables: variables(declared, problem),
    mutations: reader.each('mutations', declared.mutations, (where, name, entry) => reader.mutation(where, name, entry)),
    pollers: reader.each('pollers', declared.pollers, (where, name, entry) => reader.poller(where, name, entry)),
    discoveries: reader.each('discoveries', declared.discoveries, (where, name, entry) => reader.discovery(where, name, entry)),
    quiet: conditions('quiet', declared.quiet, problem),
    reads: paths('reads', declared.reads, problem),
    permissions: permissions(declared, instance, problem),
    playsHosts: declared.playsHosts === true,
  };
  if (problems.length === 0) return result;
  const said = problems.length > 20 ? [...problems.slice(0, 20), `and ${problems.length - 20} more`] : problems;
  const { service } = instance;
  throw refuse(
    CODES.InvalidValue,
    service,
    'its declaration is refused',
    said.join('; '),
    `Correct the module, then \`kraken service start ${service}\``,
  );
}

/** Turns one kind of entry after another; what they share is the service's name and the requires that hold for all. */
class Reader {
  readonly #service: string;
  readonly #requires: Conditions;
  readonly #problem: Problem;

  constructor(service: string, requires: Conditions, problem: Problem) {
    this.#service = service;
    this.#requires = requires;
    this.#problem = problem;
  }

  each<T extends { readonly id: string }>(
    kind: string,
    given: Json | undefined,
    read: (where: string, name: string, entry: { readonly [key: string]: Json }) => T,
  ): T[] {
    if (given === undefined) return [];
    if (!isObject(given)) {
      this.#problem(kind, 'is not an object of entries by name');
      return [];
    }
    const names = Object.keys(given);
    if (names.length > MOST) this.#problem(kind, `has ${names.length} entries; at most ${MOST} are allowed`);
    const entries: T[] = [];
    for (const name of names.slice(0, MOST)) {
      const where = `${kind}/${name}`;
      const entry = given[name];
      if (!NAME.test(name)) this.#problem(where, 'the name must be letters, digits, "-" and "_", and begin with a letter');
      if (isObject(entry)) entries.push(read(where, name, entry));
      else this.#problem(where, 'is not an object');
    }
    return entries.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  mutation(where: string, name: string, entry: { readonly [key: string]: Json }): Mutation {
    known(where, entry, ['mutates', 'requires', 'excludes', 'context', 'timeout', 'failTo', 'cost', 'disruptive'], this.#problem);
    const context = CONTEXTS.find((one) => one === (entry.context ?? 'child'));
    if (context === undefined) this.#problem(where, `context ${JSON.stringify(entry.context)} is none of ${CONTEXTS.join(', ')}`);
    const cost = entry.cost ?? 1;
    if (typeof cost !== 'number' || !(cost > 0) || cost > 1e6)
      this.#problem(where, `cost ${JSON.stringify(cost)} is not a positive number up to 1000000`);
    return {
      ...this.#head(where, name, entry),
      mutates: this.#mutates(where, entry.mutates),
      excludes: conditions(`${where}: excludes`, entry.excludes, this.#problem),
      context: context ?? 'child',
      timeout: this.#duration(`${where}: timeout`, entry.timeout),
      failTo: conditions(`${where}: failTo`, entry.failTo, this.#problem),
      cost: typeof cost === 'number' ? cost : 1,
      disruptive: entry.disruptive === true,
    };
  }

  poller(where: string, name: string, entry: { readonly [key: string]: Json }): Poller {
    known(where, entry, ['discovers', 'requires', 'every', 'timeout'], this.#problem);
    return {
      ...this.#head(where, name, entry),
      discovers: this.#discovers(where, entry.discovers),
      every: this.#duration(`${where}: every`, entry.every),
      timeout: entry.timeout === undefined ? POLL_TIMEOUT : this.#duration(`${where}: timeout`, entry.timeout),
    };
  }

  discovery(where: string, name: string, entry: { readonly [key: string]: Json }): Discovery {
    known(where, entry, ['discovers', 'requires'], this.#problem);
    return { ...this.#head(where, name, entry), discovers: this.#discovers(where, entry.discovers) };
  }

  #head(where: string, name: string, entry: { readonly [key: string]: Json }) {
    const own = conditions(`${where}: requires`, entry.requires, this.#problem);
    for (const [path, value] of Object.entries(own)) {
      const all = this.#requires[path];
      if (all !== undefined && all !== value)
        this.#problem(where, `requires ${path} ${JSON.stringify(value)}, and the whole module requires ${JSON.stringify(all)}`);
    }
    return { id: `${this.#service}/${name}`, service: this.#service, name, requires: sorted({ ...this.#requires, ...own }) };
  }

  #discovers(where: string, given: Json | undefined): readonly Path[] {
    const list = paths(`${where}: discovers`, given, this.#problem);
    if (given === undefined || (Array.isArray(given) && given.length === 0)) this.#problem(where, 'discovers nothing');
    return list;
  }

  #mutates(where: string, given: Json | undefined): Readonly<Record<Path, readonly [Scalar, Scalar]>> {
    const result: Record<Path, readonly [Scalar, Scalar]> = {};
    const entries = isObject(given) ? Object.entries(given) : [];
    if (entries.length === 0) this.#problem(where, 'mutates nothing');
    for (const [path, change] of entries.sort(byKey)) {
      const [from, to] = Array.isArray(change) && change.length === 2 ? change : [];
      if (!isLeaf(path)) this.#problem(where, `mutates ${JSON.stringify(path)}, which is not a path to one value (/member/…)`);
      else if (!isScalar(from) || !isScalar(to)) this.#problem(where, `mutates ${path} must be [from, to], two values`);
      else if (from === to) this.#problem(where, `mutates ${path} from ${JSON.stringify(from)} to the same value`);
      else result[path] = [from, to];
    }
    return result;
  }

  #duration(where: string, given: Json | undefined): number {
    const millis = parseDuration(given);
    if (millis === undefined)
      this.#problem(
        where,
        given === undefined
          ? 'is missing; write e.g. "120s"'
          : `${JSON.stringify(given)} is not a duration up to 7 days; write e.g. "120s", "5m"`,
      );
    return millis ?? 0;
  }
}

const byKey = (a: readonly [string, unknown], b: readonly [string, unknown]): number => (a[0] < b[0] ? -1 : 1);
const sorted = (given: Readonly<Record<Path, Scalar>>): Conditions => Object.fromEntries(Object.entries(given).sort(byKey));
const isPath = (path: unknown): path is Path => typeof path === 'string' && path.length <= 512 && PATH.test(path);
const isLeaf = (path: unknown): path is Path => isPath(path) && !path.endsWith('/');

function known(where: string, entry: { readonly [key: string]: Json }, members: readonly string[], problem: Problem): void {
  for (const member of Object.keys(entry))
    if (!members.includes(member)) problem(where, `has ${JSON.stringify(member)}, which is none of ${members.join(', ')}`);
}

function conditions(where: string, given: Json | undefined, problem: Problem): Conditions {
  if (given === undefined) return {};
  const result: Record<Path, Scalar> = {};
  if (!isObject(given)) problem(where, 'is not an object of path and value');
  else {
    for (const [path, value] of Object.entries(given)) {
      if (!isLeaf(path)) problem(where, `${JSON.stringify(path)} is not a path to one value (/member/…)`);
      else if (!isScalar(value)) problem(where, `the value of ${path} is not a string, number or boolean`);
      else result[path] = value;
    }
  }
  return sorted(result);
}

function paths(where: string, given: Json | undefined, problem: Problem): readonly Path[] {
  if (given === undefined) return [];
  const list = Array.isArray(given) ? given : [];
  if (!Array.isArray(given)) problem(where, 'is not a list of paths');
  for (const path of list) if (!isPath(path)) problem(where, `${JSON.stringify(path)} is not a path (/member/…)`);
  return [...new Set(list.filter(isPath))].sort();
}

function variables(declared: { readonly [key: string]: Json }, problem: Problem): readonly Variable[] {
  const found: Variable[] = [];
  const entries = (kind: string): [string, Json][] => {
    const given = declared[kind];
    if (given !== undefined && !isObject(given)) problem(kind, 'is not an object of schemas');
    return isObject(given) ? Object.entries(given) : [];
  };
  for (const [path, schema] of entries('state')) {
    const member = path.split('/')[1] ?? '';
    if (!isLeaf(path)) problem('state', `${JSON.stringify(path)} is not a path to one value (/member/…)`);
    else if (CORE_MEMBERS.includes(member)) problem('state', `/${member} is the core's: a module cannot define it`);
    else found.push(...variablesOf(path, schema, problem));
  }
  for (const [member, schema] of entries('extensions')) {
    if (!NAME.test(member)) problem('extensions', `${JSON.stringify(member)} is not a member's name: letters, digits, "-" and "_"`);
    else if (CORE_MEMBERS.includes(member)) problem('extensions', `/${member} is the core's: a module cannot define it`);
    else found.push(...variablesOf(`/${member}`, schema, problem));
  }
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  found.forEach((one, index) => {
    if (found[index + 1]?.path === one.path) problem(one.path, 'is defined twice');
  });
  return found;
}

function permissions(declared: { readonly [key: string]: Json }, instance: Instance, problem: Problem): readonly string[] {
  const asked: readonly Json[] = Array.isArray(declared.permissions) ? declared.permissions : [];
  if (declared.permissions !== undefined && !Array.isArray(declared.permissions)) problem('permissions', 'is not a list');
  for (const one of asked) {
    if (!isPermission(one)) problem('permissions', `there is no permission ${JSON.stringify(one)}`);
    else if (!instance.permissions.includes(one))
      problem('permissions', `"${one}" was not granted; grant it in the service's configuration`);
  }
  for (const one of instance.permissions)
    if (!isPermission(one)) problem('permissions', `there is no permission ${JSON.stringify(one)}, which the configuration grants`);
  if (declared.playsHosts !== undefined && typeof declared.playsHosts !== 'boolean') problem('playsHosts', 'is not true or false');
  if (declared.playsHosts === true && !instance.permissions.includes('sessions'))
    problem('playsHosts', 'needs the permission "sessions", which was not granted');
  return [...new Set(instance.permissions.filter(isPermission))].sort();
}
