/** Data as source text: what a definition says, in the language of a module. */
import type { Json } from '../core/declaration.ts';

export interface Language {
  string(text: string): string;
  key(name: string): string;
  readonly words: { readonly true: string; readonly false: string; readonly null: string };
  /** Of one step, in spaces. */
  readonly indent: number;
  /** Inside the braces of what stands in one line. */
  readonly padding: string;
}

const quoted = (text: string): string => `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

export const JAVASCRIPT: Language = {
  string: quoted,
  key: (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name)),
  words: { true: 'true', false: 'false', null: 'null' },
  indent: 2,
  padding: ' ',
};

export const PYTHON: Language = {
  string: (text) => JSON.stringify(text),
  key: (name) => JSON.stringify(name),
  words: { true: 'True', false: 'False', null: 'None' },
  indent: 4,
  padding: '',
};

const WIDTH = 120;

/** In one line where it fits; `depth` is how far in the line begins that it stands in. */
export function literal(value: Json, language: Language, depth: number): string {
  const flat = inLine(value, language);
  if (flat.length + depth * language.indent <= WIDTH || typeof value !== 'object' || value === null) return flat;
  const inner = ' '.repeat((depth + 1) * language.indent);
  const outer = ' '.repeat(depth * language.indent);
  const rows = Array.isArray(value)
    ? value.map((one) => literal(one, language, depth + 1))
    : Object.entries(value).map(([key, one]) => `${language.key(key)}: ${literal(one, language, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${rows.map((row) => `${inner}${row},\n`).join('')}${outer}${close}`;
}

function inLine(value: Json, language: Language): string {
  if (typeof value === 'string') return language.string(value);
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean' || value === null) return language.words[`${value}`];
  if (Array.isArray(value)) return `[${value.map((one) => inLine(one, language)).join(', ')}]`;
  const members = Object.entries(value).map(([key, one]) => `${language.key(key)}: ${inLine(one, language)}`);
  return members.length === 0 ? '{}' : `{${language.padding}${members.join(', ')}${language.padding}}`;
}
