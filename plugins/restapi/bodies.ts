/** JSON bodies, read and bounded: what is nested without end would overflow every reader behind us. */
import type { FastifyInstance } from 'fastify';
import { Refused } from './problem.ts';

/** Deeper than any node, whatever it is wrapped in. */
const DEEPEST = 100;

export function readBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser(['application/json', 'application/merge-patch+json'], { parseAs: 'string' }, (request, body, done) => {
    parse(request, body as string, (error, value) => done(error ?? (isDeeper(value, DEEPEST) ? tooDeep() : null), value));
  });
}

function isDeeper(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (left === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeper(item, left - 1));
  for (const member in value) if (isDeeper((value as Record<string, unknown>)[member], left - 1)) return true;
  return false;
}

function tooDeep(): Refused {
  return new Refused(
    400,
    { what: 'the request is refused', where: 'body', why: `it is nested deeper than ${DEEPEST}`, todo: 'Make it flatter' },
    { field: 'body' },
  );
}
