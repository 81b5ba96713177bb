/**
 * Sets of nodes, as people name them.
 *
 *     set   := any { ',' any }             one of these: kr1,kr5  or  kr[1-4,9],@rack=r3
 *     any   := term { '&' term }           all of these at once: @rack=r3&physState=POWER_OFF
 *     term  := '!' term | 'all' | '*'
 *            | '@' LABEL [ '=' VALUE ]      has the label (with this value)
 *            | [ 'cfg.' ] PATH '=' VALUE    what is seen (or with cfg. wanted) there: physState=POWER_OFF, /pxe/state=WAIT, pxe.state=WAIT
 *            | NAME                         a name or id, with ranges: kr1, kr[1-4,9], kr[001-100]
 */
import type { Json, Path } from './declaration.ts';

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
  const any: Term[][] = [];
  for (const { part, at } of split(text, 0, ',')) any.push(split(part, at, '&').map((piece) => parseTerm(text, piece.part, piece.at)));
  return { text, any };
}

/** Splits outside of brackets. */
function split(text: string, offset: number, separator: string): { part: string; at: number }[] {
  const parts: { part: string; at: number }[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    const sign = text[i];
    if (sign === '[') depth++;
    else if (sign === ']') depth--;
    else if (i === text.length || (sign === separator && depth === 0)) {
      parts.push({ part: text.slice(from, i), at: offset + from });
      from = i + 1;
    }
  }
  if (from <= text.length && parts.length === 0) parts.push({ part: text, at: offset });
  return parts;
}

function parseTerm(whole: string, given: string, at: number): Term {
  const part = given.trim();
  if (part === '') throw new NodeSetError(whole, at, 'a name, @LABEL=VALUE, PATH=VALUE or !SET is expected here');
  if (part.startsWith('!')) return { kind: 'not', term: parseTerm(whole, part.slice(1), at + 1) };
  if (part === 'all' || part === '*') return { kind: 'all' };
  const equals = part.indexOf('=');
  if (part.startsWith('@')) {
    const label = equals < 0 ? part.slice(1) : part.slice(1, equals);
    if (label === '') throw new NodeSetError(whole, at + 1, 'the name of a label is expected after @');
    return { kind: 'label', label, value: equals < 0 ? undefined : part.slice(equals + 1) };
  }
  if (equals < 0) return { kind: 'names', names: new Set(expandNames(part, whole, at)) };
  const left = part.slice(0, equals);
  const view = left.startsWith('cfg.') ? 'cfg' : 'dsc';
  const path = left.replace(/^(cfg|dsc)\./, '');
  if (path === '' || path === '/') throw new NodeSetError(whole, at, 'a path is expected before =, e.g. physState=POWER_OFF');
  return { kind: 'value', view, path: path.startsWith('/') ? path : `/${path.replaceAll('.', '/')}`, value: part.slice(equals + 1) };
}

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
function expandNames(part: string, whole: string, at: number): string[] {
  const open = part.indexOf('[');
  if (open < 0) {
    if (part.includes(']')) throw new NodeSetError(whole, at + part.indexOf(']'), 'this ] has no [');
    return [part];
  }
  const close = part.indexOf(']', open);
  if (close < 0) throw new NodeSetError(whole, at + open, 'this [ has no ]');
  const tails = expandNames(part.slice(close + 1), whole, at + close + 1);
  const numbers = part
    .slice(open + 1, close)
    .split(',')
    .flatMap((range) => expandRange(range.trim(), whole, at + open + 1));
  if (numbers.length * tails.length > MOST_NAMES) throw new NodeSetError(whole, at + open, `more than ${MOST_NAMES} names`);
  return numbers.flatMap((number) => tails.map((tail) => part.slice(0, open) + number + tail));
}

function expandRange(range: string, whole: string, at: number): string[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(range);
  const first = match?.[1];
  if (first === undefined) throw new NodeSetError(whole, at, `${JSON.stringify(range)} is no number and no range like 1-16`);
  const last = match?.[2] ?? first;
  const from = Number(first);
  const to = Number(last);
  if (to < from) throw new NodeSetError(whole, at, `the range ${range} runs backwards`);
  if (to - from >= MOST_NAMES) throw new NodeSetError(whole, at, `more than ${MOST_NAMES} names`);
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i).padStart(first.length, '0'));
}

/** Names as a set, as short as it gets: kr1 kr2 kr3 kr9 → kr[1-3,9]. In the order of their numbers. */
export function foldNames(names: readonly string[]): string {
  const groups = new Map<string, { prefix: string; numbers: string[]; suffix: string }>();
  for (const name of names) {
    const match = /^(.*?)(\d+)(\D*)$/.exec(name);
    const [, prefix, digits, suffix] = match ?? [undefined, name, '', ''];
    const width = digits?.startsWith('0') ? digits.length : 0;
    const key = `${prefix}\0${suffix}\0${width}\0${digits === '' ? name : ''}`;
    const group = groups.get(key) ?? { prefix: prefix ?? '', numbers: [], suffix: suffix ?? '' };
    if (digits) group.numbers.push(digits);
    groups.set(key, group);
  }
  return [...groups.values()].map(foldGroup).join(',');
}

function foldGroup({ prefix, numbers, suffix }: { prefix: string; numbers: string[]; suffix: string }): string {
  if (numbers.length === 0) return prefix;
  if (numbers.length === 1) return `${prefix}${numbers[0]}${suffix}`;
  const sorted = [...new Set(numbers)].sort((a, b) => Number(a) - Number(b));
  const ranges: string[] = [];
  let first = sorted[0] ?? '';
  let last = first;
  for (const number of [...sorted.slice(1), '']) {
    if (number !== '' && Number(number) === Number(last) + 1 && number.length === String(Number(number)).padStart(first.startsWith('0') ? first.length : 0, '0').length) {
      last = number;
      continue;
    }
    ranges.push(first === last ? first : `${first}-${last}`);
    first = number;
    last = number;
  }
  return `${prefix}[${ranges.join(',')}]${suffix}`;
}
