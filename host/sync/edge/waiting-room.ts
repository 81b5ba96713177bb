/** Connections that came in and of which nobody knows yet whose they are: few, briefly, and not all of one stranger. */
import type { Socket } from 'node:net';

export interface RoomLimits {
  /** How long one may be here. */
  readonly unprovedMs: number;
  /** At once; the oldest makes room, so that who proves himself at once gets through a flood. */
  readonly unproved: number;
  /** Of one address; more are turned away. */
  readonly unprovedPerAddress: number;
}

export class WaitingRoom {
  readonly figures = { timeouts: 0, turnedAway: 0 };
  readonly #limits: RoomLimits;
  /** The oldest first. */
  readonly #sockets = new Map<Socket, { readonly from: string; readonly timer: NodeJS.Timeout; readonly closed: () => void }>();
  readonly #perAddress = new Map<string, number>();

  constructor(limits: RoomLimits) {
    this.#limits = limits;
  }

  /** False: it was turned away. It leaves by `leave`, by closing, or by being closed. */
  enter(socket: Socket): boolean {
    const from = socket.remoteAddress ?? '';
    const present = this.#perAddress.get(from) ?? 0;
    if (present >= this.#limits.unprovedPerAddress) {
      this.figures.turnedAway++;
      socket.destroy();
      return false;
    }
    if (this.#sockets.size >= this.#limits.unproved) this.#evict();
    this.#perAddress.set(from, present + 1);
    const timer = setTimeout(() => {
      this.figures.timeouts++;
      socket.destroy();
    }, this.#limits.unprovedMs);
    const closed = (): void => this.leave(socket);
    this.#sockets.set(socket, { from, timer, closed });
    socket.once('close', closed);
    return true;
  }

  #evict(): void {
    const [oldest] = this.#sockets.keys();
    if (!oldest) return;
    this.figures.turnedAway++;
    oldest.destroy();
    this.leave(oldest);
  }

  leave(socket: Socket): void {
    const known = this.#sockets.get(socket);
    if (!known) return;
    clearTimeout(known.timer);
    socket.off('close', known.closed);
    this.#sockets.delete(socket);
    const left = (this.#perAddress.get(known.from) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(known.from, left);
    else this.#perAddress.delete(known.from);
  }

  close(): void {
    for (const socket of [...this.#sockets.keys()]) socket.destroy();
  }
}
