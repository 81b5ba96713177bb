/** Starts a module process: an environment of few names, its own directory, its own process group, pipes and nothing else. */
import { mkdirSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';

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
}

export interface Child {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Signals the whole group. */
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
  const [file = '', ...args] = start.command;
  if (start.cwd !== undefined) mkdirSync(start.cwd, { recursive: true, mode: 0o700 });
  const child = execa(file, args, {
    cwd: start.cwd ?? '/',
    env: environment(start, process.env),
    extendEnv: false,
    buffer: false,
    reject: false,
    detached: true,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    encoding: 'buffer',
  });
  const pid = child.pid ?? 0;
  const kill = (signal: 'SIGTERM' | 'SIGKILL'): void => killGroup(pid, signal);
  const closed = Promise.all(
    [child.stdout, child.stderr].map((pipe) => new Promise<void>((resolve) => pipe.once('close', () => resolve()))),
  );
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `it was ended by ${signal}` : `it exited with code ${code}`));
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
  return { pid, stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, kill, gone };
}

/** Gone already is fine. */
function killGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid <= 1) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH' && (error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}
