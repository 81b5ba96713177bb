import { readFileSync } from 'node:fs';

/** Resident set of a process in bytes (Linux: proc(5), /proc/PID/status VmRSS); undefined where it is gone or there is no /proc. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
