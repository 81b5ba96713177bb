/** What all processes of one check share: what is checked, where it is written down, and how long is waited. */
import type { Declaration } from '@kraken-hpc/sdk/wire';
import type { Json, ServiceDeclaration } from '../core/declaration.ts';
import type { Confined } from '../modules/spawn.ts';
import type { Book } from './book.ts';
import { Dialogue } from './dialogue.ts';
import type { FakeWorld } from './fake-world.ts';
import type { Reports } from './reports.ts';
import { type Bounds, Watch } from './watch.ts';

/** Milliseconds. */
export interface Patience {
  /** Until initialize is answered. */
  readonly start: number;
  readonly ping: number;
  /** From sending a step until its deadline. */
  readonly step: number;
  /** After the deadline. */
  readonly grace: number;
  readonly shutdown: number;
  /** Until it is gone. */
  readonly end: number;
  /** So long it is watched once it is initialized, at least. */
  readonly watched: number;
}

/** How its processes are confined; `files`: see modules/spawn.ts. */
export type Confine = (start: { readonly command: readonly string[]; readonly cwd: string; readonly config: Json }) => Confined;

export interface Drive {
  readonly command: readonly string[];
  readonly module: string;
  /** A folder for each of its processes. */
  folder(name: string): string;
  readonly confine: Confine;
  readonly env: readonly string[];
  readonly config: { readonly [key: string]: Json };
  readonly permissions: readonly string[];
  readonly book: Book;
  readonly world: FakeWorld;
  readonly reports: Reports;
  readonly watch: Watch;
  readonly bounds: Bounds;
  readonly patience: Patience;
  /** Ends with the check. */
  readonly dialogues: Set<Dialogue>;
}

/** A declaration as it came, and as the host understands it. */
export interface Opened {
  readonly wire: Declaration;
  readonly capabilities: readonly string[];
  readonly declaration: ServiceDeclaration;
}

/** Another process of the module; `main` = the one that is let into the world. */
export function startDialogue(drive: Drive, name: string): Dialogue {
  const { command, env, book, world, bounds, config } = drive;
  const watch = name === 'main' ? drive.watch : new Watch(book, bounds);
  if (name !== 'main') watch.secrets = drive.watch.secrets;
  const cwd = drive.folder(name);
  const confined = (): Confined => drive.confine({ command, cwd, config });
  const dialogue = new Dialogue({ command, cwd, confined, env, book, watch, called: (message, from) => world.called(message, from) });
  drive.dialogues.add(dialogue);
  void dialogue.gone.then(() => drive.dialogues.delete(dialogue));
  watch.follow(dialogue);
  return dialogue;
}

export function initializeParams(drive: Drive, more: { readonly protocols?: readonly number[]; readonly config?: Json } = {}): object {
  return {
    protocols: [1],
    host: { name: 'conformance', version: '0' },
    node: 'self',
    service: drive.module,
    module: drive.module,
    config: drive.config,
    capabilities: [],
    now: Date.now(),
    ...more,
  };
}
