/**
 * A service's config: references to secrets resolved, checked against the module's own schema, secrets kept out of everything shown.
 * A value may stand in a file or the environment instead of the config: `{ "file": "/etc/kraken/bmc.password" }`, `{ "env": "BMC_PASSWORD" }`.
 */
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { ErrorObject } from 'ajv';
import type { Json } from '../core/declaration.ts';
import { refuse } from './refuse.ts';
import { isObject } from './variables.ts';

const REDACTED = '***';
const UNKNOWN_KEY = "is no key of this module's config";
const LARGEST_FILE = 64 * 1024;
/** Shorter ones are in every second line of text; taking them out would hide nothing and spoil the log. */
const SHORTEST_SCRUBBED = 4;

export interface Resolved {
  readonly config: { readonly [key: string]: Json };
  /** Where a reference stood, as a pointer: only a secret may be one. */
  readonly references: readonly string[];
  /** What was read through references: secret before the schema is known. */
  readonly read: readonly string[];
}

/** Reads what is referred to. Throws a RefusalError naming the key, never the value. */
export async function resolveConfig(service: string, config: Json): Promise<Resolved> {
  if (!isObject(config))
    throw refuse(CODES.InvalidValue, service, 'its config is refused', 'it is not an object', 'Correct the config of this service');
  const references: string[] = [];
  const read: string[] = [];
  const resolve = async (value: Json, at: string): Promise<Json> => {
    if (Array.isArray(value)) return Promise.all(value.map((one, index) => resolve(one, `${at}/${index}`)));
    if (!isObject(value)) return value;
    const keys = Object.keys(value);
    const [key] = keys;
    const target = key === undefined ? undefined : value[key];
    if (keys.length === 1 && (key === 'file' || key === 'env') && typeof target === 'string') {
      references.push(at);
      const text = key === 'file' ? await fromFile(service, at, target) : fromEnvironment(service, at, target);
      read.push(text);
      return text;
    }
    const entries = await Promise.all(
      Object.entries(value).map(async ([name, one]) => [name, await resolve(one, `${at}/${name}`)] as const),
    );
    return Object.fromEntries(entries);
  };
  const whole: { [key: string]: Json } = {};
  for (const [name, value] of Object.entries(config)) whole[name] = await resolve(value, `/${name}`);
  return { config: whole, references, read };
}

async function fromFile(service: string, at: string, path: string): Promise<string> {
  const no = (why: string) =>
    refuse(CODES.InvalidValue, service, `its config${at} is refused`, why, 'Correct the path or the file, then start the service again');
  if (!isAbsolute(path)) throw no(`the file ${path} is not an absolute path`);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw no(`the file ${path} cannot be read (${error.code})`);
  });
  if (bytes.length > LARGEST_FILE) throw no(`the file ${path} has ${bytes.length} bytes; at most ${LARGEST_FILE} are read`);
  return bytes.toString('utf8').replace(/\r?\n$/, '');
}

function fromEnvironment(service: string, at: string, name: string): string {
  const value = process.env[name];
  if (value !== undefined) return value;
  throw refuse(
    CODES.InvalidValue,
    service,
    `its config${at} is refused`,
    `there is no environment variable ${name}`,
    'Set it for the host, then start the service again',
  );
}

/** Checks the config against `declaration.config`, a schema by key; returns every string in it that is secret. ajv is loaded when there is something to check. */
export async function checkConfig(service: string, schemas: Json | undefined, resolved: Resolved): Promise<readonly string[]> {
  const properties = isObject(schemas) ? schemas : {};
  const required = Object.keys(properties).filter((key) => {
    const schema = properties[key];
    return isObject(schema) && schema.default === undefined && schema['x-optional'] !== true;
  });
  const keys = Object.keys(resolved.config);
  const problems =
    Object.keys(properties).length === 0
      ? keys.map((key) => `/${key} ${UNKNOWN_KEY}`)
      : await validate(service, { type: 'object', properties, required, additionalProperties: false }, resolved.config);
  const secrets = new Map<string, Json>();
  for (const [key, schema] of Object.entries(properties)) findSecrets(`/${key}`, schema, resolved.config[key], secrets);
  for (const at of resolved.references) {
    const secret = [...secrets.keys()].some((path) => at === path || at.startsWith(`${path}/`));
    if (!secret) problems.push(`${at} refers to a file or the environment; only what the module marks as secret may`);
  }
  if (problems.length > 0) {
    throw refuse(
      CODES.InvalidValue,
      service,
      'its config is refused',
      problems.slice(0, 20).join('; '),
      `Correct the config of ${service}; the service then starts by itself`,
    );
  }
  return [...new Set([...resolved.read, ...[...secrets.values()].flatMap(strings)])];
}

async function validate(service: string, schema: { readonly [key: string]: Json }, config: Json): Promise<string[]> {
  const { createAjv } = await import('./ajv.ts');
  const ajv = createAjv();
  try {
    const check = ajv.compile(schema);
    return check(config) ? [] : (check.errors ?? []).map(problemText);
  } catch (error) {
    throw refuse(
      CODES.InvalidValue,
      service,
      'the schema of its config is refused',
      error instanceof Error ? error.message : String(error),
      'Correct the module',
    );
  }
}

/** Names the key and the rule, never the value, which may be secret. */
function problemText(error: ErrorObject): string {
  const params: Record<string, unknown> = error.params;
  if (error.keyword === 'additionalProperties') return `${error.instancePath}/${params.additionalProperty} ${UNKNOWN_KEY}`;
  if (error.keyword === 'required') return `${error.instancePath}/${params.missingProperty} is missing`;
  if (error.keyword === 'enum') return `${error.instancePath} must be one of ${JSON.stringify(params.allowedValues)}`;
  return `${error.instancePath} ${error.message ?? error.keyword}`;
}

function findSecrets(at: string, schema: Json | undefined, value: Json | undefined, found: Map<string, Json>): void {
  if (!isObject(schema) || value === undefined) return;
  if (schema['x-secret'] === true) {
    found.set(at, value);
    return;
  }
  if (Array.isArray(value)) for (const [index, one] of value.entries()) findSecrets(`${at}/${index}`, schema.items, one, found);
  if (!isObject(value)) return;
  const properties = isObject(schema.properties) ? schema.properties : {};
  for (const [key, one] of Object.entries(value)) findSecrets(`${at}/${key}`, properties[key] ?? schema.additionalProperties, one, found);
}

/** Whether anything in the schemas is secret: such a config is given in `initialize` only. */
export function hasSecrets(schemas: Json | undefined): boolean {
  if (Array.isArray(schemas)) return schemas.some(hasSecrets);
  return isObject(schemas) && (schemas['x-secret'] === true || Object.values(schemas).some(hasSecrets));
}

/** Every text and number in it, as text. */
export function strings(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap(strings);
  if (isObject(value)) return Object.values(value).flatMap(strings);
  return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
}

/** Takes the secrets out of a text. */
export function scrubber(secrets: readonly string[]): (text: string) => string {
  const long = secrets.filter((secret) => secret.length >= SHORTEST_SCRUBBED).sort((a, b) => b.length - a.length);
  if (long.length === 0) return (text) => text;
  return (text) => long.reduce((clean, secret) => clean.replaceAll(secret, REDACTED), text);
}
