/**
 * Tokens of people and programs: 256 random bits, told once. The file holds their SHA-256 hashes alone (as much entropy as they have
 * needs no slow hash) and is replaced as a whole: what was made is there after any crash, what was revoked is not.
 */
import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Terminal } from '@kraken-hpc/sdk';
import { isRole, type Role } from './roles.ts';

/** Milliseconds since 1970. */
type Millis = number;

export interface TokenInfo {
  readonly id: string;
  readonly user: string;
  readonly role: Role;
  readonly created: Millis;
  readonly until: Millis;
}

interface Kept extends TokenInfo {
  /** SHA-256, base64url. */
  readonly hash: string;
}

const PREFIX = 'kraken_';
const SHAPE = /^kraken_[A-Za-z0-9_-]{43}$/;
const MOST = 10_000;
const DAY = 86_400_000;
export const MOST_DAYS = 3_650;

export class Tokens {
  readonly #file: string;
  readonly #now: () => Millis;
  #byHash = new Map<string, Kept>();
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, now: () => Millis) {
    this.#file = file;
    this.#now = now;
  }

  /** Rejects where the file is damaged: to go on without it would let nobody in, or forget what was revoked. */
  static async open(file: string, now: () => Millis): Promise<Tokens> {
    const tokens = new Tokens(file, now);
    for (const kept of await readTokens(file)) tokens.#byHash.set(kept.hash, kept);
    return tokens;
  }

  /** The token itself is told here and never again. */
  async create(user: string, role: Role, days: number): Promise<TokenInfo & { readonly token: string }> {
    this.#forgetExpired();
    if (this.#byHash.size >= MOST) throw new Terminal(`there are ${MOST} tokens, and more are not kept: revoke some first`);
    const token = `${PREFIX}${randomBytes(32).toString('base64url')}`;
    const created = this.#now();
    const kept = { id: randomBytes(6).toString('hex'), user, role, created, until: created + days * DAY, hash: hashOf(token) };
    this.#byHash.set(kept.hash, kept);
    await this.#write();
    return { ...infoOf(kept), token };
  }

  list(): TokenInfo[] {
    this.#forgetExpired();
    return [...this.#byHash.values()].map(infoOf);
  }

  /** False: there is none with this id. */
  async revoke(id: string): Promise<boolean> {
    const kept = [...this.#byHash.values()].find((one) => one.id === id);
    if (!kept) return false;
    this.#byHash.delete(kept.hash);
    await this.#write();
    return true;
  }

  /** Whose it is; undefined: nobody's (any more). */
  verify(token: string): TokenInfo | undefined {
    if (!SHAPE.test(token)) return undefined;
    const kept = this.#byHash.get(hashOf(token));
    return kept && kept.until > this.#now() ? infoOf(kept) : undefined;
  }

  #forgetExpired(): void {
    for (const [hash, { until }] of this.#byHash) if (until <= this.#now()) this.#byHash.delete(hash);
  }

  /** One write after the other, each of all that is known by then. */
  #write(): Promise<void> {
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(() => replaceFile(this.#file, `${JSON.stringify([...this.#byHash.values()], null, 1)}\n`));
    return this.#writing;
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

function infoOf({ id, user, role, created, until }: Kept): TokenInfo {
  return { id, user, role, created, until };
}

async function readTokens(file: string): Promise<Kept[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const list = JSON.parse(text) as unknown[];
    return list.map((item) => {
      const { id, user, role, created, until, hash } = item as Kept;
      const whole = [id, user, hash].every((text) => typeof text === 'string') && [created, until].every(Number.isFinite);
      if (!whole || !isRole(role)) throw new Error('an entry is incomplete');
      return { id, user, role, created, until, hash };
    });
  } catch (error) {
    throw new Terminal(`${file} is damaged (${(error as Error).message}): restore it, or remove it and make new tokens`);
  }
}

/** Either the old contents are there or the new ones, whatever happens between. */
async function replaceFile(file: string, text: string): Promise<void> {
  const beside = `${file}.new`;
  try {
    const handle = await open(beside, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  const folder = await open(dirname(file));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
