/** What the benches share: medians after a warm-up, and the memory of every process involved. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Rounds {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before them that do not; a third of `rounds` unless said otherwise. */
  readonly warmUp?: number;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** `share` 0.99 is the 99th percentile; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The median of what `measure` gives, one round after the other. */
export async function medianOf(
  { rounds, warmUp = Math.ceil(rounds / 3) }: Rounds,
  measure: () => number | Promise<number>,
): Promise<number> {
  const values: number[] = [];
  for (let round = -warmUp; round < rounds; round++) {
    const value = await measure();
    if (round >= 0) values.push(value);
  }
  return median(values);
}

/** Milliseconds that the work took. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/**
 * The most memory that each of these processes, and of all that they started and that still run, has had so far, added up, in MB
 * (VmHWM in /proc/PID/status). Ask before they are stopped. NaN where there is no /proc.
 */
export function peakRssMb(pids: readonly number[] = [process.pid]): number {
  const all = new Set<number>();
  for (const pid of pids) for (const one of descendants(pid)) all.add(one);
  let kilobytes = 0;
  for (const pid of all) kilobytes += Number(/^VmHWM:\s+(\d+)/m.exec(proc(pid, 'status') ?? '')?.[1] ?? Number.NaN) || 0;
  return kilobytes === 0 ? Number.NaN : kilobytes / 1024;
}

function descendants(pid: number): number[] {
  const children = tasks(pid).flatMap((task) => (proc(pid, `task/${task}/children`) ?? '').split(' ').filter(Boolean).map(Number));
  return [pid, ...children.flatMap(descendants)];
}

function tasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function proc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
