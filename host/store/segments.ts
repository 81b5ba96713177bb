/** The journal's files as they are found: what is whole, what a crash cut short, what is damaged. */
import { basename, join } from 'node:path';
import type { Millis, Revision, Turn } from '../core/record.ts';
import { type Disk, quarantine, writeWhole } from './disk.ts';
import { type Damage, encodeFrame, type Frame, frameText, scanFrames } from './frame.ts';
import { damaged } from './refuse.ts';

export interface Segment {
  readonly path: string;
  /** The number of its first turn, also its name. */
  readonly first: number;
  bytes: number;
  /** Revision and time of the turn before it. */
  readonly rev: Revision;
  readonly at: Millis;
}

/** Damage to what had been acknowledged. */
interface Problem {
  readonly at: number;
  bytes: number;
  /** Turns lost; `to` < `from` = none. */
  readonly from: number;
  to: number;
}

interface Inspection {
  readonly problems: readonly Problem[];
  /** From here on nothing had been acknowledged: a crash cut it short. */
  readonly cutAt?: number;
  /** The number that follows its last turn. */
  readonly next: number;
}

interface Recovery {
  /** The snapshot includes all turns up to this one. */
  readonly included: number;
  /** A turn that the snapshot proves to have been on disk. */
  readonly needs: number;
  readonly acceptLoss: boolean;
  readonly lostDir: string;
  readonly now: Millis;
}

export interface JournalTail {
  readonly segments: readonly Segment[];
  readonly last: { readonly seq: number; readonly rev: Revision; readonly at: Millis };
  readonly warnings: readonly string[];
  turns(): Generator<Turn>;
}

export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}.journal`;
}

export function headText(before: { readonly rev: Revision; readonly at: Millis }): string {
  return JSON.stringify({ kraken: 'journal', rev: before.rev, at: before.at });
}

/** The segments in order. One whose head is damaged counts as following the one before. */
export function listSegments(disk: Disk, dir: string): Segment[] {
  const segments: Segment[] = [];
  for (const name of disk.list(dir)) {
    const first = /^(\d{16})\.journal$/.exec(name)?.[1];
    if (first === undefined) continue;
    const path = join(dir, name);
    const bytes = disk.size(path) ?? 0;
    const [head] = scanFrames((offset, length) => disk.read(path, offset, length), Math.min(bytes, 4096));
    const before = segments.at(-1);
    const { rev, at } = head?.good && head.kind === 'head' ? readHead(head) : { rev: before?.rev ?? 0, at: before?.at ?? 0 };
    segments.push({ path, first: Number(first), bytes, rev, at });
  }
  return segments;
}

export function framesOf(disk: Disk, path: string): Generator<Frame | Damage> {
  return scanFrames((offset, length) => disk.read(path, offset, length), disk.size(path) ?? 0);
}

/**
 * Checks all turns after `included` and makes the journal good again as far as that loses nothing.
 * Throws in words where acknowledged turns are lost, unless `acceptLoss`.
 */
export async function recoverJournal(disk: Disk, dir: string, options: Recovery): Promise<JournalTail> {
  const warnings: string[] = [];
  const listed = listSegments(disk, dir);
  if (listed.length === 0) {
    const why = `it has no segment; what was changed after turn ${options.included} is lost`;
    if (!options.acceptLoss) throw damaged('the journal is gone', dir, why);
    warnings.push(`${dir}: the journal was gone: ${why}, as was accepted`);
  }
  const from = listed.findLastIndex((segment) => segment.first <= options.included + 1);
  let next = options.included + 1;
  for (const [index, segment] of listed.entries()) {
    if (index < from) continue;
    // A segment is begun when all before it is durable.
    const proven = Math.max(segment.first - 1, (listed[index + 1]?.first ?? 1) - 1, index === listed.length - 1 ? options.needs : 0);
    const found = inspect(disk, segment.path, index === from ? segment.first : next, proven);
    warnings.push(...(await mend(disk, segment, found, options, index === from ? segment.first : next)));
    next = found.next;
  }
  next = Math.max(next, options.included + 1);
  if (listSegments(disk, dir).length === 0) await startJournal(disk, dir, next - 1, { rev: 0, at: options.now });
  const segments = listSegments(disk, dir);
  const newest = segments.at(-1);
  if (!newest) throw new Error(`${dir}: no segment could be made`);
  await settle(disk, dir, newest.path);
  return {
    segments,
    last: { seq: next - 1, ...lastOf(disk, newest) },
    warnings,
    turns: () => turnsOf(disk, segments, options.included, next - 1),
  };
}

/** The first file of a journal that goes on after turn `after`, with these turns. */
export async function startJournal(
  disk: Disk,
  dir: string,
  after: number,
  before: { readonly rev: Revision; readonly at: Millis },
  turns: Iterable<Buffer> = [],
): Promise<void> {
  disk.makeDir(dir);
  const frames = function* () {
    yield encodeFrame('head', after, after, headText(before));
    let last = after;
    for (const turn of turns) {
      last = turn.readDoubleLE(16);
      yield turn;
    }
    yield encodeFrame('mark', last, last, '');
  };
  await writeWhole(disk, join(dir, segmentName(after + 1)), frames());
}

/** The turns after `included`, up to `last`, parsed as they are asked for. */
function* turnsOf(disk: Disk, segments: readonly Segment[], included: number, last: number): Generator<Turn> {
  for (const [index, segment] of segments.entries()) {
    if ((segments[index + 1]?.first ?? Number.POSITIVE_INFINITY) <= included + 1) continue;
    for (const frame of framesOf(disk, segment.path)) {
      if (frame.good && frame.kind === 'turn' && frame.seq > included && frame.seq <= last) yield readTurn(frame);
    }
  }
}

export function readTurn(frame: Frame): Turn {
  return JSON.parse(frameText(frame)) as Turn;
}

/** What is handed out as recovered must not be lost by the next crash: it may still be in the page cache only. */
async function settle(disk: Disk, dir: string, path: string): Promise<void> {
  const file = disk.open(path, 'append');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDir(dir);
}

/**
 * `proven`: turns up to this one are known to have been durable; every frame says the same of those before it. Damage
 * further on is a write that a crash cut short: nobody had been told of it.
 */
function inspect(disk: Disk, path: string, first: number, proven: number): Inspection {
  const pieces = [...framesOf(disk, path)].map((piece) => (piece.good ? { ...piece, bytes: undefined } : piece));
  const acknowledged = pieces.reduce((most, piece) => (piece.good ? Math.max(most, piece.durable) : most), proven);
  const problems: Problem[] = [];
  /** Its end is not known before the next turn is found. */
  let open: Problem | undefined;
  let next = first;
  for (const piece of pieces) {
    const turn = piece.good && (piece.kind === 'turn' || piece.kind === 'gap') && piece.seq >= next;
    if (inOrder(piece, next) && !(open && turn)) {
      if (turn) next = piece.seq + 1;
      continue;
    }
    if (!open && next > acknowledged) return { problems, cutAt: piece.at, next };
    if (!open) problems.push((open = { at: piece.at, bytes: 0, from: next, to: next - 1 }));
    if (!piece.good || !turn) open.bytes += piece.length;
    if (!turn) continue;
    open.to = piece.kind === 'gap' ? piece.seq : piece.seq - 1;
    open = undefined;
    next = piece.seq + 1;
  }
  if (next > acknowledged) return { problems, next };
  if (open) open.to = acknowledged;
  else problems.push({ at: disk.size(path) ?? 0, bytes: 0, from: next, to: acknowledged });
  return { problems, next: acknowledged + 1 };
}

function inOrder(piece: { good: true; at: number; kind: string; seq: number; durable: number } | Damage, next: number): boolean {
  if (!piece.good) return false;
  switch (piece.kind) {
    case 'head':
      return piece.at === 0;
    case 'turn':
      return piece.seq === next;
    case 'gap':
      return piece.seq >= next;
    case 'mark':
      return piece.durable < next;
    default:
      return false;
  }
}

/** Says what was wrong with one segment, and puts it right; the damaged bytes are kept. */
async function mend(disk: Disk, segment: Segment, found: Inspection, options: Recovery, first: number): Promise<string[]> {
  const lost = found.problems.filter((problem) => problem.to >= problem.from);
  const words = (problem: Problem) => `${problem.bytes} bytes at offset ${problem.at} are damaged; ${lostWords(problem)}`;
  const [worst] = lost;
  if (worst && !options.acceptLoss) {
    const more = lost.length > 1 ? ` (and ${lost.length - 1} more such places)` : '';
    throw damaged('the journal is damaged', segment.path, `${words(worst)}${more}`);
  }
  const warnings: string[] = [];
  if (found.problems.length > 0) {
    const kept = await rewrite(disk, segment, found, options, first);
    for (const problem of found.problems) warnings.push(`${segment.path}: ${words(problem)}; the file as it was is kept as ${kept}`);
  } else if (found.cutAt !== undefined) {
    const bytes = disk.read(segment.path, found.cutAt, segment.bytes - found.cutAt);
    const kept = bytes.length > 0 ? `, kept as ${await quarantine(disk, options.lostDir, basename(segment.path), bytes)}` : '';
    if (found.cutAt === 0) disk.remove(segment.path);
    else await disk.truncate(segment.path, found.cutAt);
    warnings.push(
      `${segment.path}: a crash cut the last write short; ${bytes.length} bytes at offset ${found.cutAt}, of which nobody had been told, were cut off${kept}`,
    );
  }
  return warnings;
}

function lostWords({ from, to }: Problem): string {
  if (to < from) return 'no change is lost';
  return to === from ? `turn ${from} is lost` : `turns ${from} to ${to} are lost`;
}

/** The segment without what is damaged; a gap frame stands for the turns whose loss was accepted. */
async function rewrite(disk: Disk, segment: Segment, found: Inspection, options: Recovery, first: number): Promise<string> {
  const frames: Buffer[] = [encodeFrame('head', first - 1, first - 1, headText(segment))];
  let next = first;
  const gap = (to: number) => frames.push(encodeFrame('gap', to, to, JSON.stringify({ from: next, to, at: options.now })));
  for (const piece of framesOf(disk, segment.path)) {
    if (!piece.good || (piece.kind !== 'turn' && piece.kind !== 'gap') || piece.seq < next || piece.seq >= found.next) continue;
    if (piece.kind === 'turn' && piece.seq > next) gap(piece.seq - 1);
    frames.push(piece.bytes);
    next = piece.seq + 1;
  }
  if (next < found.next) gap(found.next - 1);
  frames.push(encodeFrame('mark', found.next - 1, found.next - 1, ''));
  const kept = await quarantine(disk, options.lostDir, basename(segment.path), disk.read(segment.path, 0, segment.bytes));
  await writeWhole(disk, segment.path, frames);
  return kept;
}

/** Revision and time of the last turn. */
function lastOf(disk: Disk, newest: Segment): { rev: Revision; at: Millis } {
  let last: Frame | undefined;
  for (const frame of framesOf(disk, newest.path)) if (frame.good && frame.kind === 'turn') last = frame;
  if (!last) return { rev: newest.rev, at: newest.at };
  const { rev, at } = readTurn(last);
  return { rev, at };
}

function readHead(frame: Frame): { rev: Revision; at: Millis } {
  const { rev, at } = JSON.parse(frameText(frame)) as { rev: Revision; at: Millis };
  return { rev, at };
}
