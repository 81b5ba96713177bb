/** Datagrams: one socket for each address that is listened on, and one for a family that is not. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Address } from '../actions.ts';

/** Ours have 1,400 at most; what is larger is not from us. */
const LONGEST = 1_500;
const BUFFER = 4 * 1024 * 1024;

export class Udp {
  readonly figures = { oversized: 0, sendErrors: 0, received: 0, sent: 0 };
  readonly #onDatagram: (from: Address, bytes: Uint8Array) => void;
  #closed = false;
  readonly #sockets: { readonly socket: Socket; readonly isV6: boolean; readonly isLoopback: boolean; readonly isAny: boolean }[] = [];

  constructor(onDatagram: (from: Address, bytes: Uint8Array) => void) {
    this.#onDatagram = onDatagram;
  }

  /** Rejects where an address cannot be bound; then none is. */
  async bind(addresses: readonly Address[]): Promise<readonly Address[]> {
    try {
      const bound: Address[] = [];
      for (const address of addresses) bound.push(await this.#open(address));
      return bound;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #make({ host }: Address): Socket {
    const isV6 = isIPv6(host);
    // Addresses are in numbers: nothing is looked up, which dgram would do for each datagram.
    const lookup = (name: string, _: unknown, done: (error: null, address: string, family: number) => void): void =>
      done(null, name, isV6 ? 6 : 4);
    const socket = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6, lookup: lookup as never });
    socket.on('message', (bytes, { address, port }) => {
      this.figures.received++;
      if (bytes.length > LONGEST) this.figures.oversized++;
      else this.#onDatagram({ host: address, port }, bytes);
    });
    this.#sockets.push({ socket, isV6, isLoopback: isLoopback(host), isAny: isAny(host) });
    return socket;
  }

  #open(address: Address): Promise<Address> {
    const socket = this.#make(address);
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: address.host, port: address.port }, () => {
        socket.off('error', reject);
        this.#ready(socket);
        const { address: host, port } = socket.address();
        resolve({ host, port });
      });
    });
  }

  #ready(socket: Socket): void {
    socket.on('error', () => this.figures.sendErrors++);
    try {
      // The kernel gives what net.core.rmem_max allows, without an error.
      socket.setRecvBufferSize(BUFFER);
      socket.setSendBufferSize(BUFFER);
    } catch {
      // The buffer of before does, with more loss in bursts.
    }
  }

  /** Never throws: what cannot be sent is lost, as datagrams are, and counted. */
  send(to: Address, bytes: Uint8Array): void {
    if (this.#closed) return;
    const socket = this.#socketFor(to.host);
    this.figures.sent++;
    try {
      socket.send(bytes, to.port, to.host, (error) => {
        if (error) this.figures.sendErrors++;
      });
    } catch {
      this.figures.sendErrors++;
    }
  }

  /** One that may reach it: of its family, and not loopback for the world or the world for loopback. */
  #socketFor(host: string): Socket {
    const isV6 = isIPv6(host);
    const local = isLoopback(host);
    const fits = this.#sockets.find((one) => one.isV6 === isV6 && (one.isAny || one.isLoopback === local));
    if (fits) return fits.socket;
    const any = { host: isV6 ? '::' : '0.0.0.0', port: 0 };
    const socket = this.#make(any);
    // What is sent before it is bound waits inside of it.
    socket.bind({ address: any.host, port: 0 }, () => this.#ready(socket));
    socket.on('error', () => {});
    return socket;
  }

  close(): void {
    this.#closed = true;
    for (const { socket } of this.#sockets.splice(0)) {
      try {
        socket.close();
      } catch {
        // It was never bound.
      }
    }
  }
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}

function isAny(host: string): boolean {
  return host === '::' || host === '0.0.0.0';
}
