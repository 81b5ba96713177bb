/** Long work in slices, so that the event loop is not held up. */
import { setImmediate as nextTurn } from 'node:timers/promises';

const SLICE_MS = 2;

/** Call it after each small piece of work and await what it gives: it gives way when 2 ms have gone since it last did. */
export function pacer(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < SLICE_MS) return undefined;
    return nextTurn().then(() => {
      since = performance.now();
    });
  };
}
