/** The BMC of a virtual machine: takes power commands, tells what the machine then is, and has troubles of its own. */
import { hash } from './chance.ts';
import type { Seen } from './seen.ts';
import type { Surroundings } from './surroundings.ts';
import type { VirtualNode } from './virtual-node.ts';

/** Why it could not be done; each has its error in the protocol. */
export interface Trouble {
  readonly trouble: 'unreachable' | 'login' | 'busy' | 'failed';
  readonly text: string;
  /** What was seen nevertheless. */
  readonly seen?: Seen;
}
export type Answer = Seen | Trouble;

export const isTrouble = (answer: Answer): answer is Trouble => 'trouble' in answer;

/** Switches the machine, or only looks. Answers with what it reads afterwards, never with what was asked for. */
export function askBmc(
  { timeline, profile }: Surroundings,
  node: VirtualNode,
  action: 'on' | 'off' | 'read',
  now: number,
  done: (answer: Answer) => void,
): void {
  const silent = (): void => timeline.at(now + node.draw('bmcTimeoutMs'), () => done(noAnswer(node)));
  if (isSilent(node, now, profile.seed, profile.latencies.flapMs[0] ?? 0, profile.scale)) return silent();
  timeline.at(now + node.draw('bmcMs'), (then) => {
    const refused = refusal(node);
    if (refused !== undefined) return done(refused);
    if (action === 'read') return done(read(node));
    if (action === 'on') node.powerOns++;
    else node.powerOffs++;
    timeline.at(then + node.draw('powerMs'), (later) => {
      if (node.fault !== 'stuckPower') {
        if (action === 'on') node.powerOn(later);
        else node.powerOff(later);
      }
      done({ ...read(node), '/sim/powerOns': node.powerOns, '/sim/powerOffs': node.powerOffs });
    });
  });
}

/** What it reads at once, without a word about how long that takes; undefined where it takes longer. */
export function glance(node: VirtualNode): Seen | undefined {
  switch (node.fault) {
    case 'deadBmc':
    case 'bmcNetwork':
    case 'powerCut':
    case 'flapping':
    case 'loginRefused':
    case 'busyBmc':
      return undefined;
    default:
      return read(node);
  }
}

const read = (node: VirtualNode): Seen => ({ '/physState': node.isOn ? 'POWER_ON' : 'POWER_OFF' });

function isSilent(node: VirtualNode, now: number, seed: number, period: number, scale: number): boolean {
  switch (node.fault) {
    case 'deadBmc':
    case 'bmcNetwork':
    case 'powerCut':
      return true;
    case 'flapping': {
      const half = Math.max(1, period * scale);
      return Math.floor((now + (hash(node.id, seed) % (2 * half))) / half) % 2 === 1;
    }
    default:
      return false;
  }
}

function noAnswer(node: VirtualNode): Trouble {
  const why = node.fault === 'bmcNetwork' ? 'the network to its BMC is down' : 'its BMC did not answer';
  return { trouble: 'unreachable', text: `${why} (simulated fault ${node.fault})` };
}

function refusal({ fault }: VirtualNode): Trouble | undefined {
  if (fault === 'loginRefused') return { trouble: 'login', text: 'its BMC refused the password (simulated fault loginRefused)' };
  if (fault === 'busyBmc') return { trouble: 'busy', text: 'its BMC is busy (simulated fault busyBmc)' };
  return undefined;
}
