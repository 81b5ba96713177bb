/** What of the machine every module sees: programs and libraries, and of /etc what they ask for. Nothing else of it is there. */
import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystem, PROGRAMS } from './places.ts';
import type { Mount } from './words.ts';

const NAMES = ['passwd', 'group', 'nsswitch.conf', 'resolv.conf', 'hosts', 'host.conf', 'gai.conf', 'services', 'protocols', 'networks'];
const TRUST = ['ssl', 'pki', 'ca-certificates', 'ca-certificates.conf', 'crypto-policies', 'gnutls', 'krb5.conf'];
const LINKER = [
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'ld.so.preload',
  'alternatives',
  'localtime',
  'timezone',
  'machine-info',
  'os-release',
];

/** `network`: the addresses and the state of its interfaces too. */
export function systemMounts(network: boolean): readonly Mount[] {
  const etc = [...NAMES, ...TRUST, ...LINKER].map((name) => `/etc/${name}`);
  return [...[...PROGRAMS, ...etc].flatMap((path) => mountsOf(path, network)), ...(network ? [{ src: '/sys', dest: '/sys' }] : [])];
}

/**
 * A link stays a link. Where one leads out of what is seen (/etc/resolv.conf into /run), the directory that it leads to is seen: the file
 * in it is replaced by a new one whenever the network changes. Beside it lie sockets of who asks the network for others: without the
 * permission net the file alone is seen.
 */
function mountsOf(path: string, network: boolean): readonly Mount[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  if (!found.isSymbolicLink()) return [{ src: path, dest: path }];
  const link: Mount = { src: readlinkSync(path), dest: path, isLink: true };
  const real = realOf(path);
  if (real === undefined) return [];
  if (isSystem(real) || real.startsWith('/etc/')) return real.startsWith('/etc/') && !isSystem(real) ? [{ src: real, dest: path }] : [link];
  if (!network) return [{ src: real, dest: path }];
  const folder = dirname(real);
  return [{ src: folder, dest: folder }, link];
}

export function realOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
