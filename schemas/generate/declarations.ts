/** Reads the SDK's declarations as the compiler writes them: every name with its docstring and its text. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Named {
  readonly name: string;
  /** The file that it stands in, without `.d.ts`. */
  readonly file: string;
  readonly kind: 'function' | 'class' | 'interface' | 'type' | 'const';
  /** Without the stars; '' = there is none. */
  readonly doc: string;
  /** The declaration, docstrings of its members included. */
  readonly text: string;
}

interface DeclarationFile {
  readonly names: ReadonlyMap<string, Named>;
  /** By the name that they have here: where they come from, and what they are called there. */
  readonly from: ReadonlyMap<string, { readonly file: string; readonly name: string }>;
  /** What whoever imports this file gets. */
  readonly exported: readonly string[];
}

export type Declarations = (file: string) => DeclarationFile;

const TOKENS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|=>|[{}()[\]<>;]|\n/g;
const STATEMENT = /^(?:export )?(?:declare )?(?:abstract )?(function|class|interface|type|const) (\w+)/;

/** The statements of the top level, each with the comment before it. A class, an interface or a function in braces ends with its brace. */
function statementsOf(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  let depth = 0;
  const cut = (end: number): void => {
    if (text.slice(start, end).trim() !== '') found.push(text.slice(start, end).trim());
    start = end;
  };
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === '=>' || token.length > 1) continue;
    if ('{([<'.includes(token)) depth++;
    else if ('})]>'.includes(token)) {
      depth--;
      if (
        depth === 0 &&
        token === '}' &&
        /^\s*(?:;|$|\n(?:\/\*|export|declare|interface|type|import|abstract|class))/.test(text.slice(index + 1))
      )
        cut(index + 1);
    } else if (token === ';' && depth === 0) cut(index + 1);
  }
  cut(text.length);
  return found;
}

const withoutStars = (comment: string): string =>
  comment
    .replace(/^\/\*\*?|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();

/** The comment that stands last before the code is the code's. */
function split(statement: string): { doc: string; code: string } {
  const comments = /^(?:\s*(?:\/\*[\s\S]*?\*\/|\/\/[^\n]*))*/.exec(statement)?.[0] ?? '';
  const last = [...comments.matchAll(/\/\*\*[\s\S]*?\*\//g)].at(-1)?.[0] ?? '';
  return { doc: withoutStars(last), code: statement.slice(comments.length).trim() };
}

function read(file: string, text: string): DeclarationFile {
  const names = new Map<string, Named>();
  const from = new Map<string, { file: string; name: string }>();
  const exported: string[] = [];
  for (const statement of statementsOf(text)) {
    const { doc, code } = split(statement);
    const [, kind, name] = STATEMENT.exec(code) ?? [];
    if (kind !== undefined && name !== undefined) {
      names.set(name, { name, file, kind: kind as Named['kind'], doc, text: code.replace(/^export /, '').replace(/^declare /, '') });
      if (code.startsWith('export ')) exported.push(name);
      continue;
    }
    const [, word, list = '', , source] = /^(import|export) (?:type )?\{([^}]*)\}( from ['"]([^'"]+)['"])?/.exec(code) ?? [];
    for (const one of word === undefined ? [] : list.split(',').map((part) => part.trim().replace(/^type /, ''))) {
      if (one === '') continue;
      const [there = '', here = there] = one.split(' as ');
      if (source !== undefined) from.set(here, { file: posix.join(posix.dirname(file), source.replace(/\.[jt]s$/, '')), name: there });
      if (word === 'export') exported.push(here);
    }
  }
  return { names, from, exported };
}

/** Writes the declarations of the sources that are there now, and reads them as they are asked for. */
export function readDeclarations(): { readonly declarations: Declarations; readonly forget: () => void } {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'kraken-declarations-'));
  execFileSync(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '--project',
    join(root, 'sdk/tsconfig.json'),
    '--outDir',
    folder,
  ]);
  const files = new Map<string, DeclarationFile>();
  const declarations: Declarations = (file) => {
    const known = files.get(file) ?? read(file, readFileSync(join(folder, `${file}.d.ts`), 'utf8'));
    files.set(file, known);
    return known;
  };
  return { declarations, forget: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The declaration behind a name of a file, through whatever passes it on; undefined for names that are not of the SDK. */
export function resolve(declarations: Declarations, file: string, name: string): Named | undefined {
  const here = declarations(file);
  const own = here.names.get(name);
  if (own !== undefined) return own;
  const passed = here.from.get(name);
  return passed === undefined || !/^[\w/-]+$/.test(passed.file) || passed.file === 'json-rpc-2.0'
    ? undefined
    : resolve(declarations, passed.file, passed.name);
}
