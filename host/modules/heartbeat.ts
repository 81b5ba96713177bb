/** Whether a module is still there: asked only when it has been silent for long, killed when it does not answer. */
import { CODES, type Peer, RpcError } from '@kraken-hpc/sdk/wire';
import type { Millis } from '../core/record.ts';
import type { Limits } from './limits.ts';

export interface HeartbeatOptions {
  readonly peer: Pick<Peer<'host'>, 'request'>;
  readonly limits: Pick<Limits, 'idle' | 'ping'>;
  now(): Millis;
  hung(why: string): void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #heardAt: Millis;
  #pongs = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#heardAt = options.now();
  }

  /** Anything came from it. */
  heard(): void {
    this.#heardAt = this.#options.now();
  }

  /** An answer to a ping came after its time. */
  pong(): void {
    this.#pongs += 1;
  }

  /** One timer at a time, set anew only when it has run out: what is busy costs nothing. */
  start(): void {
    const { limits, now } = this.#options;
    if (this.#stopped) return;
    const rest = limits.idle - (now() - this.#heardAt);
    if (rest > 0) this.#timer = setTimeout(() => this.start(), rest);
    else void this.#ping();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #ping(): Promise<void> {
    const { peer, limits, hung } = this.#options;
    const pongs = this.#pongs;
    try {
      await peer.request('ping', {}, { timeoutMs: limits.ping });
    } catch (error) {
      // If it was this process that stood still, the answer is in the pipe: it is read before anybody is blamed.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (this.#stopped) return;
      if (error instanceof RpcError && error.code === CODES.DeadlineExceeded && this.#pongs === pongs) {
        return hung(`it did not answer a ping for ${limits.ping / 1000} s`);
      }
    }
    if (!this.#stopped) this.#timer = setTimeout(() => this.start(), limits.idle);
  }
}
