/** Who is connected: bounded in all and for an address. Where there is no room, the connection that has waited longest without a request goes. */
import type { Socket } from 'node:net';

export class Connections {
  readonly #most: number;
  readonly #perAddress: number;
  /** In the order of their coming. */
  readonly #all = new Set<Socket>();
  readonly #byAddress = new Map<string, Set<Socket>>();
  readonly #busy = new Set<Socket>();

  constructor(most: number, perAddress: number) {
    this.#most = most;
    this.#perAddress = perAddress;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Whether there is room for it, or whose limit leaves none; in that case it is destroyed. */
  admit(socket: Socket, address: string): 'admitted' | 'address full' | 'full' {
    const own = this.#byAddress.get(address);
    if (own !== undefined && own.size >= this.#perAddress && !this.#makeRoom(own)) return refuse(socket, 'address full');
    if (this.#all.size >= this.#most && !this.#makeRoom(this.#all)) return refuse(socket, 'full');
    this.#all.add(socket);
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? new Set()).add(socket));
    socket.once('close', () => this.#remove(socket, address));
    return 'admitted';
  }

  /** Whether it is its only request: answers are not queued, so that a connection costs no more than one. */
  begin(socket: Socket): boolean {
    if (this.#busy.has(socket)) return false;
    this.#busy.add(socket);
    return true;
  }

  end(socket: Socket): void {
    this.#busy.delete(socket);
  }

  #makeRoom(among: Set<Socket>): boolean {
    for (const socket of among) {
      if (this.#busy.has(socket) || socket.destroyed) continue;
      socket.destroy();
      return true;
    }
    return false;
  }

  #remove(socket: Socket, address: string): void {
    this.#all.delete(socket);
    this.#busy.delete(socket);
    const own = this.#byAddress.get(address);
    own?.delete(socket);
    if (own?.size === 0) this.#byAddress.delete(address);
  }
}

function refuse<Why>(socket: Socket, why: Why): Why {
  socket.destroy();
  return why;
}
