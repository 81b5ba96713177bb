/** A node's system and its BMC: where they are, by what cfg says of them; how to log in there, and how to know who answers. */
import { Terminal } from '@kraken-hpc/sdk';
import type { Device, PowerCfg } from '@kraken-hpc/sdk/power';
import type { Login } from './client.ts';
import { plainFingerprint, type Trust } from './trust.ts';

export interface Settings {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Other passwords by name, for nodes whose /redfish/secret names one. */
  readonly passwords: Readonly<Record<string, string>>;
  readonly auth: 'session' | 'basic';
  readonly tls: 'verify' | 'insecure';
  readonly plainHttp: boolean;
}

export interface System extends Device {
  readonly origin: URL;
  /** Its Id or its URI; undefined = the only one of its BMC. */
  readonly system: string | undefined;
  readonly user: string | undefined;
  /** The name of a password of the config; undefined = the one for all. */
  readonly secret: string | undefined;
  readonly fingerprint: string | undefined;
}

/** Throws Terminal where cfg names none. */
export function systemOf(cfg: PowerCfg, settings: Settings): System {
  const origin = originOf(cfg['/redfish/address'], settings.plainHttp);
  const bmc = `BMC ${origin.host}`;
  const system = textOf(cfg['/redfish/system']);
  const user = textOf(cfg['/redfish/user']) ?? settings.user;
  const secret = textOf(cfg['/redfish/secret']);
  const fingerprint = textOf(cfg['/redfish/fingerprint']);
  // With another login, or known by another certificate, it is another link.
  const via = { key: JSON.stringify([origin.origin, user ?? null, secret ?? null, fingerprint ?? null]), name: bmc };
  const own = { via, origin, system, user, secret, fingerprint };
  if (system === undefined) return { key: origin.host, name: bmc, ...own };
  const id = system.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return { key: `${origin.host} ${id}`, within: origin.host, name: `system ${id} of ${bmc}`, ...own };
}

/** Throws Terminal where cfg and config together do not say how to log in. */
export function loginOf({ user, secret }: System, { auth, password, passwords }: Settings): Login {
  if (user === undefined) throw new Terminal("it has no /redfish/user, and neither has the service's config");
  const word = secret === undefined ? password : passwords[secret];
  const where = `the service's config has no password${secret === undefined ? '' : ` ${secret}`}`;
  if (word === undefined) throw new Terminal(`${where}: give it as a file or an environment variable`);
  return { kind: auth, user, password: word };
}

export function trustOf({ fingerprint }: System, { tls }: Settings, ca: readonly string[]): Trust {
  if (fingerprint !== undefined) return { kind: 'pinned', sha256: plainFingerprint(fingerprint) };
  return tls === 'insecure' ? { kind: 'insecure' } : { kind: 'verified', ca };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function originOf(address: unknown, isPlainAllowed: boolean): URL {
  if (typeof address !== 'string') throw new Terminal('it has no /redfish/address: set the address of its BMC');
  const url = parsed(/^https?:\/\//.test(address) ? address : `https://${address}`);
  if (url === undefined) throw new Terminal(`its /redfish/address ${address} is none: write HOST, HOST:PORT or https://HOST:PORT`);
  if (url.protocol === 'http:' && !isPlainAllowed)
    throw new Terminal(
      `its /redfish/address ${address} is without TLS, so its password could be read by all: use https, or allow it by plainHttp in the service's config`,
    );
  return url;
}

function parsed(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === '' ? url : undefined;
  } catch {
    return undefined;
  }
}
