/** A process and all that it has started, as proc(5) tells. */
import { readdirSync, readFileSync } from 'node:fs';

/** The process first, then its children and theirs. Those whose parent is gone have another. */
export function family(pid: number): readonly number[] {
  const found = [pid];
  for (const one of found) found.push(...childrenOf(one).filter((child) => !found.includes(child)));
  return found;
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
