/** The OpenAPI document as a judge: every answer of `/api/v1` in a test is held against what is promised for its route and status. */
import assert from 'node:assert/strict';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Answer, Rest } from './lab.ts';

interface Promised {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

interface Described {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, Promised>>;
}

export interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export class Contract {
  readonly document: Document;
  /** Operations that were asked, with the statuses they answered. */
  readonly seen = new Map<string, Set<number>>();
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #routes: readonly { readonly path: string; readonly pattern: RegExp }[];
  readonly #validators = new Map<object, ValidateFunction>();

  constructor(document: Document) {
    this.document = document;
    this.#ajv.addSchema({ $id: 'api', components: document.components });
    this.#routes = Object.keys(document.paths)
      // Words before parameters: /nodes/{node} is no /nodes/x/graph.
      .sort((a, b) => a.split('{').length - b.split('{').length)
      .map((path) => ({ path, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}/?$`) }));
  }

  /** All operations, by `GET /api/v1/nodes`. */
  operations(): { readonly method: string; readonly path: string; readonly about: Described }[] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, about]) => ({ method: method.toUpperCase(), path, about })),
    );
  }

  /** Fails where the answer is not as promised. */
  check(method: string, url: string, { status, headers, body }: Answer): void {
    const bare = url.split('?')[0] ?? '';
    const route = this.#routes.find(({ pattern }) => pattern.test(bare));
    const about = route && this.document.paths[route.path]?.[method.toLowerCase()];
    if (!about) {
      this.#holds(this.document.components.schemas['Problem'] as object, body, `${method} ${url} → ${status}, which is no route`);
      return;
    }
    const seen = this.seen.get(about.operationId) ?? new Set();
    this.seen.set(about.operationId, seen.add(status));
    const where = `${method} ${url} → ${status}`;
    const promised = about.responses[status] ?? (status >= 400 ? about.responses['default'] : undefined);
    assert.ok(promised, `${where}: the document knows no such status`);
    if (promised.content === undefined) {
      assert.equal(body, '', `${where}: a body was not promised`);
      return;
    }
    const type = (headers.get('content-type') ?? '').split(';')[0] ?? '';
    const schema = promised.content[type]?.schema;
    assert.ok(schema, `${where}: ${type} was not promised, but ${Object.keys(promised.content).join()}`);
    this.#holds(schema, body, where);
  }

  #holds(schema: object, body: unknown, where: string): void {
    let validate = this.#validators.get(schema);
    if (!validate) {
      validate = this.#ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"api#/components')) as object);
      this.#validators.set(schema, validate);
    }
    if (validate(body)) return;
    assert.fail(`${where}: not as promised: ${this.#ajv.errorsText(validate.errors)}\n${JSON.stringify(body).slice(0, 2_000)}`);
  }
}

/** Like `rest.ask`, and every answer is held against the document. */
export async function underContract(rest: Rest): Promise<{ readonly contract: Contract; readonly ask: Rest['ask'] }> {
  const contract = new Contract((await rest.ask('GET', '/api/v1/openapi.json')).body as Document);
  const ask: Rest['ask'] = async (method, path, body, headers) => {
    const answer = await rest.ask(method, path, body, headers);
    if (method !== 'HEAD') contract.check(method, path, answer);
    return answer;
  };
  return { contract, ask };
}
