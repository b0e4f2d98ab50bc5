/** The origins that may embed the element, and to which users may return: ALLOWED_ORIGINS and PUBLIC_URL's own. */
import cors from '@fastify/cors';
import type { FastifyRequest } from 'fastify';
import { isReturnTo } from '../workflows/input';
import type { App, Parts } from './parts';
import { malformed } from './problems';

type Config = Pick<Parts['config'], 'publicUrl' | 'allowedOrigins'>;

const isAllowed = ({ publicUrl, allowedOrigins }: Config, origin: string): boolean =>
  origin === new URL(publicUrl).origin || allowedOrigins.includes(origin);

/** Refuses an origin or a return address that is not on an allowed origin. Fails: malformed. */
export function requireAllowed(config: Config, { origin, returnTo }: { origin?: string; returnTo?: string }): void {
  if (origin !== undefined && !isAllowed(config, origin)) throw malformed('origin');
  if (returnTo === undefined) return;
  if (!isReturnTo(returnTo) || !isAllowed(config, new URL(returnTo).origin)) throw malformed('returnTo');
}

/** Answers CORS preflights of calls under `prefix` for the allowed origins. The token of the call decides further. */
export function answerPreflights(app: App, { allowedOrigins }: Config, prefix: string): void {
  const options = {
    methods: ['GET', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'],
    exposedHeaders: ['X-Request-Id', 'Retry-After'],
    maxAge: 600,
  };
  // @fastify/cors 11 registers `OPTIONS {prefix}*`, which also matches /v1/sessions under the prefix /v1/session.
  const isBelow = ({ url }: FastifyRequest) => /^[/?]?$/.test(url.slice(prefix.length, prefix.length + 1));
  app.register(cors, {
    delegator: (request, done) => done(null, { ...options, origin: isBelow(request) && [...allowedOrigins] }),
  });
}
