/** What may stand in the place of a word that is being typed: a function of the words and of the command table. */
import { findCommand } from './arguments.ts';
import { type Command, GLOBAL_OPTIONS, type Option } from './command.ts';
import { COMMANDS, SECTIONS } from './table.ts';

/** What is not in the table: asked of the host, or of the file system by the shell. */
export type Source = 'nodes' | 'services' | 'plugins' | 'files';

export interface Candidates {
  readonly words: readonly (readonly [word: string, meaning: string])[];
  readonly source?: Source;
}

const NONE: Candidates = { words: [] };

/** By the placeholder of an argument or option: the words that it may be, or where they come from. */
const VALUES: Readonly<Record<string, Source | readonly string[]>> = {
  set: 'nodes',
  node: 'nodes',
  service: 'services',
  plugin: 'plugins',
  module: 'plugins',
  source: 'files',
  file: 'files',
  dir: 'files',
  path: 'files',
  place: 'files',
  format: ['human', 'wide', 'json', 'yaml', 'name'],
  type: ['cfg', 'dsc', 'mixed'],
  state: ['on', 'off'],
  fault: [
    'none',
    'deadBmc',
    'bmcNetwork',
    'flapping',
    'loginRefused',
    'busyBmc',
    'stuckPower',
    'powerCut',
    'hangAtBoot',
    'slowPost',
    'selfReboot',
    'crash',
    'panic',
    'linkDown',
    'slowDisk',
    'imageError',
  ],
  machine: ['qemu', 'uml'],
  firmware: ['bios', 'uefi'],
  compression: ['zstd', 'gzip', 'none'],
  tool: ['genders', 'hosts', 'warewulf'],
  shell: ['bash', 'zsh', 'fish'],
  role: ['viewer', 'operator', 'admin'],
  arch: ['amd64', 'arm64'],
  kinds: ['state', 'mutation', 'discovery', 'service'],
  list: ['net', 'ports', 'env', 'cfg:write', 'dsc:write', 'operate', 'sessions', 'root', 'none'],
  template: ['module-ts', 'module-python', 'module-bare', 'extension'],
};

/** Of these only the person knows. */
export const FREE: ReadonlySet<string> = new Set(
  'addresses address bits bmc call ca columns count duration factor hosts id ids label level mac mib name names number params pin platform port reason steps text user uuid values words'.split(
    ' ',
  ),
);

/** Words that are a list, each after a comma. */
const LISTS = new Set(['set', 'kinds', 'list']);

/** `typed`: the words after `kraken`, the last of them unfinished or empty. */
export function candidatesFor(typed: readonly string[]): Candidates {
  // bash takes `=` for a word of its own.
  const words = typed.filter((word, index) => word !== '=' || index === typed.length - 1);
  const last = words.at(-1) === '=' ? '' : (words.at(-1) ?? '');
  const before = words.slice(0, -1);
  const positional = positionalOf(before);
  const { command, used } = commandOf(positional);
  const options = [...(command?.options ?? []), ...GLOBAL_OPTIONS];
  const open = optionOf(options, before.at(-1));
  if (open && takesValue(open)) return valuesFor(placeholderOf(open[0]), last, command);
  const [, name, value] = /^(--[a-z0-9-]+)=(.*)$/.exec(last) ?? [];
  const named = name === undefined ? undefined : optionOf(options, name);
  if (named && value !== undefined) return withPrefix(`${name}=`, valuesFor(placeholderOf(named[0]), value, command));
  if (last.startsWith('-')) return starting(last, options.filter((one) => !isGiven(one, before)).flatMap(flagsOf));
  const seconds = positional.length <= 1 ? familyWords(positional[0], last) : [];
  if (!command) return { words: seconds };
  const place = command.args.split(' ')[positional.length - used];
  const values = place === undefined || place === '' ? NONE : valuesFor(place.replaceAll(/[<>[\].]/g, ''), last, command);
  return { ...values, words: [...seconds, ...values.words] };
}

/** First words of all commands, or the second ones of a family. */
function familyWords(typed: string | undefined, last: string): (readonly [string, string])[] {
  const first = typed === 'sme' ? 'engine' : typed;
  const found = new Map<string, string>();
  for (const [title, commands] of SECTIONS)
    for (const { words, summary } of commands) {
      const [one = '', two] = words.split(' ');
      if (first === undefined) found.set(one, two === undefined ? summary : (found.get(one) ?? title.toLowerCase()));
      else if (one === first && two !== undefined) found.set(two, summary);
    }
  if (first === undefined) found.set('help', 'all commands');
  return [...starting(last, [...found]).words];
}

/** What stands where, options and their values left out. */
function positionalOf(before: readonly string[]): readonly string[] {
  const all = [...GLOBAL_OPTIONS, ...COMMANDS.flatMap(({ options }) => options)];
  const found: string[] = [];
  for (let i = 0; i < before.length; i++) {
    const word = before[i] ?? '';
    if (!word.startsWith('-') || word === '-') found.push(word);
    else {
      const option = optionOf(optionsNear(found, all), word);
      if (option && takesValue(option)) i += 1;
    }
  }
  return found;
}

/** The same flag may mean another thing elsewhere: -f is --follow, or --fields. */
function optionsNear(words: readonly string[], all: readonly Option[]): readonly Option[] {
  const { command } = commandOf(words);
  return command ? [...command.options, ...GLOBAL_OPTIONS] : all;
}

function commandOf(words: readonly string[]): { readonly command?: Command; readonly used: number } {
  for (const used of [2, 1]) {
    const command = words.length >= used ? findCommand(words.slice(0, used)) : undefined;
    if (command) return { command, used };
  }
  return { used: 0 };
}

const flagNames = ([flag]: Option): readonly string[] => flag.replace(/ <.*/, '').split(', ');
const takesValue = ([flag]: Option): boolean => flag.includes('<');
const flagsOf = (option: Option): (readonly [string, string])[] => flagNames(option).map((name) => [name, option[1]]);

export function placeholderOf(flag: string): string {
  return /<(.*)>/.exec(flag)?.[1] ?? '';
}

function optionOf(options: readonly Option[], word: string | undefined): Option | undefined {
  return word?.startsWith('-') ? options.find((option) => flagNames(option).includes(word)) : undefined;
}

function isGiven(option: Option, before: readonly string[]): boolean {
  return flagNames(option).some((name) => before.some((word) => word === name || word.startsWith(`${name}=`)));
}

/** Undefined placeholder: nothing is known of it. */
export function valuesOf(placeholder: string): Source | readonly string[] | undefined {
  return VALUES[placeholder];
}

function valuesFor(placeholder: string, last: string, command: Command | undefined): Candidates {
  const values = placeholder === 'nodes' ? 'nodes' : valuesOf(placeholder);
  if (values === undefined) return NONE;
  if (typeof values === 'string') return { words: [], source: values };
  const graph = placeholder === 'format' && command?.words === 'graph' ? ['dot'] : [];
  const comma = LISTS.has(placeholder) ? last.lastIndexOf(',') + 1 : 0;
  const words = starting(
    last.slice(comma),
    [...values, ...graph].map((word) => [word, '']),
  );
  return withPrefix(last.slice(0, comma), words);
}

function starting(last: string, words: readonly (readonly [string, string])[]): Candidates {
  return { words: words.filter(([word]) => word.startsWith(last)) };
}

function withPrefix(prefix: string, candidates: Candidates): Candidates {
  return { ...candidates, words: candidates.words.map(([word, meaning]) => [prefix + word, meaning]) };
}

/** The part of a set before the name that is being typed: `kr1,` of `kr1,kr`, and that name; undefined: no name stands there. */
export function nameIn(last: string): { readonly prefix: string; readonly name: string } | undefined {
  const at = Math.max(...[',', '&', '!', '='].map((mark) => last.lastIndexOf(mark))) + 1;
  const name = last.slice(at);
  return /[@[\]]/.test(name) || (last.slice(0, at).endsWith('=') && !/^--[a-z-]+=$/.test(last.slice(0, at)))
    ? undefined
    : { prefix: last.slice(0, at), name };
}
