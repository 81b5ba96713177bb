/** What a client asks for and what it is given: blksize (RFC 2348), timeout and tsize (RFC 2349), windowsize (RFC 7440). */

export interface Terms {
  /** Bytes of a block. */
  readonly blksize: number;
  /** Blocks that are sent before an acknowledgement. */
  readonly windowsize: number;
  /** Milliseconds, at most, until what was not acknowledged is sent again for the first time, where the client wants it so. */
  readonly timeoutMs?: number;
  /** What the client is told that it is given; empty where it is sent the first block at once, as RFC 1350 has it. */
  readonly accepted: ReadonlyMap<string, string>;
}

export interface TermLimits {
  readonly blksize: number;
  readonly windowsize: number;
}

/** Of RFC 1350, for a client that asks for nothing. */
const BLKSIZE = 512;
/** RFC 2348. */
const BLKSIZES = [8, 65_464] as const;
const WINDOWSIZES = [1, 65_535] as const;
/** RFC 2349 allows 255 s; who wants more than this gets our own times, and is not told that it was accepted. */
const TIMEOUTS = [1, 30] as const;

/** An option that is not understood, or whose value is none, is left out, as RFC 2347 has it. */
export function agree(asked: ReadonlyMap<string, string>, size: number, limits: TermLimits): Terms {
  const accepted = new Map<string, string>();
  const value = (name: string, [least, most]: readonly [number, number], limit: number): number | undefined => {
    const text = asked.get(name) ?? '';
    const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= least && number <= most)) return undefined;
    const given = Math.min(number, limit);
    accepted.set(name, String(given));
    return given;
  };
  const blksize = value('blksize', BLKSIZES, limits.blksize);
  const windowsize = value('windowsize', WINDOWSIZES, limits.windowsize);
  const timeout = value('timeout', TIMEOUTS, TIMEOUTS[1]);
  // curl takes a size of 0 for a fault of the server.
  if (size > 0 && /^\d{1,20}$/.test(asked.get('tsize') ?? '')) accepted.set('tsize', String(size));
  return {
    blksize: blksize ?? BLKSIZE,
    windowsize: windowsize ?? 1,
    ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    accepted,
  };
}
