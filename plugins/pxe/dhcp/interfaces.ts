/** Which addresses the service has on the interfaces that it is told to serve, and what a person does where it has none. */
import { existsSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { Link } from './links.ts';

type Table = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** `wanted`: names or IPv4 addresses of this machine. Throws an error in words where there is no such thing. */
export function linksOf(wanted: readonly string[], table: Table, exists = isInterface): Link[] {
  if (wanted.length === 0) throw new Error('DHCP has no interface to serve: name at least one, by its name or its address');
  const all = Object.entries(table).flatMap(([iface, infos = []]) =>
    infos.filter(({ family }) => family === 'IPv4').map(({ address, netmask }): Link => ({ iface, address, mask: netmask })),
  );
  const links = wanted.flatMap((one) => {
    const found = all.filter(({ iface, address }) => one === iface || one === address);
    if (found.length === 0) throw new Error(nothingAt(one, all, exists));
    return found;
  });
  return links.filter(({ address }, i) => links.findIndex((link) => link.address === address) === i);
}

function nothingAt(one: string, all: readonly Link[], exists: (name: string) => boolean): string {
  const there = all.map(({ iface, address }) => `${iface} (${address})`).join(', ') || 'none';
  if (isIPv4(one)) return `DHCP cannot serve ${one}: no interface of this machine that is up has this address; there are ${there}`;
  if (!exists(one)) return `DHCP cannot serve ${one}: this machine has no such interface; there are ${there}`;
  return `DHCP cannot serve ${one}: it is down, or has no IPv4 address to answer from; set it up (ip link set ${one} up; ip address add ADDRESS/PREFIX dev ${one})`;
}

const isInterface = (name: string): boolean => !name.includes('/') && existsSync(`/sys/class/net/${name}`);
