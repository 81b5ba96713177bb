/** What a module and all that it started use of memory and of processors: one that takes more than it was given is ended. */
import { readFileSync } from 'node:fs';
import { family } from './confine/family.ts';
import { residentBytes } from './memory.ts';

const MIB = 1024 * 1024;
const WINDOW = 60_000;
/** proc_pid_stat(5): clock ticks, which are a hundredth of a second to programs. */
const TICK_MS = 10;

export class Usage {
  #seen: { readonly pid: number; readonly at: number; readonly ms: number }[] = [];

  /** The sentence on what it uses too much of; `memory`: the limit where it has none of its own, in bytes. */
  excess(pid: number, limits: { readonly memoryMiB?: number; readonly cpus?: number }, memory: number): string | undefined {
    const most = limits.memoryMiB === undefined ? memory : limits.memoryMiB * MIB;
    const bytes = residentBytes(pid) ?? 0;
    if (bytes > most) return `it uses more memory than its limit of ${Math.round(most / MIB)} MiB (${Math.round(bytes / MIB)} MiB)`;
    const { cpus } = limits;
    const busy = cpus === undefined ? undefined : this.look(pid, performance.now());
    if (cpus === undefined || busy === undefined || busy <= cpus) return undefined;
    return `it keeps more processors busy than its limit of ${cpus} (${busy.toFixed(1)} in a minute)`;
  }

  /** Processors kept busy in the last minute, by milliseconds on any clock; undefined before one has passed in this life of it. */
  look(pid: number, now: number, busy: (pid: number) => number = busyOf): number | undefined {
    const ms = busy(pid);
    const seen = [...this.#seen.filter((one) => one.pid === pid), { pid, at: now, ms }];
    const first = seen.findLastIndex(({ at }) => now - at >= WINDOW);
    this.#seen = seen.slice(Math.max(0, first));
    const from = first < 0 ? undefined : seen[first];
    // What a child of it had used ends with the child.
    return from === undefined ? undefined : Math.max(0, ms - from.ms) / (now - from.at);
  }
}

/** Of the processes that are there, and of those that they have waited for. */
function busyOf(pid: number): number {
  return family(pid).reduce((sum, one) => sum + ticksOf(one) * TICK_MS, 0);
}

function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
  } catch {
    return 0;
  }
}
