/** What a validator found, in the words of the person who wrote the document. */

import { childPath, type Doc } from '@kraken-hpc/sdk/state';
import type { ErrorObject } from 'ajv';
import { closest } from '../core/closest.ts';
import type { Json, Path } from '../core/declaration.ts';
import { RefusalError } from '../core/refusal.ts';

/** The codes of `schemas/errors.json` that this folder gives. */
export const CODE = { invalidValue: -32013, contradiction: -32014, tooLarge: -32016 } as const;

export interface Problem {
  /** The member that is wrong; '' is the document itself. */
  readonly path: Path;
  readonly why: string;
  readonly todo: string;
}

/** So many are listed; the others are counted. */
const MOST = 10;
const LONGEST_VALUE = 60;

/** One refusal for all that is wrong: the first precisely, the others by path. */
export function refuseFor(where: string, problems: readonly Problem[], code: number = CODE.invalidValue): RefusalError {
  const [first, ...others] = problems;
  const listed = others.slice(0, MOST - 1).map((problem) => `${problem.path || 'the document'}: ${problem.why}`);
  const more = others.length - listed.length;
  const rest = listed.length === 0 ? '' : `; besides, ${listed.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
  return new RefusalError({
    code,
    what: 'refused, and nothing of it was applied',
    where: first?.path ? `${where} ${first.path}` : where,
    why: `${first?.why ?? 'it is wrong'}${rest}`,
    todo: first?.todo ?? 'Correct it and apply it again',
  });
}

/** The member that an error is about: for one that is missing or too much, that member itself. */
export function pathOf(error: ErrorObject): Path {
  const params: Record<string, unknown> = error.params;
  const extra =
    params['additionalProperty'] ?? params['missingProperty'] ?? (error.keyword === 'propertyNames' ? params['propertyName'] : undefined);
  return typeof extra === 'string' ? childPath(error.instancePath, extra) : error.instancePath;
}

export function problemOf(error: ErrorObject): Problem {
  const path = pathOf(error);
  const schema = (error.parentSchema ?? {}) as Doc;
  const value = schema['x-secret'] === true ? 'the secret there' : shown(error.data as Json | undefined);
  switch (error.keyword) {
    case 'enum':
      return enumProblem(path, value, error);
    case 'additionalProperties':
      return unknownProblem(path, error, schema);
    case 'required':
      return { path, why: 'it is missing', todo: `Add ${path}` };
    case 'x-never-wanted':
      return {
        path,
        why: `${value} is seen on the way or when something is wrong; nobody can want it`,
        todo: `Name the state to reach, or leave ${path} out`,
      };
    case 'type':
      return {
        path,
        why: `${value} is ${kindOf(error.data)}; ${article(String(error.params['type']))} is needed`,
        todo: 'Correct the value',
      };
    case 'pattern':
    case 'format':
      return { path, why: `${value} is not written as it must be (${error.message})`, todo: hint(schema) };
    case 'anyOf':
      return { path, why: `${value} has none of the forms that it may have`, todo: hint(schema) };
    default:
      return { path, why: `${value} ${error.message ?? `breaks the rule ${error.keyword}`}`, todo: hint(schema) };
  }
}

/** A member of the document that no schema speaks of, in the form of ajv's errors. */
export function unknownMember(member: string, known: readonly string[]): ErrorObject {
  const properties = Object.fromEntries(known.map((name) => [name, {}]));
  const params = { additionalProperty: member };
  return { keyword: 'additionalProperties', instancePath: '', schemaPath: '', params, parentSchema: { properties } };
}

function enumProblem(path: Path, value: string, error: ErrorObject): Problem {
  const allowed = (error.params['allowedValues'] as Json[]).map(String);
  const meant = typeof error.data === 'string' ? closest(error.data, allowed) : undefined;
  return { path, why: `${value} is none of ${allowed.join(', ')}`, todo: meant ? `Did you mean ${meant}?` : 'Use one of these' };
}

function unknownProblem(path: Path, error: ErrorObject, schema: Doc): Problem {
  const known = Object.keys((schema['properties'] ?? {}) as Doc);
  const meant = closest(String(error.params['additionalProperty']), known);
  const outermost = error.instancePath === '';
  const why = `there is no such member${outermost ? '' : ' there'}; known are ${known.sort().join(', ') || 'none'}`;
  if (meant) return { path, why, todo: `Did you mean ${meant}?` };
  return { path, why, todo: outermost ? 'Start the service that brings it (kraken service list), or leave it out' : 'Leave it out' };
}

function hint(schema: Doc): string {
  return typeof schema['description'] === 'string' ? `Correct the value: ${schema['description']}` : 'Correct the value';
}

/** A value as it is quoted back: cut, so that a message stays a message. */
function shown(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return article(Array.isArray(value) ? 'array' : typeof value);
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}
