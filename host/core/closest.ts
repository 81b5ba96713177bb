/** The name that somebody may have meant: the same but for its case, else one slip of the finger away, or two in a longer word. */
export function closest(word: string, names: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  let best: string | undefined;
  let least = word.length < 3 ? 1 : word.length < 6 ? 2 : 3;
  for (const name of names) {
    const slips = name.toLowerCase() === lower ? 0 : distance(lower, name.toLowerCase(), least);
    if (slips >= least) continue;
    best = name;
    least = slips;
  }
  return best;
}

/** Levenshtein's distance, where two neighbours that changed places are one slip; at least `limit` where it reaches that. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  let before: readonly number[] = row;
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] ?? 0) + 1 : limit;
      next.push(Math.min(same, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? limit;
}
