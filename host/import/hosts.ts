/** /etc/hosts (hosts(5)): addresses with names. */
import { isIP } from 'node:net';
import { maskOf } from './address.ts';
import { Gathering, type Imported } from './imported.ts';

/** Of this machine alone: 127.0.0.0/8, ::1, and what IPv6 has for groups. */
const OWN = /^(?:127\.|0\.0\.0\.0$|255\.255\.255\.255$|::1$|fe00::|ff0\d::)/i;

/**
 * The first name of a line, without its domain, is the node's; its address is that of the interface it boots from, as nothing says
 * otherwise. `prefix`: bits of the network, which stand nowhere in such a file.
 */
export function readHosts(text: string, prefix?: number): Imported {
  const gathered = new Gathering();
  const lines = new Map<string, number>();
  for (const [index, whole] of text.split('\n').entries()) {
    const line = index + 1;
    const [address = '', ...names] = whole.replace(/#.*/, '').trim().split(/\s+/);
    if (address === '' || OWN.test(address)) continue;
    const kind = isIP(address.replace(/%.*/, ''));
    const [first] = names;
    if (kind === 0) gathered.refuse(line, `${JSON.stringify(address)} is no address`);
    else if (first === undefined) gathered.refuse(line, `${address} has no name`);
    else if (kind === 6) gathered.leave(line, `${address} of ${first}: Kraken keeps IPv4 addresses of nodes`);
    else take(gathered, lines, { address, names, line, prefix });
  }
  return gathered;
}

interface Line {
  readonly address: string;
  readonly names: readonly string[];
  readonly line: number;
  readonly prefix: number | undefined;
}

function take(gathered: Gathering, lines: Map<string, number>, { address, names, line, prefix }: Line): void {
  const [first = '', ...others] = names;
  const [name = '', ...domain] = first.split('.');
  const before = lines.get(name);
  if (before !== undefined) return gathered.leave(line, `${name} has its address from line ${before} already: ${address} is left out`);
  if (!gathered.add(name, line)) return;
  lines.set(name, line);
  gathered.set(name, '/ipv4/ifaces/kraken/ip/ip', address);
  if (prefix !== undefined) gathered.set(name, '/ipv4/ifaces/kraken/ip/subnet', maskOf(prefix));
  if (domain.length > 0) {
    gathered.set(name, '/ipv4/hostname/hostname', name);
    gathered.set(name, '/ipv4/hostname/domainname', domain.join('.'));
  }
  const aliases = others.filter((other) => other !== name);
  if (aliases.length > 0) gathered.leave(line, `other names of ${name}: ${aliases.join(' ')}`);
}
