/** One file with the whole state, made from a running store; and a data directory made from it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Json } from '../core/declaration.ts';
import type { EngineRecord, Millis, Revision, Turn } from '../core/record.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { buildStore, finishSwitch, lockStore } from './format.ts';
import { encodeFrame, type Frame, frameText } from './frame.ts';
import { pacer } from './pace.ts';
import { conflict, inWords, notFound, notReady, wordsOf } from './refuse.ts';
import { framesOf, readTurn, type Segment } from './segments.ts';
import { findSurvivors, type SnapshotFile, survivingFrames } from './snapshot.ts';
import { writeFrames } from './write.ts';

const BACKUP_VERSION = 1;

export interface BackupSummary {
  /** Node records in the snapshot; turns after it may add or remove some. */
  readonly nodes: number;
  readonly bytes: number;
  readonly revision: Revision;
}

export interface RestoreSummary {
  readonly nodes: number;
  readonly revision: Revision;
  /** Where the store that was there before is kept. */
  readonly before?: string;
}

interface Source {
  readonly chain: readonly SnapshotFile[];
  readonly segments: readonly Segment[];
  /** The last turn to go in. */
  readonly seq: number;
  readonly at: Millis;
}

interface Head {
  readonly kraken: 'backup';
  readonly version: number;
  readonly at: Millis;
  /** The snapshot in it includes all turns up to this one; the turns that follow come after it. */
  readonly seq: number;
}

interface End {
  readonly frames: number;
  readonly nodes: number;
  readonly revision: Revision;
  /** Of all bytes before this frame. */
  readonly sha256: string;
}

/** A backup found whole. */
interface Checked extends Head, End {
  /** Of the snapshot in it. */
  readonly engineRevision: Revision;
  /** The last turn in it. */
  readonly last: number;
}

/** Must not run beside a checkpoint or a prune of the same store. */
export async function writeBackup(disk: Disk, file: string, source: Source): Promise<BackupSummary> {
  if (disk.size(file) !== undefined) {
    throw conflict(
      'the backup was not made',
      file,
      'a file of this name is there already',
      'Nothing was changed. Choose another name, or move that file away',
    );
  }
  const survivors = await findSurvivors(disk, source.chain, pacer());
  const seq = source.chain.at(-1)?.seq ?? 0;
  const header: Head = { kraken: 'backup', version: BACKUP_VERSION, at: source.at, seq };
  const head = encodeFrame('head', seq, 0, JSON.stringify(header));
  const hash = createHash('sha256').update(head);
  let revision = 0;
  const frames = function* () {
    for (const frame of chained(survivingFrames(disk, source.chain, survivors), tailFrames(disk, source, seq))) {
      if (!frame) {
        yield undefined;
        continue;
      }
      if (frame.kind === 'engine' || frame.kind === 'turn') revision = (JSON.parse(frameText(frame)) as { rev: Revision }).rev;
      hash.update(frame.bytes);
      yield frame.bytes;
    }
  };
  const end = (count: number) => {
    const ending: End = { frames: count, nodes: survivors.nodes.size, revision, sha256: hash.digest('hex') };
    return Promise.resolve(encodeFrame('end', source.seq, source.seq, JSON.stringify(ending)));
  };
  const bytes = await writeFrames(disk, file, head, frames(), end);
  return { nodes: survivors.nodes.size, bytes, revision };
}

export interface RestoreOptions {
  readonly disk?: Disk;
  /** A last turn follows what is in the backup, with this of the engine's own: whoever starts on it knows that it was restored. */
  readonly mark?: { readonly [member: string]: Json };
}

/** Checks the whole file before anything is touched; then the directory has its state, or, after a crash, still the old one. */
export function restoreInto(dir: string, file: string, { disk = nodeDisk, mark }: RestoreOptions = {}): Promise<RestoreSummary> {
  const todo = 'The store is as it was. See that the file can be read, and that the data directory has room and may be written to';
  return inWords('nothing was restored', file, todo, () => restoreLocked(dir, file, disk, mark));
}

async function restoreLocked(dir: string, file: string, disk: Disk, mark: RestoreOptions['mark']): Promise<RestoreSummary> {
  const lock = await lockStore(disk, dir);
  try {
    const checked = await checkBackup(disk, file);
    await finishSwitch(disk, dir);
    const replaces = disk.size(join(dir, 'store')) !== undefined;
    await buildStore(disk, dir, {
      seq: checked.seq,
      rev: checked.engineRevision,
      at: checked.at,
      frames: bytesOf(disk, file, ['node', 'engine']),
      turns: turnsOf(disk, file, checked, mark),
    });
    return { nodes: checked.nodes, revision: checked.revision, ...(replaces ? { before: join(dir, 'store.before') } : {}) };
  } finally {
    lock.release();
  }
}

function* chained(...parts: Iterable<Frame | undefined>[]): Generator<Frame | undefined> {
  for (const part of parts) yield* part;
}

function* tailFrames(disk: Disk, source: Source, after: number): Generator<Frame> {
  for (const [index, segment] of source.segments.entries()) {
    if ((source.segments[index + 1]?.first ?? Number.POSITIVE_INFINITY) <= after + 1) continue;
    for (const piece of framesOf(disk, segment.path)) {
      if (!piece.good) {
        throw notReady(
          'the backup was not made',
          segment.path,
          `${piece.length} bytes at offset ${piece.at} are damaged`,
          'Look at the disk; `kraken up` says what is lost',
        );
      }
      if ((piece.kind === 'turn' || piece.kind === 'gap') && piece.seq > after && piece.seq <= source.seq) yield piece;
    }
  }
}

function* turnsOf(disk: Disk, file: string, { last, at, revision }: Checked, mark: RestoreOptions['mark']): Generator<Buffer> {
  yield* bytesOf(disk, file, ['turn', 'gap']);
  if (!mark) return;
  const turn: Turn = { seq: last + 1, at, rev: revision, changes: [], engine: mark };
  yield encodeFrame('turn', turn.seq, last, JSON.stringify(turn));
}

function* bytesOf(disk: Disk, file: string, kinds: readonly Frame['kind'][]): Generator<Buffer> {
  for (const piece of framesOf(disk, file)) if (piece.good && kinds.includes(piece.kind)) yield piece.bytes;
}

async function checkBackup(disk: Disk, file: string): Promise<Checked> {
  if (disk.size(file) === undefined)
    throw notFound('nothing was restored', file, 'there is no such file', 'Give the path of a file made by `kraken backup`');
  const refuse = (why: string) => notReady('nothing was restored', file, why, 'Nothing was changed. Use another backup');
  try {
    return await readBackup(disk, file, refuse);
  } catch (error) {
    if (error instanceof SyntaxError) throw refuse(`it is not a backup of Kraken: ${wordsOf(error)}`);
    throw error;
  }
}

async function readBackup(disk: Disk, file: string, refuse: (why: string) => Error): Promise<Checked> {
  const pause = pacer();
  const hash = createHash('sha256');
  let head: Head | undefined;
  let end: End | undefined;
  let engineRevision = 0;
  let next = 1;
  let count = 0;
  for (const piece of framesOf(disk, file)) {
    await pause();
    if (!piece.good)
      throw refuse(`${piece.length} bytes at offset ${piece.at} are damaged${head ? '' : ', or it is not a backup of Kraken'}`);
    if (end) throw refuse(`something follows its end, at offset ${piece.at}`);
    if (piece.kind === 'head' && piece.at === 0) {
      head = JSON.parse(frameText(piece)) as Head;
      if (head.kraken !== 'backup') throw refuse('it is a file of a store, not a backup');
      if (head.version > BACKUP_VERSION)
        throw refuse(`it has format ${head.version}, this Kraken knows up to ${BACKUP_VERSION}: a newer one made it`);
      next = head.seq + 1;
    } else if (!head) throw refuse('it has no head');
    else if (piece.kind === 'end') end = JSON.parse(frameText(piece)) as End;
    else count += 1;
    if (piece.kind === 'engine') engineRevision = (JSON.parse(frameText(piece)) as EngineRecord).rev;
    if (piece.kind === 'turn' && (piece.seq !== next || readTurn(piece).seq !== next))
      throw refuse(`turn ${next} is missing before turn ${piece.seq}`);
    if (piece.kind === 'turn' || piece.kind === 'gap') next = piece.seq + 1;
    if (piece.kind !== 'end') hash.update(piece.bytes);
  }
  if (!head || !end) throw refuse('it ends too early');
  if (end.frames !== count || end.sha256 !== hash.digest('hex')) throw refuse('its checksum does not fit its content');
  return { ...head, ...end, engineRevision, last: next - 1 };
}
