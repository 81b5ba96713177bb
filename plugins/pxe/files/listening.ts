/** Addresses that are listened on, and what to tell a person where that does not work. */
import { isIPv6 } from 'node:net';

/** `10.0.0.1:69`, `[fd00::1]:69`. */
export const spell = (address: string, port: number): string => (isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`);

/** An IPv4 address that came in by a socket for both families is the same address. */
export const plainAddress = (address: string): string =>
  address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;

/** `what` as in `TFTP (UDP)`. */
export function explainListenError(what: 'TFTP (UDP)' | 'HTTP (TCP)', address: string, port: number, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return new Error(`pxe: cannot listen for ${what} on ${spell(address, port)}: ${reason(code, what, port, error)}`, { cause: error });
}

function reason(code: string, what: string, port: number, error: unknown): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `ports below 1024 need the permission ports, and a host with the capability CAP_NET_BIND_SERVICE (for a systemd unit: AmbientCapabilities=CAP_NET_BIND_SERVICE), or give another port in the service's configuration`;
    case 'EADDRINUSE':
      return `something else listens there already (ss -lnp 'sport = :${port}' shows what, look for ${what.includes('UDP') ? 'udp' : 'tcp'}); stop it, or give another address or port in the service's configuration`;
    case 'EADDRNOTAVAIL':
      return `no interface of this machine has that address; give one that it has (ip -brief address shows them)`;
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
