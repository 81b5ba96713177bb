/** What is sent again because an acknowledgement was lost is known again: nobody asks for everything anew while only datagrams are lost. */

import { SECOND } from '../clock.ts';
import type { Tree } from '../tree.ts';
import { TAG } from './acknowledged.ts';

const ROUNDS = 5;

/** Loses a third of all datagrams while things change. `tag`: a number that was not used yet. */
export function resyncsUnderLoss(tree: Tree, tag: number): string[] {
  const { sim } = tree;
  const before = resyncs(tree);
  sim.net.weather.loss = 0.3;
  for (let round = 0; round < ROUNDS; round++) {
    sim.set(
      tree.leaves.map(({ id }) => id),
      { [TAG]: tag + round },
    );
    for (const leaf of tree.leaves) leaf.read();
    sim.clock.run(3 * SECOND);
  }
  sim.net.weather.loss = 0;
  sim.clock.run(20 * SECOND);
  const more = resyncs(tree) - before;
  return more === 0 ? [] : [`everything was asked for anew ${more} times, where only datagrams were lost`];
}

function resyncs(tree: Tree): number {
  let sum = 0;
  for (const { process } of tree.all) {
    const { children, uplink } = process?.sync ?? {};
    for (const peer of [...(children?.peers.values() ?? []), ...(uplink?.peer ? [uplink.peer] : [])]) sum += peer.link.figures.resyncs;
  }
  return sum;
}
