/** The real terminal, pipes and signals. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import type { Io } from './io.ts';

export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  const token = env['KRAKEN_TOKEN'] || undefined;
  delete env['KRAKEN_TOKEN'];
  // `kraken node list | head`: whoever read has had enough.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (piece) => void stdout.write(piece),
    err: (piece) => void stderr.write(piece),
    readInput: () => text(stdin),
    ask,
    onInterrupt,
    attach,
    terminal: { input: stdin.isTTY === true, output: stdout.isTTY === true },
    // Some terminals do not know their width, and say 0.
    columns: stdout.isTTY ? stdout.columns || undefined : undefined,
    env,
    token,
    now: Date.now,
  };
}

/** On stderr, so that what is piped on stays clean. */
async function ask(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
  try {
    const answer = await Promise.race([lines.question(question), closed]);
    if (answer === undefined) process.stderr.write('\n');
    return answer;
  } finally {
    lines.close();
  }
}

/** Ctrl-C is the program's; whoever ends us ends it. */
function attach(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    const end = (): void => void child.kill('SIGTERM');
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    process.on('SIGTERM', end);
    const settle = (): void => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', end);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      settle();
      if (error.code === 'ENOENT') resolve(undefined);
      else reject(error);
    });
    child.once('close', (exit) => {
      settle();
      resolve(exit ?? 1);
    });
  });
}

function onInterrupt(listener: () => void): () => void {
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return () => {
    process.off('SIGINT', listener);
    process.off('SIGTERM', listener);
  };
}
