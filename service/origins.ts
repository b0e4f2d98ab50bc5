/** Which pages of others may take part: those of ALLOWED_ORIGINS, and our own. */
import cors from '@fastify/cors';
import type { FastifyRequest } from 'fastify';
import { isReturnTo } from '../workflows/input';
import type { App, Parts } from './parts';
import { ServiceError } from './problems';

type Config = Pick<Parts['config'], 'publicUrl' | 'allowedOrigins'>;

const isAllowed = ({ publicUrl, allowedOrigins }: Config, origin: string): boolean =>
  origin === new URL(publicUrl).origin || allowedOrigins.includes(origin);

/** Refuses an origin, or an address to return to, that is not on the list. Fails: `malformed`. */
export function requireAllowed(config: Config, { origin, returnTo }: { origin?: string; returnTo?: string }): void {
  if (origin !== undefined && !isAllowed(config, origin)) throw wrong('origin');
  if (returnTo === undefined) return;
  if (!isReturnTo(returnTo) || !isAllowed(config, new URL(returnTo).origin)) throw wrong('returnTo');
}

const wrong = (name: string) => new ServiceError('malformed', undefined, [{ name, code: 'malformed' }]);

/** Answers preflights of calls under `prefix`, for these origins alone; a token decides further. */
export function answerPreflights(app: App, { allowedOrigins }: Config, prefix: string): void {
  const options = {
    methods: ['GET', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'],
    exposedHeaders: ['X-Request-Id', 'Retry-After'],
    maxAge: 600,
  };
  // The plugin's own route takes what only begins like the prefix, too: /v1/sessions.
  const isBelow = ({ url }: FastifyRequest) => /^[/?]?$/.test(url.slice(prefix.length, prefix.length + 1));
  app.register(cors, {
    delegator: (request, done) => done(null, { ...options, origin: isBelow(request) && [...allowedOrigins] }),
  });
}
