import type { Profile } from './profile.ts';
import type { Hearing, Seen } from './seen.ts';
import type { Timeline } from './timeline.ts';
import type { VirtualNode } from './virtual-node.ts';

/** What surrounds the machines. */
export interface Surroundings {
  readonly profile: Profile;
  readonly timeline: Timeline;
  /** What others would notice of the machine without asking it. */
  report(node: VirtualNode, values: Seen, hearing: Hearing): void;
  /** Something that must outlive this process has changed. */
  changed(node: VirtualNode): void;
}
