/** What is larger than a line comes in parts: all of them are carried out together at the last, or none is. */
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { type ApiSession, refusal } from './session.ts';

/** Per session; a part is at most a line (4 MiB). */
const MOST_OPEN = 4;
const MOST_PARTS = 128;

export class Transactions {
  readonly #open = new Map<ApiSession, Map<string, Json[][]>>();

  /** Takes a part; returns all items at the last one, undefined before. Parts come in order: 0, 1, 2 … */
  take(session: ApiSession, tx: string, part: number, last: boolean, items: readonly Json[]): Json[] | undefined {
    const own = this.#of(session);
    const parts = own.get(tx) ?? [];
    const giveUp = (code: number, why: string, todo: string): never => {
      own.delete(tx);
      throw refusal(code, 'the transaction is given up, nothing of it is applied', `tx ${tx}, part ${part}`, why, todo);
    };
    if (part !== parts.length) giveUp(CODES.InvalidParams, `part ${parts.length} is due`, 'Send all parts again, in order, each once');
    if (!own.has(tx) && own.size >= MOST_OPEN && !last)
      giveUp(CODES.TooMany, `${MOST_OPEN} transactions are open already`, 'Send the last part of those first');
    if (part >= MOST_PARTS) giveUp(CODES.TooLarge, `it has more than ${MOST_PARTS} parts`, 'Send it as several transactions');
    parts.push([...items]);
    own.set(tx, parts);
    if (!last) return undefined;
    own.delete(tx);
    return parts.flat();
  }

  #of(session: ApiSession): Map<string, Json[][]> {
    let own = this.#open.get(session);
    if (!own) {
      own = new Map();
      this.#open.set(session, own);
      session.onClose(() => this.#open.delete(session));
    }
    return own;
  }
}
