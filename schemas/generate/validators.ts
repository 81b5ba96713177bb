/**
 * JSON Schema → checking code, for the part of JSON Schema that the protocol uses. ajv's standalone code for the same schemas has
 * 300 kB (this: a tenth) and would be in every module; a test holds that both accept and refuse the same.
 */
import { header, type Schema, type Source } from './source.ts';

const KNOWN = new Set([
  '$ref',
  'description',
  'title',
  '$id',
  '$schema',
  '$comment',
  'type',
  'enum',
  'required',
  'properties',
  'additionalProperties',
  'propertyNames',
  'minProperties',
  'items',
  'minItems',
  'maxItems',
  'anyOf',
  'oneOf',
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
]);

const ARTICLE: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'an array',
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'a boolean',
};
const TEST: Readonly<Record<string, string>> = {
  object: 'isObject(v)',
  array: 'Array.isArray(v)',
  string: "typeof v === 'string'",
  number: "typeof v === 'number'",
  integer: 'Number.isInteger(v)',
  boolean: "typeof v === 'boolean'",
};

const quote = (value: unknown): string => JSON.stringify(value);
const unless = (test: string, message: string): string => `  if (!(${test})) return no(${quote(message)});\n`;

/** Collects the functions; equal schemas share one. */
class Checks {
  readonly #source: Source;
  readonly #names = new Map<string, string>();
  readonly code: string[] = [];

  constructor(source: Source) {
    this.#source = source;
  }

  /** The name of the function that checks this schema, made if it is new. */
  of(schema: Schema, wanted?: string): string {
    const unknown = Object.keys(schema).find((keyword) => !KNOWN.has(keyword));
    if (unknown !== undefined)
      throw new Error(`the keyword ${unknown} has no checking code: add it to schemas/generate/validators.ts or do without`);
    if (schema.$ref !== undefined) return this.#ref(schema.$ref);
    const text = JSON.stringify(schema, (key, value: unknown) => (key === 'description' && typeof value === 'string' ? undefined : value));
    const known = this.#names.get(text);
    if (known !== undefined && wanted === undefined) return known;
    const name = wanted ?? `check${this.#names.size}`;
    this.#names.set(text, name);
    const body = this.#body(schema);
    this.code.push(
      body === '' ? `const ${name}: Check = () => undefined;\n` : `const ${name}: Check = (v) => {\n${body}  return undefined;\n};\n`,
    );
    return name;
  }

  #ref(ref: string): string {
    const name = ref.slice('#/$defs/'.length);
    const schema = this.#source.protocol.$defs[name];
    if (schema === undefined) throw new Error(`${ref} names no type of protocol.json`);
    const key = `ref ${name}`;
    if (!this.#names.has(key)) {
      this.#names.set(key, name);
      this.of(schema, name);
    }
    return name;
  }

  #body(schema: Schema): string {
    return this.#type(schema) + this.#scalar(schema) + this.#array(schema) + this.#object(schema) + this.#choice(schema);
  }

  #type({ type }: Schema): string {
    if (type === undefined) return '';
    const types: readonly string[] = typeof type === 'string' ? [type] : type;
    return unless(types.map((one) => TEST[one]).join(' || '), `must be ${types.map((one) => ARTICLE[one]).join(' or ')}`);
  }

  #scalar(schema: Schema): string {
    const { enum: values, minLength, maxLength, pattern, minimum, maximum, exclusiveMinimum } = schema;
    let body = '';
    if (values !== undefined)
      body += unless(values.map((value) => `v === ${quote(value)}`).join(' || '), `must be one of ${values.join(', ')}`);
    if (minLength !== undefined)
      body += unless(`v.length >= ${minLength}`, minLength === 1 ? 'must not be empty' : `must have at least ${minLength} characters`);
    if (maxLength !== undefined) body += unless(`v.length <= ${maxLength}`, `must have at most ${maxLength} characters`);
    if (pattern === '^/') body += unless('v.charCodeAt(0) === 47', 'must begin with a slash');
    else if (pattern !== undefined) body += unless(`${new RegExp(pattern as string)}.test(v)`, `must match ${pattern}`);
    if (minimum !== undefined) body += unless(`v >= ${minimum}`, `must be at least ${minimum}`);
    if (maximum !== undefined) body += unless(`v <= ${maximum}`, `must be at most ${maximum}`);
    if (exclusiveMinimum !== undefined) body += unless(`v > ${exclusiveMinimum}`, `must be more than ${exclusiveMinimum}`);
    return body;
  }

  #array({ items, minItems, maxItems }: Schema): string {
    let body = '';
    if (minItems !== undefined)
      body += unless(`v.length >= ${minItems}`, `must have at least ${minItems} item${minItems === 1 ? '' : 's'}`);
    if (maxItems !== undefined) body += unless(`v.length <= ${maxItems}`, `must have at most ${maxItems} items`);
    if (items === undefined) return body;
    return `${body}  for (let i = 0; i < v.length; i++) {\n    const m = ${this.of(items)}(v[i]);\n    if (m !== undefined) return under(i, m);\n  }\n`;
  }

  /** One pass over the members: known ones by name, the rest by `additionalProperties`. */
  #object(schema: Schema): string {
    const { required = [], properties = {}, additionalProperties: rest, propertyNames, minProperties } = schema;
    const lacks = required.map((name) => `  if (v[${quote(name)}] === undefined) return no(${quote(`lacks ${name}`)});\n`).join('');
    const few =
      minProperties === undefined
        ? ''
        : unless(
            `Object.keys(v).length >= ${minProperties}`,
            `must have at least ${minProperties} member${minProperties === 1 ? '' : 's'}`,
          );
    const names =
      propertyNames === undefined
        ? ''
        : `    const n = ${this.of(propertyNames as Schema)}(k);\n    if (n !== undefined) return under(k, no(\`as a name \${n.message}\`));\n`;
    const cases = Object.entries(properties).map(
      ([name, value]) => `      case ${quote(name)}:\n        m = ${this.of(value)}(v[k]);\n        break;\n`,
    );
    if (rest === false) cases.push(`      default:\n        return no(\`has a field that nobody knows: \${k}\`);\n`);
    else if (typeof rest === 'object' && this.#checks(rest)) cases.push(`      default:\n        m = ${this.of(rest)}(v[k]);\n`);
    const closed = rest === false && cases.length === 1;
    const members = closed
      ? `    return no(\`has a field that nobody knows: \${k}\`);\n`
      : cases.length === 0
        ? ''
        : `    let m: Misfit | undefined;\n    switch (k) {\n${cases.join('')}    }\n    if (m !== undefined) return under(k, m);\n`;
    const loop = names === '' && members === '' ? '' : `  for (const k in v) {\n${names}${members}  }\n`;
    return lacks + few + loop;
  }

  /** False for a schema that accepts everything (Json): not worth a call for each value. */
  #checks(schema: Schema): boolean {
    const target = schema.$ref === undefined ? schema : (this.#source.protocol.$defs[schema.$ref.slice('#/$defs/'.length)] ?? {});
    return Object.keys(target).some((keyword) => keyword !== 'description');
  }

  #choice({ anyOf, oneOf }: Schema): string {
    const some = (all: readonly Schema[], test: (fits: string) => string, message: string): string =>
      unless(test(all.map((one) => `${this.of(one)}(v) === undefined`).join(',')), message);
    let body = '';
    if (anyOf !== undefined) body += some(anyOf, (fits) => `[${fits}].includes(true)`, 'fits none of its forms');
    if (oneOf !== undefined)
      body += some(
        oneOf as readonly Schema[],
        (fits) => `[${fits}].filter(Boolean).length === 1`,
        `must have exactly one of ${(oneOf as readonly Schema[]).flatMap((one) => one.required ?? []).join(', ')}`,
      );
    return body;
  }
}

/** sdk/wire/validators.ts: `VALIDATORS`, a function for the params and the result of each method. */
export function validatorsModule(source: Source): string {
  const checks = new Checks(source);
  const rows = Object.entries(source.protocol.methods).map(([name, method]) => {
    const result = method.result === undefined ? '' : `, result: ${checks.of(method.result)}`;
    return `  ${quote(name)}: { params: ${checks.of(method.params)}${result} },\n`;
  });
  const manifest = checks.of(source.manifest);
  return [
    header('schemas/protocol.json and manifest.json'),
    "import { type Check, isObject, type Misfit, no, under } from './misfit.ts';\n",
    ...checks.code,
    `/** By method; a notification has no result. */\nexport const VALIDATORS: Readonly<Record<string, { readonly params: Check; readonly result?: Check }>> = {\n${rows.join('')}};\n`,
    `/** The \`kraken\` key of a plugin's package.json. */\nexport const checkManifest: Check = ${manifest};\n`,
  ].join('\n');
}
