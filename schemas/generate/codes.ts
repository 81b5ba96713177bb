import { header, type Source } from './source.ts';

const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** sdk/wire/codes.ts: the error table, by name and by code. */
export function codesModule({ errors }: Source): string {
  const codes = errors.map(({ name, code, meaning }) => `  /** ${meaning} */\n  ${name}: ${code},\n`);
  const table = errors.map(
    ({ name, code, retry, meaning, operator }) =>
      `  [${code}, { code: ${code}, name: '${name}', retry: '${retry}', meaning: ${text(meaning)}, operator: ${text(operator)} }],\n`,
  );
  return [
    header('schemas/errors.json'),
    `/** Every error code, by name. */\nexport const CODES = {\n${codes.join('')}} as const;\n`,
    '/** The name of an error of the table. */\nexport type ErrorName = keyof typeof CODES;\n',
    "/** never = the same call cannot succeed; later = nothing has failed, ask again; now = a failed attempt. */\nexport type Retry = 'never' | 'later' | 'now';\n",
    '/** A row of the error table. */\nexport interface ErrorKind {\n  readonly code: number;\n  readonly name: ErrorName;\n  readonly retry: Retry;\n  readonly meaning: string;\n  /** What the operator does. */\n  readonly operator: string;\n}\n',
    `const KINDS: ReadonlyMap<number, ErrorKind> = new Map<number, ErrorKind>([\n${table.join('')}]);\n`,
    '/** What a code means and what to do; undefined for a code that is not in errors.json. */\nexport function errorKind(code: number): ErrorKind | undefined {\n  return KINDS.get(code);\n}\n',
  ].join('\n');
}
