/** Checks documents against everything that is declared, with one compiled validator that is made when it is first needed. */
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { Json, Path, Variable } from '../core/declaration.ts';
import { type Doc, get, isObject, parsePath, sameJson } from '../core/pointer.ts';
import { variablesOf } from '../core/variables.ts';
import { newAjv, withoutBranches } from './ajv.ts';
import { CORE_MEMBERS, CORE_SCHEMA, type Declared, DeclaredSchemas, OTHER, type SchemaDeclaration } from './declared.ts';
import { checkLimits } from './limits.ts';
import { pathOf, problemOf, refuseFor } from './problem.ts';

/** An extension, or any other member that modules brought in. */
export interface Member {
  readonly member: string;
  /** Its name in the original's dialect: `PXE.Client`. */
  readonly type: string | undefined;
  readonly schema: Doc;
}

export class Schemas {
  readonly #declared = new DeclaredSchemas();
  #validate: ValidateFunction | undefined;
  #byType: Map<string, Member> | undefined;
  #byMember = new Map<string, Member>();

  /** Takes in a module's `state` and `extensions`. Throws a RefusalError where they contradict what is known, and takes nothing. */
  add(service: string, declaration: SchemaDeclaration): void {
    const isNew = this.#declared.add(service, declaration, (schema) => newAjv().compile(nameless(schema)));
    if (!isNew) return;
    this.#validate = undefined;
    this.#byType = undefined;
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
    const core = CORE_SCHEMA['properties'] as Doc;
    const members = CORE_MEMBERS.flatMap((member) => variablesOf(`/${member}`, withDefinitions(core[member] as Doc, CORE_SCHEMA), broken));
    const own = [...new DeclaredSchemas().values()].flatMap(({ path, schema }) => variablesOf(path, schema, broken));
    return [...members, ...own];
  }

  /**
   * Checks a whole cfg document. Throws a RefusalError that names `where`, the path and the reason of the first problem, and up to
   * nine more. What is as it was in `stored` is never refused: its service may be stopped just now.
   */
  check(doc: Doc, where: string, stored?: Doc): void {
    checkLimits(doc, where, 'refused');
    this.#run(doc, where, (error) => stored !== undefined && isUnchanged(error, doc, stored));
  }

  /** Checks single values (null removes), by path: what a whole document must have besides is not asked for. */
  checkValues(values: Readonly<Record<Path, Json>>, where: string): void {
    for (const [path, value] of Object.entries(values)) {
      checkLimits(value, `${where} ${path}`, 'allowed');
      if (value === null) continue;
      let doc: Json = value;
      for (const member of [...parsePath(path)].reverse()) doc = { [member]: doc };
      this.#run(doc as Doc, where, (error) => error.keyword === 'required');
    }
  }

  /** By the member's name inside Kraken. */
  member(name: string): Member | undefined {
    this.#types();
    return this.#byMember.get(name);
  }

  /** By the name outside Kraken. */
  type(name: string): Member | undefined {
    return this.#types().get(name);
  }

  #run(doc: Doc, where: string, isTolerated: (error: ErrorObject) => boolean): void {
    this.#validate ??= compileWhole(this.#declared.values());
    if (this.#validate(doc)) return;
    const errors = withoutBranches(this.#validate.errors ?? []).filter((error) => !isTolerated(error));
    if (errors.length > 0) throw refuseFor(where, errors.map(problemOf));
  }

  #types(): Map<string, Member> {
    if (this.#byType) return this.#byType;
    this.#byType = new Map();
    this.#byMember = new Map();
    for (const { path, schema, type } of this.#declared.values()) {
      const [name, below] = parsePath(path);
      if (name === undefined || below !== undefined) continue;
      const member: Member = { member: name, type, schema };
      this.#byMember.set(name, member);
      if (type !== undefined) this.#byType.set(type, member);
    }
    return this.#byType;
  }
}

/** One schema of the whole document: the core's members, the extensions, and objects down to each path of a module's `state`. */
function compileWhole(declared: Iterable<Declared>): ValidateFunction {
  const ajv = newAjv();
  ajv.addSchema(CORE_SCHEMA as object);
  const properties: { [member: string]: Json } = {
    [OTHER]: { type: 'object', maxProperties: 256, additionalProperties: { type: 'object' } },
  };
  for (const member of CORE_MEMBERS) properties[member] = { $ref: `kraken:node#/properties/${member}` };
  for (const { path, schema } of declared) {
    const id = `kraken:declared${encodeURI(path)}`;
    ajv.addSchema({ ...nameless(schema), $id: id });
    place(properties, parsePath(path), { $ref: id });
  }
  return ajv.compile({
    $id: 'kraken:document',
    type: 'object',
    required: CORE_SCHEMA['required'],
    properties,
    additionalProperties: false,
  });
}

function place(properties: { [member: string]: Json }, members: readonly string[], schema: Json): void {
  const [member, ...below] = members as [string, ...string[]];
  if (below.length === 0) {
    properties[member] = schema;
    return;
  }
  const there = properties[member];
  const object = isObject(there) ? there : { type: 'object', properties: {}, additionalProperties: false };
  properties[member] = object;
  place(object['properties'] as { [member: string]: Json }, below, schema);
}

/** Its own names would clash where two services bring one schema. */
function nameless(schema: Doc): { [key: string]: Json } {
  const { $id: _id, $schema: _schema, ...rest } = schema;
  return rest;
}

function withDefinitions(schema: Doc, root: Doc): Doc {
  return { ...schema, $defs: root['$defs'] as Json };
}

function isUnchanged(error: ErrorObject, doc: Doc, stored: Doc): boolean {
  const path = error.keyword === 'required' ? error.instancePath : pathOf(error);
  const value = get(doc, path);
  return value !== undefined && sameJson(value, get(stored, path));
}
