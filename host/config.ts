/** What an administrator configures, read from a file of YAML or JSON. */
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { RefusalError } from './core/refusal.ts';
import { type HostConfig, parseConfig } from './documents/config.ts';

/** Throws a RefusalError that names the file, the member and the reason. */
export function readConfig(file: string): HostConfig {
  let data: unknown;
  try {
    data = parseYaml(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new RefusalError({
      code: -32602,
      what: 'the configuration cannot be read',
      where: file,
      why,
      todo: 'Correct the file, or name another (--config, or KRAKEN_CONFIG)',
    });
  }
  return parseConfig(data, file);
}
