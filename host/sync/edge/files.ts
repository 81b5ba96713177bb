/** Small secret files: of this user alone, whole or not there, durable when the call returns. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** A file or directory that secrets must not be put into; the message says what to do. */
export class UnsafeFileError extends Error {
  constructor(path: string, why: string, todo: string) {
    super(`${path}: secrets of this host cannot be kept there: ${why}; ${todo}`);
    this.name = 'UnsafeFileError';
  }
}

/** Made 0700 where it is not there; refused where somebody else could put files into it. */
export function openSecretDir(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  if (!found.isDirectory()) throw new UnsafeFileError(dir, 'it is no directory but a link or a file', 'name the directory itself');
  if (found.uid !== process.geteuid?.()) throw new UnsafeFileError(dir, `it belongs to user ${found.uid}`, 'remove it or name another');
  if ((found.mode & 0o022) !== 0)
    throw new UnsafeFileError(dir, `others can write to it (mode ${(found.mode & 0o777).toString(8)})`, 'chmod go-w and look who did');
}

/** Undefined: not there. A link, or a file that others can read or own, is refused. */
export function readSecret(dir: string, name: string): Buffer | undefined {
  const path = join(dir, name);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw new UnsafeFileError(path, 'it is a link', 'remove it');
    throw error;
  }
  try {
    const found = fstatSync(fd);
    if (!found.isFile() || found.uid !== process.geteuid?.() || (found.mode & 0o077) !== 0)
      throw new UnsafeFileError(path, 'it is open to others', 'remove it, and revoke what it held');
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces the file in one step. `once`: one that is there is kept, and EEXIST thrown. */
export function writeSecret(dir: string, name: string, bytes: Uint8Array, once = false): void {
  const path = join(dir, name);
  const part = once ? path : `${path}.tmp`;
  if (!once) rmSync(part, { force: true });
  const fd = openSync(part, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  if (!once) renameSync(part, path);
  syncDir(dir);
}

export function removeSecret(dir: string, ...names: readonly string[]): void {
  for (const name of names) rmSync(join(dir, name), { force: true });
  syncDir(dir);
}

function syncDir(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
