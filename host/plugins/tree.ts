/** Trees of files: a folder copied as it is published, packages that it needs with it, and the hash of all of it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, lstat, mkdir, open, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { isObject } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import { RefusalError } from '../core/refusal.ts';

/** More than any module needs: beyond it somebody has named the wrong folder. */
const MOST_FILES = 50_000;
const MOST_BYTES = 1024 * 1024 * 1024;
/** Never part of what is published. */
const LEFT_OUT = new Set(['.git', 'node_modules', '.svn', '.hg']);

function wrong(where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: CODES.InvalidValue, what: 'it cannot be installed', where, why, todo });
}

const isWithin = (dir: string, path: string): boolean => !/^\.\.(?:\/|$)/.test(relative(dir, path));

/** Counts what is copied, and refuses what is not meant to be. */
class Copy {
  readonly #signal: AbortSignal;
  #files = 0;
  #bytes = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async tree(from: string, to: string, root = from): Promise<void> {
    await mkdir(to, { recursive: true });
    for (const entry of await readdir(from, { withFileTypes: true })) {
      this.#signal.throwIfAborted();
      if (LEFT_OUT.has(entry.name)) continue;
      const [source, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) await this.tree(source, target, root);
      else if (entry.isSymbolicLink()) await this.#linked(source, target, root);
      else if (entry.isFile()) await this.#file(source, target);
      else throw wrong(source, 'it is neither a file nor a folder', 'Take it out of the folder');
    }
  }

  /** What a link within the folder leads to is copied; one that leads out of it would bring what nobody looked at. */
  async #linked(source: string, target: string, root: string): Promise<void> {
    const real = await realpath(source).catch(() => undefined);
    if (real === undefined || !isWithin(await realpath(root), real)) {
      const where = real === undefined ? 'where nothing is' : 'outside of the folder';
      throw wrong(source, `it is a link to ${await readlink(source)}, ${where}`, 'Take it out, or put the file itself there');
    }
    if ((await lstat(real)).isFile()) return this.#file(real, target);
    throw wrong(source, 'it is a link to a folder', 'Put the folder itself there');
  }

  async #file(source: string, target: string): Promise<void> {
    this.#files += 1;
    this.#bytes += (await lstat(source)).size;
    if (this.#files > MOST_FILES || this.#bytes > MOST_BYTES)
      throw wrong(
        source,
        `the folder has more than ${MOST_FILES} files or ${MOST_BYTES / 1024 ** 3} GiB`,
        'Name the folder of the plugin itself',
      );
    await copyFile(source, target);
  }
}

/** Copies a package's folder and, beside it, the packages that it depends on as they are found from there; `modules` is a node_modules. */
export async function copyPackage(from: string, modules: string, name: string, signal: AbortSignal): Promise<void> {
  const copy = new Copy(signal);
  const placed = new Map<string, string>();
  /** What Node will find of that name from a folder of the copy. */
  const seen = (folder: string, called: string): string | undefined => {
    for (let dir = folder; ; dir = dirname(dir)) {
      const source = placed.get(join(dir, 'node_modules', called));
      if (source !== undefined || dir === dirname(modules) || dir === dirname(dir)) return source;
    }
  };
  const place = async (source: string, target: string): Promise<void> => {
    placed.set(target, source);
    if (isWithin(source, target))
      throw wrong(source, `it would be copied into itself: ${target} lies in it`, 'Keep the data of the host elsewhere');
    await copy.tree(source, target);
    const below: [source: string, target: string][] = [];
    for (const { name: needed, optional } of await dependenciesOf(source)) {
      const found = await findPackage(source, needed);
      const there = seen(target, needed);
      if (found === undefined && !optional) throw notThere(source, needed, from);
      if (found === undefined || found === there) continue;
      // Of two versions the second lies below who needs it.
      const spot = join(there === undefined ? modules : join(target, 'node_modules'), needed);
      placed.set(spot, found);
      below.push([found, spot]);
    }
    // After all have their places: none may come between another and what that has found already.
    for (const [found, spot] of below) await place(found, spot);
  };
  await place(await realpath(from), join(modules, name));
}

const notThere = (source: string, needed: string, from: string): RefusalError =>
  wrong(source, `the package ${needed} that it depends on is not installed there`, `Run npm install in ${from}, then install it again`);

/** What may be looked for in a node_modules: a name that is a path would lead out of it. */
const PACKAGE = /^(?:@[^/\\]+\/)?[^./\\@][^/\\]*$/;

async function dependenciesOf(dir: string): Promise<readonly { readonly name: string; readonly optional: boolean }[]> {
  const file = join(dir, 'package.json');
  const text = await readFile(file, 'utf8').catch(() => '{}');
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw wrong(file, error instanceof Error ? error.message : String(error), 'Correct the file');
  }
  const names = (member: string): readonly string[] => {
    const value = isObject(manifest as never) ? (manifest as Record<string, unknown>)[member] : undefined;
    const found = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    for (const one of found)
      if (!PACKAGE.test(one)) throw wrong(file, `${one}, of its ${member}, is no name of a package`, 'Correct the file');
    return found;
  };
  const optional = new Set(names('optionalDependencies'));
  const needed = names('dependencies').filter((name) => !optional.has(name));
  // npm puts peers there by itself; whoever told it not to has none.
  const spare = [...optional, ...names('peerDependencies')].filter((name) => !needed.includes(name));
  return [...needed.map((name) => ({ name, optional: false })), ...[...new Set(spare)].map((name) => ({ name, optional: true }))];
}

/** As Node finds it: in the node_modules of the folder and of those above it. */
async function findPackage(from: string, name: string): Promise<string | undefined> {
  for (let dir = from; ; dir = dirname(dir)) {
    const found = await realpath(join(dir, 'node_modules', name)).catch(() => undefined);
    if (found !== undefined) return found;
    if (dir === dirname(dir)) return undefined;
  }
}

/** `sha256-…` of the names, modes and contents of all files below it, in the order of their names. */
export async function hashTree(dir: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of await filesOf(dir)) {
    const found = await lstat(path);
    const kind = found.isSymbolicLink() ? `link ${await readlink(path)}` : found.mode & 0o111 ? 'program' : 'file';
    hash.update(`${relative(dir, path).split(sep).join('/')}\0${kind}\0${found.size}\0`);
    if (found.isFile()) for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  }
  return `sha256-${hash.digest('base64')}`;
}

/** All of it is on the medium. */
export async function syncTree(dir: string): Promise<void> {
  const dirs = new Set([dir]);
  for (const path of await filesOf(dir)) {
    dirs.add(dirname(path));
    if ((await lstat(path)).isFile()) await synced(path);
  }
  for (const one of dirs) await synced(one);
}

async function synced(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function filesOf(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
