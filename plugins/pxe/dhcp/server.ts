/**
 * The DHCP server (RFC 2131) and the proxy beside a site's own (PXE 2.1), pure: a datagram and the way that it came by, in; datagrams
 * and the ways that they go, out. Leases are those of the book, so it has no state but what it counts and what it has told.
 */
import { bitsOf, textOf } from './address.ts';
import { type Addressed, leaseAnswer, proxyAnswer, refusal } from './answer.ts';
import { kindOf, uuidOf, vendorOf } from './kind.ts';
import { type Arrival, type Link, Links, type OwnLink, type Reply, serverIdFor } from './links.ts';
import { OPTION } from './options.ts';
import { type Answer, addressIn, MESSAGE, type Packet, readPacket, writeAnswer } from './packet.ts';
import { Told } from './told.ts';
import type { Book, ClientKind, Lease, Sink, Step } from './types.ts';

export interface ServerOptions {
  readonly links: readonly Link[];
  /** Where clients listen: 68. */
  readonly clientPort: number;
  /** Gives no addresses: says to boot clients what to boot, beside the site's own server. */
  readonly proxy: boolean;
  readonly book: Book;
  readonly sink: Sink;
}

export interface Counts {
  received: number;
  /** Taken apart no further. */
  malformed: number;
  /** Of machines that are not in the book. */
  strange: number;
  /** Datagrams sent in answer. */
  answered: number;
}

/** A message of a client that is in the book. */
interface Asking {
  readonly packet: Packet;
  readonly arrival: Arrival;
  readonly lease: Lease;
  readonly kind: ClientKind;
  readonly now: number;
}

const NONE: readonly Reply[] = [];

export class DhcpServer {
  readonly counts: Counts = { received: 0, malformed: 0, strange: 0, answered: 0 };
  readonly #links: Links;
  readonly #proxy: boolean;
  readonly #book: Book;
  readonly #sink: Sink;
  readonly #told = new Told();
  readonly #strangers = new Told();

  constructor({ links, clientPort, proxy, book, sink }: ServerOptions) {
    this.#links = new Links(links, clientPort);
    this.#proxy = proxy;
    this.#book = book;
    this.#sink = sink;
  }

  /** `now` in milliseconds. What goes out is to be sent in this order, from the address of its link. */
  take(bytes: Buffer, arrival: Arrival, now: number): readonly Reply[] {
    this.counts.received++;
    const packet = readPacket(bytes);
    if (typeof packet === 'string') {
      this.counts.malformed++;
      this.#drop(`a message from ${arrival.from}:${arrival.port} is not understood: ${packet}`, now);
      return NONE;
    }
    const kind = kindOf(packet.options);
    const lease = this.#book.lease(packet.mac);
    if (lease === undefined) {
      this.#stranger(packet, kind, arrival, now);
      return NONE;
    }
    const asking = { packet, arrival, lease, kind, now };
    const replies = this.#proxy || arrival.isBootServer === true ? this.#asProxy(asking) : this.#asServer(asking);
    this.counts.answered += replies.length;
    return replies;
  }

  #asServer(asking: Asking): readonly Reply[] {
    const { packet, lease } = asking;
    switch (packet.type) {
      case MESSAGE.discover:
        return this.#discover(asking);
      case MESSAGE.request:
        return this.#request(asking);
      case MESSAGE.inform:
        return packet.ciaddr === bitsOf(lease.ip) ? this.#answer(asking, MESSAGE.ack) : NONE;
      case MESSAGE.decline:
        this.#drop(
          `${lease.name} (${lease.mac}) declines ${lease.ip}: another machine in its network has that address; find it (arping -D ${lease.ip}) and give it another one`,
          asking.now,
        );
        return NONE;
      default:
        // RELEASE: its lease is its own all the same.
        return NONE;
    }
  }

  #discover(asking: Asking): readonly Reply[] {
    this.#step(asking, 'DISCOVER');
    const replies = this.#answer(asking, MESSAGE.offer);
    if (replies.length > 0) this.#step(asking, 'OFFER');
    return replies;
  }

  /** SELECTING names the server; INIT-REBOOT the address, by option; RENEWING and REBINDING have it (RFC 2131 4.3.2). */
  #request(asking: Asking): readonly Reply[] {
    const { packet, lease, now } = asking;
    const server = addressIn(packet, OPTION.server);
    if (server !== 0 && !this.#links.isOwn(packet, server)) {
      this.#drop(
        `${lease.name} (${lease.mac}) has taken the offer of another DHCP server, ${textOf(server)}: let only one server give it addresses, or make this one a proxy`,
        now,
      );
      return NONE;
    }
    const wanted = addressIn(packet, OPTION.requested) || packet.ciaddr;
    if (wanted === 0) {
      this.#drop(`${lease.name} (${lease.mac}) requests no address at all; its DHCP client is at fault`, now);
      return NONE;
    }
    this.#step(asking, 'REQUEST');
    if (wanted !== bitsOf(lease.ip)) return this.#refuse(asking, wanted);
    const replies = this.#answer(asking, MESSAGE.ack);
    if (replies.length > 0) this.#step(asking, 'ACK');
    return replies;
  }

  #answer(asking: Asking, type: number): readonly Reply[] {
    const { packet, lease, kind, arrival } = asking;
    const link = this.#linkFor(asking);
    if (link === undefined) return NONE;
    const boot = kind === 'other' ? undefined : this.#book.boot(lease, kind, link.address);
    const answer = leaseAnswer(type, this.#as(asking, link), lease, boot);
    return [this.#links.reply(packet, link, arrival, this.#write(asking, answer))];
  }

  #refuse(asking: Asking, wanted: number): readonly Reply[] {
    const { packet, lease, arrival } = asking;
    const link = this.#linkFor(asking);
    if (link === undefined) return NONE;
    const answer = refusal(this.#as(asking, link), `${textOf(wanted)} is not the address of ${lease.name}, ${lease.ip} is`);
    return this.#links.refusals(packet, link, arrival, this.#write(asking, answer));
  }

  /** A proxy says something only to boot clients that it has something for; nobody is refused anything. */
  #asProxy(asking: Asking): readonly Reply[] {
    const { packet, lease, kind, arrival } = asking;
    const isDiscover = packet.type === MESSAGE.discover;
    if (kind === 'other' || !(isDiscover || packet.type === MESSAGE.request || (packet.type === MESSAGE.inform && arrival.isBootServer)))
      return NONE;
    this.#step(asking, isDiscover ? 'DISCOVER' : 'REQUEST');
    if (!isDiscover && !arrival.isBootServer) return this.#overheard(asking);
    const link = this.#proxyLink(asking);
    const boot = link && this.#book.boot(lease, kind, link.address);
    if (link === undefined || boot === undefined) return NONE;
    const bytes = this.#write(asking, proxyAnswer(isDiscover ? MESSAGE.offer : MESSAGE.ack, this.#as(asking, link), boot));
    this.#step(asking, isDiscover ? 'OFFER' : 'ACK');
    if (arrival.isBootServer) return [{ bytes, link, address: arrival.from, port: arrival.port }];
    return [this.#links.reply(packet, link, arrival, bytes)];
  }

  /** A request that is for the site's server: another address than its lease's is one that will be given no boot file. */
  #overheard({ packet, lease, now }: Asking): readonly Reply[] {
    const wanted = addressIn(packet, OPTION.requested) || packet.ciaddr;
    const server = addressIn(packet, OPTION.server);
    if (wanted !== 0 && wanted !== bitsOf(lease.ip))
      this.#drop(
        `${lease.name} (${lease.mac}) takes ${textOf(wanted)} of the DHCP server ${server === 0 ? 'that it knows' : textOf(server)}, and ${lease.ip} is its address here, to which alone its boot files are given: let that server give it ${lease.ip}, or correct its address in cfg`,
        now,
      );
    return NONE;
  }

  /** At the port of boot servers a client has an address already, whatever its lease is here. */
  #proxyLink(asking: Asking): OwnLink | undefined {
    const { arrival } = asking;
    return (arrival.isBootServer && this.#links.all.find(({ address }) => address === arrival.to)) || this.#linkFor(asking);
  }

  #linkFor({ packet, lease, arrival, now }: Asking): OwnLink | undefined {
    const link = this.#links.for(packet, lease, arrival);
    if (typeof link !== 'string') return link;
    this.#drop(`${lease.name} (${lease.mac}) is not answered: ${link}`, now);
    return undefined;
  }

  #as({ packet, kind }: Asking, link: OwnLink): Addressed {
    return { packet, kind, server: serverIdFor(packet, link) };
  }

  #write({ packet, lease, now }: Asking, answer: Answer): Buffer {
    const { bytes, omitted } = writeAnswer(packet, answer);
    if (omitted.length > 0)
      this.#drop(
        `${lease.name} (${lease.mac}) leaves no room in its messages for the options ${omitted.join(', ')}; it gets the others`,
        now,
      );
    return bytes;
  }

  #step({ lease, kind, packet }: Asking, step: Step): void {
    this.#sink.step(lease, kind, step, packet.xid);
  }

  /** A proxy stands in a network where most clients are none of its business. */
  #stranger(packet: Packet, kind: ClientKind, arrival: Arrival, now: number): void {
    this.counts.strange++;
    if (packet.type !== MESSAGE.discover && packet.type !== MESSAGE.request && packet.type !== MESSAGE.inform) return;
    if ((this.#proxy && kind === 'other') || !this.#strangers.may(packet.mac, now)) return;
    const uuid = uuidOf(packet.options);
    const via = this.#links.place(packet, arrival);
    this.#sink.stranger({ mac: packet.mac, kind, vendor: vendorOf(packet.options), via, ...(uuid !== undefined && { uuid }) });
  }

  #drop(why: string, now: number): void {
    if (this.#told.may(why, now)) this.#sink.dropped(why);
  }
}
