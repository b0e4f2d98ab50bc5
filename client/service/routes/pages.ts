/** What a browser shows: the connect page, the way to a third party's consent, and the way back. */
import formbody from '@fastify/formbody';
import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { StateName } from '../../../workflows/messages';
import { limiter } from '../callers';
import { connectScript } from '../connect-script';
import { returned, withView } from '../flows';
import { html, page } from '../html';
import type { App, Parts } from '../parts';
import { answers, ServiceError, serviceErrorOf } from '../problems';
import { returnUrl } from '../return-url';
import type { Attempt } from '../tokens';

/** Calls of one session, or for one attempt, in a minute. */
const MAX_CALLS = 30;
const hide = { schema: { hide: true } };

/** Everything under /connect. */
export function pageRoutes(app: App, parts: Parts): void {
  app.register(formbody);
  app.setErrorHandler((err, request, reply) => showTrouble(serviceErrorOf(err), err, request, reply));
  connectPage(app);
  goingOut(app, parts);
  comingBack(app, parts);
}

/** The token is in the fragment, which no server gets to see: this page is the same for everybody. */
function connectPage(app: App): void {
  const body = html`<p id="status">…</p>
    <ul id="connectors"></ul>
    <noscript><p>This page needs JavaScript.</p></noscript>
    <script src="connect/script.js" defer></script>`;
  app.route({
    method: ['GET', 'HEAD'],
    url: '',
    ...hide,
    handler: (_request, reply) => show(reply, page('Connect', body)),
  });
  app.get('/script.js', hide, (_request, reply) => reply.type('text/javascript; charset=utf-8').send(connectScript));
}

const GoForm = z.object({
  session: z.string(),
  connectorId: z
    .string()
    .regex(/^[1-9]\d{0,15}$/)
    .transform(Number),
});

/**
 * A form's target is the new window, so that the click itself opens it. It goes on by a refresh: Chrome applies the
 * `form-action` of the page's policy to every redirect that follows a form.
 */
function goingOut(app: App, { auth, tokens, config }: Parts): void {
  const own = new URL(config.publicUrl).origin;
  const limit = limiter(app, MAX_CALLS);
  app.post('/go', { schema: { hide: true, body: GoForm } }, async function (request, reply) {
    const { session: token, connectorId } = request.body;
    const session = await tokens.session(token);
    const { origin } = request.headers;
    if (origin === undefined || (origin !== own && origin !== session.origin))
      throw new ServiceError('originNotAllowed');
    if (!session.connectorIds.includes(connectorId)) throw new ServiceError('notFound');
    [request.caller, request.accountId] = [`going out ${session.id}`, session.accountId];
    await limit(request, reply);
    const key = { accountId: session.accountId, connectorId };
    const attemptId = randomUUID();
    const returnTo = await returnUrl({ tokens, config }, { ...key, attemptId });
    const { url } = await withView(auth, key, () =>
      auth.requestAuthorization(key, { attemptId, returnTo, by: 'user' }),
    );
    const body = html`<p>For ${session.accountLabel ?? session.accountId}.</p>
      <p><a href="${url}">Go on</a></p>`;
    return show(reply, page('Taking you there …', body, { afterS: 0, to: url }));
  });
}

/** Whoever comes proves nothing. Cyclr is asked, once for each attempt, whatever else there is in the address. */
function comingBack(app: App, { auth, tokens }: Parts): void {
  const limit = limiter(app, MAX_CALLS);
  app.head('/return', hide, (_request, reply) => show(reply, ''));
  app.get('/return', hide, async (request, reply) => {
    const token = tokenIn(request.query);
    const attempt = token === undefined ? undefined : await tokens.attemptOf(token);
    if (!attempt) return show(reply.code(400), neutral());
    const { accountId, connectorId, attemptId }: Attempt = attempt;
    [request.caller, request.accountId] = [`attempt ${attemptId}`, accountId];
    await limit(request, reply);
    const { state, connector } = await returned(auth, { accountId, connectorId }, attemptId);
    const name = connector?.name ?? 'The connector';
    const again = state === 'verifyingAuthorization' ? { afterS: 5, to: `return?attempt=${token}` } : undefined;
    return show(reply, page(outcomes[state](name), html`<p>You can close this window.</p>`, again));
  });
}

/** Cyclr may append something to the address that it was given. */
function tokenIn(query: unknown): string | undefined {
  const { attempt } = query as { attempt?: unknown };
  return typeof attempt === 'string' ? /^[\w-]+\.[\w-]+\.[\w-]+/.exec(attempt)?.[0] : undefined;
}

const unfinished = (name: string) => `${name} is not connected yet`;
const outcomes: Record<StateName, (name: string) => string> = {
  fetchingConnector: unfinished,
  awaitingProperties: unfinished,
  applyingProperties: unfinished,
  awaitingCredentials: unfinished,
  applyingCredentials: unfinished,
  awaitingAuthorization: (name) => `${name} is not connected: try again`,
  verifyingAuthorization: (name) => `${name} is being checked …`,
  authenticated: (name) => `${name} is connected`,
  expired: (name) => `${name} was not connected in time`,
  cancelled: (name) => `Connecting ${name} was cancelled`,
  failed: (name) => `${name} could not be connected`,
  unsupported: (name) => `${name} can not be connected here`,
};

const neutral = (): string => page('This page has nothing to show', html`<p>Go back to where you came from.</p>`);

function showTrouble({ code }: ServiceError, err: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, detail, retryAfterS } = answers[code];
  request.failure = err;
  if (retryAfterS !== undefined && !reply.hasHeader('Retry-After')) reply.header('Retry-After', retryAfterS);
  return show(reply.code(status), page(detail, html`<p>Close this window, and try again from where you came.</p>`));
}

const show = (reply: FastifyReply, text: string): FastifyReply => reply.type('text/html; charset=utf-8').send(text);
