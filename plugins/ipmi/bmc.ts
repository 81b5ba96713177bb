/** A node's BMC: where it is, by what cfg says of it, and how to log in there. */
import { Terminal } from '@kraken-hpc/sdk';
import type { Device, PowerCfg } from '@kraken-hpc/sdk/power';
import type { Privilege } from './rakp.ts';
import type { Login } from './session.ts';
import { suiteOf } from './suite.ts';

export interface Settings {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Other passwords by name, for nodes whose /ipmi/secret names one. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly cipherSuite: number;
  readonly port: number;
  readonly privilege: 'operator' | 'admin';
}

export interface Bmc extends Device {
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  /** The name of a password of the config; undefined = the one for all. */
  readonly secret: string | undefined;
  readonly suite: number;
}

/** Bytes of a password and of a user's name that RMCP+ has room for (13.20, 22.30). */
const LONGEST_PASSWORD = 20;
const LONGEST_USER = 16;
const PRIVILEGES: Readonly<Record<Settings['privilege'], Privilege>> = { operator: 3, admin: 4 };

/** Throws Terminal where cfg names none. */
export function bmcOf(cfg: PowerCfg, settings: Settings): Bmc {
  const host = cfg['/ipmi/address'];
  if (typeof host !== 'string') throw new Terminal('it has no /ipmi/address: set the address of its BMC');
  const port = Number(cfg['/ipmi/port'] ?? settings.port);
  const user = textOf(cfg['/ipmi/user']) ?? settings.user;
  const secret = textOf(cfg['/ipmi/secret']);
  const suite = Number(cfg['/ipmi/cipherSuite'] ?? settings.cipherSuite);
  const name = `BMC ${port === 623 ? host : `${host.includes(':') ? `[${host}]` : host}:${port}`}`;
  // With another login it is another session.
  const via = { key: JSON.stringify([host, port, user, suite, secret ?? null]), name };
  return { key: `${host.toLowerCase()} ${port}`, name, via, host, port, user, secret, suite };
}

/** Throws Terminal where cfg and config together do not say how to log in. */
export function loginOf({ user, secret, suite }: Bmc, { password, passwords, privilege }: Settings): Login {
  if (user === undefined || user.length > LONGEST_USER)
    throw new Terminal(`it has no /ipmi/user of up to ${LONGEST_USER} characters, and neither has the service's config`);
  const word = secret === undefined ? password : passwords[secret];
  const where = `the service's config has no password${secret === undefined ? '' : ` ${secret}`}`;
  if (word === undefined) throw new Terminal(`${where}: give it as a file or an environment variable`);
  return { suite: checkedSuite(suite), user, password: bytesOf(word), privilege: PRIVILEGES[privilege] };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

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
