/** The host's configuration file, read once at the start: schemas/config.json says what it may hold. */
import configSchema from '../../schemas/config.json' with { type: 'json' };
import type { Json } from '../core/declaration.ts';
import type { Doc } from '../core/pointer.ts';
import { Validator } from './ajv.ts';
import { checkLimits } from './limits.ts';
import { problemOf, refuseFor } from './problem.ts';

export interface HostConfig {
  readonly node?: { readonly nodename?: string; readonly id?: string };
  /** As `parseServices` of host/modules reads them. */
  readonly services?: { readonly [service: string]: Json };
  readonly afterPowerLoss?: 'wait' | 'restore';
  readonly failureDomains?: readonly string[];
  readonly control?: { readonly group?: string };
  readonly log?: { readonly level?: 'error' | 'warn' | 'info' | 'debug' };
}

/** Throws a RefusalError that names the file, the key and the reason. An empty file is an empty configuration. */
export function parseConfig(given: unknown, file: string): HostConfig {
  const config = given ?? {};
  checkLimits(config, file, 'refused');
  const errors = new Validator(configSchema as unknown as Doc).errors(config as Json);
  if (errors.length > 0) throw refuseFor(file, errors.map(problemOf));
  return config as HostConfig;
}
