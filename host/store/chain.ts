/** Which snapshot files are loaded at start, and what is done when one is damaged. */
import { basename } from 'node:path';
import type { EngineRecord, Millis, NodeRecord } from '../core/record.ts';
import { type Disk, quarantine } from './disk.ts';
import { frameText } from './frame.ts';
import { damaged } from './refuse.ts';
import { framesOf } from './segments.ts';
import {
  findSurvivors,
  frameAtPlace,
  type Inspected,
  inspectSnapshot,
  listSnapshots,
  nodeKey,
  nodeRecord,
  type SnapshotFile,
  survivingFrames,
  writeSnapshot,
} from './snapshot.ts';

export interface Loaded {
  readonly chain: readonly SnapshotFile[];
  /** All turns up to this one are in it; 0 = there is no snapshot yet. */
  readonly seq: number;
  /** A turn that the journal must reach. */
  readonly needs: number;
  readonly engine: EngineRecord | undefined;
  readonly count: number;
  readonly warnings: readonly string[];
  nodes(): Generator<NodeRecord>;
}

interface Options {
  /** The journal holds all turns from this one on. */
  readonly journalFirst: number;
  readonly acceptLoss: boolean;
  readonly lostDir: string;
  readonly now: Millis;
}

/**
 * Loads the newest chain that is whole. Where a file is damaged, an older file and the journal from there on give the same
 * state: nothing is lost, and a warning says so. Where the journal does not reach back so far, it throws in words.
 */
export async function loadSnapshot(disk: Disk, dir: string, options: Options): Promise<Loaded> {
  disk.makeDir(dir);
  for (const name of disk.list(dir)) if (name.endsWith('.tmp')) disk.remove(`${dir}/${name}`);
  const inspected = listSnapshots(disk, dir).map((file) => inspectSnapshot(disk, file));
  const needs = inspected.reduce((most, found) => Math.max(most, found.needs), 0);
  const warnings: string[] = [];
  let chosen = wholeChain(inspected, options.journalFirst);
  if (!chosen) {
    if (!options.acceptLoss) throw refusal(dir, inspected, options.journalFirst);
    chosen = newestChain(inspected);
    for (const found of chosen) if (found.damage.length > 0) warnings.push(await patch(disk, found, options.lostDir));
    if (chosen.length === 0)
      warnings.push(
        `${dir}: no snapshot is there; goes on with what the journal has from turn ${options.journalFirst} on, as was accepted; older changes are lost`,
      );
  }
  warnings.push(...(await setAside(disk, dir, inspected, chosen, options.lostDir)));
  const chain = chosen.map(({ file }) => file);
  return { ...(await read(disk, chain)), chain, seq: chain.at(-1)?.seq ?? 0, needs, warnings };
}

/** Damaged files that are not needed, and files that follow one, leave the directory. */
async function setAside(
  disk: Disk,
  dir: string,
  inspected: readonly Inspected[],
  chosen: readonly Inspected[],
  lostDir: string,
): Promise<string[]> {
  const warnings: string[] = [];
  const reached = chosen.at(-1)?.file.seq ?? 0;
  for (const found of inspected) {
    if (chosen.includes(found) || (found.damage.length === 0 && found.file.seq <= reached)) continue;
    const kept = await quarantine(disk, lostDir, basename(found.file.path), disk.read(found.file.path, 0, found.file.bytes));
    disk.remove(found.file.path);
    warnings.push(
      `${found.file.path}: ${damageWords(found)}; it is not needed, other files and the journal have what was in it. It is kept as ${kept}`,
    );
  }
  if (warnings.length > 0) await disk.syncDir(dir);
  return warnings;
}

async function read(disk: Disk, chain: readonly SnapshotFile[]): Promise<Pick<Loaded, 'engine' | 'count' | 'nodes'>> {
  const survivors = await findSurvivors(disk, chain, () => undefined);
  const engine = survivors.engine ? (JSON.parse(frameText(frameAtPlace(disk, survivors.engine))) as EngineRecord) : undefined;
  const nodes = function* () {
    for (const frame of survivingFrames(disk, chain, survivors)) if (frame?.kind === 'node') yield nodeRecord(frame);
  };
  return { engine, count: survivors.nodes.size, nodes };
}

/** The newest full file from which, with its parts and the journal, everything can be had; [] = the journal alone has it all. */
function wholeChain(inspected: readonly Inspected[], journalFirst: number): Inspected[] | undefined {
  const starts: (Inspected | undefined)[] = [...inspected.filter(({ file }) => file.full).reverse(), undefined];
  for (const start of starts) {
    const chain = start ? [start] : [];
    if (start && start.damage.length > 0) continue;
    for (const part of inspected) {
      const reached = chain.at(-1)?.file.seq ?? 0;
      if (part.file.full || part.file.seq <= reached) continue;
      if (part.damage.length > 0 || part.after !== reached) break;
      chain.push(part);
    }
    if (journalFirst <= (chain.at(-1)?.file.seq ?? 0) + 1) return chain;
  }
  return undefined;
}

/** With damaged files: what is left of them is used. */
function newestChain(inspected: readonly Inspected[]): Inspected[] {
  const start = inspected.findLastIndex(({ file }) => file.full);
  return inspected.slice(Math.max(0, start)).filter(({ file }, index) => file.full === (index === 0 && start >= 0));
}

function refusal(dir: string, inspected: readonly Inspected[], journalFirst: number): Error {
  const bad = inspected.filter(({ damage }) => damage.length > 0);
  const [first] = bad;
  const reach = `the journal only goes back to turn ${journalFirst}, so it cannot be made good`;
  if (!first)
    return damaged('the snapshot is gone', dir, `a file of it is missing, and ${reach}; nodes that did not change since are lost`);
  const more = bad.length > 1 ? ` (and ${bad.length - 1} more such files)` : '';
  return damaged(
    'the snapshot is damaged',
    first.file.path,
    `${damageWords(first)}${more}; ${reach}; the nodes recorded there are lost or fall back to an older state`,
  );
}

function damageWords({ damage }: Inspected): string {
  const [first] = damage;
  if (!first) return 'it follows a damaged or missing file';
  const bytes = damage.reduce((sum, { length }) => sum + length, 0);
  if (bytes === 0) return `it ends too early, at offset ${first.at}`;
  return `${bytes} bytes ${damage.length > 1 ? `in ${damage.length} places from` : 'at'} offset ${first.at} on are damaged`;
}

/** Writes the file anew without what is damaged in it. */
async function patch(disk: Disk, found: Inspected, lostDir: string): Promise<string> {
  const { file, after, needs } = found;
  const kept = await quarantine(disk, lostDir, basename(file.path), disk.read(file.path, 0, file.bytes));
  const left: Buffer[] = [];
  const ids = new Set<string>();
  for (const frame of framesOf(disk, file.path)) {
    if (!frame.good || (frame.kind !== 'node' && frame.kind !== 'gone' && frame.kind !== 'engine')) continue;
    left.push(frame.bytes);
    if (frame.kind === 'node') ids.add(nodeKey(frame));
  }
  await writeSnapshot(disk, file.path, { seq: file.seq, after: after ?? 0 }, left, () => Promise.resolve(needs));
  return `${file.path}: ${damageWords(found)}; goes on with the ${ids.size} node records that could be read, as was accepted. The file as it was is kept as ${kept}`;
}
