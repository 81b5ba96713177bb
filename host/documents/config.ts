/** The host's configuration file, checked like any document: schemas/config.json says what it may hold. */
import configSchema from '../../schemas/config.json' with { type: 'json' };
import type { Json } from '../core/declaration.ts';
import type { Doc } from '../core/pointer.ts';
import type { Settings } from '../core/settings.ts';
import { Validator } from './ajv.ts';
import { checkLimits } from './limits.ts';
import { problemOf, refuseFor } from './problem.ts';

export interface HostConfig {
  /** Of the engine's guards, over their defaults. */
  readonly settings: Partial<Settings>;
  /** Services by name, as `parseServices` of host/modules reads them. */
  readonly services: { readonly [service: string]: Json };
}

/** Throws a RefusalError that names the file, the key and the reason. An empty file is an empty configuration. */
export function parseConfig(given: unknown, file: string): HostConfig {
  const config = given ?? {};
  checkLimits(config, file, 'refused');
  const errors = new Validator(configSchema as unknown as Doc).errors(config as Json);
  if (errors.length > 0) throw refuseFor(file, errors.map(problemOf));
  return { settings: {}, services: {}, ...(config as Partial<HostConfig>) };
}
