/** How things are called for people. */

export function ago(at: number | undefined, now = Date.now()): string {
  if (at === undefined || at <= 0) return '';
  const seconds = Math.max(0, Math.round((now - at) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function count(number: number, word: string): string {
  return `${number.toLocaleString('en')} ${word}${number === 1 ? '' : 's'}`;
}

/** `/images/state` as people say it. */
export function fieldName(path: string): string {
  return path.replace(/^\//, '').replaceAll('/', '.');
}

export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function timeOf(at: number | undefined): string {
  return at === undefined ? '' : new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });
}
