/** The `kraken` key of a package.json, or a module.json: what must be known of a module before it runs. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CODES, manifestMisfit } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { RefusalError } from '../core/refusal.ts';
import { isPermission } from './permissions.ts';
import { isObject } from './variables.ts';

export interface FoundModule {
  /** `ipmi`: the last part of the package's name. */
  readonly module: string;
  readonly version: string;
  readonly dir: string;
  /** What is executed, with its arguments. */
  readonly command: readonly string[];
  readonly permissions: readonly string[];
  /** The whole name of its package: `@site/pdu`. */
  readonly package: string;
  /** A plugin of schemas alone, without a process: the file of each member's schema. */
  readonly extensions?: Readonly<Record<string, string>>;
}

/** True when the host itself runs from its TypeScript: then modules beside it do too. */
const FROM_SOURCE = import.meta.url.endsWith('.ts');

/** The module in this folder; undefined if there is none. Throws a RefusalError for one that is wrong. */
export function readManifest(dir: string): FoundModule | undefined {
  for (const name of ['package.json', 'module.json']) {
    const file = join(dir, name);
    if (!existsSync(file)) continue;
    const whole = parse(file);
    const manifest = name === 'module.json' ? whole : whole.kraken;
    // Built pages are no module: whatever serves them finds them by their package.
    if (isObject(manifest) && manifest['pages'] !== undefined) return undefined;
    if (manifest !== undefined) return found(file, dir, whole, manifest);
  }
  return undefined;
}

const wrong = (file: string, why: string): RefusalError =>
  new RefusalError({ code: CODES.InvalidValue, what: 'its manifest is refused', where: file, why, todo: 'Correct the file' });

function parse(file: string): { readonly [key: string]: Json } {
  try {
    const whole: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (isObject(whole)) return whole;
  } catch (error) {
    throw wrong(file, error instanceof Error ? error.message : String(error));
  }
  throw wrong(file, 'it is not an object');
}

function found(file: string, dir: string, whole: { readonly [key: string]: Json }, manifest: Json): FoundModule {
  if (!isObject(manifest)) throw wrong(file, 'kraken is not an object');
  const { protocol, main, command, permissions = [] } = manifest;
  if (protocol !== 1) throw wrong(file, `kraken.protocol is ${JSON.stringify(protocol)}; this host speaks 1`);
  if (!Array.isArray(permissions) || !permissions.every((one): one is string => isPermission(one)))
    throw wrong(file, `kraken.permissions ${JSON.stringify(permissions)} names what is no permission`);
  const { extensions } = manifest;
  const words = extensions === undefined || main !== undefined ? commandOf(file, dir, main, command) : [];
  const misfit = manifestMisfit(manifest);
  if (misfit) throw wrong(file, `kraken${misfit.field.replaceAll('/', '.')} ${misfit.message}`);
  const named = typeof whole.name === 'string' ? whole.name : basename(dir);
  return {
    module: named.split('/').at(-1) ?? named,
    version: typeof whole.version === 'string' ? whole.version : '0.0.0',
    dir,
    command: words,
    permissions,
    package: named,
    ...(isObject(extensions) ? { extensions: pathsOf(dir, extensions) } : {}),
  };
}

function pathsOf(dir: string, extensions: { readonly [member: string]: Json }): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(extensions).map(([member, file]) => [member, resolve(dir, String(file))]));
}

function commandOf(file: string, dir: string, main: Json | undefined, command: Json | undefined): readonly string[] {
  if (typeof main === 'string') return mainCommand(dir, main);
  if (!Array.isArray(command) || command.length === 0 || !command.every((word): word is string => typeof word === 'string'))
    throw wrong(file, 'it has neither kraken.main (a script) nor kraken.command (a program with its arguments)');
  // It starts in the service's data directory, where a file of its own would be looked for in vain.
  return command.map((word) => (/^\.\.?\//.test(word) ? resolve(dir, word) : word));
}

/** In the source tree `dist/main.js` is `main.ts`, run through tsx with the packages' sources. */
function mainCommand(dir: string, main: string): readonly string[] {
  const source = join(dir, main.replace(/^(?:\.\/)?dist\//, '').replace(/\.js$/, '.ts'));
  if (FROM_SOURCE && source.endsWith('.ts') && existsSync(source)) {
    return [process.execPath, '--import', import.meta.resolve('tsx'), '--conditions=kraken-source', source];
  }
  return [process.execPath, isAbsolute(main) ? main : join(dir, main)];
}

/** The folders above this file, nearest first: source tree, build and installed package have their modules in one of them. */
export function ancestors(url: string): readonly string[] {
  const dirs: string[] = [];
  for (let dir = resolve(fileURLToPath(url), '..'); dir !== resolve(dir, '..'); dir = resolve(dir, '..')) dirs.push(dir);
  return dirs;
}
