/**
 * What a module does, as people write it in a file: mutations, pollers, discoveries. Ours, or as the original's generator takes it
 * (`package_url`, `from:` and `to:`, `fail_to`, `with_polling`, URLs). Whatever is wrong is named, all of it at once.
 */
import { isObject } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import { closest } from '../core/closest.ts';
import type { Json } from '../core/declaration.ts';
import { Schemas } from '../documents/schemas.ts';
import { faultsIn } from './faults.ts';
import { refuse } from './names.ts';
import { durationOf, isOriginalPath, pathOf } from './original.ts';
import { schemasFor } from './schemas-for.ts';

type Members = { [member: string]: Json };

/** A declaration as it goes over the wire. */
export interface Declared {
  readonly config?: Members;
  readonly state?: Members;
  readonly extensions?: Members;
  readonly requires?: Members;
  readonly mutations?: { readonly [name: string]: Members };
  readonly pollers?: { readonly [name: string]: Members };
  readonly discoveries?: { readonly [name: string]: Members };
  readonly quiet?: Members;
  readonly reads?: Json;
}

export interface Definition {
  readonly description?: string;
  readonly permissions?: readonly string[];
  readonly declaration: Declared;
  /** What was made up where nothing is said: for whoever asked to look at. */
  readonly notes: readonly string[];
}

const MEMBERS = ['config', 'state', 'extensions', 'requires', 'mutations', 'pollers', 'discoveries', 'quiet', 'reads'];
const ABOUT = ['name', 'description', 'permissions', 'withPolling', 'withConfig', 'packageUrl', 'packageName'];
const MUTATION = ['mutates', 'requires', 'excludes', 'context', 'timeout', 'failTo', 'cost', 'disruptive'];
/** Where a definition says none: the original means no limit, which Kraken does not know. */
const TIMEOUT = '60s';
const EVERY = '30s';

/** Throws a RefusalError that names all that is wrong, and where. `shown` is what the file is called. */
export function readDefinition(data: unknown, shown: string, module: string): Definition {
  const reader = new Reader(data);
  const definition = reader.definition();
  const problems = [...reader.problems, ...(reader.problems.length === 0 ? faultsIn(definition, module) : [])];
  if (problems.length === 0) return definition;
  const [what, todo] = ['it does not define a module', 'Correct it there'];
  throw refuse(CODES.InvalidValue, what, shown, problems.join('; '), todo);
}

/** `fail_to` and `failTo` are one. */
const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

class Reader {
  readonly problems: string[] = [];
  readonly #notes: string[] = [];
  readonly #words = new Schemas();
  readonly #data: Members;
  readonly #isOriginal: boolean;

  constructor(data: unknown) {
    const isRight = isObject(data);
    if (!isRight) this.problems.push('it is not an object with "mutations", "pollers" or "discoveries"');
    this.#data = isRight ? this.#members('', data, [...MEMBERS, ...ABOUT]) : {};
    const text = JSON.stringify(this.#data);
    const paths = [...text.matchAll(/"((?:\/|type\.googleapis)[^"]*)"/g)].map(([, path = '']) => path);
    this.#isOriginal = 'packageUrl' in this.#data || 'packageName' in this.#data || paths.some(isOriginalPath);
  }

  definition(): Definition {
    const { description, permissions } = this.#data;
    if (description !== undefined && typeof description !== 'string') this.problems.push('description: it is not a text');
    const isList = Array.isArray(permissions) && permissions.every((one) => typeof one === 'string');
    if (permissions !== undefined && !isList) this.problems.push('permissions: they are not a list of texts');
    const declaration = this.problems.length === 0 ? this.#declaration() : {};
    return {
      ...(typeof description === 'string' ? { description: description.replaceAll(/\s+/g, ' ').trim() } : {}),
      ...(isList ? { permissions: permissions as string[] } : {}),
      declaration,
      notes: this.#notes,
    };
  }

  #declaration(): Declared {
    const { config, state, extensions, requires, reads, quiet } = this.#data;
    const mutations = this.#entries('mutations', (where, entry) => this.#mutation(where, entry));
    const listed = this.#data['discoveries'];
    const isList = Array.isArray(listed);
    const discoveries = isList ? {} : this.#entries('discoveries', (_, entry) => this.#observing(entry));
    const pollers = this.#entries('pollers', (_, entry) => this.#observing(entry));
    const seen = isList ? listed.map((path) => this.#path(path)) : [];
    Object.assign(pollers, this.#poller({ mutations, pollers, discoveries }, seen));
    if (isList && Object.keys(pollers).length === 0 && seen.length > 0) discoveries['seen'] = { discovers: seen };
    if (Object.keys({ ...mutations, ...pollers, ...discoveries }).length === 0)
      this.problems.push('it has neither mutations nor pollers nor discoveries: nothing would be done');
    const stated = isObject(state) ? this.#paths(state) : state;
    const whole: { [member: string]: Json | undefined } = {
      config,
      state: stated,
      extensions,
      requires: requires === undefined ? undefined : this.#paths(requires),
      mutations,
      pollers,
      discoveries,
      quiet: quiet === undefined ? undefined : this.#paths(quiet),
      reads: Array.isArray(reads) ? reads.map((path) => this.#path(path)) : reads,
    };
    const isThere = ([, value]: [string, Json | undefined]): boolean =>
      value !== undefined && !(isObject(value) && Object.keys(value).length === 0);
    const declared = Object.fromEntries(Object.entries(whole).filter(isThere)) as Declared;
    return this.problems.length === 0 ? schemasFor(declared, this.#words, this.#notes) : declared;
  }

  /** What is changed must be seen: without a word about it, it is looked at. */
  #poller(given: Pick<Required<Declared>, 'mutations' | 'pollers' | 'discoveries'>, seen: readonly Json[]): { [name: string]: Members } {
    const { withPolling } = this.#data;
    const isPolled = Object.keys(given.pollers).length > 0 || Object.keys(given.discoveries).length > 0;
    if (withPolling === false || (isPolled && withPolling !== true)) return {};
    const changed = Object.values(given.mutations).flatMap(({ mutates }) => (isObject(mutates) ? Object.keys(mutates) : []));
    const discovers = [...new Set([...changed, ...seen])];
    if (discovers.length === 0) return {};
    this.#notes.push(`a poller "look" asks for ${discovers.join(', ')} every ${EVERY}; with "withPolling: false" there is none`);
    return { look: { discovers, every: EVERY } };
  }

  #entries(kind: string, read: (where: string, entry: Members) => Members): { [name: string]: Members } {
    const given = this.#data[kind] ?? {};
    const entries: { [name: string]: Members } = {};
    if (!isObject(given)) this.problems.push(`${kind}: it is not an object of entries by name`);
    else
      for (const [name, entry] of Object.entries(given)) {
        if (isObject(entry)) entries[name] = read(`${kind}/${name}`, entry);
        else this.problems.push(`${kind}/${name}: it is not an object`);
      }
    return entries;
  }

  #mutation(where: string, given: Members): Members {
    const entry = this.#members(where, given, MUTATION);
    const { mutates, requires, excludes, context, timeout, failTo } = entry;
    const made: Members = { ...entry };
    if (isObject(mutates)) made['mutates'] = this.#paths(mutates, (change) => (isObject(change) ? pair(change) : change));
    if (requires !== undefined) made['requires'] = this.#paths(requires);
    if (excludes !== undefined) made['excludes'] = this.#paths(excludes);
    if (failTo !== undefined) made['failTo'] = this.#failTo(where, failTo);
    if (typeof context === 'string') made['context'] = context.toLowerCase();
    else if (context === undefined && this.#isOriginal) made['context'] = 'self';
    if (context === undefined && this.#isOriginal)
      this.#notes.push(`${where}: the context is self, as in the original; "child" is the parent of the node`);
    const isOpen = timeout === undefined || timeout === 0 || timeout === '0' || timeout === '0s';
    if (isOpen) this.#notes.push(`${where}: the timeout is ${TIMEOUT}, as none is given`);
    made['timeout'] = isOpen ? TIMEOUT : durationOf(timeout);
    return made;
  }

  /** The original's `{url, value}`, or values by path. */
  #failTo(where: string, given: Json): Json {
    if (!isObject(given)) return given;
    const { url, value, ...rest } = given;
    if (url === undefined && value === undefined) return this.#paths(given);
    if (typeof url === 'string' && value !== undefined && Object.keys(rest).length === 0)
      return url === '' ? {} : { [this.#path(url) as string]: value };
    this.problems.push(`${where}: failTo is neither {PATH: VALUE} nor {url: PATH, value: VALUE}`);
    return {};
  }

  #observing(given: Members): Members {
    const { discovers, requires, every, timeout } = given;
    return {
      ...given,
      ...(Array.isArray(discovers) ? { discovers: discovers.map((path) => this.#path(path)) } : {}),
      ...(requires === undefined ? {} : { requires: this.#paths(requires) }),
      ...(every === undefined ? {} : { every: durationOf(every) }),
      ...(timeout === undefined ? {} : { timeout: durationOf(timeout) }),
    };
  }

  #paths(given: Json, value: (one: Json) => Json = (one) => one): Json {
    if (!isObject(given)) return given;
    return Object.fromEntries(Object.entries(given).map(([path, one]) => [this.#path(path), value(one)]));
  }

  #path(given: Json): Json {
    return typeof given === 'string' ? pathOf(given, this.#words) : given;
  }

  /** In one spelling; what is not known is named. */
  #members(where: string, given: Members, known: readonly string[]): Members {
    const found: Members = {};
    for (const [name, value] of Object.entries(given)) {
      const member = camel(name);
      // What the original's own program puts there.
      if (name === '__global') continue;
      if (known.includes(member)) found[member] = value;
      else {
        const near = closest(member, known);
        this.problems.push(
          `${where ? `${where}: ` : ''}there is no "${name}" here${near ? `; did you mean ${near}?` : ` (there are ${known.join(', ')})`}`,
        );
      }
    }
    return found;
  }
}

const pair = ({ from, to, ...rest }: Members): Json =>
  from === undefined || to === undefined || Object.keys(rest).length > 0 ? null : [from, to];
