/** JSON Schema → TypeScript, for the part of JSON Schema that the protocol uses. All read-only: what crossed a pipe is never changed in place. */
import { header, type MethodSource, type Schema, type Source, stem } from './source.ts';

const doc = (text: string | undefined, indent = ''): string => (text === undefined ? '' : `${indent}/** ${text} */\n`);

export function typeOf(schema: Schema, indent = ''): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value).replaceAll('"', "'")).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => typeOf(one, indent)).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map((type: string) => typeOf({ type }, indent)).join(' | ');
  switch (schema.type) {
    case 'string':
    case 'boolean':
      return schema.type;
    case 'number':
    case 'integer':
      return 'number';
    case 'array':
      return arrayOf(schema, indent);
    case 'object':
      return objectOf(schema, indent);
    default:
      return 'Json';
  }
}

function arrayOf(schema: Schema, indent: string): string {
  const item = typeOf(schema.items ?? {}, indent);
  if (schema.minItems === 2 && schema.maxItems === 2) return `readonly [${item}, ${item}]`;
  return item.includes('|') || item.startsWith('readonly') ? `readonly (${item})[]` : `readonly ${item}[]`;
}

function objectOf(schema: Schema, indent: string): string {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) {
    const values = schema.additionalProperties;
    return typeof values === 'object' ? `Readonly<Record<string, ${typeOf(values, indent)}>>` : 'Readonly<Record<string, never>>';
  }
  const inner = `${indent}  `;
  const lines = properties.map(([name, value]) => {
    const mark = schema.required?.includes(name) === true ? '' : '?';
    return `${doc(value.description, inner)}${inner}readonly ${name}${mark}: ${typeOf(value, inner)};\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

const named = (name: string, schema: Schema): string => {
  const text = typeOf(schema);
  return `${doc(schema.description)}${text.startsWith('{') ? `export interface ${name} ${text}` : `export type ${name} = ${text};`}\n`;
};

function ofMethod(name: string, method: MethodSource): string[] {
  const base = stem(name);
  const params = named(`${base}Params`, { description: `\`${name}\`: ${method.doc}`, ...method.params });
  return method.result === undefined ? [params] : [params, named(`${base}Result`, method.result)];
}

/** sdk/wire/methods.ts: every type of the protocol, the typed table `Methods`, and the same table as data, `METHODS`. */
export function methodsModule({ protocol }: Source): string {
  const entries = Object.entries(protocol.methods);
  const { Json: _json, ...defs } = protocol.$defs;
  const typed = entries.map(([name, method]) => {
    const result = method.result === undefined ? 'undefined' : `${stem(name)}Result`;
    return `${doc(method.doc, '  ')}  readonly '${name}': { readonly params: ${stem(name)}Params; readonly result: ${result} };\n`;
  });
  const data = entries.map(([name, method]) => {
    const capability = method.capability === undefined ? 'undefined' : `'${method.capability}'`;
    return `  '${name}': { direction: '${method.direction}', kind: '${method.kind}', control: ${method.control === true}, capability: ${capability}, since: ${method.since} },\n`;
  });
  return [
    header('schemas/protocol.json'),
    `/** Version of the protocol. */\nexport const PROTOCOL = ${protocol.protocol};\n/** Bytes of the longest line, its newline not counted. */\nexport const LINE_LIMIT = ${protocol.lineLimit};\n`,
    '/** Any JSON value. */\nexport type Json = string | number | boolean | null | Json[] | { [key: string]: Json };\n',
    ...Object.entries(defs).map(([name, schema]) => named(name, schema)),
    ...entries.flatMap(([name, method]) => ofMethod(name, method)),
    `/** What each method is sent with and answered with. */\nexport interface Methods {\n${typed.join('')}}\n`,
    `/** The same table as data: who calls whom, and how. */\nexport const METHODS = {\n${data.join('')}} as const;\n`,
  ].join('\n');
}
