/** Who may stand at the door of enrolment at once: cryptography is only spent on so many, and seldom on those who keep failing. */
import type { Socket } from 'node:net';

export interface DoorLimits {
  /** Conversations at once. */
  readonly atOnce: number;
  /** Connections that wait for their turn; more are hung up on. */
  readonly waiting: number;
  /** Of one address, waiting and talking. */
  readonly perAddress: number;
  /** Conversations of one address that came to nothing, in a minute. Root's ports and others are counted apart. */
  readonly failuresPerMinute: number;
  /** How long one conversation may take. */
  readonly timeoutMs: number;
}

const DEFAULT_LIMITS: DoorLimits = { atOnce: 256, waiting: 4096, perAddress: 16, failuresPerMinute: 30, timeoutMs: 10_000 };
const MINUTE = 60_000;
/** Addresses whose failures are remembered. */
const REMEMBERED = 4096;

/** `talk` must call `over` once, when the conversation has ended. */
export type Talk = (socket: Socket, timeoutMs: number, over: (failed: boolean) => void) => void;

export class Doorkeeper {
  turnedAway = 0;
  readonly #limits: DoorLimits;
  readonly #talk: Talk;
  /** The first to come first; who hangs up is none of them any more. */
  readonly #waiting = new Map<Socket, string>();
  readonly #talking = new Set<Socket>();
  readonly #perAddress = new Map<string, number>();
  readonly #failures = new Map<string, { readonly since: number; count: number }>();

  constructor(limits: Partial<DoorLimits>, talk: Talk) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#talk = talk;
  }

  take(socket: Socket): void {
    const who = addressClass(socket);
    const present = this.#perAddress.get(who) ?? 0;
    const full = this.#talking.size >= this.#limits.atOnce && this.#waiting.size >= this.#limits.waiting;
    if (full || present >= this.#limits.perAddress || this.#hasFailed(who)) {
      this.turnedAway++;
      socket.destroy();
      return;
    }
    this.#perAddress.set(who, present + 1);
    if (this.#talking.size < this.#limits.atOnce) this.#begin(socket, who);
    else this.#wait(socket, who);
  }

  #wait(socket: Socket, who: string): void {
    this.#waiting.set(socket, who);
    socket.once('close', () => this.#waiting.delete(socket) && this.#leave(who));
  }

  #begin(socket: Socket, who: string): void {
    this.#talking.add(socket);
    this.#talk(socket, this.#limits.timeoutMs, (failed) => {
      if (!this.#talking.delete(socket)) return;
      this.#leave(who);
      if (failed) this.#failed(who);
      this.#next();
    });
  }

  /** A socket that is gone would never say that its conversation is over, and its place would be taken for ever. */
  #next(): void {
    for (const [socket, who] of this.#waiting) {
      this.#waiting.delete(socket);
      if (!socket.destroyed) return this.#begin(socket, who);
      this.#leave(who);
    }
  }

  #leave(who: string): void {
    const left = (this.#perAddress.get(who) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(who, left);
    else this.#perAddress.delete(who);
  }

  #failed(who: string): void {
    const known = this.#failures.get(who);
    if (known && performance.now() - known.since < MINUTE) {
      known.count++;
      return;
    }
    this.#failures.delete(who);
    this.#failures.set(who, { since: performance.now(), count: 1 });
    if (this.#failures.size <= REMEMBERED) return;
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  #hasFailed(who: string): boolean {
    const known = this.#failures.get(who);
    if (!known) return false;
    if (performance.now() - known.since < MINUTE) return known.count >= this.#limits.failuresPerMinute;
    this.#failures.delete(who);
    return false;
  }

  close(): void {
    for (const socket of [...this.#waiting.keys()]) socket.destroy();
    for (const socket of this.#talking) socket.destroy();
  }
}

/** IPv6 by its network, since whoever has one address there has all; an unprivileged job does not use up the tries of its node's root. */
function addressClass({ remoteAddress = '', remotePort = 0 }: Socket): string {
  const network = remoteAddress.includes(':') ? sixtyFour(remoteAddress) : remoteAddress;
  return remotePort < 1024 ? `${network} root` : network;
}

/** The first four groups, written out. */
function sixtyFour(address: string): string {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...back].slice(0, 4).join(':');
}
