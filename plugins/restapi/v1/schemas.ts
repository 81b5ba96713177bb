/** What `/api/v1` takes and answers with, as JSON Schema: of the protocol what is there already, of REST what is its own. */
import { DEFINITIONS } from './definitions.ts';

export type Schema = { readonly [keyword: string]: unknown };

const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more });
const count = (description: string): Schema => ({ type: 'integer', minimum: 0, description });
const list = (items: Schema): Schema => ({ type: 'array', items });
const object = (required: readonly string[], properties: { readonly [name: string]: Schema }, more: Schema = {}): Schema => ({
  type: 'object',
  required,
  properties,
  ...more,
});

/** The schema of this name: of the protocol's definitions, or of those below. */
export const ref = (name: string): Schema => ({ $ref: `${name}#` });

const OWN = {
  Problem: object(
    ['type', 'title', 'status', 'detail', 'instance', 'where', 'why', 'todo'],
    {
      type: text('urn:kraken:error:CODE of the protocol, or about:blank.'),
      title: text('What is refused.'),
      status: { type: 'integer', minimum: 400, maximum: 599 },
      detail: text('All of it in one line.'),
      instance: text('What was asked for.'),
      where: text('What it is about.'),
      why: text('The reason.'),
      todo: text('What to do about it.'),
      code: { type: 'integer', description: 'Of the protocol (PROTOCOL.md), where the host refused.' },
      field: text('A JSON Pointer into the body, or the name of a parameter or header.'),
    },
    { description: 'How everything is refused (RFC 9457).', additionalProperties: false },
  ),
  Node: object(
    ['id', 'rev'],
    {
      id: text('A UUID in lower case.'),
      name: text('Unique in the cluster; missing where it has none.'),
      cfg: { ...ref('Members'), description: 'What is wanted: the whole document, or with fields {path: value}.' },
      dsc: { ...ref('Members'), description: 'What was seen: the whole document, or with fields {path: value}.' },
      facts: { type: 'object', additionalProperties: ref('Fact'), description: 'What was seen by path, with who saw it and when.' },
      rev: { ...ref('Revision'), description: 'Of its last change: If-Match, unchangedSince.' },
    },
    { description: 'A node.', additionalProperties: false },
  ),
  NodePage: object(
    ['nodes', 'revision'],
    {
      nodes: list(ref('Node')),
      revision: { ...ref('Revision'), description: 'All changes until this one are in it.' },
      next: text('Pass as after for the next page; missing at the end.'),
    },
    { description: 'Nodes, sorted by name with its numbers as numbers.', additionalProperties: false },
  ),
  Document: { type: 'object', description: "A node's cfg: a whole document, in Kraken's dialect or the original's." },
  Patch: {
    type: 'object',
    description:
      'JSON Merge Patch (RFC 7396) of cfg: null removes. Its members why and force are no part of the node: they say why, and why to skip what can be skipped.',
  },
  Written: object(
    ['revision', 'nodes'],
    {
      revision: { ...ref('Revision'), description: 'The change is durable, and in every read from now on.' },
      nodes: count('Nodes that it was about.'),
      created: count('Of these, made.'),
      changed: count('Of these, changed.'),
      unchanged: count('Of these, as they were.'),
      removed: count('Of these, forgotten.'),
    },
    { description: 'What a change did.' },
  ),
  Token: object(
    ['id', 'user', 'role', 'created', 'until'],
    {
      id: text('What it is revoked by.'),
      user: text('Whose it is.'),
      role: { type: 'string', enum: ['viewer', 'operator', 'admin'] },
      created: ref('Millis'),
      until: ref('Millis'),
      token: text('The token itself: told once, when it is made.'),
    },
    { description: 'A token of a person or a program.', additionalProperties: false },
  ),
  Me: object(
    ['user', 'role', 'address', 'authentication', 'node'],
    {
      user: text('The name that changes are recorded under.'),
      role: { type: 'string', enum: ['viewer', 'operator', 'admin'] },
      address: text('Where it comes from.'),
      authentication: { type: 'string', enum: ['token', 'loopback'] },
      node: text('The node of the host itself: done to it only where it is named.'),
    },
    { description: 'Who asks, as this service knows it.', additionalProperties: false },
  ),
  Plugin: object(
    ['module', 'services'],
    { module: text('Its name.'), services: { type: 'array', items: { type: 'string' }, description: 'Its instances.' } },
    { description: 'A module that services run.', additionalProperties: false },
  ),
} as const;

/** Each with its name as `$id`: what fastify and ajv look references up by. */
export const SHARED: readonly Schema[] = Object.entries({ ...DEFINITIONS, ...OWN }).map(([name, schema]) => ({ $id: name, ...schema }));

/** Parameters of many routes. */
export const SELECTOR: Schema = text('A set of nodes: kr[1-4,9], @rack=r3, physState=POWER_OFF, !SET; empty = all.', { maxLength: 65_536 });
/** Whoever changes many says so: all is written out. */
export const TARGET: Schema = text('A set of nodes: kr[1-4,9], @rack=r3, physState=POWER_OFF, !SET, all.', {
  minLength: 1,
  maxLength: 65_536,
});
export const WHY: Schema = text('Kept in the history.', { minLength: 1, maxLength: 4_096 });
export const FORCE: Schema = text('Skip what can be skipped: the reason for it.', { minLength: 1, maxLength: 4_096 });
export const VIEW: Schema = {
  type: 'string',
  enum: ['cfg', 'dsc', 'both'],
  default: 'both',
  description: 'What is wanted, seen, or both.',
};
