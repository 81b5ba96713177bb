/** From argv to a command, its arguments and flags: by cac, and what cac leaves open. */
import { cac } from 'cac';
import { closest } from '../core/closest.ts';
import { type Command, GLOBAL_OPTIONS } from './command.ts';
import { type Failure, usage } from './failure.ts';
import type { Flags } from './io.ts';
import { COMMANDS, OLD_WORDS } from './table.ts';

export interface Parsed {
  readonly command: Command;
  readonly args: readonly string[];
  readonly flags: Flags;
}

/** Before every argument and value: cac makes a number of what looks like one (`0011`), and takes a lone `-` for a flag. */
const GUARD = '\u0001';
const BEFORE_WORDS = /^(?:--socket|--data-dir|--output|-o)$/;

/** The words that argv begins with, whatever stands where: a command, a family of commands, or neither. */
export function findWords(argv: readonly string[]): { readonly words: readonly string[]; readonly rest: readonly string[] } {
  const at: number[] = [];
  for (let i = 0; i < argv.length && at.length < 2; i++) {
    const word = argv[i] as string;
    if (BEFORE_WORDS.test(word)) i++;
    else if (!word.startsWith('-')) at.push(i);
    else if (at.length > 0) break;
  }
  const take = (count: number) => ({
    words: at.slice(0, count).map((i) => argv[i] as string),
    rest: argv.filter((_, i) => !at.slice(0, count).includes(i)),
  });
  const two = take(2);
  return findCommand(two.words) || familyOf(two.words[0] ?? '').length > 0 ? withoutExtra(two, take(1)) : take(1);
}

/** `graph kr1` is one word and an argument, `sim` one word; `node lsit` two words, both wrong together. */
function withoutExtra<T extends { readonly words: readonly string[] }>(two: T, one: T): T {
  if (two.words.length < 2 || findCommand(two.words)) return two;
  return findCommand(one.words) ? one : two;
}

export function findCommand(words: readonly string[]): Command | undefined {
  const text = words.join(' ');
  const meant = OLD_WORDS.get(text) ?? text;
  return COMMANDS.find((command) => command.words === meant);
}

/** The commands of two words that begin with this one. */
export function familyOf(word: string): readonly Command[] {
  const meant = word === 'sme' ? 'engine' : word;
  return COMMANDS.filter(({ words }) => words.startsWith(`${meant} `));
}

/** Throws a Failure that says what is wrong and how it is written. */
export function parseArguments(command: Command, rest: readonly string[]): Parsed {
  const shape = [...GLOBAL_OPTIONS, ...command.options].map(([option]) => shapeOf(option));
  const end = rest.indexOf('--');
  const words = end < 0 ? rest : rest.slice(0, end);
  for (const word of words) {
    const named = /^--([a-z-]+)=/.exec(word)?.[1];
    const one = named && shape.find(({ names, takesValue }) => !takesValue && names.includes(camel(named)));
    if (one) throw usage(`${nameOf(one.written)} takes no value`, usageOf(command));
  }
  const cli = cac('kraken');
  for (const [option, meaning] of GLOBAL_OPTIONS) cli.option(option, meaning);
  const known = cli.command(`${command.words} ${command.args}`, command.summary);
  for (const [option, meaning] of command.options) known.option(option, meaning);
  const { args: given, options } = cli.parse(['', '', command.words, ...words.map(guard)], { run: false });
  const args = [...given.map(bare), ...(end < 0 ? [] : rest.slice(end + 1))];
  const flags: Record<string, string | true | undefined> = {};
  for (const [name, value] of Object.entries(options)) {
    if (name === '--') continue;
    const one = shape.find(({ names }) => names.includes(name));
    if (!one) throw unknownFlag(command, name, shape);
    flags[one.name] = flagValue(command, one, value);
  }
  checkArguments(command, args);
  return { command, args, flags };
}

function guard(token: string): string {
  if (token === '-' || !token.startsWith('-')) return GUARD + token;
  const equals = token.indexOf('=');
  return equals < 0 ? token : `${token.slice(0, equals + 1)}${GUARD}${token.slice(equals + 1)}`;
}

function bare(text: string): string {
  return text.startsWith(GUARD) ? text.slice(1) : text;
}

interface Shape {
  readonly name: string;
  readonly names: readonly string[];
  readonly written: string;
  readonly takesValue: boolean;
}

function shapeOf(written: string): Shape {
  const names = written
    .replace(/ [<[].*/, '')
    .split(', ')
    .map((name) => camel(name.replace(/^-+/, '')));
  return { name: names.at(-1) ?? '', names, written, takesValue: written.includes('<') };
}

function camel(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function flagValue(command: Command, { written, takesValue }: Shape, value: unknown): string | true | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) throw usage(`${nameOf(written)} is given ${value.length} times`, usageOf(command));
  if (!takesValue) return value === true || undefined;
  if (typeof value !== 'string' || bare(value) === '') throw usage(`${nameOf(written)} needs a value`, usageOf(command));
  return bare(value);
}

function nameOf(written: string): string {
  return written.replace(/ <.*/, '').replace(', ', ' or ');
}

function unknownFlag(command: Command, name: string, shape: readonly Shape[]): Failure {
  if (name === 'token')
    return usage(
      'a token is a secret, and arguments can be read by everybody on this machine',
      'Make another with kraken token create, and give it by --token-file FILE or in the variable KRAKEN_TOKEN',
    );
  const dashed = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const near = closest(
    dashed,
    shape.map(({ written }) => (/--([a-z-]+)/.exec(written) ?? [])[1] ?? ''),
  );
  const written = dashed.length > 1 ? `--${dashed}` : `-${dashed}`;
  return usage(`${command.words} has no flag ${written}`, `${near ? `Did you mean --${near}? ` : ''}${usageOf(command)}`);
}

function checkArguments(command: Command, args: readonly string[]): void {
  const wanted = command.args.split(' ').filter((arg) => arg !== '');
  const needed = wanted.filter((arg) => arg.startsWith('<'));
  const missing = needed[args.length];
  if (missing !== undefined) throw usage(`${command.words}: ${written(missing)} is missing`, usageOf(command));
  const extra = args[wanted.length];
  if (extra !== undefined && !wanted.some((arg) => arg.includes('...')))
    throw usage(`${command.words}: ${extra} is one argument too many`, `${severalOf(wanted, args)}${usageOf(command)}`);
}

/** `kr1 kr2` where one set is wanted. */
function severalOf(wanted: readonly string[], args: readonly string[]): string {
  const at = wanted.findIndex((arg) => arg.includes('set'));
  return at === wanted.length - 1 && at >= 0 ? `Several nodes are one set: ${args.slice(at).join(',')}. ` : '';
}

/** How it is written: SET is needed, [SET] is not, VALUE… are many. */
export function synopsis({ words, args }: Command): string {
  const shown = args.split(' ').map((arg) => {
    return arg.startsWith('[') ? `[${written(arg)}]` : written(arg);
  });
  return ['kraken', words, ...shown].filter((part) => part !== '').join(' ');
}

function written(arg: string): string {
  const name = arg.replaceAll(/[<>[\].]/g, '').toUpperCase();
  return name === 'VALUES' ? 'PATH=VALUE…' : name;
}

function usageOf(command: Command): string {
  return `Usage: ${synopsis(command)}; more with --help`;
}

/** What was typed is no command. */
export function unknownCommand(words: readonly string[]): Failure {
  const text = words.join(' ');
  const [first = ''] = words;
  const family = familyOf(first);
  const seconds = family.map((one) => one.words.split(' ')[1]).join(', ');
  if (family.length > 0 && words.length === 1) return usage(`${text} needs a second word`, `One of: ${seconds}`);
  const known = [...COMMANDS.map((command) => command.words), ...OLD_WORDS.keys()];
  const near = closest(text, known);
  if (family.length > 0)
    return usage(`${text} is no command`, near ? `Did you mean kraken ${near}?` : `After ${first} comes one of: ${seconds}`);
  const half = known.find((one) => one.endsWith(` ${first}`)) ?? closest(first, [...new Set(known.map((one) => one.split(' ')[0] ?? ''))]);
  const meant = near ?? half;
  return usage(`${text} is no command`, `${meant ? `Did you mean kraken ${meant}? ` : ''}kraken --help shows all`);
}
