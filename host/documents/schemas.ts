/** Checks documents against everything that is declared: the core's members together, every other one by its own schema. */

import { childPath, type Doc, get, isObject, type Member, OTHER, parsePath, sameJson, type Vocabulary } from '@kraken-hpc/sdk/state';
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { Json, Path, Variable } from '../core/declaration.ts';
import { variablesOf } from '../core/variables.ts';
import { checkSchema, Validator } from './ajv.ts';
import { CORE_MEMBERS, CORE_SCHEMA, DeclaredSchemas, type SchemaDeclaration } from './declared.ts';
import { checkLimits } from './limits.ts';
import { pathOf, problemOf, refuseFor, unknownMember } from './problem.ts';

interface CheckedMember extends Member {
  readonly validator: Validator;
}

const CORE = new Set(CORE_MEMBERS);
const core = new Validator(CORE_SCHEMA);
const others = new Validator({ type: 'object', maxProperties: 256, additionalProperties: { type: 'object' } });

export class Schemas implements Vocabulary {
  readonly core = CORE_SCHEMA;
  readonly #declared = new DeclaredSchemas();
  #members = new Map<string, CheckedMember>();
  #types = new Map<string, Member>();

  constructor() {
    this.#gather();
  }

  /** Takes in a module's `state` and `extensions`. Throws a RefusalError where they contradict what is known, and takes nothing. */
  add(service: string, declaration: SchemaDeclaration): void {
    if (this.#declared.add(service, declaration, (schema) => checkSchema(nameless(schema)))) this.#gather();
  }

  /** Whether `add` would take it: throws as it does, and takes nothing. */
  mustTake(service: string, declaration: SchemaDeclaration): void {
    this.#declared.copy().add(service, declaration, (schema) => checkSchema(nameless(schema)));
  }

  /** The service is gone for good: another may declare its paths otherwise. Nodes keep what they have. */
  withdraw(service: string): void {
    this.#declared.withdraw(service);
  }

  /** The core's variables and those of the host's own extensions; a module's come with its declaration. */
  variables(): Variable[] {
    const broken = (path: string, what: string): never => {
      throw new Error(`the host's own schema of ${path} is broken: ${what}`);
    };
    const properties = CORE_SCHEMA['properties'] as Doc;
    const definitions = CORE_SCHEMA['$defs'] as Json;
    const members = CORE_MEMBERS.flatMap((member) =>
      variablesOf(`/${member}`, { ...(properties[member] as Doc), $defs: definitions }, broken),
    );
    const own = [...new DeclaredSchemas().values()].flatMap(({ path, schema }) => variablesOf(path, schema, broken));
    return [...members, ...own];
  }

  /**
   * Checks a whole cfg document. Throws a RefusalError that names `where`, the path and the reason of the first problem, and up to
   * nine more. What is as it was in `stored` is never refused: its service may be stopped just now.
   */
  check(doc: Doc, where: string, stored?: Doc): void {
    checkLimits(doc, where, 'refused');
    this.#check(doc, where, (error) => stored !== undefined && isUnchanged(error, doc, stored));
  }

  /**
   * Checks single values (null removes), by path: what a whole document must have besides is not asked for. Observed ones may be what
   * nobody can want.
   */
  checkValues(values: Readonly<Record<Path, Json>>, where: string, observed = false): void {
    for (const [path, value] of Object.entries(values)) {
      checkLimits(value, `${where} ${path}`, 'allowed');
      if (value === null) continue;
      const doc = [...parsePath(path)].reverse().reduce<Json>((below, member) => ({ [member]: below }), value);
      this.#check(doc as Doc, where, ({ keyword }) => keyword === 'required' || (observed && keyword === 'x-never-wanted'));
    }
  }

  /** By the member's name inside Kraken. */
  member(name: string): Member | undefined {
    return this.#members.get(name);
  }

  /** By the name outside Kraken. */
  type(name: string): Member | undefined {
    return this.#types.get(name);
  }

  /** All of it, as it goes over the wire. */
  described(): { readonly core: Json; readonly extensions: { readonly [member: string]: Json } } {
    const extensions: { [member: string]: Json } = {};
    for (const { member, type, schema } of this.#members.values()) extensions[member] = { ...(type && { type }), schema: schema as Json };
    return { core: CORE_SCHEMA as Json, extensions };
  }

  #check(doc: Doc, where: string, isTolerated: (error: ErrorObject) => boolean): void {
    let errors: ErrorObject[] | undefined;
    for (const error of core.errors(doc)) (errors ??= []).push(error);
    for (const member of Object.keys(doc)) {
      if (CORE.has(member)) continue;
      const value = doc[member] as Json;
      const validator = member === OTHER ? others : this.#members.get(member)?.validator;
      if (validator) for (const error of validator.errors(value)) (errors ??= []).push(within(member, error));
      else (errors ??= []).push(unknownMember(member, [...CORE_MEMBERS, ...this.#members.keys(), OTHER]));
    }
    const left = errors?.filter((error) => !isTolerated(error)) ?? [];
    if (left.length > 0) throw refuseFor(where, left.map(problemOf));
  }

  #gather(): void {
    const schemas = new Map<string, { [key: string]: Json }>();
    this.#types = new Map();
    const types = new Map<string, string>();
    for (const { path, schema, type } of this.#declared.values()) {
      const [member, ...inner] = parsePath(path) as [string, ...string[]];
      if (type !== undefined) types.set(member, type);
      if (inner.length === 0) schemas.set(member, nameless(schema));
      else place(schemas, member, inner, { ...nameless(schema), $id: newId(path) });
    }
    const before = this.#members;
    this.#members = new Map();
    for (const [member, schema] of schemas) {
      const was = before.get(member);
      const type = types.get(member);
      const entry = was && sameJson(nameless(was.schema), schema) ? was : { member, type, schema, validator: new Validator(schema) };
      this.#members.set(member, entry);
      if (type !== undefined) this.#types.set(type, entry);
    }
  }
}

/** Objects down to each path of a module's `state`. */
function place(schemas: Map<string, { [key: string]: Json }>, member: string, inner: readonly string[], schema: Json): void {
  let at = schemas.get(member) ?? emptyObject();
  schemas.set(member, at);
  for (const [index, name] of inner.entries()) {
    const properties = at['properties'] as { [member: string]: Json };
    const there = properties[name];
    const next = isObject(there) ? there : emptyObject();
    properties[name] = index === inner.length - 1 ? schema : next;
    at = next;
  }
}

function emptyObject(): { [key: string]: Json } {
  return { type: 'object', properties: {}, additionalProperties: false };
}

/** Its own names would clash where two services bring one schema. */
function nameless(schema: Doc): { [key: string]: Json } {
  const { $id: _id, $schema: _schema, ...rest } = schema;
  return rest;
}

let ids = 0;

/** A name makes `#/$defs/…` inside a schema mean that schema's own, wherever it is placed; no two compilations may share one. */
function newId(path: Path): string {
  ids += 1;
  return `kraken:declared${encodeURI(path)}?${ids}`;
}

/** An error found in a member, as one of the document. */
function within(member: string, error: ErrorObject): ErrorObject {
  return { ...error, instancePath: `${childPath('', member)}${error.instancePath}` };
}

function isUnchanged(error: ErrorObject, doc: Doc, stored: Doc): boolean {
  const path = error.keyword === 'required' ? error.instancePath : pathOf(error);
  const value = get(doc, path);
  return value !== undefined && sameJson(value, get(stored, path));
}
