/** Brings a plugin into a folder of its own, from wherever it is: nothing of it is run by that. */
import { existsSync, statSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { CODES } from '@kraken-hpc/sdk/wire';
import { RefusalError } from '../core/refusal.ts';
import { type FoundModule, readManifest } from '../modules/manifest.ts';
import { npmInstall } from './npm.ts';
import { copyPackage } from './tree.ts';

export interface FetchOptions {
  /** NAME, NAME@VERSION, or the absolute path of a folder or a tarball. */
  readonly source: string;
  /** An empty folder; all of it is the plugin afterwards. */
  readonly into: string;
  readonly allowScripts: boolean;
  readonly signal: AbortSignal;
  progress(text: string): void;
}

/** What a registry calls a package: nothing that npm would take for a flag, an address or a path. */
const NAME = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*(?:@[A-Za-z0-9.^~*+_-]+)?$/;

function refuse(code: number, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code, what: 'it cannot be installed', where, why, todo });
}

/** Rejects with a RefusalError in words for a person. */
export async function fetchPlugin(options: FetchOptions): Promise<FoundModule> {
  const { source, into } = options;
  const dir = isAbsolute(source) ? await fromPath(options) : await fromNpm(options, nameOf(source));
  await openToAll(into);
  const found = manifestOf(dir, source);
  if (found.extensions === undefined) mustExist(found, source);
  return found;
}

/** A folder may say anything of itself; these become parts of paths. */
const PACKAGE = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const VERSION = /^[A-Za-z0-9.+-]{1,64}$/;

function manifestOf(dir: string, source: string): FoundModule {
  const found = readManifest(dir);
  const no = (why: string, todo: string): RefusalError => refuse(CODES.InvalidValue, source, why, todo);
  if (!found)
    throw no(
      'it is no plugin of Kraken: its package.json has no key "kraken", and there is no module.json',
      'Name another; kraken plugin new makes one',
    );
  if (!PACKAGE.test(found.package)) throw no(`a package cannot be called ${JSON.stringify(found.package)}`, 'Correct its name');
  if (!VERSION.test(found.version)) throw no(`${JSON.stringify(found.version)} is no version`, 'Correct its version');
  return found;
}

function nameOf(source: string): string {
  if (NAME.test(source)) return source;
  const todo = 'Write NAME, NAME@VERSION, or the path of a folder or a tarball';
  throw refuse(CODES.InvalidValue, source, 'it is neither a name of a package nor a path', todo);
}

async function fromPath(options: FetchOptions): Promise<string> {
  const { source, into, signal, progress } = options;
  const found = statSync(source, { throwIfNoEntry: false });
  if (!found) throw refuse(CODES.NotFound, source, 'there is no such file or folder on the host', 'Correct the path');
  if (!found.isDirectory()) return fromNpm(options, `file:${source}`);
  const module = manifestOf(source, source);
  progress(`copying ${source}`);
  const modules = join(into, 'node_modules');
  await copyPackage(source, modules, module.package, signal);
  return join(modules, module.package);
}

async function fromNpm({ source, into, allowScripts, signal, progress }: FetchOptions, spec: string): Promise<string> {
  progress(`fetching ${source} with npm`);
  await mkdir(into, { recursive: true });
  await writeFile(join(into, 'package.json'), '{ "private": true }\n');
  await npmInstall({ dir: into, spec, allowScripts, signal });
  const wrapper = JSON.parse(await readFile(join(into, 'package.json'), 'utf8')) as { readonly dependencies?: object };
  const [name] = Object.keys(wrapper.dependencies ?? {});
  if (name === undefined) throw refuse(CODES.InvalidValue, source, 'npm installed nothing', 'Look what it is: npm view NAME');
  return join(into, 'node_modules', name);
}

/** A module that was not built is a mistake of the first hour: it is told before anything is started. */
function mustExist({ command, dir }: FoundModule, source: string): void {
  const own = command.find((word) => word.startsWith(dir));
  if (own === undefined || existsSync(own)) return;
  throw refuse(CODES.NotFound, source, `what it runs is not there: ${own.slice(dir.length + 1)}`, 'Build it first: npm run build');
}

/** Modules run as users of their own, who must be able to read what they are made of. */
async function openToAll(dir: string): Promise<void> {
  await chmod(dir, 0o755);
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755);
  }
}
