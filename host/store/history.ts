/** What happened, newest first, read from the journal's segments backwards. */
import type { HistoryPage } from '../core/answers.ts';
import type { Change, Millis, NodeId, Revision } from '../core/record.ts';
import type { Disk } from './disk.ts';
import { type Frame, scanFrames } from './frame.ts';
import { pacer } from './pace.ts';
import { readTurn, type Segment } from './segments.ts';

export interface HistoryQuery {
  /** Absent = of all nodes. */
  readonly nodes?: ReadonlySet<NodeId> | undefined;
  /** 1 to 10,000. Changes of one revision are never parted, so there may be a few more. */
  readonly limit: number;
  /** Only changes of lower revisions: the page's `next`. */
  readonly before?: Revision | undefined;
  /** Only changes at or after this time. */
  readonly since?: Millis | undefined;
}

/** What may go: in bytes of all segments, and by the time of a segment's newest turn. */
export interface HistoryBound {
  readonly bytes: number;
  readonly age: Millis;
}

const MOST = 10_000;
/** Up to so many nodes are looked for in the bytes before a turn is parsed. */
const SEARCHED = 16;

export async function readHistory(
  disk: Disk,
  segments: readonly Segment[],
  query: HistoryQuery,
  log: (level: 'warn', message: string) => void,
): Promise<HistoryPage> {
  const limit = Math.min(Math.max(1, query.limit), MOST);
  const before = query.before ?? Number.POSITIVE_INFINITY;
  const since = query.since ?? Number.NEGATIVE_INFINITY;
  const wanted = matcher(query.nodes);
  const pause = pacer();
  const changes: (Change & { readonly at: Millis })[] = [];
  const newestFirst = [...segments].reverse();
  for (const [index, segment] of newestFirst.entries()) {
    // A segment's head tells the revision and time of the turn before it.
    const later = newestFirst[index - 1];
    if (later && later.at < since) break;
    if (segment.rev + 1 >= before) continue;
    for (const frame of turnsBackwards(disk, segment, log)) {
      await pause();
      if (!wanted(frame.bytes)) continue;
      const turn = readTurn(frame);
      if (turn.at < since) return { changes };
      for (const change of [...turn.changes].reverse()) {
        if (change.rev >= before || (query.nodes && !query.nodes.has(change.node))) continue;
        const last = changes.at(-1);
        if (last && changes.length >= limit && last.rev !== change.rev) return { changes, next: last.rev };
        changes.push({ ...change, at: turn.at });
      }
    }
    await pause();
  }
  return { changes };
}

function matcher(nodes: ReadonlySet<NodeId> | undefined): (bytes: Buffer) => boolean {
  if (!nodes || nodes.size > SEARCHED) return () => true;
  // As JSON writes it, so that an id with a quote in it is found too.
  const needles = [...nodes].map((id) => Buffer.from(JSON.stringify(id)));
  return (bytes) => needles.some((needle) => bytes.includes(needle));
}

/** A segment is a few MiB: read whole, gone through forwards, given backwards. */
function turnsBackwards(disk: Disk, segment: Segment, log: (level: 'warn', message: string) => void): Frame[] {
  const size = disk.size(segment.path);
  // Pruned meanwhile.
  if (size === undefined) return [];
  const bytes = disk.read(segment.path, 0, size);
  const frames: Frame[] = [];
  for (const piece of scanFrames((offset, length) => bytes.subarray(offset, offset + length), bytes.length)) {
    if (!piece.good)
      log('warn', `${segment.path}: ${piece.length} bytes at offset ${piece.at} are damaged; that part of the history cannot be shown`);
    else if (piece.kind === 'turn') frames.push(piece);
  }
  return frames.reverse();
}

/** Removes the oldest segments over the bound, as far as the snapshot includes them (all turns up to `included`), and says so. */
export function pruneHistory(
  disk: Disk,
  segments: Segment[],
  included: number,
  bound: HistoryBound,
  now: Millis,
  log: (level: 'info', message: string) => void,
): void {
  let total = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const before = { total, count: segments.length };
  for (;;) {
    const [oldest, next] = segments;
    if (!oldest || !next || next.first - 1 > included) break;
    if (total <= bound.bytes && next.at >= now - bound.age) break;
    disk.remove(oldest.path);
    segments.shift();
    total -= oldest.bytes;
  }
  const [oldest] = segments;
  if (!oldest || segments.length === before.count) return;
  const gone = `${Math.ceil((before.total - total) / 1_048_576)} MiB in ${before.count - segments.length} segments`;
  const limit = `${Math.floor(bound.bytes / 1_048_576)} MiB or ${Math.floor(bound.age / 86_400_000)} days`;
  log('info', `history before ${new Date(oldest.at).toISOString()} is gone: ${gone}, over the limit of ${limit}`);
}
