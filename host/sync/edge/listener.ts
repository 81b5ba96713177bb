/** The port of a host: one listener for enrolment (TLS) and tethers, told apart by their first byte. */
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Address } from '../actions.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** ContentType handshake: RFC 8446, 5.1. */
const TLS_HANDSHAKE = 0x16;
const BACKLOG = 4096;

export interface ListenerOptions {
  readonly addresses: readonly Address[];
  readonly room: WaitingRoom;
  /** Nothing of it has been read; it has left the room. */
  readonly tls: (socket: Socket) => void;
  /** It is in the room until it is accepted. */
  readonly tether: (socket: Socket, head: Buffer) => void;
}

/** What goes wrong with a connection closes it, and is nobody's fault here. */
const ignore = (): void => {};

export class Listener {
  readonly #options: ListenerOptions;
  readonly #servers: Server[] = [];

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Rejects where an address cannot be listened on; then none is. Answers what was bound (port 0 gives one). */
  async listen(): Promise<readonly Address[]> {
    try {
      const bound: Address[] = [];
      for (const address of this.#options.addresses) bound.push(await this.#open(address));
      return bound;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #open({ host, port }: Address): Promise<Address> {
    const server = createServer({ noDelay: true }, (socket) => this.#came(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: BACKLOG, ipv6Only: isIPv6(host) }, resolve);
    });
    server.removeAllListeners('error');
    // Out of file descriptors, as a rule: the connections that are open go on, others come again.
    server.on('error', () => {});
    this.#servers.push(server);
    const at = server.address();
    return at && typeof at === 'object' ? { host: at.address, port: at.port } : { host, port };
  }

  #came(socket: Socket): void {
    const { room, tls, tether } = this.#options;
    socket.on('error', ignore);
    if (!room.enter(socket)) return;
    const ended = (): void => void socket.destroy();
    socket.once('end', ended);
    socket.once('data', (head: Buffer) => {
      socket.off('end', ended);
      if (head[0] !== TLS_HANDSHAKE) {
        tether(socket, head);
        // It has a listener of its own now.
        socket.off('error', ignore);
        return;
      }
      room.leave(socket);
      socket.pause();
      socket.unshift(head);
      tls(socket);
    });
  }

  async close(): Promise<void> {
    const closed = this.#servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#options.room.close();
    await Promise.all(closed);
  }
}
