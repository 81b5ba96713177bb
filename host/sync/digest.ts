/**
 * What two mirrors of one map are compared by: the sum of a 48-bit hash of every entry, in any order. It finds mistakes and lost
 * memory, not attackers: whoever speaks here has been authenticated. (The mixing is cyrb53's: two 32-bit multiplicative lanes.)
 */
import type { NodeId } from '../core/record.ts';

const MODULUS = 2 ** 48;

/** 1 … 2^48 − 1; 0 stands for "no such entry". `text`: the value as JSON. */
export function hashEntry(node: NodeId, member: string, text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (const part of [node, member, text]) {
    for (let i = 0; i < part.length; i++) {
      const code = part.charCodeAt(i);
      a = Math.imul(a ^ code, 0x9e3779b1);
      b = Math.imul(b ^ code, 0x5f356495);
    }
    // No text holds this unit, so ('ab', 'c') and ('a', 'bc') differ.
    a = Math.imul(a ^ 0x1ffff, 0x9e3779b1);
    b = Math.imul(b ^ 0x1ffff, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return (b & 0xffff) * 2 ** 32 + (a >>> 0) || 1;
}

/** The digest after an entry's hash went from `before` to `after` (0: it is not there). */
export const digestWith = (digest: number, before: number, after: number): number => (digest - before + after + MODULUS) % MODULUS;
