/**
 * What is installed: one file, `DATA/plugins/plugins.json`, replaced in one step. A plugin is there when this file names it; what lies
 * beside it and is not named is left over from something that was interrupted, and swept away.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isObject } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import type { ServiceEntry } from '../core/installing.ts';
import { RefusalError } from '../core/refusal.ts';

export interface InstalledPlugin {
  /** `@site/pdu`, as its package is called. */
  readonly package: string;
  readonly version: string;
  /** A process, or schemas only. */
  readonly kind: 'module' | 'extension';
  /** Its folder, below the folder of plugins. */
  readonly dir: string;
  /** What was asked for: a name of a registry, a path, a tarball. */
  readonly source: string;
  /** `sha256-…` of all its files. */
  readonly integrity: string;
  /** What it may do, as its manifest asked and somebody agreed to. */
  readonly permissions: readonly string[];
  readonly enabled: boolean;
  /** Milliseconds since the epoch. */
  readonly installedAt: number;
  readonly installedBy: string;
}

export interface Book {
  readonly plugins: { readonly [module: string]: InstalledPlugin };
  readonly services: { readonly [service: string]: ServiceEntry };
}

const FILE = 'plugins.json';
/** Of this file; a newer one is refused, not guessed at. */
const VERSION = 1;
/** A folder of its own in the store, which goes when it goes. */
const DIR = /^store\/(?!\.{1,2}\/)[^/]+\/[^/]/;
const EMPTY: Book = { plugins: {}, services: {} };

/** Where plugins of a host are kept. */
export const pluginsDir = (dataDir: string): string => join(dataDir, 'plugins');

/** Throws a RefusalError where the file cannot be read: a host that runs without what was installed would be another one. */
export function readBook(dir: string): Book {
  const path = join(dir, FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY;
    throw unreadable(path, String(error));
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw unreadable(path, String(error));
  }
  if (!isObject(data as Json)) throw unreadable(path, 'it is not an object');
  const { version, plugins, services } = data as { readonly [member: string]: Json };
  if (version !== VERSION) throw unreadable(path, `it has version ${JSON.stringify(version)}, this Kraken knows ${VERSION}`);
  if (!isObject(plugins) || !isObject(services)) throw unreadable(path, 'it lacks plugins or services');
  for (const [name, plugin] of Object.entries(plugins))
    if (!isObject(plugin) || !DIR.test(String(plugin['dir']))) throw unreadable(path, `it does not say where the plugin ${name} is`);
  for (const [name, entry] of Object.entries(services))
    if (!isObject(entry) || typeof entry['module'] !== 'string')
      throw unreadable(path, `it does not say what the service ${name} is made of`);
  return { plugins, services } as unknown as Book;
}

function unreadable(where: string, why: string): RefusalError {
  const todo = 'Put it back from a backup, or move it away and install the plugins again';
  return new RefusalError({ code: CODES.NotReady, what: 'the list of plugins cannot be read', where, why, todo });
}

/** Durable and whole when it returns: a reader sees the old one or the new one. */
export function writeBook(dir: string, book: Book): void {
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  const part = join(dir, `${FILE}.tmp`);
  rmSync(part, { force: true });
  const fd = openSync(part, 'wx', 0o600);
  try {
    const bytes = Buffer.from(`${JSON.stringify({ version: VERSION, ...book }, undefined, 2)}\n`);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(part, join(dir, FILE));
  syncDir(dir);
}

/** Names made in this directory are on the medium. */
export function syncDir(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Where what is installed lies, and where it is made ready: on one file system, so that the one can become the other by a rename. */
export const storeDir = (dir: string): string => join(dir, 'store');
export const stagesDir = (dir: string): string => join(dir, 'stage');

/** What no list names any more does no harm where it cannot be removed: the next sweep does it. */
export function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // See above.
  }
}

/** Where processes of a module that is tried have their folders: beside those of services, as no two may be the same user. */
export const trialsDir = (dir: string): string => join(dir, '..', 'services');

/** No service's name begins with a dot. */
export function sweepTrials(dir: string): void {
  for (const name of list(trialsDir(dir))) if (name.startsWith('.')) rmSync(join(trialsDir(dir), name), { recursive: true, force: true });
}

/** Removes what no longer is, or never came to be, installed. Only for whoever is alone at work on this folder. */
export function sweep(dir: string, book: Book): void {
  rmSync(stagesDir(dir), { recursive: true, force: true });
  sweepTrials(dir);
  const used = new Set(Object.values(book.plugins).map((plugin) => plugin.dir.split('/')[1]));
  for (const name of list(storeDir(dir))) if (!used.has(name)) rmSync(join(storeDir(dir), name), { recursive: true, force: true });
}

function list(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The services that the configuration names. */
type Configured = { readonly [service: string]: Json };

/** The services that are made of a module, those of the configuration with them. */
export function servicesOf(book: Book, configured: Configured, module: string): string[] {
  const names = new Set<string>();
  for (const [name, entry] of Object.entries(book.services)) if (entry.module === module) names.add(name);
  for (const [name, entry] of Object.entries(configured)) {
    if (moduleOf(name, entry) === module) names.add(name);
    else names.delete(name);
  }
  return [...names].sort();
}

/** The configuration may leave out the module of a service that is named as it is. */
export const moduleOf = (name: string, entry: unknown): unknown =>
  typeof entry === 'object' && entry !== null && 'module' in entry ? entry.module : name;
