/** The HTTP server: limits, who asks, how refusals look, and the routes of both dialects and of the pages. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import statics from '@fastify/static';
import { Terminal } from '@kraken-hpc/sdk';
import { Ajv2020 } from 'ajv/dist/2020.js';
import {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import { readBodies } from './bodies.ts';
import { isLoopback, readTls } from './config.ts';
import type { Context } from './context.ts';
import { Meter } from './meter.ts';
import { originalRoutes } from './original/routes.ts';
import { answerAtOnce, problemOf, Refused, refusedOf } from './problem.ts';
import { v1Routes } from './v1/routes.ts';

/** Milliseconds until all of a request must have come. */
const REQUEST = 60_000;
const HEADERS = 10_000;
const IDLE = 75_000;
/** Bytes. */
const MOST_HEADERS = 16_384;
const SCRIPTS = "default-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export async function buildServer(context: Context): Promise<FastifyInstance> {
  const { config } = context;
  const app = fastify({
    loggerInstance: loggerOf(context),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.bodyMiB * 1024 * 1024,
    requestTimeout: REQUEST,
    keepAliveTimeout: IDLE,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
    return503OnClosing: true,
    forceCloseConnections: true,
    frameworkErrors: (error, request, reply) => void refuse(context, error, request, reply as FastifyReply),
    clientErrorHandler: (error, socket) => unreadable(error, socket),
    exposeHeadRoutes: true,
    http: { headersTimeout: HEADERS, maxHeaderSize: MOST_HEADERS },
    ...(config.tls
      ? { https: { ...readTls(config.tls), minVersion: 'TLSv1.2', headersTimeout: HEADERS, maxHeaderSize: MOST_HEADERS } }
      : {}),
  }) as FastifyInstance;
  app.server.maxConnections = config.connections;
  const ajv = new Ajv2020({ strict: false, allErrors: false, coerceTypes: false, useDefaults: true });
  const ajvOfTexts = new Ajv2020({ strict: false, allErrors: false, coerceTypes: 'array', useDefaults: true });
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? ajv : ajvOfTexts).compile(schema as object));
  // Answers are ours: to leave out what a schema does not name would hide a mistake in the schema.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  readBodies(app);
  app.setErrorHandler((error, request, reply) => refuse(context, error as Error, request, reply));
  app.setNotFoundHandler((request, reply) => refuse(context, notFound(request), request, reply));
  guard(app, context);
  const meter = new Meter();
  app.addHook('onResponse', async (request, reply) => meter.note(request, reply));
  await app.register(cors, {
    origin: config.origins.includes('*') ? '*' : config.origins.length > 0 ? [...config.origins] : false,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['content-type', 'authorization', 'if-match', 'if-none-match', 'last-event-id'],
    exposedHeaders: ['etag', 'retry-after'],
    maxAge: 600,
  });
  await app.register(rateLimit, {
    max: config.requestsPerSecond || Number.MAX_SAFE_INTEGER,
    timeWindow: 1_000,
    hook: 'preHandler',
    keyGenerator: (request) => (request.principal?.token === undefined ? request.ip : request.principal.user),
    allowList: (request) => config.requestsPerSecond === 0 || isLoopback(request.ip),
    errorResponseBuilder: (request) => tooFast(request, config.requestsPerSecond),
  });
  await app.register(async (scope) => originalRoutes(scope, context));
  await app.register(async (scope) => v1Routes(scope, context, meter), { prefix: '/api/v1' });
  await pages(app, context);
  return app;
}

/** Who asks, before anything else is looked at; what a browser is told of us. */
function guard(app: FastifyInstance, context: Context): void {
  app.decorateRequest('principal');
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer').header('x-frame-options', 'DENY');
    if (context.config.tls) reply.header('strict-transport-security', 'max-age=31536000');
    if (request.method === 'OPTIONS') return;
    const role = request.routeOptions.config.role ?? (request.method === 'GET' || request.method === 'HEAD' ? 'viewer' : 'operator');
    if (role === 'none' || request.is404) return;
    request.principal = context.access.principal(request);
    context.access.need(request.principal, role);
  });
}

function refuse(context: Context, error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refused = refusedOf(error) ?? ofFastify(error as FastifyError) ?? broken(context, error, request);
  if (refused.retryAfter !== undefined) reply.header('retry-after', refused.retryAfter);
  if (refused.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply
    .status(refused.status)
    .type('application/problem+json')
    .send(problemOf(refused, request.url.slice(0, 1_000)));
}

/** What fastify refuses without looking into it. */
const FIELDS: Readonly<Record<number, string>> = { 400: 'body', 413: 'body', 415: 'content-type' };

/** What fastify refuses by itself: bodies that are too large, no JSON, or not as the schema says. */
function ofFastify(error: FastifyError): Refused | undefined {
  const { statusCode = 500, validation, validationContext = 'body' } = error;
  if (validation) {
    const [first] = validation;
    const { additionalProperty, missingProperty } = (first?.params ?? {}) as { additionalProperty?: string; missingProperty?: string };
    const below = additionalProperty ?? missingProperty;
    const pointer = `${first?.instancePath ?? ''}${below === undefined ? '' : `/${below}`}`;
    // Of what is no body, the name of the parameter.
    const field = validationContext === 'body' ? pointer : (pointer.split('/')[1] ?? '');
    const words = {
      what: 'the request is refused',
      where: `${validationContext} ${field}`.trim(),
      why: additionalProperty === undefined ? (first?.message ?? error.message) : 'nobody knows this field',
      todo: 'Correct it; /api/v1/openapi.json has all fields',
    };
    return new Refused(400, words, { field: field === '' ? validationContext : field });
  }
  if (statusCode < 400 || statusCode >= 500) return undefined;
  const words = {
    what: 'the request is refused',
    where: '',
    why: error.message,
    todo: 'Correct it; /api/v1/openapi.json says what is taken',
  };
  const field = error.code === 'FST_ERR_BAD_URL' ? 'url' : FIELDS[statusCode];
  return new Refused(statusCode, words, field === undefined ? {} : { field });
}

/** What came is no HTTP, or not within its limits. */
function unreadable(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return;
  const [status, why] = UNREADABLE[error.code ?? ''] ?? [400, 'it is no HTTP'];
  const words = { what: 'the request is refused', where: '', why, todo: 'Correct it; /api/v1/openapi.json says what is taken' };
  answerAtOnce(socket, new Refused(status, words, { field: 'headers' }), '');
}

const UNREADABLE: Readonly<Record<string, readonly [status: number, why: string]>> = {
  HPE_HEADER_OVERFLOW: [431, `its headers are larger than ${MOST_HEADERS} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'it did not come to its end in time'],
};

/** A fault of ours: told in full to the log, and to nobody else. */
function broken(context: Context, error: Error, request: FastifyRequest): Refused {
  context.log('error', `${request.method} ${request.routeOptions.url ?? '?'}: ${error.stack ?? error.message}`);
  return new Refused(500, {
    what: 'it could not be answered',
    where: '',
    why: 'something is broken in this service',
    todo: 'Its log has the rest (kraken service logs); please report it',
  });
}

function notFound({ method, url }: FastifyRequest): Refused {
  return new Refused(404, {
    what: 'there is nothing here',
    where: `${method} ${url.slice(0, 200)}`,
    why: 'no route has this path and method',
    todo: '/api/v1/openapi.json has all',
  });
}

function tooFast(request: FastifyRequest, most: number): Refused {
  const words = {
    what: 'the request is refused',
    where: request.principal?.user ?? request.ip,
    why: `more than ${most} a second came from there`,
    todo: 'Wait a second, and ask less often',
  };
  return new Refused(429, words, { retryAfter: 1 });
}

/** The built pages, where there are some; without them `/` says what there is. */
async function pages(app: FastifyInstance, { config, log }: Context): Promise<void> {
  const root = config.pages === '' ? undefined : folderOf(config.pages);
  if (root === undefined) {
    if (config.pages !== '') log('info', `no pages are served: ${config.pages} is not there, or not built`);
    app.get('/', { config: { role: 'none' } }, async () => ({ api: '/api/v1', description: '/api/v1/openapi.json' }));
    return;
  }
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, role: 'none' };
    });
    await scope.register(statics, {
      root,
      index: ['index.html'],
      setHeaders: (response, path) => {
        response.setHeader('content-security-policy', SCRIPTS);
        response.setHeader('cache-control', /-[\w-]{8,}\.\w+$/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  });
}

/** A package with `kraken.pages`, or a folder. */
function folderOf(pages: string): string | undefined {
  if (isAbsolute(pages)) return pages;
  const require = createRequire(import.meta.url);
  let manifest: string;
  try {
    manifest = require.resolve(`${pages}/package.json`);
  } catch {
    return undefined;
  }
  const { kraken } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly kraken?: { readonly pages?: string } };
  if (typeof kraken?.pages !== 'string') throw new Terminal(`config pages = ${pages}: its package.json names no kraken.pages`);
  const folder = join(dirname(manifest), kraken.pages);
  return existsSync(join(folder, 'index.html')) ? folder : undefined;
}

/** Only what is wrong with fastify itself is logged through it: requests may hold secrets. */
function loggerOf({ log }: Context): FastifyBaseLogger {
  const silent = (): void => undefined;
  const words = (given: unknown, message?: unknown): string => String(typeof given === 'string' ? given : (message ?? given));
  const logger: FastifyBaseLogger = {
    level: 'warn',
    trace: silent,
    debug: silent,
    info: silent,
    silent,
    warn: (given: unknown, message?: unknown) => log('warn', words(given, message)),
    error: (given: unknown, message?: unknown) => log('error', words(given, message)),
    fatal: (given: unknown, message?: unknown) => log('error', words(given, message)),
    child: () => logger,
  };
  return logger;
}
