/**
 * One UDP socket for all BMCs (one more for IPv6): what comes in finds its session by the id that we gave it. Some BMCs refuse with
 * two bytes, tag and status, and no id: those are shown to whoever speaks with that BMC, and the tag tells whom it is meant for.
 */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { sessionOf } from './packet.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

type Listener = (bytes: Buffer) => void;

/** Answers of thousands of BMCs may come in one moment. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export class Transport {
  readonly #sockets = new Map<4 | 6, Promise<Socket>>();
  #isClosed = false;
  readonly #listeners = new Map<number, { readonly from: Endpoint; readonly listener: Listener }>();

  /** The session's id at our end, of which nobody else has the same; what is sent to it from this endpoint goes to the listener. */
  listen(from: Endpoint, listener: Listener): number {
    let id = 0;
    do id = randomInt(1, 0xffff_ffff);
    while (this.#listeners.has(id));
    this.#listeners.set(id, { from, listener });
    return id;
  }

  forget(id: number): void {
    this.#listeners.delete(id);
  }

  /** What cannot be sent is lost, as any datagram may be. Rejects once it is closed. */
  async send(bytes: Buffer, { address, port }: Endpoint): Promise<void> {
    if (this.#isClosed) throw new Error('the module is stopping');
    const socket = await this.#socket(isIP(address) === 6 ? 6 : 4);
    if (this.#isClosed) throw new Error('the module is stopping');
    await new Promise<void>((resolve) => socket.send(bytes, port, address, () => resolve()));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const sockets = await Promise.all(this.#sockets.values());
    this.#sockets.clear();
    for (const socket of sockets) socket.close();
  }

  #socket(family: 4 | 6): Promise<Socket> {
    let socket = this.#sockets.get(family);
    if (socket === undefined) {
      socket = this.#open(family);
      this.#sockets.set(family, socket);
    }
    return socket;
  }

  #open(family: 4 | 6): Promise<Socket> {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', recvBufferSize: RECEIVE_BUFFER });
    socket.on('message', (bytes, { address, port }) => {
      const id = sessionOf(bytes);
      if (id === 0) {
        for (const { from, listener } of this.#listeners.values()) if (from.address === address && from.port === port) listener(bytes);
        return;
      }
      const known = id === undefined ? undefined : this.#listeners.get(id);
      if (known !== undefined && known.from.address === address && known.from.port === port) known.listener(bytes);
    });
    // A BMC's port that is closed shows as an error of the socket; that BMC's question goes unanswered, the others do not notice.
    socket.on('error', () => {});
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, () => {
        socket.off('error', reject);
        resolve(socket);
      });
    });
  }
}

/** The address of a BMC that is known by name. */
export async function resolveEndpoint(host: string, port: number): Promise<Endpoint> {
  return { address: isIP(host) === 0 ? (await lookup(host)).address : host, port };
}
