/** The original leaves out every field at its zero value, as proto3's JSON mapping does; whoever reads it takes a missing one as zero. */
import type { Json } from '../wire/methods.ts';
import type { Vocabulary } from './original.ts';
import { type Doc, followed, isObject } from './pointer.ts';

const PREFIX = /^type\.googleapis\.com\//;

/** What zeros need to know of a schema, found out once: a cluster has thousands of nodes and a handful of schemas. */
class Shape {
  readonly #schema: Doc;
  readonly #root: Doc;
  readonly #properties: Doc | undefined;
  readonly #fields = new Map<string, Shape>();
  readonly #zeroName: Json | undefined;
  #elements: { readonly ofList: Shape | undefined; readonly ofMap: Shape | undefined } | undefined;

  constructor(schema: Doc, root: Doc) {
    this.#schema = schema;
    this.#root = root;
    const { properties, enum: names } = schema;
    this.#properties = isObject(properties) ? properties : undefined;
    // Where the original has a plain string, the schema's enum is ours alone.
    this.#zeroName = Array.isArray(names) && schema['x-original'] !== 'string' ? names[0] : undefined;
  }

  /** A message without its fields at zero. */
  message(value: Doc): { [member: string]: Json } {
    const result: { [member: string]: Json } = {};
    for (const member of Object.keys(value)) {
      const below = value[member] as Json;
      const shape = this.#field(member);
      if (shape === undefined) result[member] = below;
      else if (!shape.#isZero(below)) result[member] = shape.#within(below);
    }
    return result;
  }

  #field(name: string): Shape | undefined {
    let shape = this.#fields.get(name);
    if (shape === undefined && this.#properties !== undefined && Object.hasOwn(this.#properties, name)) {
      shape = this.#shapeOf(this.#properties[name]);
      if (shape) this.#fields.set(name, shape);
    }
    return shape;
  }

  #shapeOf(schema: Json | undefined): Shape | undefined {
    const known = followed(schema, this.#root);
    return known && new Shape(known, this.#root);
  }

  /** Elements of lists and maps are kept at zero too: only fields have a zero that goes without saying. */
  #within(value: Json): Json {
    if (value === null || typeof value !== 'object') return value;
    this.#elements ??= { ofList: this.#shapeOf(this.#schema['items']), ofMap: this.#shapeOf(this.#schema['additionalProperties']) };
    const { ofList, ofMap } = this.#elements;
    if (Array.isArray(value)) return ofList ? value.map((item) => ofList.#within(item)) : value;
    if (this.#properties) return this.message(value as Doc);
    return ofMap ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, ofMap.#within(item as Json)])) : value;
  }

  #isZero(value: Json): boolean {
    if (Array.isArray(value)) return value.length === 0;
    if (isObject(value)) return this.#properties === undefined && Object.keys(value).length === 0;
    return this.#zeroName === undefined ? value === '' || value === 0 || value === false : value === this.#zeroName;
  }
}

/** By schema; schemas that are gone take theirs with them. */
const shapes = new WeakMap<Doc, Shape>();

function shapeOf(schema: Doc, root: Doc): Shape {
  let shape = shapes.get(schema);
  if (shape === undefined) {
    shape = new Shape(schema, root);
    shapes.set(schema, shape);
  }
  return shape;
}

/** Of a node in the original's dialect, the same node without its zero values: '', 0, false, an enum's first name, empty lists and maps. */
export function withoutZeros(node: Doc, words: Vocabulary): Doc {
  const { services, extensions, busy, ...others } = node;
  const fields = busy === undefined || busy === 'FREE' ? others : { ...others, busy };
  const result = shapeOf(words.core, words.core).message(fields);
  if (Array.isArray(services) && services.length > 0) {
    const { Service } = words.core['$defs'] as { readonly Service: Doc };
    result['services'] = services.map((service) => shapeOf(Service, words.core).message(service as Doc));
  }
  if (Array.isArray(extensions) && extensions.length > 0) {
    result['extensions'] = extensions.map((extension) => {
      const schema = words.type(String((extension as Doc)['@type']).replace(PREFIX, ''))?.schema;
      return schema ? shapeOf(schema, schema).message(extension as Doc) : extension;
    });
  }
  return result;
}
