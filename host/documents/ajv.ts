/** The one way in which values are validated: JSON Schema 2020-12, strict. */

import type { Doc } from '@kraken-hpc/sdk/state';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import type { Json } from '../core/declaration.ts';

/** Annotations beside JSON Schema's own words; `x-never-wanted` is a rule. */
const ANNOTATIONS = ['x-means', 'x-terminal', 'x-progress', 'x-says', 'x-secret', 'x-optional', 'x-type', 'x-name', 'x-original'];

/**
 * Compiles when it is first needed, twice: a small, quick function for what is good, which is nearly everything, and one that finds
 * all that is wrong. Compiling takes some 30 ms, so a host that starts compiles nothing.
 */
export class Validator {
  readonly #schema: Doc;
  #quick: ValidateFunction | undefined;
  #thorough: ValidateFunction | undefined;

  constructor(schema: Doc) {
    this.#schema = schema;
  }

  /** Everything that is wrong with the value; nothing if it is good. */
  errors(value: Json | Doc): readonly ErrorObject[] {
    this.#quick ??= quick().compile(this.#schema as object);
    if (this.#quick(value)) return [];
    this.#thorough ??= thorough().compile(this.#schema as object);
    return this.#thorough(value) ? [] : withoutBranches(this.#thorough.errors ?? []);
  }
}

/**
 * Throws an Error for what is no valid schema by the strict rules: unknown keywords, types and values that a keyword does not take.
 * (Compiling tells; validating against the meta-schema as well costs 50 ms at every start.)
 */
export function checkSchema(schema: Doc): void {
  quick().compile(schema as object);
  quick().removeSchema(schema as object);
}

const quick = once(() => newAjv({}));
const thorough = once(() => newAjv({ allErrors: true, verbose: true }));

function newAjv(options: { readonly allErrors?: boolean; readonly verbose?: boolean }): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    validateSchema: false,
    inlineRefs: false,
    ...options,
  });
  ajvFormats.default(ajv);
  ajv.addVocabulary(ANNOTATIONS);
  ajv.addKeyword({
    keyword: 'x-never-wanted',
    schemaType: 'array',
    validate: (never: Json[], value: Json) => !never.includes(value),
    errors: false,
  });
  return ajv;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Where none of several forms fits, ajv reports each of them; the one sentence about all is enough. */
function withoutBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const choices = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf').map((error) => error.instancePath);
  if (choices.length === 0) return errors;
  return errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf' || !choices.includes(error.instancePath));
}
