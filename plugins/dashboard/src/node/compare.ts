/** cfg beside dsc, value by value. Pure. */
import type { Whole } from '../api/answers.ts';

export interface Row {
  readonly path: string;
  /** The member of the node that it is in: the core's together, every extension by itself. */
  readonly part: string;
  readonly wanted: string;
  readonly seen: string;
  /** Something is wanted, and something else seen. */
  readonly differs: boolean;
  readonly by?: string;
  readonly at?: number;
  /** Milliseconds since 1970; who saw it has not been able to look since. */
  readonly stale?: number;
}

/** What the head of the page says already. */
const ELSEWHERE = new Set(['/id', '/nodename', '/parentId']);

/** `gaps`: where the engine has something to do; what it has not is no difference, whatever is written there. */
export function compare({ cfg, facts }: Whole, gaps: ReadonlySet<string>): Row[] {
  const wanted = new Map(leaves('', cfg));
  const paths = [...new Set([...wanted.keys(), ...Object.keys(facts)])].filter((path) => !ELSEWHERE.has(path)).sort(byPart);
  return paths.map((path) => {
    const fact = facts[path];
    const [, member = '', ...rest] = path.split('/');
    const want = wanted.get(path);
    const row = { path, part: rest.length > 0 && member !== 'labels' ? member : '', wanted: textOf(want), seen: textOf(fact?.value) };
    return {
      ...row,
      differs: gaps.has(path),
      ...(fact ? { by: fact.by, at: fact.at } : {}),
      ...(fact?.stale === undefined ? {} : { stale: fact.stale }),
    };
  });
}

function leaves(path: string, value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, below]) => leaves(`${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, below));
}

/** The core first. */
function byPart(a: string, b: string): number {
  const depth = (path: string): number => (path.split('/').length > 2 && !path.startsWith('/labels/') ? 1 : 0);
  return depth(a) - depth(b) || (a < b ? -1 : a > b ? 1 : 0);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
