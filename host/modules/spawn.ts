/** Starts a module process: an environment of few names, its own directory, its own process group, pipes and nothing else. */
import { createReadStream, mkdirSync, openSync, type ReadStream } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { family, signalTo } from './confine/family.ts';

/** The names that every module gets; HOME is its own directory. */
const PASSED = ['PATH', 'LANG', 'TZ'];
/** After the process is gone: how long its pipes may stay open (a grandchild may hold them) before what is left in them is given up. */
const DRAIN = 500;

export interface Start {
  readonly command: readonly string[];
  /** Its own data directory: made with 0700 if it is not there. */
  readonly cwd?: string;
  /** Further names of the host's environment that it may see. */
  readonly env?: readonly string[];
  /** How it is confined; absent = not at all. */
  readonly confined?: Confined;
}

/** `command` in what confines it. */
export interface Confined {
  readonly command: readonly string[];
  /** Files that are open for it, from 3 on. */
  readonly files: readonly string[];
  /** The module is a child of what is started, in a process namespace whose first process (its parent) hands on how it ended. */
  readonly isNamespaced: boolean;
}

export interface Child {
  /** Of its process group. */
  readonly pid: number;
  /** Of the module itself, where it has been started. */
  readonly program: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Signals the whole group; SIGTERM only what is in the namespace, whose end is reported by what stands outside of it. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** Resolves when the process is gone, nothing of its group is left, and its pipes are read to the end: how it ended, in words. */
  readonly gone: Promise<string>;
}

/** The environment of a module, and nothing of the host's beside it. */
export function environment(start: Start, from: NodeJS.ProcessEnv): Record<string, string> {
  const env: Record<string, string> = { HOME: start.cwd ?? '/' };
  for (const name of [...PASSED, ...(start.env ?? [])]) {
    const value = from[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** The process, or why there is none: its directory cannot be made, the system has no processes left. */
export function trySpawn(start: Start): Child | string {
  try {
    return spawnModule(start);
  } catch (error) {
    return `it could not be started: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A command that cannot be run is no throw: then `pid` is 0 and `gone` says why. */
function spawnModule(start: Start): Child {
  const { command, files, isNamespaced } = start.confined ?? { command: start.command, files: [], isNamespaced: false };
  const [file = '', ...args] = command;
  if (start.cwd !== undefined) mkdirSync(start.cwd, { recursive: true, mode: 0o700 });
  const opened = openedFiles(files);
  const child = execa(file, args, {
    cwd: start.cwd ?? '/',
    env: environment(start, process.env),
    extendEnv: false,
    buffer: false,
    reject: false,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...opened],
    encoding: 'buffer',
  });
  for (const one of opened) one.destroy();
  const pid = child.pid ?? 0;
  const kill = killerOf(pid, isNamespaced);
  const closed = Promise.all(
    [child.stdout, child.stderr].map((pipe) => new Promise<void>((resolve) => pipe.once('close', () => resolve()))),
  );
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(endOf(code, signal, isNamespaced)));
    child.once('error', (error: NodeJS.ErrnoException) => resolve(`it could not be started: ${file}: ${error.code ?? error.message}`));
    if (pid === 0)
      void child.then((result) => resolve(`it could not be started: ${file}: ${result.code ?? result.shortMessage ?? 'unknown'}`));
  });
  child.stdin.on('error', () => {});
  const gone = ended.then(async (how) => {
    kill('SIGKILL');
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([closed, new Promise((resolve) => (timer = setTimeout(resolve, DRAIN)))]);
    clearTimeout(timer);
    child.stdout.destroy();
    child.stderr.destroy();
    child.stdin.destroy();
    return how;
  });
  const { stdin, stdout, stderr } = child;
  return {
    pid,
    get program() {
      return isNamespaced ? (family(pid)[2] ?? pid) : pid;
    },
    ...{ stdin, stdout, stderr, kill, gone },
  };
}

/** For the files of `Confined`: handed to the process and closed here. */
export function openedFiles(files: readonly string[]): readonly ReadStream[] {
  const opened: ReadStream[] = [];
  try {
    for (const path of files) opened.push(createReadStream(path, { fd: openSync(path, 'r') }));
    return opened;
  } catch (error) {
    for (const one of opened) one.destroy();
    throw error;
  }
}

/** Signals as `Child.kill` does. */
export function killerOf(pid: number, isNamespaced: boolean): (signal: 'SIGTERM' | 'SIGKILL') => void {
  return (signal) => {
    if (isNamespaced && signal === 'SIGTERM') for (const one of family(pid).slice(1)) signalTo(one, signal);
    else if (pid > 1) signalTo(-pid, signal);
  };
}

/** Who stands outside of a namespace says how the module ended by a code: 128 and the signal, as shells do. */
export function endOf(code: number | null, signal: string | null, isNamespaced: boolean): string {
  const number = isNamespaced && code !== null ? code - 128 : 0;
  const name = signal ?? Object.entries(constants.signals).find(([, one]) => one === number)?.[0];
  return name ? `it was ended by ${name}` : `it exited with code ${code}`;
}
