/** What an administrator configures, read and checked before anything starts. */
import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import type { Json } from './core/declaration.ts';
import { isObject } from './core/pointer.ts';
import { RefusalError } from './core/refusal.ts';
import { DEFAULT_SETTINGS, type Settings } from './core/settings.ts';

export interface HostConfig {
  /** Of the engine's guards; see host/core/settings.ts. */
  readonly settings: Partial<Settings>;
  /** Services by name: `{module, serves?, config?, permissions?, env?, enabled?}`. */
  readonly services: Json;
}

const MEMBERS = ['settings', 'services'];

/** YAML or JSON. Throws a RefusalError that names the file, the member and the reason. */
export function readConfig(file: string): HostConfig {
  let data: unknown;
  try {
    data = parseYaml(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    throw refuse(
      file,
      error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
      'Correct the file, or name another with --config',
    );
  }
  return checkConfig(data, file);
}

export function checkConfig(data: unknown, file: string): HostConfig {
  if (!isObject(data)) throw refuse(file, 'it is not an object', `Its members are ${MEMBERS.join(', ')}`);
  const stranger = Object.keys(data).find((member) => !MEMBERS.includes(member));
  if (stranger !== undefined) throw refuse(file, `${stranger} is not known`, `Its members are ${MEMBERS.join(', ')}`);
  return { settings: checkSettings(data['settings'] ?? {}, file), services: data['services'] ?? {} };
}

/** Every setting has the kind of its default, and numbers are not negative. */
function checkSettings(data: Json, file: string): Partial<Settings> {
  if (!isObject(data)) throw refuse(file, 'settings is not an object', 'See host/core/settings.ts for their names');
  for (const [name, value] of Object.entries(data)) {
    const preset: unknown = (DEFAULT_SETTINGS as unknown as Record<string, unknown>)[name];
    if (preset === undefined) throw refuse(file, `settings.${name} is not known`, `They are ${Object.keys(DEFAULT_SETTINGS).join(', ')}`);
    const wrong =
      Array.isArray(preset) !== Array.isArray(value) || typeof preset !== typeof value || (typeof value === 'number' && !(value >= 0));
    if (wrong)
      throw refuse(
        file,
        `settings.${name} = ${JSON.stringify(value)}`,
        `Its default is ${JSON.stringify(preset)}; times are in milliseconds`,
      );
    if (name === 'afterPowerLoss' && value !== 'wait' && value !== 'restore')
      throw refuse(file, `settings.afterPowerLoss = ${JSON.stringify(value)}`, 'It is wait or restore');
  }
  return data as Partial<Settings>;
}

function refuse(file: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: -32602, what: 'the configuration cannot be used', where: file, why, todo });
}
