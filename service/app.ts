/** Builds the HTTP server of the service from its parts. `main.ts` starts the server. */
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import { jsonOf } from '../workflows/connector';
import { answeredOf, reportAnswers } from './log';
import { openApiOptions } from './openapi';
import { Onboarded } from './onboarded';
import type { App, Parts } from './parts';
import { answerClientError, answerError, answerErrors } from './problem-answers';
import { requestCheck, ServiceError } from './problems';
import { backendRoutes } from './routes/backend';
import { cyclrRoutes } from './routes/cyclr';
import { pageRoutes } from './routes/pages';
import { serviceRoutes } from './routes/service';
import { sessionRoutes } from './routes/session';
import { securityHeaders, type Headers } from './security-headers';

const BODY_LIMIT_BYTES = 256 * 1024;
/**
 * The length of an account id of 200 characters if each character is encoded as six characters, such as `%C3%BC` for
 * `ü`.
 */
const MAX_PARAM_LENGTH = 1200;
/** The interval at which Node looks for slow requests. Node's default is 30 s. */
const SLOW_CHECK_MS = 1000;
/**
 * The time limit for the headers, and for the whole request. This limit plus the interval of Node's checks is 30 s, so
 * the service refuses a slow request after 30 s at the latest.
 */
const RECEIVE_TIMEOUT_MS = 30_000 - SLOW_CHECK_MS;
const CLOSE_CHECK_MS = 100;

export async function createApp(given: Omit<Parts, 'onboarded'>): Promise<App> {
  const parts = { ...given, onboarded: new Onboarded(given.auth) };
  const { config } = parts;
  const headers = securityHeaders(config);
  const app = createServer(parts, headers);
  parts.trace?.(app, parts); // must be the first hook, so that all other hooks run in the span of the request
  for (const name of ['caller', 'actor'] as const) app.decorateRequest(name, '');
  for (const name of ['session', 'accountId', 'failure', 'lost'] as const) app.decorateRequest(name, undefined);
  reportAnswers(app, parts);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers).header('X-Request-Id', request.id);
    const { httpVersion, headers: sent } = request.raw;
    if (sent.host === undefined && httpVersion !== '1.0') throw new ServiceError('brokenRequest');
  });
  closeConnections(app);
  await app.register(rateLimit, {
    global: false,
    timeWindow: '1 minute',
    errorResponseBuilder: () => new ServiceError('rateLimited'),
  });
  await app.register(swagger, openApiOptions(config.publicUrl));
  answerErrors(app);
  app.register(async (scope: App) => serviceRoutes(scope, parts));
  app.register(async (scope: App) => backendRoutes(scope, parts));
  app.register(async (scope: App) => cyclrRoutes(scope, parts));
  app.register(async (scope: App) => sessionRoutes(scope, parts), { prefix: '/v1/session' });
  app.register(async (scope: App) => pageRoutes(scope, parts), { prefix: '/connect' });
  await app.ready();
  return app;
}

const ofNode = {
  headersTimeout: RECEIVE_TIMEOUT_MS,
  requestTimeout: RECEIVE_TIMEOUT_MS,
  connectionsCheckingInterval: SLOW_CHECK_MS,
  requireHostHeader: false, // Node's own answer to a request without `Host` lacks the security headers
};

function createServer({ config, report }: Parts, headers: Headers): App {
  const basePath = new URL(config.publicUrl).pathname.replace(/\/$/, '');
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    http: ofNode,
    requestTimeout: ofNode.requestTimeout,
    return503OnClosing: false, // a request that arrives during the shutdown gets its usual answer
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    // Fastify calls no hook for the answers of `clientErrorHandler` and `frameworkErrors`. So `clientErrorHandler` and
    // `frameworkErrors` call `report` themselves.
    clientErrorHandler: (err, socket) => {
      const answered = answerClientError(err, socket, headers);
      if (answered) report(answered);
    },
    frameworkErrors: (err, request, reply) => {
      reply.raw.once('finish', () => report(answeredOf(request, reply)));
      answerError(err, request, reply.headers(headers));
    },
    rewriteUrl: ({ url = '/' }) => withoutBase(url, basePath),
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
  }).withTypeProvider<ZodTypeProvider>();
  acceptJson(app);
  // To a request with an unknown `Expect` header, Node would answer 417 without the security headers. HTTP allows a
  // server to ignore this header, so the service ignores it.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response));
  app.setValidatorCompiler(requestCheck);
  app.setSerializerCompiler(() => JSON.stringify); // answers are not checked against their schemas here: tests do this
  return app;
}

/**
 * Accepts JSON bodies. (The pages also accept forms.) An empty body counts as no body, because some HTTP clients send
 * the content type even for a call without a body. Fastify's parser refuses member names that could change the
 * prototype of an object. Fastify's error for these names is the error for broken JSON, so this function replaces this
 * error by `forbiddenName`.
 */
function acceptJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser(['text/plain', 'application/json']);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') return done(null);
    void parse(request, body, (err, parsed) =>
      done(err && jsonOf(body) !== undefined ? new ServiceError('forbiddenName') : err, parsed),
    );
  });
}

const ROUTES = /^\/(connect|v1|docs|openapi\.json|healthz|readyz)(?=[/?]|$)/;

/**
 * Removes the path of PUBLIC_URL from a URL. Some proxies keep this path in the requests that they forward, and other
 * proxies remove the path: the service works behind both kinds of proxies. The path of PUBLIC_URL can be the beginning
 * of a route, such as `/connect`. So this function removes the path only before a route.
 */
const withoutBase = (url: string, base: string): string =>
  url.startsWith(base) && ROUTES.test(url.slice(base.length)) ? url.slice(base.length) : url;

/**
 * After `close()`, closes all connections when all requests have their answers. Node's `closeIdleConnections` (Node
 * 20.20, https://github.com/nodejs/node/issues/63452) does not close two kinds of connections: connections that were
 * busy at the time of `close()`, and connections that have sent no request. Browsers open connections in advance,
 * before they have a request.
 */
function closeConnections(app: App): void {
  let [isClosing, pending] = [false, 0];
  app.addHook('onRequest', async (_request, reply) => {
    pending++;
    reply.raw.once('close', () => pending--);
  });
  app.addHook('onSend', async (_request, reply) => void (isClosing && reply.header('Connection', 'close')));
  app.addHook('preClose', async () => {
    isClosing = true;
    const timer = setInterval(() => pending === 0 && app.server.closeAllConnections(), CLOSE_CHECK_MS);
    app.server.once('close', () => clearInterval(timer));
  });
}
