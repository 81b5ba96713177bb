/** What runs on a virtual machine when it is up: its own host, and the images service in it. */
import type { Answer } from './bmc.ts';
import { imagesSeen, setImages } from './image-set.ts';
import type { ImagesState } from './seen.ts';
import type { Surroundings } from './surroundings.ts';
import type { VirtualNode } from './virtual-node.ts';

export type HostAction = 'sync' | 'quiesce';
/** Where the images shall be. `begin`: the service starts, and finds what is there. */
export type ImagesAction = 'begin' | 'ACTIVE' | 'IDLE';

/** Starts that fail one after the other before the set is given up, as in the original. */
const FATAL_AFTER = 3;

/** `sync` is taken while the host is on its way too: it is done when the host has come to us. */
export function askHost(at: Surroundings, node: VirtualNode, action: HostAction, now: number, done: (answer: Answer) => void): void {
  at.timeline.at(now + node.draw('hostMs'), () => {
    if (!node.answers && node.isOn && action === 'sync') return done(node.awaitSync());
    if (!node.answers) return done(silent(node));
    node.setRun(action === 'sync' ? 'SYNC' : 'INIT');
    done({ '/runState': node.run, ...imagesSeen(at, node) });
  });
}

export function askImages(at: Surroundings, node: VirtualNode, action: ImagesAction, now: number, done: (answer: Answer) => void): void {
  const { boot } = node;
  const latency = action === 'begin' ? 'hostMs' : 'imageMs';
  at.timeline.at(now + node.draw(latency), () => {
    if (!node.answers || node.boot !== boot) return done(silent(node));
    if (node.run !== 'SYNC') return done({ trouble: 'failed', text: `its images service is not running: runState is ${node.run}` });
    const failed = action === 'ACTIVE' && node.fault === 'imageError';
    if (failed) node.failures++;
    const state = failed ? (node.failures >= FATAL_AFTER ? 'FATAL' : 'ERROR') : after(action, node.images);
    if (state !== node.images) setImages(at, node, state);
    const seen = { '/images/state': node.images };
    const text = `its image did not start, failure ${node.failures} of ${FATAL_AFTER} (simulated fault imageError)`;
    done(failed ? { trouble: 'failed', text, seen } : seen);
  });
}

/** A service that begins anew gives a set that was given up another chance. */
function after(action: ImagesAction, state: ImagesState): ImagesState {
  if (action !== 'begin') return action;
  return state === 'UNKNOWN' || state === 'FATAL' ? 'IDLE' : state;
}

const silent = (node: VirtualNode): Answer => ({
  trouble: 'unreachable',
  text: `its own host did not answer (${node.fault === 'none' ? `it is at stage ${node.stage}` : `simulated fault ${node.fault}`})`,
});
