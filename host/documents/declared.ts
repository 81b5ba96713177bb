/**
 * The schemas that make up a node's document: the core's, the host's own extensions, and what modules declare. One path has one
 * schema: a second that says otherwise is refused by name.
 */

import { childPath, covers, type Doc, followed, formatPath, isObject, OTHER, parsePath, sameJson } from '@kraken-hpc/sdk/state';
import imagesSchema from '../../schemas/extensions/images.json' with { type: 'json' };
import ipmiSchema from '../../schemas/extensions/ipmi.json' with { type: 'json' };
import ipv4Schema from '../../schemas/extensions/ipv4.json' with { type: 'json' };
import powerSchema from '../../schemas/extensions/power.json' with { type: 'json' };
import pxeSchema from '../../schemas/extensions/pxe.json' with { type: 'json' };
import redfishSchema from '../../schemas/extensions/redfish.json' with { type: 'json' };
import vmSchema from '../../schemas/extensions/vm.json' with { type: 'json' };
import nodeSchema from '../../schemas/node.json' with { type: 'json' };
import type { Json, Path } from '../core/declaration.ts';
import { RefusalError } from '../core/refusal.ts';
import { CODE } from './problem.ts';

export const CORE_SCHEMA: Doc = nodeSchema as unknown as Doc;
export const CORE_MEMBERS: readonly string[] = Object.keys(nodeSchema.properties);

const OWN: Readonly<Record<string, unknown>> = {
  ipv4: ipv4Schema,
  pxe: pxeSchema,
  images: imagesSchema,
  power: powerSchema,
  vm: vmSchema,
  ipmi: ipmiSchema,
  redfish: redfishSchema,
};

/** A path with its schema, and who declared it. */
export interface Declared {
  readonly path: Path;
  readonly schema: Doc;
  /** The name outside Kraken of an extension that has one: `PXE.Client`. */
  readonly type?: string;
  readonly services: ReadonlySet<string>;
}

const HOST = 'the host itself';
const MEMBER = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** The part of a declaration that says what may stand in a node. */
export interface SchemaDeclaration {
  readonly state?: Json;
  readonly extensions?: Json;
}

export class DeclaredSchemas {
  #entries = new Map<Path, Declared>();

  constructor() {
    for (const [member, schema] of Object.entries(OWN)) {
      const path = childPath('', member);
      this.#entries.set(path, entryOf(path, schema as Doc, new Set([HOST])));
    }
  }

  copy(): DeclaredSchemas {
    const copy = new DeclaredSchemas();
    copy.#entries = new Map(this.#entries);
    return copy;
  }

  values(): Iterable<Declared> {
    return this.#entries.values();
  }

  /** Takes in what a service declares, all of it or nothing; true when that is new. Throws a RefusalError. */
  add(service: string, declaration: SchemaDeclaration, compile: (schema: Doc) => void): boolean {
    const entries = new Map(this.#entries);
    // What only this service said before, it may say differently now.
    for (const [path, entry] of entries) if (entry.services.size === 1 && entry.services.has(service)) entries.delete(path);
    for (const [path, schema] of declaredPaths(service, declaration)) {
      checkDeclared(service, path, schema, compile);
      const there = entries.get(path);
      if (there) entries.set(path, { ...there, services: sameOrRefuse(service, path, schema, there) });
      else if (!withinAnother(service, path, schema, entries)) entries.set(path, entryOf(path, schema, new Set([service])));
    }
    checkTypes(service, entries);
    const isNew =
      [...entries].some(([path, entry]) => !sameJson(this.#entries.get(path)?.schema, entry.schema)) || entries.size !== this.#entries.size;
    this.#entries = entries;
    return isNew;
  }

  /** Another service may now declare these paths otherwise; until then their schemas stay in force for the nodes that use them. */
  withdraw(service: string): void {
    for (const [path, entry] of this.#entries) {
      if (!entry.services.has(service)) continue;
      const services = new Set(entry.services);
      services.delete(service);
      this.#entries.set(path, { ...entry, services });
    }
  }
}

function entryOf(path: Path, schema: Doc, services: ReadonlySet<string>): Declared {
  const type = [schema['x-type'], schema['x-name'], schema['$id']].find((name) => typeof name === 'string' && /^\w+(\.\w+)+$/.test(name));
  return typeof type === 'string' && parsePath(path).length === 1 ? { path, schema, type, services } : { path, schema, services };
}

function declaredPaths(service: string, { state, extensions }: SchemaDeclaration): [Path, Doc][] {
  const found: [Path, Doc][] = [];
  for (const [kind, given] of [['extensions', extensions] as const, ['state', state] as const]) {
    if (given === undefined) continue;
    if (!isObject(given)) throw refuse(service, kind, 'it is not an object of schemas by name');
    for (const [name, schema] of Object.entries(given)) {
      if (!isObject(schema)) throw refuse(service, `${kind}/${name}`, 'it is not a JSON Schema object');
      found.push([kind === 'state' ? name : childPath('', name), schema]);
    }
  }
  return found;
}

function checkDeclared(service: string, path: Path, schema: Doc, compile: (schema: Doc) => void): void {
  const members = path.startsWith('/') && !path.endsWith('/') ? parsePath(path) : [];
  const [outermost] = members;
  if (outermost === undefined || !MEMBER.test(outermost)) throw refuse(service, path, 'it is no path of a member, such as /bmc/port');
  // What the core or another schema says already is compared, not compiled.
  if (outermost === OTHER || outermost === 'extensions') throw refuse(service, path, `${outermost} is kept for the host`);
  try {
    compile(schema);
  } catch (error) {
    throw refuse(service, path, `its schema is not valid: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A path inside what is declared already must say the same as is said there, and adds nothing. */
function withinAnother(service: string, path: Path, schema: Doc, entries: ReadonlyMap<Path, Declared>): boolean {
  const [outermost] = parsePath(path);
  if (CORE_MEMBERS.includes(outermost as string)) {
    const core = schemaWithin(CORE_SCHEMA, parsePath(path));
    if (core && sameJson(meaning(core), meaning(schema))) return true;
    throw refuse(
      service,
      path,
      `${formatPath([outermost as string])} is one of the core's own, which a module can observe and mutate but not define`,
    );
  }
  for (const entry of entries.values()) {
    if (covers(`${path}/`, entry.path)) throw refuse(service, path, `${named(entry)} declares ${entry.path} within it`, CODE.contradiction);
    if (!covers(`${entry.path}/`, path)) continue;
    const there = schemaWithin(entry.schema, parsePath(path).slice(parsePath(entry.path).length));
    if (there && sameJson(meaning(there), meaning(schema))) return true;
    throw refuse(
      service,
      path,
      `it lies within ${entry.path}, which ${named(entry)} declares ${there ? 'otherwise' : 'without it'}`,
      CODE.contradiction,
    );
  }
  return false;
}

function sameOrRefuse(service: string, path: Path, schema: Doc, there: Declared): ReadonlySet<string> {
  if (sameJson(meaning(there.schema), meaning(schema))) return new Set([...there.services, service]);
  throw refuse(service, path, `${named(there)} declares it with a different schema`, CODE.contradiction);
}

function checkTypes(service: string, entries: ReadonlyMap<Path, Declared>): void {
  const paths = new Map<string, Path>();
  for (const { type, path } of entries.values()) {
    if (type === undefined) continue;
    const other = paths.get(type);
    if (other !== undefined) throw refuse(service, path, `${other} has the outside name ${type} already`, CODE.contradiction);
    paths.set(type, path);
  }
}

/** What a schema says, without the words that are for people and the names of the schema itself. */
function meaning(schema: Json | Doc): Json {
  if (Array.isArray(schema)) return schema.map(meaning);
  if (!isObject(schema)) return schema as Json;
  const kept = Object.entries(schema).filter(([key, value]) => !WORDS.has(key) || typeof value === 'object');
  return Object.fromEntries(kept.map(([key, value]) => [key, meaning(value)]));
}
const WORDS = new Set(['$schema', '$id', '$comment', 'title', 'description']);

/** The schema of a member below this one; undefined where it names none. */
function schemaWithin(schema: Doc, members: readonly string[]): Doc | undefined {
  let at = followed(schema, schema);
  for (const member of members) {
    const properties = at?.['properties'];
    const next: Json | undefined =
      isObject(properties) && Object.hasOwn(properties, member) ? properties[member] : at?.['additionalProperties'];
    at = followed(next, schema);
  }
  return at;
}

function named(entry: Declared): string {
  const services = [...entry.services].sort();
  if (services.length === 0) return 'a service that has stopped';
  return services.includes(HOST) ? HOST : `service ${services.join(', ')}`;
}

function refuse(service: string, path: string, why: string, code: number = CODE.invalidValue): RefusalError {
  const todo =
    code === CODE.contradiction ? 'Start only one of the two, or correct the module' : 'Correct the module, then start its service again';
  return new RefusalError({ code, what: 'its declaration is refused', where: `service ${service}: ${path}`, why, todo });
}
