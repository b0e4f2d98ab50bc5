/**
 * The origins that may embed the element, and to which users may return: ALLOWED_ORIGINS, and the origin of PUBLIC_URL.
 */
import cors from '@fastify/cors';
import type { FastifyRequest } from 'fastify';
import { isReturnTo } from '../workflows/input';
import type { App, Parts } from './parts';
import { faultIn, malformed } from './problems';

type Config = Pick<Parts['config'], 'publicUrl' | 'allowedOrigins'>;

const isAllowed = ({ publicUrl, allowedOrigins }: Config, origin: string): boolean =>
  origin === new URL(publicUrl).origin || allowedOrigins.includes(origin);

/**
 * Checks the addresses, and returns them as the URL parser writes them. The service uses only the addresses that this
 * parser has written, because another parser could understand the caller's text as a different address. Fails:
 * `malformed`, `originNotAllowed`.
 */
export function allowedAddresses(
  config: Config,
  { origin, returnTo }: { origin?: string; returnTo?: string },
): { origin?: string; returnTo?: string } {
  return {
    ...(origin !== undefined && { origin: allowedAddress(config, 'origin', origin, isBareOrigin).origin }),
    ...(returnTo !== undefined && { returnTo: allowedAddress(config, 'returnTo', returnTo, isReturnUrl).href }),
  };
}

const isBareOrigin = ({ href, origin }: URL): boolean => href === `${origin}/`;
const isReturnUrl = ({ href }: URL): boolean => isReturnTo(href);

function allowedAddress(config: Config, name: string, given: string, isValid: (url: URL) => boolean): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !isValid(url)) throw malformed(name);
  if (!isAllowed(config, url.origin)) throw faultIn('addressNotAllowed', name);
  return url;
}

/**
 * Answers the CORS preflights of calls under `prefix`, for each origin in ALLOWED_ORIGINS. Any other OPTIONS request
 * gets the answer for an unknown path. The service still checks the call that follows, and refuses it if its session
 * was made for another origin.
 */
export function answerPreflights(app: App, { allowedOrigins }: Config, prefix: string): void {
  const options = {
    methods: ['GET', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'],
    exposedHeaders: ['X-Request-Id', 'Retry-After'],
    maxAge: 600,
  };
  // @fastify/cors 11 registers `OPTIONS {prefix}*`, which also matches /v1/sessions under the prefix /v1/session.
  const isBelow = ({ url }: FastifyRequest) => /^[/?]?$/.test(url.slice(prefix.length, prefix.length + 1));
  const isAnswered = ({ method, headers }: FastifyRequest) =>
    method !== 'OPTIONS' ||
    (allowedOrigins.includes(headers.origin ?? '') && headers['access-control-request-method'] !== undefined);
  app.register(cors, {
    delegator: (request, done) =>
      done(null, { ...options, origin: isBelow(request) && isAnswered(request) && [...allowedOrigins] }),
  });
}
