/** The boot files below the service's root: which one a node gets under a name, and the digest of it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

export interface Found {
  /** As it was asked for. */
  readonly name: string;
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** SHA-256, hex. */
  readonly sha256: string;
}

export interface Machine {
  readonly name: string;
  readonly arch?: string | undefined;
  readonly platform?: string | undefined;
}

interface Stamp {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ino: number;
}

/** Files of one node only; nobody else's name leads there. */
const NODES = 'nodes';
/** A name of a file, below the root: no part begins with a dot. */
const NAME = /^(?:[A-Za-z0-9_][A-Za-z0-9._+-]*\/)*[A-Za-z0-9_][A-Za-z0-9._+-]*$/;
const FOLDER = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/;
/** Digests kept of files that are not asked for any more. */
const MOST_DIGESTS = 1024;

export class BootFiles {
  readonly root: string;
  readonly #digests = new Map<string, Promise<string>>();

  /** `root`: absolute. */
  constructor(root: string) {
    this.root = root;
  }

  /** One look at the disk: what it has seen it does not look at again. A new one for every question. */
  look(): Look {
    return new Look(this.root, (stamp) => this.#digest(stamp));
  }

  /** Computed once for each change of a file, however many ask at once. */
  #digest({ path, size, mtimeMs, ino }: Stamp): Promise<string> {
    const key = `${ino} ${size} ${mtimeMs} ${path}`;
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    const digest = digestOf(path);
    this.#digests.set(key, digest);
    digest.catch(() => this.#digests.delete(key));
    for (const old of this.#digests.keys()) {
      if (this.#digests.size <= MOST_DIGESTS) break;
      this.#digests.delete(old);
    }
    return digest;
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

export class Look {
  readonly #root: string;
  readonly #digest: (stamp: Stamp) => Promise<string>;
  readonly #seen = new Map<string, Promise<Stamp | string | undefined>>();
  readonly #texts = new Map<string, Promise<string>>();
  #base: Promise<string> | undefined;
  #own: Promise<ReadonlySet<string>> | undefined;

  constructor(root: string, digest: (stamp: Stamp) => Promise<string>) {
    this.#root = root;
    this.#digest = digest;
  }

  /** The first that exists of nodes/NAME, ARCH/PLATFORM, ARCH and the root itself; why there is none, in words that name the places. */
  async find(name: string, { name: node, arch, platform }: Machine): Promise<Found | string> {
    if (!NAME.test(name) || name.startsWith(`${NODES}/`)) return `${JSON.stringify(name)} is no name of a boot file`;
    const ownFolders = await (this.#own ??= this.#nodeFolders());
    const byArch = arch !== undefined && FOLDER.test(arch) ? arch : undefined;
    const folders = [
      ...(ownFolders.has(node) ? [join(NODES, node)] : []),
      ...(byArch !== undefined && platform !== undefined && FOLDER.test(platform) ? [join(byArch, platform)] : []),
      ...(byArch === undefined ? [] : [byArch]),
      '.',
    ];
    for (const folder of folders) {
      const stamp = await this.#stamp(join(folder, name));
      if (typeof stamp === 'string') return stamp;
      if (stamp === undefined) continue;
      const { path, size, mtimeMs } = stamp;
      try {
        return { name, path, size, mtimeMs, sha256: await this.#digest(stamp) };
      } catch (error) {
        return `${join(folder, name)} below ${this.#root} cannot be read: ${(error as Error).message}`;
      }
    }
    const places = [`${NODES}/${node}`, ...folders.filter((folder) => !folder.startsWith(NODES) && folder !== '.')];
    return `there is no file ${name} in ${this.#root}, nor below it in ${places.join(', ')}`;
  }

  /** The text of a small file that was found. */
  text({ path }: Found): Promise<string> {
    const known = this.#texts.get(path);
    if (known !== undefined) return known;
    const text = readFile(path, 'utf8');
    this.#texts.set(path, text);
    return text;
  }

  #stamp(file: string): Promise<Stamp | string | undefined> {
    const known = this.#seen.get(file);
    if (known !== undefined) return known;
    const stamp = this.#lookAt(file);
    this.#seen.set(file, stamp);
    return stamp;
  }

  /** undefined = there is no such file; text = there is, and it is not to be served. */
  async #lookAt(file: string): Promise<Stamp | string | undefined> {
    try {
      const path = await realpath(join(this.#root, file));
      const base = await (this.#base ??= realpath(this.#root));
      if (path !== base && !path.startsWith(base.endsWith(sep) ? base : base + sep))
        return `${file} below ${this.#root} is a link out of it: put the file itself there`;
      const { size, mtimeMs, ino, ...kind } = await stat(path).then((one) => ({ ...one, isFile: one.isFile() }));
      return kind.isFile ? { path, size, mtimeMs, ino } : undefined;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : `${file} below ${this.#root} cannot be looked at: ${message}`;
    }
  }

  async #nodeFolders(): Promise<ReadonlySet<string>> {
    try {
      return new Set(await readdir(join(this.#root, NODES)));
    } catch {
      return new Set();
    }
  }
}
