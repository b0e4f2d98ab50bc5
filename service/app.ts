/** The service, of its parts. It does not listen yet. */
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger, { type SwaggerOptions } from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import { jsonSchemaTransform, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import { isAccountId } from '../workflows/connector';
import { logoSources } from './brand';
import { completed } from './document';
import { knownRoutes } from './known-routes';
import type { App, Parts } from './parts';
import { answers, documentOf, ServiceError, serviceErrorOf } from './problems';
import { backendRoutes } from './routes/backend';
import { pageRoutes } from './routes/pages';
import { serviceRoutes } from './routes/service';
import { sessionRoutes } from './routes/session';

const BODY_LIMIT_BYTES = 256 * 1024;
/** An account id of 200 characters, each sent as %C3%BC. */
const PARAM_LIMIT = 1200;
/** How long a whole request may take to arrive. */
const REQUEST_MS = 30_000;
const SWEEP_MS = 100;
const HALF_A_YEAR_S = 15_552_000;

export async function createApp(parts: Parts): Promise<App> {
  const { publicUrl } = parts.config;
  const basePath = new URL(publicUrl).pathname.replace(/\/$/, '');
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_MS,
    return503OnClosing: false, // what has arrived is answered
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    frameworkErrors: (err, request, reply) => answerError(err, request, reply),
    rewriteUrl: ({ url = '/' }) => withoutBase(url, basePath),
    routerOptions: { maxParamLength: PARAM_LIMIT },
  }).withTypeProvider<ZodTypeProvider>();
  app.removeContentTypeParser('text/plain'); // JSON alone; pages add forms
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => JSON.stringify); // the schemas of answers are for the document: tests compare
  app.setErrorHandler(answerError);
  decorate(app);
  reportAnswers(app, parts);
  endConnections(app);
  await app.register(helmet, safety(parts.config));
  await app.register(rateLimit, {
    global: false,
    timeWindow: '1 minute',
    errorResponseBuilder: () => new ServiceError('rateLimited'),
  });
  await app.register(swagger, documentation(publicUrl));
  const methodsOf = knownRoutes(app);
  // Before a body is read: Fastify refuses a QUERY that has none, whatever its path.
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return answerUnknown(request, reply, methodsOf(pathOf(request)));
  });
  app.register(async (scope: App) => serviceRoutes(scope, parts));
  app.register(async (scope: App) => backendRoutes(scope, parts));
  app.register(async (scope: App) => sessionRoutes(scope, parts), { prefix: '/v1/session' });
  app.register(async (scope: App) => pageRoutes(scope, parts), { prefix: '/connect' });
  await app.ready();
  return app;
}

/** Behind a proxy that passes the path of PUBLIC_URL on as behind one that takes it off. */
const withoutBase = (url: string, base: string): string =>
  base !== '' && (url === base || url.startsWith(`${base}/`) || url.startsWith(`${base}?`))
    ? url.slice(base.length) || '/'
    : url;

const pathOf = ({ url }: FastifyRequest): string => url.split('?')[0]!;

function decorate(app: App): void {
  app.decorateRequest('caller', '');
  for (const name of ['session', 'accountId', 'failure'] as const) app.decorateRequest(name, undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('X-Request-Id', request.id).header('Cache-Control', 'no-store');
  });
}

/** Once it is told to stop, no connection outlives the answers that are waited for; nor one that never asked for any. */
function endConnections(app: App): void {
  let [stopping, answering] = [false, 0];
  const sweep = () => answering === 0 && app.server.closeAllConnections();
  app.addHook('onRequest', async (_request, reply) => {
    answering++;
    reply.raw.once('close', () => answering--);
  });
  app.addHook('onSend', async (_request, reply) => void (stopping && reply.header('Connection', 'close')));
  app.addHook('preClose', async () => {
    stopping = true;
    const timer = setInterval(sweep, SWEEP_MS);
    app.server.once('close', () => clearInterval(timer));
  });
}

/** What is told of an answer: the pattern of its route, never the URL. */
function reportAnswers(app: App, { report }: Parts): void {
  app.addHook('onResponse', async (request, reply) => {
    const known = request.caller !== '' || undefined; // whoever is not can call an account what he likes
    const { accountId } = Object(request.params) as { accountId?: unknown };
    report({
      method: request.method,
      route: request.is404 ? '(none)' : (request.routeOptions.url ?? '(none)'),
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime),
      requestId: request.id,
      accountId: known && (request.accountId ?? (isAccountId(accountId) ? accountId : undefined)),
      error: reply.statusCode === 500 ? traceOf(request.failure) : undefined,
    });
  });
}

/** Where an error came from, without its message: that can quote what was sent. */
function traceOf(err: unknown): { type: string; at: string[] } {
  const { name = 'unknown', stack = '' } = err instanceof Error ? err : {};
  const at = stack.split('\n').filter((line) => /^ {4}at /.test(line));
  return { type: name, at: at.slice(0, 8).map((line) => line.trim()) };
}

const safety = ({ publicUrl, brand = {} }: Parts['config']) => ({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:', ...logoSources(brand)],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  strictTransportSecurity: publicUrl.startsWith('https:') && { maxAge: HALF_A_YEAR_S },
  // `no-referrer` would make a form send `Origin: null`.
  referrerPolicy: { policy: 'same-origin' as const },
  xFrameOptions: { action: 'deny' as const },
});

const documentation = (publicUrl: string): SwaggerOptions => ({
  openapi: {
    openapi: '3.1.0',
    info: { title: 'cyclr-connect onboarding service', version: '0.1.0' },
    servers: [{ url: publicUrl }],
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'A key of your backend.' },
        session: { type: 'http', scheme: 'bearer', description: 'The token of a session.' },
        invitation: { type: 'http', scheme: 'bearer', description: 'The token of an invitation.' },
      },
    },
  },
  transform: jsonSchemaTransform,
  transformObject: completed,
});

function answerError(err: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  request.failure = err;
  return answerProblem(serviceErrorOf(err), request, reply);
}

function answerUnknown(request: FastifyRequest, reply: FastifyReply, methods: string[]): FastifyReply {
  if (methods.length === 0) return answerProblem(new ServiceError('notFound'), request, reply);
  return answerProblem(new ServiceError('methodNotAllowed'), request, reply.header('Allow', methods.join(', ')));
}

function answerProblem(error: ServiceError, { id }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, retryAfterS } = answers[error.code];
  if (retryAfterS !== undefined && !reply.hasHeader('Retry-After')) reply.header('Retry-After', retryAfterS);
  if (status === 401) reply.header('WWW-Authenticate', 'Bearer');
  reply.header('X-Request-Id', id).type('application/problem+json');
  return reply.code(status).send(JSON.stringify(documentOf(error, id)));
}
