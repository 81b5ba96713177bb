/** Who asks: `/me`, the session of a browser, and the tokens of people and programs. */
import { Terminal } from '@kraken-hpc/sdk';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { COOKIE } from '../access/access.ts';
import { ROLES, type Role } from '../access/roles.ts';
import { MOST_DAYS } from '../access/tokens.ts';
import type { Context } from '../context.ts';
import { Refused } from '../problem.ts';
import { answerWith, bodyOf, operation } from './operation.ts';
import { ref } from './schemas.ts';

const ME = { description: 'Who asks.', schema: ref('Me') };
/** As tokens are made; what is none of these would not survive in a cookie. */
const TOKEN = { type: 'string', minLength: 1, maxLength: 200, pattern: '^[A-Za-z0-9_-]+$' };

const meOf = ({ principal: { user, role, address, by } }: Pick<FastifyRequest, 'principal'>, node: string): object => ({
  user,
  role,
  address,
  authentication: by,
  node,
});

export function sessionRoutes(app: FastifyInstance, context: Context): void {
  const { access, tokens, config, now } = context;
  const cookie = (value: string, seconds: number): string =>
    `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${config.tls ? '; Secure' : ''}`;
  app.get('/me', operation({ id: 'me', tag: 'access', summary: 'Who asks', answers: { 200: ME } }), async (request) =>
    meOf(request, context.self),
  );
  app.post(
    '/session',
    operation({
      id: 'openSession',
      tag: 'access',
      summary: 'Keep a token as a cookie, which no script reads, until it ends',
      role: 'none',
      body: bodyOf({ token: TOKEN }, ['token']),
      answers: { 200: ME },
    }),
    async (request, reply) => {
      const { token } = request.body as { readonly token: string };
      const { authorization: _, ...headers } = request.headers;
      // As if it had come with the cookie: pages of others open no session here, and wrong tokens are counted.
      const principal = access.principal({ headers: { ...headers, cookie: `${COOKIE}=${token}` }, ip: request.ip });
      const seconds = Math.max(1, Math.floor(((tokens.verify(token)?.until ?? 0) - now()) / 1_000));
      return reply.header('set-cookie', cookie(token, seconds)).send(meOf({ principal }, context.self));
    },
  );
  app.delete(
    '/session',
    operation({ id: 'endSession', tag: 'access', summary: 'Forget the cookie', role: 'none', answers: { 204: 'It is forgotten.' } }),
    async (_request, reply) => reply.header('set-cookie', cookie('', 0)).status(204).send(),
  );
  tokenRoutes(app, context);
}

/** More tokens than are kept. */
function asRefusal(error: unknown): never {
  if (!(error instanceof Terminal)) throw error;
  throw new Refused(409, { what: 'no token is made', where: 'tokens', why: error.message, todo: 'DELETE /api/v1/tokens/ID revokes one' });
}

function tokenRoutes(app: FastifyInstance, { tokens, log }: Context): void {
  app.get(
    '/tokens',
    operation({
      id: 'listTokens',
      tag: 'access',
      summary: 'Who has tokens; not the tokens themselves',
      role: 'admin',
      answers: { 200: answerWith('The tokens.', { tokens: { type: 'array', items: ref('Token') } }) },
    }),
    async () => ({ tokens: tokens.list() }),
  );
  app.post(
    '/tokens',
    operation({
      id: 'createToken',
      tag: 'access',
      summary: 'A token for a person or a program; it is told once',
      role: 'admin',
      body: bodyOf(
        {
          user: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$' },
          role: { type: 'string', enum: [...ROLES] },
          days: { type: 'integer', minimum: 1, maximum: MOST_DAYS, default: 90 },
        },
        ['user', 'role'],
      ),
      answers: { 201: { description: 'The token.', schema: ref('Token') } },
    }),
    async (request, reply) => {
      const { user, role, days } = request.body as { readonly user: string; readonly role: Role; readonly days: number };
      const made = await tokens.create(user, role, days).catch(asRefusal);
      log('info', `${request.principal.user} made token ${made.id} for ${user} (${role})`);
      return reply.status(201).header('cache-control', 'no-store').send(made);
    },
  );
  app.delete(
    '/tokens/:id',
    operation({
      id: 'revokeToken',
      tag: 'access',
      summary: 'A token is not good any more',
      role: 'admin',
      path: { id: { type: 'string', minLength: 1, maxLength: 64 } },
      answers: { 204: 'It is not good any more.' },
    }),
    async (request, reply) => {
      const { id } = request.params as { readonly id: string };
      if (await tokens.revoke(id)) {
        log('info', `${request.principal.user} revoked token ${id}`);
        return reply.status(204).send();
      }
      throw new Refused(
        404,
        { what: 'there is nothing to revoke', where: id, why: 'no token has this id', todo: 'GET /api/v1/tokens lists all' },
        { field: 'id' },
      );
    },
  );
}
