/** The layout of a data directory and its version: made, checked, brought up to date, and switched as a whole. */
import { basename, dirname, join } from 'node:path';
import type { EngineRecord, Millis, NodeRecord, Revision, Turn } from '../core/record.ts';
import { type Disk, quarantine, writeWhole } from './disk.ts';
import { encodeFrame } from './frame.ts';
import { conflict, damaged, notReady, wordsOf } from './refuse.ts';
import { startJournal } from './segments.ts';
import { nodeText, snapshotName, writeSnapshot } from './snapshot.ts';

const STORE_VERSION = 1;

/** A whole store, as it is built beside the one in use. */
export interface StoreContent {
  /** The snapshot includes all turns up to this one. */
  readonly seq: number;
  readonly rev: Revision;
  readonly at: Millis;
  /** Frames of kind node and engine. */
  readonly frames: Iterable<Buffer>;
  /** Frames of kind turn, from seq + 1 on. */
  readonly turns: Iterable<Buffer>;
}

interface Migration {
  readonly from: number;
  readonly what: string;
  /** The directory's content in the form of `from` + 1; the old form stays until it has been switched. */
  readonly read: (disk: Disk, dir: string) => StoreContent;
  /** What the old form leaves behind, moved into `store.before`. */
  readonly leaves: readonly string[];
}

const MIGRATIONS: readonly Migration[] = [
  {
    from: 0,
    what: 'state.json and turns.ndjson become a checked snapshot and journal',
    read: readVersion0,
    leaves: ['state.json', 'turns.ndjson'],
  },
];

/** A directory that one host at a time may use, as people know it. */
interface Locked {
  readonly name: string;
  /** With which another is named. */
  readonly option: string;
}

const DATA: Locked = { name: 'data directory', option: '--data-dir' };

export async function lockStore(disk: Disk, dir: string, { name, option }: Locked = DATA): Promise<{ release(): void }> {
  disk.makeDir(dir);
  const path = join(dir, 'lock');
  let lock: { release(): void } | undefined;
  try {
    lock = disk.lock(path);
  } catch (error) {
    throw notReady(
      `the ${name} cannot be locked`,
      path,
      wordsOf(error),
      'Kraken uses the command `flock` of util-linux: see that it is installed and that the directory is writable',
    );
  }
  if (!lock) {
    const holder = disk.read(path, 0, 64).toString('latin1').trim();
    const who = holder ? `process ${holder} runs on it` : 'another process runs on it';
    throw conflict(
      `the ${name} is in use`,
      dir,
      who,
      `One host per ${name}: stop that one (\`kraken engine stop\`), or give this one its own with ${option}`,
    );
  }
  try {
    await disk.truncate(path, 0);
    const file = disk.open(path, 'append');
    await file.write([Buffer.from(`${process.pid}\n`)]);
    await file.close();
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Finishes what a crash interrupted, makes a new store where there is none, brings an old one up to date. Warnings in words. */
export async function prepareStore(
  disk: Disk,
  dir: string,
  options: { readonly acceptLoss: boolean; readonly lostDir: string; readonly now: Millis },
): Promise<string[]> {
  const warnings = disk.tighten(dir);
  await finishSwitch(disk, dir);
  const root = join(dir, 'store');
  // Names that a killed host had made may still be in the page cache only; from here on they are relied upon.
  for (const path of [dirname(dir), dir, root, join(root, 'snapshot')]) if (disk.size(path) !== undefined) await disk.syncDir(path);
  if (disk.size(root) === undefined && disk.size(join(dir, 'state.json')) === undefined) {
    await buildStore(disk, dir, { seq: 0, rev: 0, at: options.now, frames: [], turns: [] });
    return warnings;
  }
  let version = disk.size(root) === undefined ? 0 : await readVersion(disk, root, options, warnings);
  for (; version < STORE_VERSION; version += 1) {
    const step = MIGRATIONS.find((migration) => migration.from === version);
    if (!step) throw notReady(`the store has format ${version}`, root, 'no step leads on from there', 'Restore a backup');
    await buildStore(disk, dir, step.read(disk, dir));
    const before = join(dir, 'store.before');
    disk.makeDir(before);
    for (const name of step.leaves) if (disk.size(join(dir, name)) !== undefined) disk.rename(join(dir, name), join(before, name));
    await disk.syncDir(dir);
    warnings.push(`${dir}: brought from format ${version} to ${version + 1}: ${step.what}; what was there before is kept in ${before}`);
  }
  return warnings;
}

/** Builds a whole store beside, then puts it in place by one rename; the one before is kept as `store.before`. */
export async function buildStore(disk: Disk, dir: string, content: StoreContent): Promise<void> {
  const building = join(dir, 'store.building');
  disk.remove(building);
  disk.makeDir(join(building, 'snapshot'));
  if (content.seq > 0) {
    const path = join(building, 'snapshot', snapshotName(content.seq, true));
    await writeSnapshot(disk, path, { seq: content.seq, after: content.seq }, content.frames, () => Promise.resolve(content.seq));
  }
  await startJournal(disk, join(building, 'journal'), content.seq, content, content.turns);
  await writeWhole(disk, join(building, 'format.json'), [formatText()]);
  await disk.syncDir(building);
  disk.rename(building, join(dir, 'store.new'));
  await disk.syncDir(dir);
  await finishSwitch(disk, dir);
}

/** `store.new` is whole as soon as it has that name: from then on a crash leads forward. */
export async function finishSwitch(disk: Disk, dir: string): Promise<void> {
  disk.remove(join(dir, 'store.building'));
  const fresh = join(dir, 'store.new');
  if (disk.size(fresh) === undefined) return;
  const root = join(dir, 'store');
  if (disk.size(root) !== undefined) {
    disk.remove(join(dir, 'store.before'));
    disk.rename(root, join(dir, 'store.before'));
  }
  disk.rename(fresh, root);
  await disk.syncDir(dir);
  await disk.syncDir(dirname(dir));
}

function formatText(): Buffer {
  return Buffer.from(`${JSON.stringify({ kraken: 'store', version: STORE_VERSION })}\n`);
}

async function readVersion(
  disk: Disk,
  root: string,
  options: { readonly acceptLoss: boolean; readonly lostDir: string },
  warnings: string[],
): Promise<number> {
  const path = join(root, 'format.json');
  const bytes = disk.size(path) === undefined ? Buffer.alloc(0) : disk.read(path, 0, 4096);
  const version = versionOf(bytes.toString('utf8'));
  if (version === undefined) {
    if (!options.acceptLoss) throw damaged('the format of the store is unknown', path, 'it does not say which version it is');
    const kept = await quarantine(disk, options.lostDir, basename(path), bytes);
    await writeWhole(disk, path, [formatText()]);
    warnings.push(
      `${path}: it did not say which version it is; taken for version ${STORE_VERSION}, as was accepted. The file as it was is kept as ${kept}`,
    );
    return STORE_VERSION;
  }
  if (version > STORE_VERSION) {
    throw notReady(
      `the store has format ${version}`,
      root,
      `this Kraken knows formats up to ${STORE_VERSION}: a newer one wrote it`,
      'Nothing was changed. Run that newer Kraken, or restore a backup made by this one',
    );
  }
  return version;
}

function versionOf(text: string): number | undefined {
  try {
    const { kraken, version } = JSON.parse(text) as { kraken?: unknown; version?: unknown };
    return kraken === 'store' && Number.isSafeInteger(version) && Number(version) > 0 ? Number(version) : undefined;
  } catch {
    return undefined;
  }
}

/** Format 0: the whole state in one JSON file, and the turns since in one line each. */
function readVersion0(disk: Disk, dir: string): StoreContent {
  const read = (name: string) => {
    const path = join(dir, name);
    return disk.read(path, 0, disk.size(path) ?? 0).toString('utf8');
  };
  const parse = <T>(name: string, line: number, text: string): T => {
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw damaged('the store of format 0 cannot be read', `${join(dir, name)}:${line}`, wordsOf(error));
    }
  };
  const state = parse<{ seq: number; at: Millis; engine: EngineRecord; nodes: NodeRecord[] }>('state.json', 1, read('state.json'));
  const lines = disk.size(join(dir, 'turns.ndjson')) === undefined ? [] : read('turns.ndjson').split('\n');
  const turns = lines.filter((line) => line !== '').map((line, index) => parse<Turn>('turns.ndjson', index + 1, line));
  let next = state.seq + 1;
  for (const turn of turns) {
    if (turn.seq > state.seq && turn.seq !== next) {
      throw damaged('the store of format 0 cannot be read', join(dir, 'turns.ndjson'), `turn ${next} is missing before turn ${turn.seq}`);
    }
    next = Math.max(next, turn.seq + 1);
  }
  const frames = [
    ...state.nodes.map((node) => encodeFrame('node', state.seq, 0, nodeText(node))),
    encodeFrame('engine', state.seq, 0, JSON.stringify(state.engine)),
  ];
  const tail = turns
    .filter((turn) => turn.seq > state.seq)
    .map((turn) => encodeFrame('turn', turn.seq, turn.seq - 1, JSON.stringify(turn)));
  return { seq: state.seq, rev: state.engine.rev, at: state.at, frames, turns: tail };
}
