/** Drives a module through every requirement of the protocol, as several short processes side by side. */
import type { Declaration } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { scrubber, strings } from '../modules/config.ts';
import { defaultLimits } from '../modules/limits.ts';
import { Book, type Verdict } from './book.ts';
import type { Dialogue } from './dialogue.ts';
import { type Confine, type Drive, type Opened, type Patience, startDialogue } from './drive.ts';
import { inputEnds, inputEndsBusy, shutsDown, signalled } from './ending.ts';
import { FakeWorld } from './fake-world.ts';
import { refusesConfig } from './misconfigured.ts';
import { answersInitialize, noCommonVersion, opened } from './opening.ts';
import { Reports } from './reports.ts';
import { byHand } from './terminal.ts';
import { type Bounds, Watch } from './watch.ts';
import { work } from './working.ts';

export type { Verdict } from './book.ts';

export interface CheckOptions {
  readonly command: readonly string[];
  readonly module: string;
  /** A folder for each of its processes; none is there yet. */
  folder(name: string): string;
  /** Absent: not at all. */
  readonly confine?: Confine;
  readonly config: { readonly [key: string]: Json };
  readonly permissions: readonly string[];
  /** Names of the environment that it may see beyond the usual few. */
  readonly env?: readonly string[];
  readonly signal?: AbortSignal;
  onVerdict?(verdict: Verdict): void;
  /** How long is waited, and how much is allowed, where it is not as usual. */
  readonly patience?: Partial<Patience>;
  readonly bounds?: Partial<Bounds>;
}

export interface ConformanceReport {
  readonly verdicts: readonly Verdict[];
  readonly failed: number;
  readonly declaration?: Declaration;
}

const unconfined: Confine = ({ command }) => ({ command, files: [], isNamespaced: false });

const PATIENCE: Patience = {
  start: defaultLimits.start,
  ping: defaultLimits.ping,
  step: 300,
  grace: defaultLimits.answerGrace,
  shutdown: 2000,
  end: 2000,
  watched: 500,
};

/** Never rejects for what a module does; all its processes are gone when it resolves. */
export async function checkConformance(options: CheckOptions): Promise<ConformanceReport> {
  const { command, module, config, permissions, env = [] } = options;
  const { logPerSecond, memory, eventsPerSecond } = defaultLimits;
  const bounds = { logPerSecond, memory, eventsPerSecond, ...options.bounds };
  const book = new Book();
  const watch = new Watch(book, bounds);
  const reports = new Reports(book, watch);
  const world = new FakeWorld(book, reports, permissions);
  const patience = { ...PATIENCE, ...options.patience };
  const drive: Drive = {
    command,
    module,
    folder: options.folder,
    confine: options.confine ?? unconfined,
    config,
    permissions,
    env,
    book,
    world,
    reports,
    watch,
    bounds,
    patience,
    dialogues: new Set(),
  };
  const aborted = new AbortController();
  const abort = (): void => {
    aborted.abort();
    for (const dialogue of drive.dialogues) dialogue.kill('SIGKILL');
  };
  options.signal?.throwIfAborted();
  options.signal?.addEventListener('abort', abort);
  try {
    const found = await driven(drive, aborted.signal);
    options.signal?.throwIfAborted();
    const secrets = found ? watch.secrets : strings(config as Json);
    const verdicts = book.verdicts(scrubber(secrets));
    for (const verdict of verdicts) options.onVerdict?.(verdict);
    const failed = verdicts.filter(({ verdict }) => verdict === 'fail').length;
    return found ? { verdicts, failed, declaration: found.wire } : { verdicts, failed };
  } finally {
    options.signal?.removeEventListener('abort', abort);
    abort();
  }
}

/** Each process in its own order; those that could be in each other's way one after another. */
async function driven(drive: Drive, signal: AbortSignal): Promise<Opened | undefined> {
  const main = startDialogue(drive, 'main');
  const aside = (name: string, what: (drive: Drive, dialogue: Dialogue) => Promise<void>) => finished(drive, name, what);
  const others = [aside('version', noCommonVersion), aside('input', inputEnds), aside('signal', signalled), byHand(drive, signal)];
  const found = await opened(drive, main);
  if (found) {
    const busy = startDialogue(drive, 'busy');
    const ready = answersInitialize(drive, busy);
    const config = aside('config', (_, dialogue) => refusesConfig(drive, dialogue, found));
    await work(drive, main, found);
    await shutsDown(drive, main);
    await ended(main);
    if ((await ready).is === 'result') await inputEndsBusy(drive, busy, found);
    await Promise.all([ended(busy), config]);
  }
  await Promise.all([...others, ended(main)]);
  return found;
}

async function finished(drive: Drive, name: string, what: (drive: Drive, dialogue: Dialogue) => Promise<void>): Promise<void> {
  const dialogue = startDialogue(drive, name);
  await what(drive, dialogue);
  await ended(dialogue);
}

/** Gone, one way or the other. */
async function ended(dialogue: Dialogue): Promise<void> {
  dialogue.kill('SIGKILL');
  await dialogue.gone;
}
