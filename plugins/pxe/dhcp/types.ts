/** What the DHCP server and the module that knows the nodes have to say to each other. */

/** What a client is given; from state, never from a pool. */
export interface Lease {
  readonly node: string;
  readonly name: string;
  readonly mac: string;
  readonly ip: string;
  readonly mask: string;
  readonly router?: string;
  readonly dns: readonly string[];
  readonly domain?: string;
  readonly mtu?: number;
  readonly seconds: number;
}

/** By options 60, 77, 93, 175. */
export type ClientKind = 'bios' | 'uefi-x64' | 'uefi-arm64' | 'http-x64' | 'http-arm64' | 'ipxe-bios' | 'ipxe-x64' | 'ipxe-arm64' | 'other';

export interface Boot {
  readonly file: string;
  /** siaddr / option 66; where file is no URL */
  readonly next?: string;
}

/** What the server asks of the module that has it; all synchronous, from tables in memory. */
export interface Book {
  lease(mac: string): Lease | undefined;
  boot(lease: Lease, kind: ClientKind, server: string): Boot | undefined;
}

export type Step = 'DISCOVER' | 'OFFER' | 'REQUEST' | 'ACK';

export interface Sink {
  step(lease: Lease, kind: ClientKind, step: Step, xid: number): void;
  stranger(seen: Stranger): void;
  dropped(why: string): void;
}

export interface Stranger {
  readonly mac: string;
  readonly kind: ClientKind;
  readonly vendor: string;
  readonly via: string /* interface or relay */;
  readonly uuid?: string;
}
