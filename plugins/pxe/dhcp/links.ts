/** Which of this machine's addresses answers a client, and where the answer goes. */
import { bitsOf, prefixOf, sameSubnet, textOf } from './address.ts';
import { OPTION, readNested } from './options.ts';
import { addressIn, type Packet } from './packet.ts';
import type { Lease } from './types.ts';

/** An address of this machine on an interface that is served. */
export interface Link {
  readonly iface: string;
  readonly address: string;
  readonly mask: string;
}

export interface OwnLink extends Link {
  readonly bits: number;
  readonly maskBits: number;
}

/** By which way a message came. */
export interface Arrival {
  /** Whence it says that it comes. */
  readonly from: string;
  readonly port: number;
  /** The own address that it was sent to; undefined = it was broadcast, on whichever interface. */
  readonly to?: string;
  /** It came to the port of PXE boot servers, not to that of DHCP servers. */
  readonly isBootServer?: boolean;
}

/** A datagram to be sent from an own address. */
export interface Reply {
  readonly bytes: Buffer;
  readonly link: Link;
  readonly address: string;
  readonly port: number;
}

const EVERYBODY = '255.255.255.255';
/** Ports below need a right, so that only a relay proper sends from one, and it listens at the servers' port (RFC 2131 4.1). */
const FIRST_FREE_PORT = 1024;
const RELAY_PORT = 67;
/** Suboptions of option 82: RFC 3527, RFC 5107. */
const LINK_SELECTION = 5;
const SERVER_OVERRIDE = 11;

const ownLink = (link: Link): OwnLink => ({ ...link, bits: bitsOf(link.address), maskBits: bitsOf(link.mask) });

const holds = (link: OwnLink, address: number): boolean => sameSubnet(link.bits, address, link.maskBits);

/** The address of the four bytes inside the relay's option; 0 = none. */
function inRelay({ options }: Packet, code: number): number {
  const relay = options.get(OPTION.relay);
  const bytes = relay && readNested(relay).get(code);
  return bytes?.length === 4 ? bytes.readUInt32BE(0) : 0;
}

/** As whom to answer: the relay may want to stand for the server (RFC 5107). */
export const serverIdFor = (packet: Packet, link: OwnLink): number =>
  (packet.giaddr !== 0 && inRelay(packet, SERVER_OVERRIDE)) || link.bits;

export class Links {
  readonly all: readonly OwnLink[];
  readonly #clientPort: number;

  constructor(links: readonly Link[], clientPort: number) {
    this.all = links.map(ownLink);
    this.#clientPort = clientPort;
  }

  /** The one whose subnet the client is in, as far as can be known; a text says why this lease is of no use where the client is. */
  for(packet: Packet, lease: Lease, arrival: Arrival): OwnLink | string {
    const ip = bitsOf(lease.ip);
    if (packet.giaddr !== 0) {
      const subnet = inRelay(packet, LINK_SELECTION) || addressIn(packet, OPTION.subnet) || packet.giaddr;
      if (!sameSubnet(subnet, ip, bitsOf(lease.mask)))
        return `relay ${textOf(packet.giaddr)} speaks for the subnet of ${textOf(subnet)}, in which its address ${lease.ip} (mask ${lease.mask}) is not; correct its address or its mask, or plug it in where it belongs`;
      return this.#at(arrival) ?? this.all.find((link) => holds(link, packet.giaddr)) ?? (this.all[0] as OwnLink);
    }
    const to = this.#at(arrival);
    // A client that renews speaks to a server's address through any router.
    if (to !== undefined && (packet.ciaddr !== 0 || holds(to, ip))) return to;
    const own = this.all.find((link) => holds(link, ip));
    return (
      own ?? `its address ${lease.ip} is in no subnet here (${this.#listed()}); correct its address, or serve the interface that it is on`
    );
  }

  /** Whether it is one of the addresses that answer. */
  isOwn(packet: Packet, server: number): boolean {
    return this.all.some(({ bits }) => bits === server) || (packet.giaddr !== 0 && inRelay(packet, SERVER_OVERRIDE) === server);
  }

  /** The way of an offer or an acknowledgement (RFC 2131 4.1): a client without an address hears only what is broadcast. */
  reply(packet: Packet, link: OwnLink, arrival: Arrival, bytes: Buffer): Reply {
    if (packet.giaddr !== 0) return this.#toRelay(packet, link, arrival, bytes);
    if (packet.ciaddr !== 0) return { bytes, link, address: textOf(packet.ciaddr), port: this.#clientPort };
    return { bytes, link, address: EVERYBODY, port: this.#clientPort };
  }

  /** The ways of a refusal: broadcast (RFC 2131 4.3.2) wherever the client may be, or, behind a router, to where it has its address. */
  refusals(packet: Packet, link: OwnLink, arrival: Arrival, bytes: Buffer): Reply[] {
    if (packet.giaddr !== 0) return [this.#toRelay(packet, link, arrival, bytes)];
    const port = this.#clientPort;
    if (arrival.to === undefined) return this.#interfaces().map((each) => ({ bytes, link: each, address: EVERYBODY, port }));
    const isFar = packet.ciaddr !== 0 && !this.all.some((own) => holds(own, packet.ciaddr));
    return [{ bytes, link, address: isFar ? textOf(packet.ciaddr) : EVERYBODY, port }];
  }

  /** Where a stranger was seen, for people. A broadcast does not say on which interface it came. */
  place(packet: Packet, arrival: Arrival): string {
    if (packet.giaddr !== 0) return `relay ${textOf(packet.giaddr)}`;
    const to = this.#at(arrival);
    return (
      to?.iface ??
      this.#interfaces()
        .map(({ iface }) => iface)
        .join(' or ')
    );
  }

  #toRelay({ giaddr }: Packet, link: OwnLink, { port }: Arrival, bytes: Buffer): Reply {
    return { bytes, link, address: textOf(giaddr), port: port < FIRST_FREE_PORT ? RELAY_PORT : port };
  }

  /** One address of each. */
  #interfaces(): OwnLink[] {
    return this.all.filter(({ iface }, i) => this.all.findIndex((other) => other.iface === iface) === i);
  }

  #at({ to }: Arrival): OwnLink | undefined {
    return to === undefined ? undefined : this.all.find(({ address }) => address === to);
  }

  #listed(): string {
    return this.all.map(({ iface, address, maskBits }) => `${address}/${prefixOf(maskBits)} on ${iface}`).join(', ');
  }
}
