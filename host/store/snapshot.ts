/**
 * The snapshot: immutable files, each written whole, synced, then given its name. `N.part` holds the nodes that changed
 * since the file before and includes all turns up to N; `N.full` holds every node. The newest full file and the parts after
 * it are the snapshot; one older generation is kept, from which, with the journal, a damaged file is made good.
 *
 * Not lmdb: of 60 of its files with a damaged page header, 5 killed the process that read them, 5 lost records without a
 * word, 37 threw; and it cannot run on the simulated disk of the tests.
 */
import { basename, join } from 'node:path';
import type { EngineRecord, NodeId, NodeRecord } from '../core/record.ts';
import type { Disk } from './disk.ts';
import { type Damage, encodeFrame, FRAME_HEADER, type Frame, frameText, scanFrames } from './frame.ts';
import { framesOf } from './segments.ts';
import { writeFrames } from './write.ts';

export interface SnapshotFile {
  readonly path: string;
  /** Includes all turns up to this one. */
  readonly seq: number;
  readonly full: boolean;
  readonly bytes: number;
}

export interface Inspected {
  readonly file: SnapshotFile;
  readonly damage: readonly Damage[];
  /** The seq of the file before; undefined = unknown, the head is damaged. */
  readonly after: number | undefined;
  /** A turn that was on disk when the file was made. */
  readonly needs: number;
}

/** Where the newest record of each node stands, and the engine's. */
export interface Survivors {
  readonly nodes: ReadonlyMap<string, Place>;
  readonly engine: Place | undefined;
}

interface Place {
  readonly file: SnapshotFile;
  readonly at: number;
}

export interface SnapshotContent {
  readonly seq: number;
  readonly engine: EngineRecord;
  /** Pulled a slice at a time; each record as new as the newest turn when it is pulled. */
  readonly nodes: Iterable<NodeRecord>;
  readonly removed: Iterable<NodeId>;
}

export function snapshotName(seq: number, full: boolean): string {
  return `${String(seq).padStart(16, '0')}.${full ? 'full' : 'part'}`;
}

/** In order; of one seq, the part first. */
export function listSnapshots(disk: Disk, dir: string): SnapshotFile[] {
  const files: SnapshotFile[] = [];
  for (const name of disk.list(dir)) {
    const match = /^(\d{16})\.(full|part)$/.exec(name);
    if (!match) continue;
    const path = join(dir, name);
    files.push({ path, seq: Number(match[1]), full: match[2] === 'full', bytes: disk.size(path) ?? 0 });
  }
  return files.sort((a, b) => a.seq - b.seq || Number(a.full) - Number(b.full));
}

export function inspectSnapshot(disk: Disk, file: SnapshotFile): Inspected {
  const damage: Damage[] = [];
  let after: number | undefined;
  let needs = 0;
  let count = 0;
  let ended = false;
  for (const piece of framesOf(disk, file.path)) {
    if (!piece.good || ended) damage.push({ good: false, at: piece.at, length: piece.length });
    else if (piece.kind === 'head' && piece.at === 0) after = (JSON.parse(frameText(piece)) as { after: number }).after;
    else if (piece.kind === 'end') {
      ended = true;
      needs = piece.durable;
      if (damage.length === 0 && (JSON.parse(frameText(piece)) as { frames: number }).frames !== count)
        damage.push({ good: false, at: piece.at, length: 0 });
    } else count += 1;
  }
  if (!ended || after === undefined) damage.push({ good: false, at: file.bytes, length: 0 });
  return { file, damage, after, needs };
}

/** A frame of a snapshot about a node: the id in JSON, a line feed, the record (none: gone). */
export function nodeKey(frame: Frame): string {
  const end = frame.bytes.indexOf(10, FRAME_HEADER);
  return frame.bytes.toString('utf8', FRAME_HEADER, end < 0 ? undefined : end);
}

export function nodeRecord(frame: Frame): NodeRecord {
  return JSON.parse(frame.bytes.toString('utf8', frame.bytes.indexOf(10, FRAME_HEADER) + 1)) as NodeRecord;
}

export function nodeText(node: NodeRecord): string {
  return `${JSON.stringify(node.id)}\n${JSON.stringify(node)}`;
}

/** Goes through a chain of files, oldest first, without holding more than the places. */
export async function findSurvivors(
  disk: Disk,
  chain: readonly SnapshotFile[],
  pause: () => Promise<void> | undefined,
): Promise<Survivors> {
  const nodes = new Map<string, Place>();
  let engine: Place | undefined;
  for (const file of chain) {
    for (const frame of framesOf(disk, file.path)) {
      await pause();
      if (!frame.good) continue;
      if (frame.kind === 'node') nodes.set(nodeKey(frame), { file, at: frame.at });
      else if (frame.kind === 'gone') nodes.delete(nodeKey(frame));
      else if (frame.kind === 'engine') engine = { file, at: frame.at };
    }
  }
  return { nodes, engine };
}

/** The frames that survive, as stored, file by file, and undefined for each that does not. Damage on the way is thrown: it must not be copied. */
export function* survivingFrames(disk: Disk, chain: readonly SnapshotFile[], { nodes, engine }: Survivors): Generator<Frame | undefined> {
  for (const file of chain) {
    for (const piece of framesOf(disk, file.path)) {
      if (!piece.good) throw new Error(`${file.path}: ${piece.length} bytes at offset ${piece.at} are damaged`);
      const place = piece.kind === 'node' ? nodes.get(nodeKey(piece)) : piece.kind === 'engine' ? engine : undefined;
      yield place?.file === file && place.at === piece.at ? piece : undefined;
    }
  }
}

/** The one frame at a place. */
export function frameAtPlace(disk: Disk, { file, at }: Place): Frame {
  const [frame] = scanFrames((offset, length) => disk.read(file.path, offset, length), file.bytes, at);
  if (!frame?.good) throw new Error(`${file.path}: damaged at offset ${at} since it was checked`);
  return frame;
}

/** Writes one snapshot file and publishes it. `settled` is awaited before: it makes durable what the records rely on. */
export async function writeSnapshot(
  disk: Disk,
  path: string,
  head: { readonly seq: number; readonly after: number },
  frames: Iterable<Buffer | undefined>,
  settled: () => Promise<number>,
): Promise<SnapshotFile> {
  const first = encodeFrame('head', head.seq, 0, JSON.stringify({ kraken: 'snapshot', after: head.after }));
  const end = async (count: number) => encodeFrame('end', head.seq, await settled(), JSON.stringify({ frames: count }));
  const bytes = await writeFrames(disk, path, first, frames, end);
  return { path, seq: head.seq, full: basename(path).endsWith('.full'), bytes };
}

/** The frames of a checkpoint: those that are gone first, so that a node removed and made anew is there. `given` gets their ids. */
export function* checkpointFrames(content: SnapshotContent, given: Set<NodeId>): Generator<Buffer> {
  const { seq } = content;
  for (const id of content.removed) {
    given.add(id);
    yield encodeFrame('gone', seq, 0, JSON.stringify(id));
  }
  for (const node of content.nodes) {
    given.add(node.id);
    yield encodeFrame('node', seq, 0, nodeText(node));
  }
  yield encodeFrame('engine', seq, 0, JSON.stringify(content.engine));
}
