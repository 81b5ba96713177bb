/** The host's configuration file, checked like any document: schemas/config.json says what it may hold. */

import { type Doc, isObject } from '@kraken-hpc/sdk/state';
import configSchema from '../../schemas/config.json' with { type: 'json' };
import type { Json } from '../core/declaration.ts';
import type { Millis } from '../core/record.ts';
import type { Settings } from '../core/settings.ts';
import { Validator } from './ajv.ts';
import { checkLimits } from './limits.ts';
import { problemOf, refuseFor } from './problem.ts';

/** This host in the tree of hosts, as the file says it; what addresses and files lead to is for others to find out. */
export interface SyncConfig {
  readonly listen?: readonly string[];
  readonly port?: number;
  readonly parents?: readonly string[];
  readonly id?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly trustKernelToken?: boolean;
  readonly runDir?: string;
  readonly keepKeys?: boolean;
  readonly selfReboot?: boolean;
  readonly hello?: Millis;
  readonly dead?: Millis;
  readonly probe?: Millis;
  readonly probeTries?: number;
  readonly resendLeast?: Millis;
  readonly resendMost?: Millis;
  readonly resendBeside?: Millis;
  readonly retryFirst?: Millis;
  readonly retryMost?: Millis;
  readonly steady?: Millis;
}

export interface HostConfig {
  /** Of the engine's guards, over their defaults. */
  readonly settings: Partial<Settings>;
  /** Services by name, as `parseServices` of host/modules reads them. */
  readonly services: { readonly [service: string]: Json };
  readonly sync: SyncConfig;
}

/** Each `[lower, higher, factor]`: the second is at least so many times the first. Where only one is configured, the other follows it. */
const ORDERED = [
  ['hello', 'dead', 2],
  ['resendLeast', 'resendMost', 1],
  ['resendBeside', 'resendMost', 1],
  ['resendLeast', 'resendBeside', 1],
  ['retryFirst', 'retryMost', 1],
] as const;

/** The schema less the members that this value does not have: it takes and refuses the same values with these members. */
function partOf({ $id: _id, ...schema }: Doc, value: Json): Doc {
  const { properties } = schema;
  if (!isObject(properties) || !isObject(value)) return schema;
  const named = Object.entries(properties).filter(([name]) => Object.hasOwn(value, name));
  const parts = named.map(([name, member]) => [name, isObject(member) ? partOf(member, value[name] as Json) : member]);
  return { ...schema, properties: Object.fromEntries(parts) as Json };
}

/** Throws a RefusalError that names the file, the key and the reason. An empty file is an empty configuration. */
export function parseConfig(given: unknown, file: string): HostConfig {
  const config = given ?? {};
  checkLimits(config, file, 'refused');
  const schema = configSchema as unknown as Doc;
  // Compiling what a file does not name is most of the time that a node takes to start; all of it has the words for what is wrong.
  const isGood = new Validator(partOf(schema, config as Json)).errors(config as Json).length === 0;
  const errors = isGood ? [] : new Validator(schema).errors(config as Json);
  if (errors.length > 0) throw refuseFor(file, errors.map(problemOf));
  const parsed = { settings: {}, services: {}, sync: {}, ...(config as Partial<HostConfig>) };
  for (const [lower, higher, factor] of ORDERED) {
    const [low, high] = [parsed.sync[lower], parsed.sync[higher]];
    if (low === undefined || high === undefined || high >= low * factor) continue;
    const why = `${high} is less than ${factor === 1 ? '' : `${factor} times `}${lower} (${low})`;
    throw refuseFor(file, [{ path: `/sync/${higher}`, why, todo: `Raise it, or lower ${lower}` }]);
  }
  return parsed;
}
