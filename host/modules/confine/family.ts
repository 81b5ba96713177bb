/** A process and all that it has started, as proc(5) tells. */
import { readdirSync, readFileSync } from 'node:fs';

/** The process first, then its children and theirs. Those whose parent is gone have another. */
export function family(pid: number): readonly number[] {
  const found = [pid];
  for (const one of found) found.push(...childrenOf(one).filter((child) => !found.includes(child)));
  return found;
}

/** Ends it and all that it has started, whatever groups they are in. Each is stopped first: what is stopped starts no other. */
export function endFamily(pid: number): void {
  let all: readonly number[] = [];
  for (let found = family(pid); found.length > all.length; found = family(pid)) {
    all = found;
    for (const one of all) signalTo(one, 'SIGSTOP');
  }
  for (const one of all) signalTo(one, 'SIGKILL');
}

/** A process, or a group by its negative number. Gone already is fine. */
export function signalTo(pid: number, signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH' && (error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

/** Of every thread: each has the children that it started. */
function childrenOf(pid: number): readonly number[] {
  return orNothing(() => readdirSync(`/proc/${pid}/task`)).flatMap((task) =>
    orNothing(() => readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' '))
      .filter((text) => text !== '')
      .map(Number),
  );
}

/** A thread may end while it is looked at: the others are looked at all the same. */
function orNothing(read: () => string[]): string[] {
  try {
    return read();
  } catch {
    return [];
  }
}
