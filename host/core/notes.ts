/** Notes of a node's history, whose values are data, in words. */

import { isObject } from '@kraken-hpc/sdk/state';
import type { Json } from './declaration.ts';
import type { NodeId } from './record.ts';

/** What people and children say at the door. */
const DOOR: Readonly<Record<string, string>> = {
  admit: 'the next host that asks is let in',
  revoke: 'its key was revoked',
  token: 'a token was made for it',
};

/** As a sentence, where its name and value alone make none; else undefined. `nameOf`: how hosts are called where it is read. */
export function noteSentence(note: string, value: Json | undefined, nameOf: (id: NodeId) => string): string | undefined {
  if (note === 'admitted') return `its host was let in, admission ${String(value)}`;
  if (!isObject(value)) return DOOR[note];
  switch (note) {
    case 'failed': {
      const { mutation, kind, text } = value;
      return `${String(mutation)} ${kind === 'failed' ? 'failed' : 'was not taken'}: ${String(text)}`;
    }
    case 'attached':
      return `its host ${value['live'] === true ? 'speaks' : 'speaks no more'} with ${nameOf(String(value['host']))}`;
    default:
      return undefined;
  }
}
