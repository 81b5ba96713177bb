/** How a module is stopped, as a table: each rung is tried for its time, then the next. After the last there is nothing to wait for. */

export type Rung =
  | { readonly by: 'shutdown'; readonly wait: number }
  | { readonly by: 'stdin'; readonly wait: number }
  | { readonly by: 'SIGTERM'; readonly wait: number }
  | { readonly by: 'SIGKILL' };

export type Ladder = readonly Rung[];

/** Milliseconds. SIGTERM and SIGKILL go to the whole process group. */
export const stopLadder: Ladder = [
  { by: 'shutdown', wait: 5000 },
  { by: 'stdin', wait: 2000 },
  { by: 'SIGTERM', wait: 2000 },
  { by: 'SIGKILL' },
];

/** For one that broke the rules or does not answer: there is nobody to talk to. */
export const killLadder: Ladder = [{ by: 'SIGKILL' }];

/** A rung as it is said to a person. */
export function rungText(rung: Rung): string {
  switch (rung.by) {
    case 'shutdown':
      return `shutdown (${rung.wait / 1000} s)`;
    case 'stdin':
      return `the end of its input (${rung.wait / 1000} s)`;
    case 'SIGTERM':
      return `SIGTERM (${rung.wait / 1000} s)`;
    case 'SIGKILL':
      return 'SIGKILL';
    default:
      return rung satisfies never;
  }
}
