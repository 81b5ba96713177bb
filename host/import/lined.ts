/** YAML whose every value knows its line. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml';
import type { Finding } from './imported.ts';

export type Members = ReadonlyMap<string, Lined>;

export interface Lined {
  readonly line: number;
  /** Scalars as they were written, empty where nothing was. */
  readonly value: string | Members | readonly Lined[];
}

const MOST_DEPTH = 32;

/** One document. A YAML anchor that is referred to is read where it stands. */
export function readLined(text: string): Lined | Finding {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, schema: 'failsafe' });
  const [error] = document.errors;
  if (error)
    return {
      line: error.linePos?.[0].line ?? 1,
      text: `it is no YAML: ${(error.message.split('\n')[0] ?? '').replace(/ at line.*$/, '')}`,
    };
  const lineOf = (node: Node): number => counter.linePos(node.range?.[0] ?? 0).line;
  const read = (node: ParsedNode | Node | null, depth: number): Lined => {
    if (node === null || depth > MOST_DEPTH) return { line: 1, value: '' };
    const line = lineOf(node);
    if (isAlias(node)) return read((node.resolve(document) as Node | undefined) ?? null, depth + 1);
    if (isScalar(node)) return { line, value: node.value === null || node.source === '~' ? '' : String(node.value) };
    if (isSeq(node)) return { line, value: node.items.map((item) => read(item as Node, depth + 1)) };
    if (!isMap(node)) return { line, value: '' };
    const members = node.items.flatMap(({ key, value }): (readonly [string, Lined])[] => {
      const inner = read(value as Node | null, depth + 1);
      const name = isScalar(key) ? String(key.value) : '';
      // `<<: *anchor`: what stands in the map itself counts more.
      if (name === '<<') return [...membersOf(inner)].filter(([member]) => !node.has(member));
      // What matters to a person is where the key stands.
      return [[name, { ...inner, line: key ? lineOf(key as Node) : inner.line }]];
    });
    return { line, value: new Map(members) };
  };
  return read(document.contents, 0);
}

export function isMembers(lined: Lined | undefined): lined is Lined & { readonly value: Members } {
  return lined !== undefined && lined.value instanceof Map;
}

/** Its members; none where it is something else. */
export function membersOf(lined: Lined | undefined): Members {
  return isMembers(lined) ? lined.value : new Map();
}

/** The text of a scalar; undefined: not there, empty, or no scalar. */
export function textOf(lined: Lined | undefined): string | undefined {
  return typeof lined?.value === 'string' && lined.value !== '' ? lined.value : undefined;
}
