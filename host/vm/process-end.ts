/** Ends of processes. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** When it has ended; `signal` ends it at once, with all that it has started. */
export async function endOf(child: ChildProcess, signal: AbortSignal): Promise<End> {
  const kill = (): void => signalGroup(child, 'SIGKILL');
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill);
  try {
    const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    // What it leaves is no more than it was.
    kill();
    return { code, signal: by };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** To the process and all of its session, which was started as one of its own. */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
