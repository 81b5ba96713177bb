/** A module's config: checked against its schemas, defaults filled in, secrets known. Small on purpose: ajv is in the host, not in every module. */
import type { ConfigLiterals, ConfigSchema, SchemaLiteral } from './infer.ts';

const TYPES: Readonly<Record<NonNullable<SchemaLiteral['type']>, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** What is wrong with a value, as sentences that begin with its place. Never names the value of a secret. */
function problems(where: string, schema: SchemaLiteral, value: unknown): string[] {
  if (schema.type !== undefined && !TYPES[schema.type](value))
    return [`${where} must be ${/^[aio]/.test(schema.type) ? 'an' : 'a'} ${schema.type}`];
  if (schema.enum !== undefined && !schema.enum.some((one) => one === value)) return [`${where} must be one of ${schema.enum.join(', ')}`];
  if (typeof value === 'string') return ofString(where, schema, value);
  if (typeof value === 'number') return ofNumber(where, schema, value);
  if (Array.isArray(value)) return ofArray(where, schema, value);
  if (typeof value === 'object' && value !== null) return ofObject(where, schema, value as Record<string, unknown>);
  return [];
}

function ofString(where: string, { minLength, maxLength, pattern, format }: SchemaLiteral, value: string): string[] {
  if (minLength !== undefined && value.length < minLength) return [`${where} must have at least ${minLength} characters`];
  if (maxLength !== undefined && value.length > maxLength) return [`${where} must have at most ${maxLength} characters`];
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) return [`${where} must match ${pattern}`];
  if (format === 'uri' && !URL.canParse(value)) return [`${where} must be a URI`];
  return [];
}

function ofNumber(where: string, { minimum, maximum, exclusiveMinimum }: SchemaLiteral, value: number): string[] {
  if (minimum !== undefined && value < minimum) return [`${where} must be at least ${minimum}`];
  if (maximum !== undefined && value > maximum) return [`${where} must be at most ${maximum}`];
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return [`${where} must be more than ${exclusiveMinimum}`];
  return [];
}

function ofArray(where: string, { items, minItems, maxItems }: SchemaLiteral, value: readonly unknown[]): string[] {
  if (minItems !== undefined && value.length < minItems) return [`${where} must have at least ${minItems} items`];
  if (maxItems !== undefined && value.length > maxItems) return [`${where} must have at most ${maxItems} items`];
  return items === undefined ? [] : value.flatMap((one, index) => problems(`${where}/${index}`, items, one));
}

function ofObject(
  where: string,
  { properties = {}, required = [], additionalProperties }: SchemaLiteral,
  value: Readonly<Record<string, unknown>>,
): string[] {
  const missing = required.filter((key) => value[key] === undefined).map((key) => `${where}/${key} is missing`);
  const wrong = Object.entries(value).flatMap(([key, one]) => {
    const schema = properties[key] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
    if (schema !== undefined) return problems(`${where}/${key}`, schema, one);
    return additionalProperties === false ? [`${where}/${key} is not known`] : [];
  });
  return [...missing, ...wrong];
}

export interface CheckedConfig {
  /** With defaults filled in; what of it is not wrong. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly problems: readonly string[];
}

export function checkConfig(schemas: ConfigLiterals, given: Readonly<Record<string, unknown>>): CheckedConfig {
  const found: string[] = Object.keys(given)
    .filter((key) => !Object.hasOwn(schemas, key))
    .map((key) => `/${key} is not known (known: ${Object.keys(schemas).join(', ') || 'nothing'})`);
  const config: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(schemas)) {
    const value = Object.hasOwn(given, key) ? given[key] : schema.default;
    if (value !== undefined) {
      found.push(...problems(`/${key}`, schema, value));
      config[key] = value;
    } else if (schema['x-optional'] !== true) found.push(`/${key} is missing`);
  }
  return { config, problems: found };
}

/** Replaces every secret of the config by `***`, in text and in whatever is logged with it. */
export class Redaction {
  #secrets: readonly string[] = [];

  learn(schemas: Readonly<Record<string, ConfigSchema>>, config: Readonly<Record<string, unknown>>): void {
    const secret = Object.entries(schemas).filter(([, schema]) => schema['x-secret'] === true);
    const strings = secret.flatMap(([key]) => stringsOf(config[key]));
    // An old secret stays one; the longest first, so that none is cut in two by another.
    this.#secrets = [...new Set([...this.#secrets, ...strings])].sort((a, b) => b.length - a.length);
  }

  text(text: string): string {
    return this.#secrets.reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
  }

  value(value: unknown): unknown {
    if (this.#secrets.length === 0) return value;
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') return this.#secrets.includes(String(value)) ? '***' : value;
    if (Array.isArray(value)) return value.map((one) => this.value(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [this.text(key), this.value(one)]));
  }
}

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}
