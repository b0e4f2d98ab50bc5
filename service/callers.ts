/** Who may call: backends by their key, browsers by their session. Asked before a body is read. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App, Parts } from './parts';
import { ServiceError } from './problems';
import type { Session } from './tokens';

/** Calls of one caller in a minute, at each instance of the service. */
const limits = { backend: 1200, session: 120 };

/** Lets only backends with a key in, and so many of their calls. */
export function forBackends(app: App, { apiKeys }: Pick<Parts, 'apiKeys'>): void {
  app.addHook('onRequest', async (request) => {
    const id = apiKeys.idOf(bearerOf(request));
    if (id === undefined) throw new ServiceError('unauthorized');
    request.caller = `key ${id}`;
  });
  app.addHook('onRequest', limiter(app, limits.backend));
}

/** Lets only holders of a token in, from its own origin, and so many of their calls. */
export function forBrowsers(
  app: App,
  { tokens, config }: Pick<Parts, 'tokens' | 'config'>,
  kind: 'session' | 'invitation',
): void {
  const own = new URL(config.publicUrl).origin;
  app.addHook('onRequest', async (request, reply) => {
    const session = await tokens[kind](bearerOf(request));
    requireOrigin(request, reply, session, own);
    [request.session, request.caller, request.accountId] = [session, `session ${session.id}`, session.accountId];
  });
  app.addHook('onRequest', limiter(app, limits.session));
}

/** A browser always says where a call to another origin comes from; other callers need not. */
function requireOrigin(
  { headers: { origin } }: FastifyRequest,
  reply: FastifyReply,
  session: Session,
  own: string,
): void {
  if (origin === undefined || origin === own || origin === session.origin) return;
  reply.removeHeader('Access-Control-Allow-Origin');
  throw new ServiceError('originNotAllowed');
}

/** Counts the calls of whoever `caller` is. */
export function limiter(app: App, max: number): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const limit = app.rateLimit({ max, keyGenerator: ({ caller }) => caller });
  return async (request, reply) => void (await limit.call(app, request, reply));
}

/** The session of a call in the scope of sessions. */
export function sessionOf({ session }: Pick<FastifyRequest, 'session'>): Session {
  if (!session) throw new ServiceError('unauthorized');
  return session;
}

/** One of the session's own connectors: whether another one exists is nobody's business. Fails: notFound. */
export function ownConnector(request: FastifyRequest, { connectorId }: { connectorId: number }) {
  const { accountId, connectorIds } = sessionOf(request);
  if (!connectorIds.includes(connectorId)) throw new ServiceError('notFound');
  return { accountId, connectorId };
}

function bearerOf({ headers: { authorization = '' } }: FastifyRequest): string {
  return /^Bearer ([\w.~+/=-]{1,8192})$/i.exec(authorization)?.[1] ?? '';
}

/** A call without a body says as much as one with an empty object. */
export function allowNoBody(app: App): void {
  app.addHook('preValidation', async (request) => {
    if (request.body === undefined && request.method === 'POST') request.body = {};
  });
}
