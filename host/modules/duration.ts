const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST = 7 * 86_400_000;

/** `'120s'`, `'500ms'`, `'5m'`, `'1.5h'`, `'2d'` in milliseconds; undefined if it is not a duration, not positive, or over a week. */
export function parseDuration(text: unknown): number | undefined {
  const match = typeof text === 'string' ? /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text) : null;
  if (!match?.[1] || !match[2]) return undefined;
  const millis = Math.round(Number(match[1]) * (UNITS[match[2]] ?? 0));
  return millis > 0 && millis <= LONGEST ? millis : undefined;
}
