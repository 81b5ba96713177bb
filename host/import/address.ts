/** Addresses as other tools write them. */
import { isIPv4 } from 'node:net';

/** 24 → 255.255.255.0. */
export function maskOf(prefix: number): string {
  const bits = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}

/** A dotted mask whose ones come before its zeros. */
export function isMask(text: string): boolean {
  return isIPv4(text) && Array.from({ length: 33 }, (_, prefix) => maskOf(prefix)).includes(text);
}

/** AA-BB-CC-DD-EE-FF and aabb.ccdd.eeff as aa:bb:cc:dd:ee:ff; undefined: it is no MAC address of Ethernet. */
export function macOf(text: string): string | undefined {
  if (!/^(?:[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}|[0-9a-f]{12})$/i.test(text))
    return undefined;
  return (text.toLowerCase().match(/[0-9a-f]{2}/g) ?? []).join(':');
}
