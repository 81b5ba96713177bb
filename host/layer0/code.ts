/** Kraken itself as layer 0 has it: the bundled host, the bundles of plugins, and of the npm packages those that the bundles import. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CpioEntry } from './cpio.ts';
import { missing, unfit, wordsOf } from './trouble.ts';

export interface Code {
  readonly version: string;
  readonly entries: readonly CpioEntry[];
  /** NAME VERSION. */
  readonly packages: readonly string[];
}

/** Where it lies in layer 0; the registry of modules finds `plugins` there. */
const HOME = 'kraken';
const REBUILD = 'Build it: npm run build';
/** Of a package: what runs. */
const RUNS = /\.(?:js|cjs|mjs|json|node)$/;
const NEVER_RUNS =
  /(?:^|\/)(?:test|tests|docs?|bench|benchmarks?|examples?|\.[^/]*|tsconfig\.json|eslint\.config\.js|browser\.js)(?:\/|$)|\.test\.[cm]?js$/;
const MOST_PACKAGES = 200;

/** The two files that /init and a node's host start from are beside the code, in the source as in the bundle. */
export function readInit(): Buffer {
  const file = fileURLToPath(new URL('./init.sh', import.meta.url));
  return existingFile(file, 'the init of layer 0 is missing');
}

/** `plugins`: by the name of a module (`images`). */
export function readCode(plugins: readonly string[]): Code {
  const host = findHost();
  const entries = [...below(join(host, 'dist'), `${HOME}`), manifest(`${HOME}/package.json`, { type: 'module' })];
  for (const plugin of [...new Set(plugins)].sort()) entries.push(...pluginEntries(plugin, host));
  const packages = packagesOf(entries, host);
  return {
    version: versionIn(join(host, 'package.json')),
    packages: packages.map(({ name, version }) => `${name} ${version}`),
    entries: [...entries, ...packages.flatMap(({ place, dir }) => below(dir, `${HOME}/${place}`))],
  };
}

/** The folder of the host's package: this code is in it, or bundled in its dist. */
function findHost(): string {
  const above = foldersAbove(fileURLToPath(new URL('.', import.meta.url)));
  const host = above.find((dir) => existsSync(join(dir, 'package.json')));
  if (host === undefined || !existsSync(join(host, 'dist', 'kraken.js')))
    throw missing('the host is not built', host ?? 'layer 0', 'there is no dist/kraken.js', REBUILD);
  return host;
}

function pluginEntries(plugin: string, host: string): CpioEntry[] {
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(plugin))
    throw unfit('this is no name of a plugin', plugin.slice(0, 100), 'it has other letters', 'Name a module, as in a configuration');
  const places = foldersAbove(host).flatMap((dir) => [join(dir, 'plugins', plugin), join(dir, 'node_modules', '@kraken-hpc', plugin)]);
  const dir = places.find((place) => existsSync(join(place, 'package.json')));
  if (dir === undefined)
    throw missing('there is no such plugin', plugin, `it is none of ${places.join(', ')}`, 'Correct --plugin, or install it');
  const { name, version, kraken } = readJson(join(dir, 'package.json'));
  if (!existsSync(join(dir, 'dist', 'main.js'))) throw missing('the plugin is not built', dir, 'there is no dist/main.js', REBUILD);
  const place = `${HOME}/plugins/${plugin}`;
  return [...below(join(dir, 'dist'), `${place}/dist`), manifest(`${place}/package.json`, { name, version, type: 'module', kraken })];
}

interface Package {
  readonly name: string;
  readonly version: string;
  readonly dir: string;
  /** `node_modules/pino`, as Node.js resolves it from the code. */
  readonly place: string;
}

/** What the bundles import by name, and what those packages depend on. */
function packagesOf(entries: readonly CpioEntry[], host: string): readonly Package[] {
  const found = new Map<string, Package>();
  const want = (name: string, from: string, by: string): void => {
    const dir = findPackage(name, from, by);
    if (found.has(dir)) return;
    if (found.size >= MOST_PACKAGES) throw unfit('too many npm packages are imported', by, `more than ${MOST_PACKAGES}`, 'Bundle them');
    const { version, dependencies } = readJson(join(dir, 'package.json'));
    const place = placeOf(dir, host);
    found.set(dir, { name, version: String(version), dir, place });
    for (const next of Object.keys((dependencies as object | undefined) ?? {}).sort()) want(next, dir, name);
  };
  for (const entry of entries)
    if (entry.kind === 'file' && entry.path.endsWith('.js'))
      for (const name of importsOf(entry.bytes.toString())) want(name, host, entry.path);
  return [...found.values()].sort((a, b) => (a.place < b.place ? -1 : 1));
}

/** `node_modules/pino`, whether it lies beside the host's package (global, workspace) or in it. */
function placeOf(dir: string, host: string): string {
  const above = foldersAbove(host).find((folder) => dir.startsWith(join(folder, 'node_modules/'))) ?? '/';
  return dir.slice(join(above, '/').length);
}

/** Names of packages that stand in an import or an export of a bundle as esbuild writes it. */
function importsOf(text: string): readonly string[] {
  const names = [...text.matchAll(/^(?:import|export)\b(?:[^;'"]*\bfrom)? *['"]([^'"]+)['"];?$|^\} from ['"]([^'"]+)['"];?$/gm)].map(
    ([, one, other]) => one ?? other ?? '',
  );
  const packages = names
    .filter((name) => !/^[./]/.test(name) && !isBuiltin(name))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
  return [...new Set(packages)].sort();
}

function findPackage(name: string, from: string, by: string): string {
  const dir = foldersAbove(from)
    .map((above) => join(above, 'node_modules', name))
    .find((place) => existsSync(join(place, 'package.json')));
  if (dir !== undefined) return realpathSync(dir);
  throw missing(`the npm package ${name} is missing`, by, `it is in no node_modules above ${from}`, 'Install: npm ci');
}

/** Sorted; of a bundle and of packages only what runs. */
function below(dir: string, place: string): CpioEntry[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .filter((path) => RUNS.test(path) && !NEVER_RUNS.test(path) && !/^(?:node_modules|templates)\//.test(path))
    .sort()
    .map((path) => ({ kind: 'file', path: `${place}/${path}`, mode: 0o644, bytes: readFileSync(join(dir, path)) }));
}

function manifest(path: string, members: object): CpioEntry {
  return { kind: 'file', path, mode: 0o644, bytes: Buffer.from(`${JSON.stringify(members)}\n`) };
}

const versionIn = (file: string): string => String(readJson(file)['version']);

function readJson(file: string): { readonly [member: string]: unknown } {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { readonly [member: string]: unknown };
  } catch (error) {
    throw unfit('it cannot be read', file, wordsOf(error), 'Install it anew');
  }
}

function existingFile(file: string, what: string): Buffer {
  if (!existsSync(file)) throw missing(what, file, 'the file does not exist', REBUILD);
  return readFileSync(file);
}

function foldersAbove(from: string): string[] {
  const dirs: string[] = [];
  for (let dir = resolve(from); ; dir = resolve(dir, '..')) {
    dirs.push(dir);
    if (dir === resolve(dir, '..')) return dirs;
  }
}
