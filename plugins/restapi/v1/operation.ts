/** One operation of the API, as fastify checks it and as the OpenAPI document shows it. */
import type { Role } from '../access/roles.ts';
import { ref, type Schema } from './schemas.ts';

type Properties = { readonly [name: string]: Schema };

export interface Operation {
  readonly id: string;
  readonly tag: 'nodes' | 'orders' | 'engine' | 'services' | 'events' | 'access' | 'health';
  readonly summary: string;
  /** Default: viewer to read, operator to write. */
  readonly role?: Role | 'none';
  /** Segments of the path. */
  readonly path?: Properties;
  readonly query?: Properties;
  /** Of the query. */
  readonly required?: readonly string[];
  readonly headers?: Properties;
  readonly body?: Schema;
  readonly takes?: readonly string[];
  /** By status; a string is the description of an answer without a body. */
  readonly answers: { readonly [status: number]: Answer | string };
}

export interface Answer {
  readonly description: string;
  readonly schema: Schema;
  /** Default: application/json. */
  readonly type?: string;
}

const objectOf = (properties: Properties, required: readonly string[], more: Schema): Schema => ({
  type: 'object',
  properties,
  required,
  ...more,
});

/** Unknown parameters are refused like unknown fields: a slip of the pen must not change all nodes. */
export function operation({ id, tag, summary, role, path, query = {}, required = [], headers, body, takes, answers }: Operation) {
  return {
    config: { ...(role === undefined ? {} : { role }) },
    schema: {
      operationId: id,
      tags: [tag],
      summary,
      ...(path ? { params: objectOf(path, Object.keys(path), {}) } : {}),
      querystring: objectOf(query, required, { additionalProperties: false }),
      ...(headers ? { headers: objectOf(headers, [], {}) } : {}),
      ...(body ? { body } : {}),
      ...(takes ? { consumes: [...takes] } : {}),
      ...(role === 'none' ? { security: [] } : {}),
      response: {
        ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
        default: answerOf({ description: 'It is refused.', schema: ref('Problem'), type: 'application/problem+json' }),
      },
    },
  };
}

function answerOf(answer: Answer | string): Schema {
  if (typeof answer === 'string') return { description: answer, type: 'null' };
  const { description, schema, type = 'application/json' } = answer;
  return { description, content: { [type]: { schema } } };
}

/** What many answer: it is done and durable, for so many nodes. */
export const DONE: Answer = { description: 'Done, and durable.', schema: ref('Done') };
export const WRITTEN: Answer = { description: 'Done, and durable.', schema: ref('Written') };

/** A JSON object as a body, of which no other members are known. */
export function bodyOf(properties: Properties, required: readonly string[] = []): Schema {
  return objectOf(properties, required, { additionalProperties: false });
}

export function answerWith(description: string, properties: Properties, required = Object.keys(properties)): Answer {
  return { description, schema: { type: 'object', required, properties } };
}
