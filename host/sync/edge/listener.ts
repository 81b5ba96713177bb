/** The port of a host: one listener for enrolment (TLS) and tethers, told apart by their first byte. */
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Address } from '../actions.ts';

/** ContentType handshake: RFC 8446, 5.1. */
const TLS_HANDSHAKE = 0x16;
const BACKLOG = 4096;

export interface ListenerOptions {
  readonly addresses: readonly Address[];
  /** How long a connection may be silent before its first byte. */
  readonly silentMs: number;
  /** Silent ones at once; the oldest makes room. */
  readonly silent: number;
  readonly silentPerAddress: number;
  /** Nothing of it has been read. */
  readonly tls: (socket: Socket) => void;
  readonly tether: (socket: Socket, head: Buffer) => void;
}

export class Listener {
  readonly figures = { silent: 0, turnedAway: 0 };
  readonly #options: ListenerOptions;
  readonly #servers: Server[] = [];
  /** Those that have said nothing yet, the oldest first. */
  readonly #silent = new Map<Socket, { readonly from: string; readonly timer: NodeJS.Timeout }>();
  readonly #perAddress = new Map<string, number>();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Rejects where an address cannot be listened on; then none is. Answers what was bound (port 0 gives one). */
  async listen(): Promise<readonly Address[]> {
    const bound: Address[] = [];
    try {
      for (const { host, port } of this.#options.addresses) {
        const server = createServer({ noDelay: true }, (socket) => this.#came(socket));
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject);
          server.listen({ host, port, backlog: BACKLOG, ipv6Only: isIPv6(host) }, resolve);
        });
        server.removeAllListeners('error');
        // Out of file descriptors: those that are open go on.
        server.on('error', () => this.figures.turnedAway++);
        this.#servers.push(server);
        const at = server.address();
        if (at && typeof at === 'object') bound.push({ host: at.address, port: at.port });
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    return bound;
  }

  #came(socket: Socket): void {
    const from = socket.remoteAddress ?? '';
    const present = this.#perAddress.get(from) ?? 0;
    if (present >= this.#options.silentPerAddress) {
      this.figures.turnedAway++;
      socket.destroy();
      return;
    }
    const [oldest] = this.#silent.keys();
    if (oldest && this.#silent.size >= this.#options.silent) {
      this.figures.turnedAway++;
      oldest.destroy();
      this.#spoke(oldest);
    }
    this.#perAddress.set(from, present + 1);
    const timer = setTimeout(() => {
      this.figures.silent++;
      socket.destroy();
    }, this.#options.silentMs);
    this.#silent.set(socket, { from, timer });
    const ended = (): void => void (this.#spoke(socket) && socket.destroy());
    socket.on('error', ended);
    socket.once('close', ended);
    socket.once('end', ended);
    socket.once('data', (head: Buffer) => {
      socket.off('close', ended);
      socket.off('end', ended);
      if (!this.#spoke(socket)) return;
      if (head[0] === TLS_HANDSHAKE) {
        socket.pause();
        socket.unshift(head);
        this.#options.tls(socket);
      } else this.#options.tether(socket, head);
    });
  }

  #spoke(socket: Socket): boolean {
    const known = this.#silent.get(socket);
    if (!known) return false;
    clearTimeout(known.timer);
    this.#silent.delete(socket);
    const left = (this.#perAddress.get(known.from) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(known.from, left);
    else this.#perAddress.delete(known.from);
    return true;
  }

  async close(): Promise<void> {
    for (const socket of [...this.#silent.keys()]) socket.destroy();
    await Promise.all(this.#servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }
}
