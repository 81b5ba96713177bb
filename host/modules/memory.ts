import { readFileSync } from 'node:fs';
import { family } from './confine/family.ts';

/** Resident set of a process and of all that it started, in bytes (Linux: proc(5), VmRSS); undefined where it is gone or there is no /proc. */
export function residentBytes(pid: number): number | undefined {
  const sizes = family(pid).flatMap((one) => residentOf(one) ?? []);
  return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0);
}

function residentOf(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
