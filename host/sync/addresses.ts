/** Addresses of hosts, compared and in words. */
import type { Address } from './actions.ts';

export function sameAddress(a: Address | undefined, b: Address | undefined): boolean {
  return a !== undefined && b !== undefined && a.host === b.host && a.port === b.port;
}

/** `10.0.0.1:31415`, `[fd00::1]:31415`. */
export function text(address: Address | undefined): string {
  if (!address) return 'no address';
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
