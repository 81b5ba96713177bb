/** Notifications that go to many: every item is serialised once, and as many as fit share a line. */
import { LINE_LIMIT } from '@kraken-hpc/sdk/wire';

/** Bytes of one item: with what stands around it, it still fits into a line. */
export const ITEM_BYTES = LINE_LIMIT - 65_536;

/** A UTF-16 unit is at most three bytes, so that most texts need no counting. */
export function isTooLarge(text: string): boolean {
  return text.length * 3 > ITEM_BYTES && Buffer.byteLength(text) > ITEM_BYTES;
}

/** Characters of a line's items: with three bytes for each it still fits into a line. */
const LINE_CHARACTERS = 1_000_000;

/** `head`: the params that every line has. `items`: serialised. All lines but the last say `more` where `pages` is set. */
export function packLines(method: string, head: object, member: string, items: readonly string[], tail: object = {}): string[] {
  const lines: string[] = [];
  const begin = `{"jsonrpc":"2.0","method":"${method}","params":${JSON.stringify(head).slice(0, -1)},"${member}":[`;
  const end = `]${JSON.stringify(tail)
    .slice(1, -1)
    .replace(/^(?=.)/, ',')}}}\n`;
  let from = 0;
  let characters = 0;
  for (let at = 0; at <= items.length; at++) {
    const size = items[at]?.length ?? 0;
    if (at < items.length && (at === from || characters + size <= LINE_CHARACTERS)) {
      characters += size + 1;
      continue;
    }
    if (at > from) lines.push(begin + items.slice(from, at).join(',') + end);
    from = at;
    characters = size + 1;
  }
  return lines;
}
