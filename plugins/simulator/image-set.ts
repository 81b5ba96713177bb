/** The images of a virtual machine: what they are is kept with it, and said by its own host. */
import type { ImagesState, Seen } from './seen.ts';
import type { Surroundings } from './surroundings.ts';
import type { VirtualNode } from './virtual-node.ts';

/** A host that has just started its images service does not know of any. */
export function imagesSeen({ profile }: Surroundings, { run, images }: VirtualNode): Seen {
  return run === 'SYNC' && images !== 'UNKNOWN' && profile.parts.includes('images') ? { '/images/state': images } : {};
}

export function setImages(at: Surroundings, node: VirtualNode, state: ImagesState): void {
  if (state === 'ACTIVE') node.failures = 0;
  node.images = state;
  at.changed(node);
}

/** Something happens to its images by itself, and its host says so. */
export function imagesBecome(at: Surroundings, node: VirtualNode, from: ImagesState, to: ImagesState): void {
  if (node.images !== from) return;
  setImages(at, node, to);
  if (at.profile.parts.includes('images')) node.say(imagesSeen(at, node));
}
