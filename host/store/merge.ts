/** One full snapshot file instead of a chain of parts. */
import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { pacer } from './pace.ts';
import { findSurvivors, listSnapshots, type SnapshotFile, snapshotName, survivingFrames, writeSnapshot } from './snapshot.ts';

const MERGE_BYTES = 8 * 1024 * 1024;
/** So many parts are merged whatever their size. */
const MERGE_FILES = 64;

/** When the parts have grown to the size of the full file, each byte is written twice at most. */
export function mergeDue(chain: readonly SnapshotFile[], least = MERGE_BYTES): boolean {
  const parts = chain.filter((file) => !file.full);
  const bytes = parts.reduce((sum, file) => sum + file.bytes, 0);
  return parts.length >= MERGE_FILES || bytes > Math.max(chain.find((file) => file.full)?.bytes ?? 0, least);
}

/** The new chain. The files that it replaces stay as the older generation; those before go. */
export async function mergeChain(disk: Disk, dir: string, chain: readonly SnapshotFile[], durable: number): Promise<SnapshotFile[]> {
  const seq = chain.at(-1)?.seq ?? 0;
  const survivors = await findSurvivors(disk, chain, pacer());
  const frames = function* () {
    for (const frame of survivingFrames(disk, chain, survivors)) yield frame?.bytes;
  };
  const path = join(dir, snapshotName(seq, true));
  const full = await writeSnapshot(disk, path, { seq, after: seq }, frames(), () => Promise.resolve(durable));
  const kept = new Set([full, ...chain].map((file) => file.path));
  for (const file of listSnapshots(disk, dir)) if (!kept.has(file.path)) disk.remove(file.path);
  return [full];
}
