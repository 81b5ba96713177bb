/** Which user a service is: the owner of its data directory. That is kept by the file system; there is no list that could be lost. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { FIRST_UID } from './mechanism.ts';

/** systemd's table of users and groups leaves 60706 to 61183 to nobody. */
const COUNT = 61_184 - FIRST_UID;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user of the service whose directory this is, or will be. Throws where there is none left. A new one is nobody's who runs: what a
 * module let go of may live longer than its directory.
 */
export function ownerOf(dir: string, accounts = '/etc/passwd', running: () => readonly number[] = usersRunning): Owner {
  const now = lstatSync(dir, { throwIfNoEntry: false })?.uid ?? 0;
  const taken = new Set([...others(dir), ...usersIn(accounts)]);
  const uid = isOurs(now) && !taken.has(now) ? now : free(dir, new Set([...taken, ...running()]));
  return { uid, gid: uid };
}

/** Makes the directory, with all that is in it, this user's; only root has to. Throws where it cannot be. */
export function giveDirectory(dir: string, uid: number): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const found = lstatSync(dir);
  if (process.getuid?.() === 0 && found.uid !== uid) giveAll(dir, found.uid, uid);
  if ((found.mode & 0o7777) !== 0o700) chmodSync(dir, 0o700);
}

const isOurs = (uid: number): boolean => uid >= FIRST_UID && uid < FIRST_UID + COUNT;

function others(dir: string): readonly number[] {
  const beside = dirname(dir);
  if (!existsSync(beside)) return [];
  const paths = readdirSync(beside).map((name) => join(beside, name));
  return paths.flatMap((path) => (path === dir ? [] : (lstatSync(path, { throwIfNoEntry: false })?.uid ?? [])));
}

/** Real, effective, saved: one that is gone when it is looked at is nobody's. */
function usersRunning(): readonly number[] {
  const pids = existsSync('/proc') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
  return pids.flatMap((pid) => {
    try {
      const ids = /^Uid:\s+(\d+)\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
      return ids?.slice(1).map(Number) ?? [];
    } catch {
      return [];
    }
  });
}

function usersIn(accounts: string): readonly number[] {
  try {
    return [...readFileSync(accounts, 'latin1').matchAll(/^[^:\n]*:[^:\n]*:(\d+):/gm)].map(([, uid]) => Number(uid));
  } catch {
    return [];
  }
}

/** Begins where the name says, so that hosts beside each other do not all begin with the same. */
function free(dir: string, taken: ReadonlySet<number>): number {
  const first = createHash('sha256').update(dir).digest().readUInt32BE() % COUNT;
  for (let i = 0; i < COUNT; i++) {
    const uid = FIRST_UID + ((first + i) % COUNT);
    if (!taken.has(uid)) return uid;
  }
  throw new Error(`all ${COUNT} users for services are taken`);
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * The directory itself comes last: until then nobody but root gets into it by its path. Who is in it already could put links in the way:
 * every step is taken from the folder that is open, and no link is followed. What has further names elsewhere may be another's, and stays.
 */
function giveAll(dir: string, from: number, uid: number): void {
  if (from !== 0) lchownSync(dir, 0, 0);
  const give = (path: string | Buffer): void => {
    const fd = openSync(path, FOLDER);
    try {
      const here = `/proc/self/fd/${fd}/`;
      for (const name of readdirSync(here, { encoding: 'buffer' })) {
        const at = Buffer.concat([Buffer.from(here), name]);
        const found = lstatSync(at, { throwIfNoEntry: false });
        if (found?.isDirectory()) give(at);
        else if (found && (!found.isFile() || found.nlink === 1)) lchownSync(at, uid, uid);
      }
      fchownSync(fd, uid, uid);
    } finally {
      closeSync(fd);
    }
  };
  give(dir);
}
