/**
 * Sets of nodes, as people name them.
 *
 *     set   := any { ',' any }             one of these: kr1,kr5  or  kr[1-4,9],@rack=r3
 *     any   := term { '&' term }           all of these at once: @rack=r3&physState=POWER_OFF
 *     term  := '!' term | 'all' | '*'
 *            | '@' LABEL [ '=' VALUE ]      has the label (with this value)
 *            | [ 'cfg.' ] PATH '=' VALUE    what is seen (or with cfg. wanted) there: physState=POWER_OFF, /pxe/state=WAIT, pxe.state=WAIT
 *            | NAME                         a name or id, with ranges: kr1, kr[1-4,9], kr[001-100]
 *
 * `!` binds closer than `&`, and `&` closer than `,`. Spaces around a term do not count.
 */
import type { Json, Path } from '../wire/methods.ts';
import { parsePath } from './pointer.ts';

/** What a set is matched against. */
export interface Subject {
  readonly id: string;
  readonly name: string;
  label(name: string): string | undefined;
  value(view: 'cfg' | 'dsc', path: Path): Json | undefined;
}

type Term =
  | { readonly kind: 'all' }
  | { readonly kind: 'not'; readonly term: Term }
  | { readonly kind: 'names'; readonly names: ReadonlySet<string> }
  | { readonly kind: 'label'; readonly label: string; readonly value: string | undefined }
  | { readonly kind: 'value'; readonly view: 'cfg' | 'dsc'; readonly path: Path; readonly value: string };

/** Any of these, each all of those. */
export interface NodeSet {
  readonly text: string;
  readonly any: readonly (readonly Term[])[];
}

/** A set may name this many nodes one by one. */
const MOST_NAMES = 1_000_000;
/** Of digits in a name: more than that a number does not hold exactly. */
const MOST_DIGITS = 15;

/** What is wrong with a set, and at which character (from 1). */
export class NodeSetError extends Error {
  readonly position: number;

  constructor(text: string, position: number, expected: string) {
    super(`node set ${JSON.stringify(text)}, character ${position + 1}: ${expected}`);
    this.name = 'NodeSetError';
    this.position = position + 1;
  }
}

/** Throws NodeSetError. */
export function parseNodeSet(text: string): NodeSet {
  const parser: Parser = { text, left: MOST_NAMES };
  const any = split(text, 0, ',').map(({ part, at }) => split(part, at, '&').map((piece) => parseTerm(parser, piece.part, piece.at)));
  return { text, any };
}

/** The whole text, for messages, and how many names it may still name. */
interface Parser {
  readonly text: string;
  left: number;
}

/** Splits outside of brackets. */
function split(text: string, offset: number, separator: string): { part: string; at: number }[] {
  const parts: { part: string; at: number }[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    const sign = text[i];
    if (sign === '[') depth++;
    else if (sign === ']') depth = Math.max(0, depth - 1);
    else if (i === text.length || (sign === separator && depth === 0)) {
      parts.push({ part: text.slice(from, i), at: offset + from });
      from = i + 1;
    }
  }
  if (depth > 0) parts.push({ part: text.slice(from), at: offset + from });
  return parts;
}

function parseTerm(parser: Parser, given: string, start: number): Term {
  const { text } = parser;
  let at = start + given.length - given.trimStart().length;
  let part = given.trim();
  let isNot = false;
  while (part.startsWith('!')) {
    isNot = !isNot;
    at += part.length - part.slice(1).trimStart().length;
    part = part.slice(1).trimStart();
  }
  if (part === '') throw new NodeSetError(text, at, 'a name, @LABEL=VALUE, PATH=VALUE or !SET is expected here');
  const term = parsePlain(parser, part, at);
  return isNot ? { kind: 'not', term } : term;
}

function parsePlain(parser: Parser, part: string, at: number): Term {
  const { text } = parser;
  if (part === 'all' || part === '*') return { kind: 'all' };
  const equals = part.indexOf('=');
  if (part.startsWith('@')) {
    const label = equals < 0 ? part.slice(1) : part.slice(1, equals);
    if (label === '') throw new NodeSetError(text, at + 1, 'the name of a label is expected after @');
    return { kind: 'label', label, value: equals < 0 ? undefined : part.slice(equals + 1) };
  }
  if (equals < 0) return { kind: 'names', names: new Set(expandNames(parser, part, at)) };
  const left = part.slice(0, equals);
  const view = left.startsWith('cfg.') ? 'cfg' : 'dsc';
  const bare = left.replace(/^(cfg|dsc)\./, '');
  if (bare === '' || bare === '/') throw new NodeSetError(text, at, 'a path is expected before =, e.g. physState=POWER_OFF');
  const path = bare.startsWith('/') ? bare : `/${bare.replaceAll('.', '/')}`;
  try {
    parsePath(path);
  } catch (error) {
    throw new NodeSetError(text, at, (error as Error).message);
  }
  return { kind: 'value', view, path, value: part.slice(equals + 1) };
}

/** Whether the subject is in the set. A name that nobody has matches nothing; it is no error. */
export function matches(set: NodeSet, subject: Subject): boolean {
  return set.any.some((all) => all.every((term) => holds(term, subject)));
}

function holds(term: Term, subject: Subject): boolean {
  switch (term.kind) {
    case 'all':
      return true;
    case 'not':
      return !holds(term.term, subject);
    case 'names':
      return term.names.has(subject.name) || term.names.has(subject.id);
    case 'label': {
      const value = subject.label(term.label);
      return value !== undefined && (term.value === undefined || value === term.value);
    }
    case 'value': {
      const value = subject.value(term.view, term.path);
      return value !== undefined && typeof value !== 'object' && String(value) === term.value;
    }
    default:
      return term satisfies never;
  }
}

/** Whether the set speaks of this subject by its name or id, and not only of what it is like. */
export function isNamed(set: NodeSet, subject: Subject): boolean {
  return set.any.some(
    (all) => all.some((term) => term.kind === 'names' && holds(term, subject)) && all.every((term) => holds(term, subject)),
  );
}

/** The names, where the set is nothing but names: the caller can look them up. */
export function namesOf(set: NodeSet): readonly string[] | undefined {
  const names: string[] = [];
  for (const all of set.any) {
    const [only] = all;
    if (all.length !== 1 || only?.kind !== 'names') return undefined;
    for (const name of only.names) names.push(name);
  }
  return names;
}

/** `kr[1-3,9]` → kr1 kr2 kr3 kr9; `kr[001-003]` keeps its zeros. */
function expandNames(parser: Parser, part: string, at: number): string[] {
  let names = [''];
  let from = 0;
  for (let open = part.indexOf('['); open >= 0; open = part.indexOf('[', from)) {
    checkPlain(parser, part.slice(from, open), at + from);
    const close = part.indexOf(']', open);
    if (close < 0) throw new NodeSetError(parser.text, at + open, 'this [ has no ]');
    const numbers = expandRanges(parser, part.slice(open + 1, close), at + open + 1);
    if (numbers.length * names.length > parser.left)
      throw new NodeSetError(parser.text, at + open, `this makes more than ${MOST_NAMES} names`);
    const before = part.slice(from, open);
    names = names.flatMap((name) => numbers.map((number) => name + before + number));
    from = close + 1;
  }
  const rest = part.slice(from);
  checkPlain(parser, rest, at + from);
  parser.left -= names.length;
  if (parser.left < 0) throw new NodeSetError(parser.text, at, `this makes more than ${MOST_NAMES} names`);
  return rest === '' ? names : names.map((name) => name + rest);
}

/** What stands outside of brackets. */
function checkPlain({ text }: Parser, piece: string, at: number): void {
  if (piece.includes(']')) throw new NodeSetError(text, at + piece.indexOf(']'), 'this ] has no [');
  const space = piece.search(/\s/);
  if (space >= 0) throw new NodeSetError(text, at + space, 'a name has no spaces: names are separated by commas');
}

function expandRanges(parser: Parser, list: string, start: number): string[] {
  const numbers: string[] = [];
  let at = start;
  for (const piece of list.split(',')) {
    expandRange(parser, piece.trim(), at, numbers);
    at += piece.length + 1;
  }
  return numbers;
}

function expandRange({ text, left }: Parser, range: string, at: number, into: string[]): void {
  const match = /^(\d+)(?:-(\d+))?$/.exec(range);
  const first = match?.[1];
  if (first === undefined) throw new NodeSetError(text, at, `${JSON.stringify(range)} is no number and no range like 1-16`);
  const last = match?.[2] ?? first;
  if (Math.max(first.length, last.length) > MOST_DIGITS)
    throw new NodeSetError(text, at, `the range ${range} has a number of more than ${MOST_DIGITS} digits`);
  const from = Number(first);
  const to = Number(last);
  if (to < from) throw new NodeSetError(text, at, `the range ${range} runs backwards`);
  if (into.length + to - from >= left) throw new NodeSetError(text, at, `this makes more than ${MOST_NAMES} names`);
  for (let number = from; number <= to; number++) into.push(String(number).padStart(first.length, '0'));
}

/** Names that differ in one number only. */
interface Family {
  readonly prefix: string;
  readonly suffix: string;
  /** The digits, as written. */
  readonly numbers: Set<string>;
}

/** Names as a set, as short as it gets: kr1 kr2 kr3 kr9 → kr[1-3,9]. `parseNodeSet` gives the same names again. */
export function foldNames(names: Iterable<string>): string {
  const families = new Map<string, Family>();
  const single = new Set<string>();
  for (const name of names) {
    const match = /^(.*?)(\d{1,15})(\D*)$/s.exec(name);
    const [, prefix = '', digits = '', suffix = ''] = match ?? [];
    if (digits === '' || /\d$/.test(prefix)) {
      single.add(name);
      continue;
    }
    const key = `${prefix}\0${suffix}`;
    const family = families.get(key) ?? { prefix, suffix, numbers: new Set() };
    family.numbers.add(digits);
    families.set(key, family);
  }
  return [...single, ...[...families.values()].map(foldFamily)].join(',');
}

function foldFamily({ prefix, suffix, numbers }: Family): string {
  const ranges: { readonly first: string; readonly last: string }[] = [];
  const left = new Set(numbers);
  // Those with leading zeros begin runs first: 098 099 100 is one range, 98 99 100 another.
  for (const first of [...numbers].sort(byZerosThenSize)) {
    if (!left.delete(first)) continue;
    let last = first;
    for (let next = after(last, first.length); left.delete(next); next = after(last, first.length)) last = next;
    ranges.push({ first, last });
  }
  const sorted = ranges.sort((a, b) => Number(a.first) - Number(b.first));
  const [only] = sorted;
  if (only && sorted.length === 1 && only.first === only.last) return `${prefix}${only.first}${suffix}`;
  return `${prefix}[${sorted.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(',')}]${suffix}`;
}

/** The next number as a range that begins with so many digits writes it. */
function after(digits: string, width: number): string {
  return String(Number(digits) + 1).padStart(width, '0');
}

function byZerosThenSize(a: string, b: string): number {
  const zeros = Number(b.startsWith('0')) - Number(a.startsWith('0'));
  return zeros || Number(a) - Number(b) || a.length - b.length;
}
