/** How often this host was started with these keys: raised and on disk before anything is sealed, so that no nonce comes twice. */
import { readSecret, writeSecret } from './files.ts';

const NAME = 'generation';
const MOST = 0xffff_ffff;

/**
 * At least the time in seconds: where an older state of the directory came back (a snapshot of the machine's disk), what was sealed
 * after it was taken is not sealed with the same numbers again. `lost` is called first where no count is known, so that nothing that
 * was sealed with before outlives it, even if this process ends in between.
 */
export function raiseGeneration(dir: string, lost: () => void, now = Date.now()): number {
  const text = readSecret(dir, NAME)?.toString('latin1').trim() ?? '';
  const before = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  const first = before === 0 || before >= MOST;
  if (first) lost();
  const seconds = Math.floor(now / 1_000);
  const generation = Math.max(first ? 1 : before + 1, seconds < MOST ? seconds : 0);
  writeSecret(dir, NAME, Buffer.from(`${generation}\n`));
  return generation;
}
