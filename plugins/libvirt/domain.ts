/** Which domain of which server a node is, and what virsh says of domains. */
import { Terminal } from '@kraken-hpc/sdk';
import type { Device, PowerCfg } from '@kraken-hpc/sdk/power';

export interface Settings {
  readonly servers: Readonly<Record<string, { readonly uri?: string }>>;
}

export interface Domain extends Device {
  readonly uri: string;
  /** Its name, or its UUID in lower case. */
  readonly id: string;
}

const LOCAL = 'qemu:///system';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Throws Terminal where cfg names no domain, or a server that the config does not have. */
export function domainOf(cfg: PowerCfg, { servers }: Settings): Domain {
  const { '/vm/vmName': name, '/vm/uuid': uuid, '/vm/apiServer': server } = cfg;
  const id = typeof uuid === 'string' ? uuid.toLowerCase() : name;
  if (typeof id !== 'string' || id === '') throw new Terminal('it has neither /vm/uuid nor /vm/vmName: set which domain it is');
  if (typeof uuid === 'string' && !UUID.test(id)) throw new Terminal(`its /vm/uuid ${uuid} is no UUID (8-4-4-4-12 hexadecimal digits)`);
  if (typeof server !== 'string') return domain(id, LOCAL);
  if (!Object.hasOwn(servers, server))
    throw new Terminal(`the service's config has no server ${server}: add servers.${server}.uri, or correct /vm/apiServer`);
  return domain(id, servers[server]?.uri ?? LOCAL);
}

/** One URI is one hypervisor, whatever its servers are called. */
const domain = (id: string, uri: string): Domain => ({
  key: `${uri} ${id}`,
  name: `domain ${id} of ${uri}`,
  via: { key: uri, name: `libvirt at ${uri}` },
  uri,
  id,
});

export interface Seen {
  readonly uuid: string;
  readonly name: string;
  readonly isOn: boolean;
}

/** virDomainState: shut off. */
const SHUTOFF = 5;

/**
 * What `domstats --state; list --all --uuid --name` prints. Only a domain that is shut off (5) is off: all others hold their machine, and
 * none of them can be started. So is one that crashed (6) on: its hardware is there and its system is not, as on metal; a power-off
 * (`destroy`) frees it. Paused (3) and suspended to memory (7) are on as well: their memory is held.
 */
export function seenIn(text: string): Seen[] {
  const states = new Map<string, boolean>();
  for (const [, name = '', state = ''] of text.matchAll(/^Domain: '(.*)'\n\s*state\.state=(\d+)/gm))
    states.set(name, Number(state) !== SHUTOFF);
  const listed = [...text.matchAll(/^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+(.*?)\s*$/gm)];
  return listed.flatMap(([, uuid = '', name = '']) => {
    const isOn = states.get(name);
    return isOn === undefined ? [] : [{ uuid, name, isOn }];
  });
}

/** The domain's XML with the network before its disks; only that of the machine that is started with it. */
export function networkFirst(xml: string): string {
  const ordered = xml.replace(/\s*<boot order=(['"])\d+\1(?: loadparm=(['"]).*?\2)?\s*\/>/g, '');
  return ordered
    .replace(/\s*<boot dev=(['"])\w+\1\s*\/>/g, '')
    .replace(/(\s*)<\/os>/, "$1  <boot dev='network'/>$1  <boot dev='hd'/>$1</os>");
}
