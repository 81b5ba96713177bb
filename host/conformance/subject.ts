/** The module as a process, as a host starts it; what it leaves behind is seen before it is ended. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { type Confined, endOf, environment, killerOf, openedFiles } from '../modules/spawn.ts';

export interface Ended {
  /** In words. */
  readonly how: string;
  readonly code: number | null;
  /** Somebody else held its pipes when it was gone. */
  readonly isHeld: boolean;
}

export interface Subject {
  readonly process: ChildProcessWithoutNullStreams;
  /** It is gone; its pipes may still have something in them. */
  readonly exited: Promise<unknown>;
  readonly ended: Promise<Ended>;
  /** Signals all of its process group. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** So long its pipes may be read to the end after it is gone. */
const DRAIN = 600;

export interface SubjectStart {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env?: readonly string[];
  confined(): Confined;
}

export function startSubject({ command, cwd, env = [], confined }: SubjectStart): Subject {
  mkdirSync(cwd, { recursive: true, mode: 0o700 });
  const { command: words, files, isNamespaced } = confined();
  const [file = '', ...args] = words;
  const opened = openedFiles(files);
  const child = spawn(file, args, {
    cwd,
    env: environment({ command, cwd, env }, process.env),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...opened],
  }) as ChildProcessWithoutNullStreams;
  for (const one of opened) one.destroy();
  child.stdin.on('error', () => {});
  const kill = killerOf(child.pid ?? 0, isNamespaced);
  const closed = new Promise<boolean>((resolve) => child.once('close', () => resolve(false)));
  const exited = new Promise<Omit<Ended, 'isHeld'>>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, how: endOf(code, signal, isNamespaced) }));
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ code: null, how: `it could not be started: ${file}: ${error.code ?? error.message}` }),
    );
  });
  const ended = exited.then(async (end) => {
    let timer: NodeJS.Timeout | undefined;
    const started = child.pid !== undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, DRAIN, started)));
    let isHeld = started && (await Promise.race([closed, late]));
    clearTimeout(timer);
    // We may have been kept busy ourselves: what is there to be read comes before the verdict.
    for (let turn = 0; isHeld && turn < 3; turn++)
      isHeld = await Promise.race([closed, new Promise<boolean>((resolve) => setImmediate(resolve, true))]);
    kill('SIGKILL');
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
    return { ...end, isHeld };
  });
  return { process: child, exited, ended, kill };
}
