/** When everybody has what he should have, nothing is said but hellos, of at most 100 bytes a hello interval each way. */
import { MINUTE, SECOND } from '../clock.ts';
import type { Tree } from '../tree.ts';

const BYTES_PER_HELLO = 100;

/** Listens for a minute. */
export function noises(tree: Tree, time = MINUTE): string[] {
  const { sim } = tree;
  const spoken = new Map<string, { bytes: number; count: number }>();
  sim.net.sent = (from, to, bytes) => {
    const way = `${from} to ${to}`;
    const sum = spoken.get(way) ?? { bytes: 0, count: 0 };
    sum.bytes += bytes.length;
    sum.count++;
    spoken.set(way, sum);
  };
  sim.clock.run(time);
  sim.net.sent = undefined;
  const hellos = Math.ceil(time / (0.9 * sim.settings.sync.hello));
  return [...spoken]
    .filter(([, { bytes }]) => bytes > hellos * BYTES_PER_HELLO)
    .map(([way, { bytes, count }]) => `${way}: ${count} messages of ${bytes} bytes in ${time / SECOND} s, where ${hellos} hellos were due`);
}
