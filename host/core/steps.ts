/** What kinds of steps the guards tell apart. */
import type { Mutation } from './declaration.ts';
import { PHYS } from './situation.ts';

export function isPowerOn(mutation: Mutation): boolean {
  return mutation.mutates[PHYS]?.[1] === 'POWER_ON' && mutation.mutates[PHYS]?.[0] !== 'PHYS_UNKNOWN';
}

export function isPowerOff(mutation: Mutation): boolean {
  const power = mutation.mutates[PHYS];
  return power?.[1] === 'POWER_OFF' && power[0] !== 'PHYS_UNKNOWN';
}
