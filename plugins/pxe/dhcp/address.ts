/** IPv4 addresses as the 32 bits that packets have. */

/** The bits of a dotted address of state or of the system, which are known to be well-formed. */
export function bitsOf(address: string): number {
  let bits = 0;
  for (const octet of address.split('.')) bits = bits * 256 + Number(octet);
  return bits >>> 0;
}

export const textOf = (bits: number): string => `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;

export const sameSubnet = (a: number, b: number, mask: number): boolean => ((a ^ b) & mask) === 0;

/** 24 of 255.255.255.0, for people. */
export const prefixOf = (mask: number): number => Math.clz32(~mask);

/** The bytes of addresses, one behind the other. */
export function bytesOf(...addresses: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * addresses.length);
  for (const [i, address] of addresses.entries()) bytes.writeUInt32BE(address, 4 * i);
  return bytes;
}
