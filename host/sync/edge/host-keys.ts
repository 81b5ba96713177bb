/**
 * What a host keeps of secrets in a directory of its own: its Ed25519 key, the master of its children's sessions, its
 * certificates, its session with a parent, and its generation. In /run they end with the boot; the directory is refused
 * where others could write to it.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Admission } from '../actions.ts';
import type { SavedUplink } from '../search.ts';
import { hashOf, spkiOf } from './certificates.ts';
import { openSecretDir, readSecret, removeSecret, UnsafeFileError, writeSecret } from './files.ts';
import { raiseGeneration } from './generation.ts';

const BOOT = 'boot';
const KEY = 'host.key';
const MASTER = 'master.key';
const CHAIN = 'host.crt.json';
const STATEMENT = 'statement';
const SESSION = 'session.json';
const MASTER_BYTES = 32;

export interface HostKeysOptions {
  /** The kernel's, of now: `bootId()`. */
  readonly boot: string;
  /** Key, master and certificates are good in every boot (a host with a disk of its own); the session with a parent never is. */
  readonly outliveBoot: boolean;
}

/** The kernel's name for this boot, proc(5): a UUID. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

export class HostKeys {
  readonly boot: string;
  /** Raised by this opening; never used before with what lies here. */
  readonly generation: number;
  /** What all sessions of children are derived from. */
  readonly master: Buffer;
  readonly #dir: string;
  #key: KeyObject;
  #publicKey: KeyObject;
  #chain: readonly Buffer[] | undefined;
  #statement: string | undefined;
  #session: SavedUplink | undefined;

  /** Opens what is there and makes what is not. Throws where the directory or a file in it is open to others. */
  constructor(dir: string, { boot, outliveBoot }: HostKeysOptions) {
    openSecretDir(dir);
    this.#dir = dir;
    this.boot = boot;
    // Without the count of starts a nonce could come twice: sessions of before must not be gone on with.
    this.generation = raiseGeneration(dir, () => removeSecret(dir, SESSION, MASTER));
    const isOtherBoot = readSecret(dir, BOOT)?.toString('latin1') !== boot;
    if (isOtherBoot) removeSecret(dir, SESSION, ...(outliveBoot ? [] : [KEY, MASTER, CHAIN, STATEMENT]));
    if (isOtherBoot) writeSecret(dir, BOOT, Buffer.from(boot));
    this.#key = openKey(dir);
    this.#publicKey = createPublicKey(this.#key);
    this.master = openMaster(dir);
    this.#chain = readChain(dir);
    this.#statement = readSecret(dir, STATEMENT)?.toString('latin1');
    this.#session = readSession(dir);
  }

  get key(): KeyObject {
    return this.#key;
  }

  get publicKey(): KeyObject {
    return this.#publicKey;
  }

  /** SHA-256 of the public key, base64url: `Claim.key`. */
  get keyHash(): string {
    return hashOf(spkiOf(this.#publicKey));
  }

  /** DER of this host's certificate and the CA's; undefined: it takes no children. */
  get chain(): readonly Buffer[] | undefined {
    return this.#chain;
  }

  /** What a parent has certified of this host last. */
  get statement(): string | undefined {
    return this.#statement;
  }

  /** The session to go on with after a restart of the process. */
  get session(): SavedUplink | undefined {
    return this.#session;
  }

  /** Another key, since this one was revoked; what was certified of it goes with it. */
  renew(): void {
    removeSecret(this.#dir, KEY, CHAIN, STATEMENT, SESSION);
    this.#chain = undefined;
    this.#statement = undefined;
    this.#session = undefined;
    this.#key = openKey(this.#dir);
    this.#publicKey = createPublicKey(this.#key);
  }

  keepChain(chain: readonly Uint8Array[]): void {
    this.#chain = chain.map((der) => Buffer.from(der));
    writeSecret(this.#dir, CHAIN, Buffer.from(JSON.stringify(this.#chain.map((der) => der.toString('base64')))));
  }

  keepAdmission(session: SavedUplink, statement: string): void {
    this.#session = session;
    this.#statement = statement;
    const { secret, ...rest } = session.admission;
    const text = { address: session.address, admission: { ...rest, secret: Buffer.from(secret).toString('base64') } };
    writeSecret(this.#dir, STATEMENT, Buffer.from(statement));
    writeSecret(this.#dir, SESSION, Buffer.from(JSON.stringify(text)));
  }
}

function openKey(dir: string): KeyObject {
  const pem = readSecret(dir, KEY);
  if (pem) {
    try {
      return createPrivateKey(pem);
    } catch {
      throw new UnsafeFileError(`${dir}/${KEY}`, 'it is no private key', 'remove it; the host enrols anew with another');
    } finally {
      pem.fill(0);
    }
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  const made = Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeSecret(dir, KEY, made);
  made.fill(0);
  return privateKey;
}

function openMaster(dir: string): Buffer {
  const known = readSecret(dir, MASTER);
  if (known?.length === MASTER_BYTES) return known;
  const master = randomBytes(MASTER_BYTES);
  writeSecret(dir, MASTER, master);
  return master;
}

function readChain(dir: string): readonly Buffer[] | undefined {
  return readJson(dir, CHAIN, (found) => (found as readonly string[]).map((der) => Buffer.from(der, 'base64')));
}

function readSession(dir: string): SavedUplink | undefined {
  return readJson(dir, SESSION, (found) => {
    const { address, admission } = found as { address: SavedUplink['address']; admission: Omit<Admission, 'secret'> & { secret: string } };
    const secret = Buffer.from(admission.secret, 'base64');
    if (secret.length !== 32 || typeof address.host !== 'string') throw new RangeError('it is no session');
    return { address, admission: { ...admission, secret } };
  });
}

/** Written whole by this host, or damaged, or of another version: then it is as if it were not there, and the host enrols anew. */
function readJson<T>(dir: string, name: string, read: (found: unknown) => T): T | undefined {
  const bytes = readSecret(dir, name);
  if (!bytes) return undefined;
  try {
    return read(JSON.parse(bytes.toString()));
  } catch {
    return undefined;
  }
}
