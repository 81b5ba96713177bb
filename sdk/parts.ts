/** UTF-16 units of JSON in one part: with three bytes for each it is still under the limit of a line. */
const PART = 1_000_000;

/** Cuts a list so that each part fits into a line; one part if it is empty. An item that is too large by itself stands alone and is refused where it is sent. */
export function parts<T>(items: readonly T[], limit: number = PART): T[][] {
  const all: T[][] = [];
  let part: T[] = [];
  let size = 0;
  for (const item of items) {
    const length = JSON.stringify(item).length + 1;
    if (part.length > 0 && size + length > limit) {
      all.push(part);
      part = [];
      size = 0;
    }
    part.push(item);
    size += length;
  }
  all.push(part);
  return all;
}
