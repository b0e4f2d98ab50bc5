/** Builds the HTTP server of the service from its parts. `main.ts` makes it listen. */
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import { logoSources } from './brand';
import { reportAnswers } from './log';
import { openApiOptions } from './openapi';
import type { App, Parts } from './parts';
import { answerError, answerErrors } from './problem-answers';
import { ServiceError } from './problems';
import { backendRoutes } from './routes/backend';
import { pageRoutes } from './routes/pages';
import { serviceRoutes } from './routes/service';
import { sessionRoutes } from './routes/session';

const BODY_LIMIT_BYTES = 256 * 1024;
/** An account id of 200 characters, each sent as %C3%BC. */
const MAX_PARAM_LENGTH = 1200;
/** Limit for receiving a whole request. */
const REQUEST_TIMEOUT_MS = 30_000;
const CLOSE_CHECK_MS = 100;
const HALF_A_YEAR_S = 15_552_000;

export async function createApp(parts: Parts): Promise<App> {
  const { config } = parts;
  const app = createServer(config.publicUrl);
  app.decorateRequest('caller', '');
  for (const name of ['session', 'accountId', 'failure'] as const) app.decorateRequest(name, undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('X-Request-Id', request.id).header('Cache-Control', 'no-store');
  });
  reportAnswers(app, parts);
  closeConnections(app);
  await app.register(helmet, securityHeaders(config));
  await app.register(rateLimit, {
    global: false,
    timeWindow: '1 minute',
    errorResponseBuilder: () => new ServiceError('rateLimited'),
  });
  await app.register(swagger, openApiOptions(config.publicUrl));
  answerErrors(app);
  app.register(async (scope: App) => serviceRoutes(scope, parts));
  app.register(async (scope: App) => backendRoutes(scope, parts));
  app.register(async (scope: App) => sessionRoutes(scope, parts), { prefix: '/v1/session' });
  app.register(async (scope: App) => pageRoutes(scope, parts), { prefix: '/connect' });
  await app.ready();
  return app;
}

function createServer(publicUrl: string): App {
  const basePath = new URL(publicUrl).pathname.replace(/\/$/, '');
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false, // requests that arrive during the shutdown are answered
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    frameworkErrors: (err, request, reply) => answerError(err, request, reply),
    rewriteUrl: ({ url = '/' }) => withoutBase(url, basePath),
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
  }).withTypeProvider<ZodTypeProvider>();
  app.removeContentTypeParser('text/plain'); // JSON only; the pages add forms
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => JSON.stringify); // answers are not checked at run time: tests compare them
  return app;
}

/** Removes the path of PUBLIC_URL, so that a proxy may keep or remove this path. */
const withoutBase = (url: string, base: string): string =>
  base !== '' && (url === base || url.startsWith(`${base}/`) || url.startsWith(`${base}?`))
    ? url.slice(base.length) || '/'
    : url;

/**
 * After `close()`, closes all connections once no request waits for its answer. Node's `closeIdleConnections`
 * (Node 20.20) leaves connections open that never sent a request, as browsers open them
 * (https://github.com/nodejs/node/issues/63452), and those that were busy when `close()` was called.
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

const securityHeaders = ({ publicUrl, brand = {} }: Parts['config']) => ({
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
