/** Authenticates callers before the body of a request is read. A backend needs an API key, a browser needs a token. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OfSession } from '../client/http/requests';
import { MAX_BY } from '../workflows/input';
import type { ApiKey } from './keys';
import type { App, Parts } from './parts';
import { ServiceError } from './problems';
import type { Session, TokenKind } from './tokens';

/** The highest number of calls of one caller in a minute, at each instance of the service. */
const limits = { backend: 1200, session: 120 };
/** The highest number of calls with a wrong API key from one client address in a minute, at each instance. */
const MAX_WRONG_KEYS = 100;

/**
 * Requires an API key for the routes of this scope. Limits the calls of each key, and the calls with wrong keys from
 * each client address. The service never refuses a call with a valid key because of calls with wrong keys: all callers
 * behind a proxy have the same address. Fails: unauthorized, rateLimited.
 */
export function requireApiKey(app: App, { apiKeys }: Pick<Parts, 'apiKeys'>): void {
  // The plugin counts the calls of up to 5,000 addresses, and counts all addresses of an IPv6 /64 network as one.
  const wrongKeys = app.createRateLimit({ max: MAX_WRONG_KEYS });
  app.addHook('onRequest', async (request, reply) => {
    const key = bearerOf(request);
    const known = apiKeys.find(key);
    if (known) return setBackend(request, known);
    const result = key === '' ? undefined : await wrongKeys(request);
    if (!result || result.isAllowed || !result.isExceeded) throw new ServiceError('unauthorized');
    reply.header('Retry-After', result.ttlInSeconds);
    throw new ServiceError('rateLimited');
  });
  app.addHook('onRequest', rateLimiter(app, limits.backend));
}

/**
 * Requires a token of `kind` for the routes of this scope. If a request has the header `Origin`, this header must
 * contain the service's own origin or the origin of the session. Limits the calls of each session. Fails: unauthorized,
 * tokenExpired, originNotAllowed, rateLimited.
 */
export function requireToken(app: App, { tokens, config }: Pick<Parts, 'tokens' | 'config'>, kind: TokenKind): void {
  const ownOrigin = new URL(config.publicUrl).origin;
  app.addHook('onRequest', async (request, reply) => {
    const session = await tokens[kind](bearerOf(request));
    requireOrigin(request, reply, [ownOrigin, session.origin]);
    setSession(request, session, `session ${limitedId(session)}`);
  });
  app.addHook('onRequest', rateLimiter(app, limits.session));
}

/**
 * Gives the session of each request of this scope the present connectors of its onboarding. For a session of an
 * onboarding, this hook needs a worker. Fails: noWorker, paused, and notFound if Temporal no longer has the onboarding.
 */
export function readConnectors(app: App, { onboarded }: Pick<Parts, 'onboarded'>): void {
  app.addHook('onRequest', async (request) => {
    request.session = await onboarded.withConnectors(sessionOf(request));
  });
}

function setBackend(request: FastifyRequest, { id, name }: ApiKey): void {
  [request.caller, request.actor] = [`key ${id}`, name === undefined ? 'backend' : `backend:${name}`];
}

/** Sets the session of a request. `caller`: the id by which a limit counts the request. */
export function setSession(request: FastifyRequest, session: Session, caller: string): void {
  [request.caller, request.actor] = [caller, `session:${session.id}`];
  [request.session, request.accountId] = [session, session.accountId];
}

/** Characters that can hide or reorder text: control and format characters, line separators, half surrogate pairs. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/**
 * The `by` of an action: `actor` of the request, then a space and the name of the person. The default is the person of
 * the session. The name of a person can't make `by` look like the `by` of another actor, because an actor contains no
 * space.
 */
export function byOf({ actor, session }: Pick<FastifyRequest, 'actor' | 'session'>, person = session?.by): string {
  const whole = person === undefined ? actor : `${actor} ${person}`;
  return whole.slice(0, MAX_BY).replace(UNPRINTABLE, ' ').trimEnd();
}

/**
 * The id by which limits count calls. All sessions that were made from one invitation share the id of the invitation.
 */
export const limitedId = ({ id, invitation }: Session): string => invitation ?? id;

/**
 * Checks the header `Origin`. Browsers send this header with each call to another origin, but other callers need not
 * send it.
 */
function requireOrigin(
  { headers: { origin } }: FastifyRequest,
  reply: FastifyReply,
  allowed: (string | undefined)[],
): void {
  if (origin === undefined || allowed.includes(origin)) return;
  reply.removeHeader('Access-Control-Allow-Origin');
  throw new ServiceError('originNotAllowed');
}

/** A hook that limits the calls of each `request.caller` in a minute. Fails: rateLimited. */
export function rateLimiter(app: App, max: number): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const limit = app.rateLimit({ max, keyGenerator: ({ caller }) => caller });
  return async (request, reply) => void (await limit.call(app, request, reply));
}

/**
 * Makes a function that counts an answer as open until the connection of the answer closes. `max`: the highest number
 * of open answers of each `request.caller`, at each instance of the service. Fails: rateLimited.
 */
export function openAnswers(max: number): (request: FastifyRequest, reply: FastifyReply) => void {
  const open = new Map<string, number>();
  return ({ caller }, reply) => {
    const count = open.get(caller) ?? 0;
    if (count >= max) throw new ServiceError('rateLimited');
    open.set(caller, count + 1);
    onceClosed(reply, () => {
      const left = (open.get(caller) ?? 1) - 1;
      if (left > 0) open.set(caller, left);
      else open.delete(caller);
    });
  };
}

/**
 * Calls `action` when the connection of an answer closes, or at once if the connection has closed already. The caller
 * can leave before a route's handler runs, because hooks can wait for an answer of Temporal.
 */
export function onceClosed({ raw }: FastifyReply, action: () => void): void {
  if (raw.destroyed) action();
  else raw.once('close', action);
}

/** The session of a request that passed {@link requireToken}. */
export function sessionOf({ session }: Pick<FastifyRequest, 'session'>): Session {
  if (!session) throw new ServiceError('unauthorized');
  return session;
}

/**
 * A connector of the request's session. Fails: `notFound` for any other connector. So the answer does not tell whether
 * another connector exists.
 */
export function ownConnector(request: FastifyRequest, { connectorId }: { connectorId: number }) {
  const { accountId, connectorIds } = sessionOf(request);
  if (!connectorIds.includes(connectorId)) throw new ServiceError('notFound');
  return { accountId, connectorId };
}

/** The key or token in the header `Authorization`; an empty text if there is none. */
export function bearerOf({ headers: { authorization = '' } }: Pick<FastifyRequest, 'headers'>): string {
  return /^Bearer ([\w.~+/=-]{1,8192})$/i.exec(authorization)?.[1] ?? '';
}

/**
 * Requires that a connector in the path belongs to the session, before the shape of the body is checked. Fails:
 * notFound.
 */
export function requireOwnConnector(app: App): void {
  app.addHook('preValidation', async (request) => {
    const { data } = OfSession.safeParse(request.params);
    if (data) ownConnector(request, data);
  });
}

/** Reads a POST without a body as a POST with an empty object. */
export function allowNoBody(app: App): void {
  app.addHook('preValidation', async (request) => {
    if (request.body === undefined && request.method === 'POST') request.body = {};
  });
}
