/** IPv4 addresses, masks and MACs as state writes them, read strictly: what is not exactly one is undefined. */

const OCTET = /^(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])$/;

/** The 32 bits of a dotted address. */
export function bitsOf(address: string): number | undefined {
  const octets = address.split('.');
  if (octets.length !== 4 || !octets.every((octet) => OCTET.test(octet))) return undefined;
  return octets.reduce((bits, octet) => bits * 256 + Number(octet), 0);
}

/** 24 of 255.255.255.0; undefined where it is no mask of a subnet (1 to 30 ones, then zeros). */
export function prefixOf(mask: string): number | undefined {
  const bits = bitsOf(mask);
  if (bits === undefined) return undefined;
  const prefix = bits.toString(2).padStart(32, '0').replace(/0+$/, '');
  return /^1{1,30}$/.test(prefix) ? prefix.length : undefined;
}

/** The number of a subnet: equal for two addresses in the same one. */
export const subnetOf = (address: number, prefix: number): number => Math.floor(address / 2 ** (32 - prefix));

/** Neither the subnet's own address nor its broadcast. */
export function isHostOf(address: number, prefix: number): boolean {
  const host = address % 2 ** (32 - prefix);
  return host !== 0 && host !== 2 ** (32 - prefix) - 1;
}

export const isLoopback = (address: string): boolean => address.startsWith('127.');

/** aa:bb:cc:dd:ee:ff; undefined where it is no MAC of one machine (a group's, or none at all). */
export function macOf(text: string): string | undefined {
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') return undefined;
  return Number.parseInt(mac.slice(0, 2), 16) % 2 === 0 ? mac : undefined;
}
