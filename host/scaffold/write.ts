/** A whole folder of files, or nothing of it. */
import { lstat, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CODES } from '@kraken-hpc/sdk/wire';
import { refuse } from './names.ts';
import type { Files } from './template.ts';

/** Throws a RefusalError for a place that is taken. True = it is there, and empty. */
export async function isEmptyFolder(dir: string): Promise<boolean> {
  const no = (why: string) => refuse(CODES.Conflict, 'nothing was made', dir, why, 'Name another: --dir DIR');
  const found = await lstat(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw no(error.code === 'ENOTDIR' ? 'what stands above it is no folder' : error.message);
  });
  if (found === undefined) return false;
  if (!found.isDirectory()) throw no('it is there already, and is no folder');
  const entries = await readdir(dir);
  if (entries.length > 0) throw no(`the folder is not empty: ${entries[0]} is in it`);
  return true;
}

/** Written beside and renamed. Rejects with the signal's reason, or with a RefusalError; then nothing of it is there. */
export async function writeFolder(dir: string, files: Files, signal: AbortSignal): Promise<void> {
  const isThere = await isEmptyFolder(dir);
  let above: string | undefined;
  let beside: string | undefined;
  try {
    above = await mkdir(dirname(dir), { recursive: true });
    beside = await mkdtemp(join(dirname(dir), `.${basename(dir)}.new-`));
    const inside = join(beside, 'folder');
    for (const [path, text] of files) {
      signal.throwIfAborted();
      await mkdir(dirname(join(inside, path)), { recursive: true });
      await writeFile(join(inside, path), text, { flag: 'wx' });
    }
    signal.throwIfAborted();
    // A folder that is there may be where somebody stands: it stays the same one.
    if (isThere) await moveInto(inside, dir);
    else await rename(inside, dir);
    above = undefined;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'EACCES' || code === 'EPERM'
        ? 'you may not write there'
        : code === 'ENOTEMPTY' || code === 'EEXIST'
          ? 'somebody made it meanwhile'
          : message;
    throw refuse(CODES.InvalidValue, 'nothing was made', dir, why, 'Name another: --dir DIR');
  } finally {
    if (beside !== undefined) await rm(beside, { recursive: true, force: true });
    if (above !== undefined) await rm(above, { recursive: true, force: true });
  }
}

async function moveInto(from: string, dir: string): Promise<void> {
  const moved: string[] = [];
  try {
    for (const name of await readdir(from)) {
      await rename(join(from, name), join(dir, name));
      moved.push(name);
    }
  } catch (error) {
    for (const name of moved) await rm(join(dir, name), { recursive: true, force: true });
    throw error;
  }
}
