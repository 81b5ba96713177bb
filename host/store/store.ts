/**
 * The durable state of one host in one data directory:
 *
 *     lock            held while a host runs on it
 *     store/format.json, store/journal/N.journal, store/snapshot/N.full|N.part
 *     lost/           what was damaged or cut off, as it was found
 *
 * Turns are appended to the journal; `onDurable` tells what is on disk. Node records follow lazily by `checkpoint`. The
 * journal's older segments are the history.
 */
import { join } from 'node:path';
import type { HistoryPage } from '../core/answers.ts';
import type { EngineRecord, Millis, NodeId, NodeRecord, Turn } from '../core/record.ts';
import { type BackupSummary, writeBackup } from './backup.ts';
import { loadSnapshot } from './chain.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { lockStore, prepareStore } from './format.ts';
import { type HistoryQuery, pruneHistory, readHistory } from './history.ts';
import { Journal } from './journal.ts';
import { mergeChain, mergeDue } from './merge.ts';
import { inWords, wordsOf } from './refuse.ts';
import { type JournalTail, listSegments, recoverJournal } from './segments.ts';
import { checkpointFrames, type SnapshotContent, type SnapshotFile, snapshotName, writeSnapshot } from './snapshot.ts';
import { type Expected, Touched } from './touched.ts';

export type StoreLog = (level: 'info' | 'warn' | 'error', message: string) => void;

export interface StoreOptions {
  readonly now: () => Millis;
  readonly log: StoreLog;
  readonly disk?: Disk | undefined;
  /** Start although acknowledged changes are lost; what is damaged is kept beside. */
  readonly acceptLoss?: boolean | undefined;
  /** Older history than this many bytes goes. Default 512 MiB. */
  readonly historyBytes?: number | undefined;
  /** Older history than this goes. Default 90 days. */
  readonly historyAge?: Millis | undefined;
  /** A journal segment ends at this size. Default 8 MiB. */
  readonly segmentBytes?: number | undefined;
  /** A new full snapshot is made when the parts have grown to the size of the old one, and to this. Default 8 MiB. */
  readonly mergeBytes?: number | undefined;
}

export interface OpenedStore {
  readonly store: Store;
  /** Absent in a new store, and where its loss was accepted. */
  readonly engine: EngineRecord | undefined;
  /** The snapshot's nodes, parsed as they are asked for. To be gone through before the first append. */
  readonly nodes: Iterable<NodeRecord>;
  readonly nodeCount: number;
  /** The turns to be replayed over them, in order. The same holds. Nodes that they change or remove belong in the next checkpoint. */
  readonly tail: Iterable<Turn>;
  /** Already logged. */
  readonly warnings: readonly string[];
}

const HISTORY_BYTES = 512 * 1024 * 1024;
const HISTORY_AGE = 90 * 24 * 3_600_000;
/** Takes the directory's lock, checks and loads what is there. Throws RefusalError in words for a person. */
export function openStore(dir: string, options: StoreOptions): Promise<OpenedStore> {
  const todo = 'See that the disk is well and has room, and that the directory belongs to the user that Kraken runs as';
  return inWords('the store cannot be opened', dir, todo, () => openLocked(dir, options));
}

async function openLocked(dir: string, options: StoreOptions): Promise<OpenedStore> {
  const disk = options.disk ?? nodeDisk;
  const lock = await lockStore(disk, dir);
  try {
    const warnings = await prepareStore(disk, dir, recoveryOf(dir, options));
    const root = join(dir, 'store');
    const recovery = recoveryOf(dir, options);
    const journalDir = join(root, 'journal');
    const journalFirst = listSegments(disk, journalDir)[0]?.first ?? Number.POSITIVE_INFINITY;
    const loaded = await loadSnapshot(disk, join(root, 'snapshot'), { ...recovery, journalFirst });
    const tail = await recoverJournal(disk, journalDir, { ...recovery, included: loaded.seq, needs: loaded.needs });
    warnings.push(...loaded.warnings, ...tail.warnings);
    for (const warning of warnings) options.log('warn', warning);
    const store = new Store(disk, root, options, lock, tail, loaded.chain);
    return {
      store,
      engine: loaded.engine,
      nodes: { [Symbol.iterator]: loaded.nodes },
      nodeCount: loaded.count,
      tail: { [Symbol.iterator]: () => store.replayed(tail.turns()) },
      warnings,
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function recoveryOf(dir: string, options: StoreOptions): { acceptLoss: boolean; lostDir: string; now: Millis } {
  return { acceptLoss: options.acceptLoss ?? false, lostDir: join(dir, 'lost'), now: options.now() };
}

export class Store {
  readonly #disk: Disk;
  readonly #root: string;
  readonly #options: StoreOptions;
  readonly #lock: { release(): void };
  readonly #journal: Journal;
  #chain: readonly SnapshotFile[];
  readonly #touched = new Touched();
  /** Checkpoints, backups and closing, one after the other. */
  #work: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  readonly #durableListeners = new Set<(seq: number) => void>();
  readonly #failedListeners = new Set<(error: Error) => void>();

  constructor(
    disk: Disk,
    root: string,
    options: StoreOptions,
    lock: { release(): void },
    tail: JournalTail,
    chain: readonly SnapshotFile[],
  ) {
    this.#disk = disk;
    this.#root = root;
    this.#options = options;
    this.#lock = lock;
    this.#chain = chain;
    this.#journal = new Journal({
      disk,
      dir: join(root, 'journal'),
      segments: tail.segments,
      last: tail.last,
      segmentBytes: options.segmentBytes,
      onDurable: (seq) => {
        for (const listener of this.#durableListeners) listener(seq);
      },
      onFailed: (error) => {
        options.log('error', error.message);
        for (const listener of this.#failedListeners) listener(error);
      },
    });
  }

  /** The tail as the caller goes through it: its nodes belong in the next checkpoint. */
  *replayed(turns: Iterable<Turn>): Generator<Turn> {
    for (const turn of turns) {
      this.#touched.note(turn);
      yield turn;
    }
  }

  /** The newest turn appended. */
  get lastSeq(): number {
    return this.#journal.lastSeq;
  }

  /** All turns up to this one survive a power loss. */
  get durableSeq(): number {
    return this.#journal.durableSeq;
  }

  /** All turns up to this one are in the snapshot. */
  get snapshotSeq(): number {
    return this.#chain.at(-1)?.seq ?? 0;
  }

  /** Bytes that wait for the disk: whoever can should send less. */
  get queuedBytes(): number {
    return this.#journal.queuedBytes;
  }

  /** Why nothing is stored any more. */
  get failed(): Error | undefined {
    return this.#journal.failed;
  }

  /** Turns in order, without gaps in `seq`. `durable`: written at once; else within 100 ms. Throws when failed or too large. */
  append(turn: Turn, durable: boolean): void {
    this.#journal.append(turn, durable);
    this.#touched.note(turn);
  }

  /** Settles when everything appended so far is on disk. */
  flush(): Promise<void> {
    return this.#journal.flush();
  }

  /** Called with the newest seq on disk: all turns up to it are. Returns how to stop. */
  onDurable(listener: (seq: number) => void): () => void {
    this.#durableListeners.add(listener);
    return () => this.#durableListeners.delete(listener);
  }

  /** Called once, when the disk failed. */
  onFailed(listener: (error: Error) => void): () => void {
    this.#failedListeners.add(listener);
    return () => this.#failedListeners.delete(listener);
  }

  /**
   * Stores the nodes that changed, and those removed, since the last checkpoint (if it failed: since the one before it; after
   * a start: those of the tail). `seq`: all their changes up to this turn are in. Records are pulled in slices while the
   * host goes on, and may be newer than `seq`: the tail is replayed over them. Rejects, and stores nothing, if a node that
   * those turns changed is in neither.
   */
  checkpoint(content: SnapshotContent): Promise<void> {
    if (content.seq > this.lastSeq)
      return Promise.reject(new Error(`a checkpoint of turn ${content.seq}, but the newest is ${this.lastSeq}`));
    const expected = this.#touched.begin();
    return this.#alone(async () => {
      try {
        await this.#writePart(content, expected);
      } catch (error) {
        this.#touched.failed(expected);
        throw error;
      }
      if (mergeDue(this.#chain, this.#options.mergeBytes)) await this.#merge();
      const { historyBytes = HISTORY_BYTES, historyAge = HISTORY_AGE, now, log } = this.#options;
      pruneHistory(this.#disk, this.#journal.segments, this.snapshotSeq, { bytes: historyBytes, age: historyAge }, now(), log);
    });
  }

  /** Newest first. */
  async history(query: HistoryQuery): Promise<HistoryPage> {
    if (!this.failed) await this.flush();
    return readHistory(this.#disk, this.#journal.segments, query, this.#options.log);
  }

  /** The state as it is now, whole, in one new file; the host goes on meanwhile. */
  backup(file: string): Promise<BackupSummary> {
    return this.#alone(async () => {
      await this.flush();
      const source = { chain: this.#chain, segments: this.#journal.segments, seq: this.durableSeq, at: this.#options.now() };
      const todo = 'Nothing was changed. Choose a directory that is there, has room, and that Kraken may write to';
      return inWords('the backup was not made', file, todo, () => writeBackup(this.#disk, file, source));
    });
  }

  /** Everything appended is on disk, then the directory is free for another host. */
  close(): Promise<void> {
    this.#closing ??= this.#alone(async () => {
      try {
        await this.#journal.close();
      } finally {
        this.#lock.release();
      }
    });
    return this.#closing;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work);
    this.#work = result.catch(() => undefined);
    return result;
  }

  async #writePart(content: SnapshotContent, expected: Expected): Promise<void> {
    const { seq } = content;
    const after = this.snapshotSeq;
    if (seq <= after) return this.#touched.failed(expected);
    const path = join(this.#root, 'snapshot', snapshotName(seq, false));
    const given = new Set<NodeId>();
    const part = await writeSnapshot(this.#disk, path, { seq, after }, checkpointFrames(content, given), async () => {
      this.#touched.check(expected, seq, given);
      // Records may hold changes of turns that are not on disk yet; without those turns they must not be found either.
      const newest = this.lastSeq;
      await this.#journal.flush(newest);
      return newest;
    });
    this.#touched.succeeded(expected, seq);
    this.#chain = [...this.#chain, part];
  }

  /** If it fails the chain stays in force, and the operator is told. */
  async #merge(): Promise<void> {
    const dir = join(this.#root, 'snapshot');
    try {
      this.#chain = await mergeChain(this.#disk, dir, this.#chain, this.durableSeq);
    } catch (error) {
      const what = `${dir}: the snapshot could not be written anew: ${wordsOf(error)}`;
      this.#options.log('error', `${what}. The files as they are stay in use; take a backup, and look at the disk`);
    }
  }
}
