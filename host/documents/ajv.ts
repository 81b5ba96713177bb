/** The one way in which documents are validated: JSON Schema 2020-12, strict, every problem found at once. */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import type { Json } from '../core/declaration.ts';

/** Annotations beside JSON Schema's own words; `x-never-wanted` is a rule. */
const ANNOTATIONS = ['x-means', 'x-terminal', 'x-secret', 'x-optional', 'x-type', 'x-name', 'x-original'];

export function newAjv(): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true, verbose: true });
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

/** Where none of several forms fits, ajv reports each of them; the one sentence about all is enough. */
export function withoutBranches(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const choices = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf').map((error) => error.instancePath);
  if (choices.length === 0) return errors;
  return errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf' || !choices.includes(error.instancePath));
}
