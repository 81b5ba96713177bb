/** A config that does not fit, and secrets in it. */
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { isObject } from '../modules/variables.ts';
import type { Dialogue } from './dialogue.ts';
import type { Drive, Opened } from './drive.ts';
import { answersInitialize } from './opening.ts';

const LOGGED = 50;
const MADE_UP = 'k3pt-Secret-7';

/** The config with one value that does not fit its schema; undefined = there is no key to spoil. */
export function badConfig({ config }: Drive, { wire }: Opened): { readonly [key: string]: Json } | undefined {
  const schemas = isObject(wire.config) ? wire.config : {};
  const spoiled = Object.entries(schemas).find(
    ([, schema]) => isObject(schema) && typeof schema['type'] === 'string' && schema['x-secret'] !== true,
  );
  if (!spoiled) return undefined;
  const [key, schema] = spoiled;
  const isText = isObject(schema) && schema['type'] === 'string';
  return { ...config, [key]: isText ? { not: 'a text' } : 'of another type' };
}

/** The config with a secret that was made up, where a key of text may have one and nobody gave any. */
function withSecrets(config: Drive['config'], { wire }: Opened): { readonly [key: string]: Json } {
  const added = Object.entries(isObject(wire.config) ? wire.config : {}).flatMap(([key, schema]) => {
    const isOpen = isObject(schema) && schema['x-secret'] === true && schema['type'] === 'string';
    return isOpen && !('enum' in schema) && !('pattern' in schema) && !(key in config) ? [[key, MADE_UP] as const] : [];
  });
  return { ...config, ...Object.fromEntries(added) };
}

/** In a process of its own: it must answer, and must not tell a secret while it refuses. */
export async function refusesConfig(drive: Drive, dialogue: Dialogue, opened: Opened): Promise<void> {
  const { book, watch } = drive;
  const bad = badConfig(drive, opened);
  const secrets = [MADE_UP, ...watch.secrets];
  const config = withSecrets(bad ?? drive.config, opened);
  const answer = await answersInitialize(drive, dialogue, { config });
  if (answer.is === 'late' || answer.is === 'gone') return;
  // What it logs comes through another pipe, and may come later.
  await dialogue.endsWithin(LOGGED);
  const hasSecret = Object.values(config).some((value) => secrets.includes(String(value)));
  if (hasSecret) book.pass('secret.kept');
  else book.skip('nothing of its config is secret', 'secret.kept');
  if (hasSecret && dialogue.transcript.some((line) => !line.includes(' → ') && secrets.some((secret) => line.includes(secret))))
    dialogue.fail('secret.kept', 'a value that its config schema marks as secret came out of it');
  if (!bad) book.skip('its config has no key that could be wrong', 'init.badConfig', 'config.refused');
  else if (answer.is === 'result' || answer.code === CODES.InvalidParams) book.pass('init.badConfig');
  else dialogue.fail('init.badConfig', `it refused a config that does not fit with ${answer.code} (${answer.message}), not with -32602`);
}
