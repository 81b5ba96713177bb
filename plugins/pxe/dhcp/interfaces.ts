/** Which addresses the service has on the interfaces that it is told to serve, and what a person does where it has none. */
import { existsSync, readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { Link } from './links.ts';

type Table = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** `wanted`: names or IPv4 addresses of this machine. Throws an error in words where there is no such thing. */
export function linksOf(wanted: readonly string[], table: Table, condition = conditionOf): Link[] {
  if (wanted.length === 0) throw new Error('DHCP has no interface to serve: name at least one, by its name or its address');
  const all = Object.entries(table).flatMap(([iface, infos = []]) =>
    infos.filter(({ family }) => family === 'IPv4').map(({ address, netmask }): Link => ({ iface, address, mask: netmask })),
  );
  const links = wanted.flatMap((one) => {
    const found = all.filter(({ iface, address }) => one === iface || one === address);
    if (found.length === 0) throw new Error(nothingAt(one, all, condition));
    return found;
  });
  return links.filter(({ address }, i) => links.findIndex((link) => link.address === address) === i);
}

/** `quiet`: it is up, and nothing that runs is at the other end, in which case the system shows its addresses to nobody. */
export type Condition = 'absent' | 'down' | 'quiet' | 'up';

function nothingAt(one: string, all: readonly Link[], conditionOf: (name: string) => Condition): string {
  const there = all.map(({ iface, address }) => `${iface} (${address})`).join(', ') || 'none';
  if (isIPv4(one)) return `DHCP cannot serve ${one}: no interface of this machine that is up has this address; there are ${there}`;
  const condition = conditionOf(one);
  switch (condition) {
    case 'absent':
      return `DHCP cannot serve ${one}: this machine has no such interface; there are ${there}`;
    case 'down':
      return `DHCP cannot serve ${one}: it is down; set it up (ip link set ${one} up)`;
    case 'quiet':
      return `DHCP cannot serve ${one}: it has no carrier; see to its cable, and to the switch or the machine at the other end`;
    case 'up':
      return `DHCP cannot serve ${one}: it has no IPv4 address to answer from; give it one (ip address add ADDRESS/PREFIX dev ${one})`;
    default:
      return condition satisfies never;
  }
}

function conditionOf(name: string): Condition {
  const folder = `/sys/class/net/${name}`;
  if (name.includes('/') || !existsSync(folder)) return 'absent';
  try {
    return readFileSync(`${folder}/carrier`, 'latin1').startsWith('1') ? 'up' : 'quiet';
  } catch {
    // The kernel has no answer of an interface that is down.
    return 'down';
  }
}
