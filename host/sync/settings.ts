/** Every number that neighbours go by, in one table. Times in milliseconds, sizes in bytes. */
export interface SyncSettings {
  /** From one hello of a child to the next; each is jittered by a tenth. */
  readonly hello: number;
  /** A neighbour that was not heard for so long is probed, and dead if it does not answer. */
  readonly dead: number;
  /** How long a probe may take; a refused one is tried again `probeTries` times within it. */
  readonly probe: number;
  readonly probeTries: number;
  /** An unacknowledged update is sent again after twice the round trip, at least and at most … */
  readonly resendLeast: number;
  readonly resendMost: number;
  /** … at most so much after no answer where there is a stream, too, over which it goes in the end. */
  readonly resendBeside: number;
  /** The first pause before a parent is tried again, doubling, and its cap. */
  readonly retryFirst: number;
  readonly retryMost: number;
  /** A preferred parent must have answered for so long before a child moves back to it. */
  readonly steady: number;
  /** Largest datagram. */
  readonly datagram: number;
  /** Larger updates do not go over UDP. */
  readonly parts: number;
  /** Largest sealed frame on a tether. */
  readonly frame: number;
  /** Largest update; what is larger is split into several by item, and one item may not be larger. */
  readonly update: number;
}

export const DEFAULT_SYNC: SyncSettings = {
  hello: 10_000,
  dead: 40_000,
  probe: 2_000,
  probeTries: 3,
  resendLeast: 30,
  resendMost: 2_000,
  resendBeside: 250,
  retryFirst: 1_000,
  retryMost: 60_000,
  steady: 30_000,
  datagram: 1_400,
  parts: 16_384,
  frame: 16_384,
  update: 16 * 1024 * 1024,
};
