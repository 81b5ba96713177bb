/** The config of a service, as a file of a person has it. */
import { readFileSync } from 'node:fs';
import type { Params } from '@kraken-hpc/sdk/wire';
import { usage } from './failure.ts';
import { type Call, flag } from './io.ts';

type Config = NonNullable<Params<'plugin/stage'>['config']>;

/** What stands in the file of --config, YAML or JSON; undefined = not given. */
export async function configOf(call: Call): Promise<Config | undefined> {
  const file = flag(call, 'config');
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw usage(`--config ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const read = (await import('./yaml.ts')).fromYaml(text);
  if ('error' in read) throw usage(`--config ${file} is neither YAML nor JSON: ${read.error}`);
  const { documents } = read;
  const [config = {}] = documents;
  if (documents.length <= 1 && typeof config === 'object' && config !== null && !Array.isArray(config)) return config as Config;
  throw usage(
    `--config ${file} is no config: it is ${documents.length > 1 ? 'several documents' : 'not an object'}`,
    'Write KEY: VALUE, one a line',
  );
}

/** `none` is the empty list. */
export function listOf(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== 'none');
}
