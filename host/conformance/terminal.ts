/** Run by hand, by somebody who does not know what it is. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { shellWord } from '../core/shell.ts';
import { endFamily } from '../modules/confine/family.ts';
import { environment } from '../modules/spawn.ts';
import type { Drive } from './drive.ts';

const EX_USAGE = 64;
/** util-linux: gives a program a terminal of its own and hands on its exit code. */
const PLACES = ['/usr/bin/script', '/bin/script'];
const PATIENCE = 5000;

export async function byHand({ command, folder, confine, env, book }: Drive, signal: AbortSignal): Promise<void> {
  const script = PLACES.find((place) => existsSync(place));
  if (process.platform !== 'linux' || script === undefined)
    return book.skip('there is no script(1) here to make a terminal with', 'terminal.explains');
  const own = folder('terminal');
  mkdirSync(own, { recursive: true, mode: 0o700 });
  const { code, text } = await inTerminal(
    script,
    confine({ command, cwd: own, config: {} }).command.map(shellWord).join(' '),
    own,
    env,
    signal,
  );
  const fail = (why: string): void => book.fail('terminal.explains', why, text.split('\n').slice(0, 20));
  if (code === undefined) return fail(`run on a terminal it was still there after ${PATIENCE / 1000} s, waiting`);
  if (code !== EX_USAGE) return fail(`run on a terminal it exited with ${code}, not with 64`);
  if (text.trim() === '') return fail('run on a terminal it exited without a word');
  book.pass('terminal.explains');
}

function inTerminal(
  script: string,
  line: string,
  cwd: string,
  env: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly code: number | undefined; readonly text: string }> {
  return new Promise((resolve) => {
    const child = spawn(script, ['-qec', `exec ${line}`, '/dev/null'], {
      cwd,
      env: { ...environment({ command: [], cwd, env }, process.env), SHELL: '/bin/sh' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let text = '';
    const done = (code: number | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      // Who has a terminal of their own hear nothing of the end of who gave it to them.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) endFamily(child.pid);
      for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
      resolve({ code, text });
    };
    const stop = (): void => done(undefined);
    const timer = setTimeout(stop, PATIENCE);
    signal.addEventListener('abort', stop);
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk: Buffer) => (text = (text + chunk).slice(0, 4096)));
    child.on('error', stop);
    child.on('close', (code) => done(code ?? 1));
  });
}
