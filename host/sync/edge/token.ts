/** Tokens of tier T1: carried to a node by hand, shown once at the door of a parent, which knows the hash alone. */
import { createHash, randomBytes } from 'node:crypto';

/** 160 bits: nobody guesses one, and nobody finds one by its hash. */
const BYTES = 20;
/** RFC 4648, 6: no digits that look like letters. */
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const LETTERS = (BYTES * 8) / 5;

/** `token` in groups of four, as a person reads and types it; `hash`: SHA-256 of its letters, base64url. */
export function makeToken(): { readonly token: string; readonly hash: string } {
  let bits = BigInt(`0x${randomBytes(BYTES).toString('hex')}`);
  let letters = '';
  for (let i = 0; i < LETTERS; i++) {
    letters = `${BASE32[Number(bits % 32n)]}${letters}`;
    bits /= 32n;
  }
  return { token: letters.replace(/.{4}(?=.)/g, '$&-'), hash: createHash('sha256').update(letters).digest('base64url') };
}

/** The letters of what a person typed or a file holds, as they are shown at the door; undefined: it is no token. */
export function readToken(text: string): string | undefined {
  const letters = text.replaceAll(/[\s-]/g, '').toUpperCase();
  return letters.length === LETTERS && /^[A-Z2-7]+$/.test(letters) ? letters : undefined;
}
