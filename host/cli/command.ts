/** What a command of the table is, and the options that many of them take. */
import type { Action } from './io.ts';

export interface Command {
  /** As it is typed: `node list`. */
  readonly words: string;
  /** In cac's notation: `<set> [...values]`. */
  readonly args: string;
  readonly summary: string;
  /** Each `[flag, meaning]`, in cac's notation. */
  readonly options: readonly (readonly [flag: string, meaning: string])[];
  readonly examples: readonly string[];
  /** Its --config is not that of the host. */
  readonly hasOwnConfig?: boolean;
  readonly load: () => Promise<Action>;
}

export type Option = readonly [flag: string, meaning: string];

export const GLOBAL_OPTIONS: readonly Option[] = [
  ['-o, --output <format>', 'human, wide, json, yaml or name'],
  ['--socket <path>', 'control socket of the host'],
  ['--data-dir <path>', 'data directory of the host; its socket is in it'],
  ['-h, --help', 'show this'],
];

export const WHY: Option = ['--why <text>', 'kept in the history'];
export const FORCE: Option = ['--force <reason>', 'skip what can be skipped; the reason is kept'];
export const YES: Option = ['-y, --yes', 'do not ask'];
export const FOR: Option = ['--for <duration>', 'ends by itself after it: 90s, 30m, 2h, 1d'];
export const TYPE: Option = ['-t, --type <type>', 'cfg (wanted), dsc (seen) or mixed (both)'];
export const ORIGINAL: Option = ['--original', 'with -o yaml or json: in the dialect of the original Kraken, without loss'];

export function command(words: string, args: string, summary: string, load: Command['load'], more: Partial<Command> = {}): Command {
  return { words, args, summary, load, options: [], examples: [], ...more };
}
