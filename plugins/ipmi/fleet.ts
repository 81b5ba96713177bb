/** All BMCs of one service: which one a node has, how to log in there, and the session that is kept with it. */
import { Terminal } from '@kraken-hpc/sdk';
import { Bmc } from './bmc.ts';
import { Gate } from './gate.ts';
import type { Privilege } from './rakp.ts';
import { suiteOf } from './suite.ts';
import { Transport } from './transport.ts';

export interface Settings {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Other passwords by name, for nodes whose /ipmi/secret names one. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly cipherSuite: number;
  readonly port: number;
  readonly privilege: 'operator' | 'admin';
  readonly atOnce: number;
  /** Milliseconds until a BMC that does not answer is given up. */
  readonly answerMs: number;
}

type Values = Readonly<Record<string, unknown>>;

/** Bytes of a password and of a user's name that RMCP+ has room for (13.20, 22.30). */
const LONGEST_PASSWORD = 20;
const LONGEST_USER = 16;
const PRIVILEGES: Readonly<Record<Settings['privilege'], Privilege>> = { operator: 3, admin: 4 };
/** How the time is shared among the tries. */
const TRIES = [0.2, 0.4, 0.4];

export class Fleet {
  readonly #settings: Settings;
  readonly #transport = new Transport();
  readonly #gate: Gate;
  readonly #bmcs = new Map<string, { readonly key: string; readonly bmc: Bmc }>();

  constructor(settings: Settings) {
    this.#settings = settings;
    suiteOf(settings.cipherSuite);
    this.#gate = new Gate(settings.atOnce);
  }

  /** The BMC of a node, by what cfg says of it. Throws Terminal where it does not say enough. */
  of(node: string, cfg: Values): Bmc {
    const { user, password, passwords, cipherSuite, port, privilege, answerMs } = this.#settings;
    const host = cfg['/ipmi/address'];
    if (typeof host !== 'string') throw new Terminal('it has no /ipmi/address: set the address of its BMC');
    const name = cfg['/ipmi/user'] ?? user;
    if (typeof name !== 'string' || name.length > LONGEST_USER)
      throw new Terminal(`it has no /ipmi/user of up to ${LONGEST_USER} characters, and neither has the service's config`);
    const secret = cfg['/ipmi/secret'];
    const word = typeof secret === 'string' ? passwords[secret] : password;
    const where = typeof secret === 'string' ? `the service's config has no password ${secret}` : "the service's config has no password";
    if (word === undefined) throw new Terminal(`${where}: give it as a file or an environment variable`);
    const suite = Number(cfg['/ipmi/cipherSuite'] ?? cipherSuite);
    const at = Number(cfg['/ipmi/port'] ?? port);
    const key = JSON.stringify([host, at, name, suite, secret ?? null]);
    const known = this.#bmcs.get(node);
    if (known?.key === key) return known.bmc;
    void known?.bmc.close();
    const login = { suite: checkedSuite(suite), user: name, password: bytesOf(word), privilege: PRIVILEGES[privilege] };
    const around = { transport: this.#transport, gate: this.#gate, tries: TRIES.map((share) => Math.round(share * answerMs)) };
    const bmc = new Bmc({ host, port: at, login }, around);
    this.#bmcs.set(node, { key, bmc });
    return bmc;
  }

  /** Says goodbye to all. */
  async close(): Promise<void> {
    await Promise.all([...this.#bmcs.values()].map(({ bmc }) => bmc.close()));
    this.#bmcs.clear();
    await this.#transport.close();
  }
}

function checkedSuite(id: number) {
  try {
    return suiteOf(id);
  } catch (error) {
    throw new Terminal(error instanceof Error ? error.message : String(error));
  }
}

function bytesOf(password: string): Buffer {
  const bytes = Buffer.from(password, 'utf8');
  if (bytes.length > LONGEST_PASSWORD)
    throw new Terminal(`its password is longer than the ${LONGEST_PASSWORD} bytes that IPMI has room for`);
  return bytes;
}
