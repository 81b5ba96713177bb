/** What can be seen of a virtual machine, said by whom, and what is kept of it. */
import type { Fault } from './profile.ts';

/** `hung`: waits for a key after POST. `up`: its kernel runs. `panicked`: it did. */
export type Stage = 'off' | 'post' | 'hung' | 'dhcp' | 'load' | 'up' | 'panicked';
export type ImagesState = 'UNKNOWN' | 'IDLE' | 'ACTIVE' | 'UPDATE' | 'ERROR' | 'FATAL';

export interface Seen {
  readonly '/physState'?: 'POWER_OFF' | 'POWER_ON';
  readonly '/runState'?: 'UNKNOWN' | 'INIT' | 'SYNC';
  readonly '/pxe/state'?: 'NONE' | 'WAIT' | 'INIT';
  readonly '/images/state'?: ImagesState;
  readonly '/busy'?: 'FREE';
  readonly '/sim/powerOns'?: number;
  readonly '/sim/powerOffs'?: number;
}

export interface Hearing {
  readonly heard?: 'dhcp' | 'session';
  readonly session?: { readonly boot: string; readonly live: boolean };
}

/** What is kept of a machine when this process ends. */
export type SavedNode = readonly [
  id: string,
  stage: Stage,
  host: 0 | 1,
  run: 'INIT' | 'SYNC',
  images: ImagesState,
  pxe: 'NONE' | 'WAIT' | 'INIT',
  boots: number,
  powerOns: number,
  powerOffs: number,
  /** When it was first seen. */
  since: number,
  fault: Fault,
];
