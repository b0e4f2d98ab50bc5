/** The pages: the connect page, the page that leads to the third party, and the return page. */
import formbody from '@fastify/formbody';
import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/view';
import { brandHeader, brandStyle } from '../brand';
import { limitedId, rateLimiter } from '../callers';
import { DEPTH, returnQuery, returnUrl, verifyReturn, withView } from '../flows';
import { html, pageOf, type Html, type Page } from '../html';
import { servePageFile } from '../page-files';
import { wordsFor } from '../page-words';
import type { App, Parts } from '../parts';
import { setRetryAfter } from '../problem-answers';
import { answers, ServiceError, serviceErrorOf } from '../problems';
import type { Session } from '../tokens';

/** The limit of calls of one session, or for one attempt, in a minute. */
const MAX_CALLS = 30;
const hide = { schema: { hide: true } };

type Draw = (page: Omit<Page, 'header'>) => string;

/** Registers everything under /connect. */
export function pageRoutes(app: App, parts: Parts): void {
  const { brand = {} } = parts.config;
  const draw: Draw = (page) => pageOf({ ...page, header: brandHeader(brand) });
  app.register(formbody);
  app.setErrorHandler((err, request, reply) => showError(draw, err, request, reply));
  servePageFile(app, 'page.css', brandStyle(brand));
  for (const script of ['page.js', 'cyclr-connect.js', 'return.js']) servePageFile(app, script);
  connectPage(app, draw);
  goPage(app, parts, draw);
  returnPage(app, parts, draw);
}

/** The same page for every session: the token is in the fragment of the URL, which browsers do not send. */
function connectPage(app: App, draw: Draw): void {
  const handler = (request: FastifyRequest, reply: FastifyReply) => {
    const words = wordsOf(request);
    const body = html`<cyclr-connect hosted></cyclr-connect>
      <noscript><p>${words.noScript}</p></noscript>
      <script type="module" src="connect/cyclr-connect.js"></script>
      <script type="module" src="connect/page.js"></script>`;
    return show(reply, draw({ title: 'Connect', body, language: words.tag, assets: 'connect/' }));
  };
  app.route({ method: ['GET', 'HEAD'], url: '', ...hide, handler });
}

const GoForm = z.object({
  session: z.string(),
  connectorId: z
    .string()
    .regex(/^[1-9]\d{0,15}$/)
    .transform(Number),
  /** The length of the tab's history, if the user leaves in the same tab: see page/return.ts. */
  depth: z.string().regex(DEPTH).optional(),
});

/**
 * The form targets a new window, so that the user's click opens the window and no popup blocker stops it. The answer is
 * a page with a refresh: Chrome applies the CSP `form-action` of the page to every redirect after a form post.
 */
function goPage(app: App, parts: Parts, draw: Draw): void {
  const limit = rateLimiter(app, MAX_CALLS);
  app.post('/go', { schema: { hide: true, body: GoForm } }, async (request, reply) => {
    const { session: token, connectorId, depth } = request.body;
    const session = await sessionOfForm(request, parts, token);
    if (!session.connectorIds.includes(connectorId)) throw new ServiceError('notFound');
    [request.caller, request.accountId] = [`go ${limitedId(session)}`, session.accountId];
    await limit(request, reply);
    const url = await newLink(parts, { accountId: session.accountId, connectorId }, depth);
    return show(reply, draw(linkPage(session, url)));
  });
}

/**
 * The session of a form. The form must come from the service's own origin or from the origin of the session. A browser
 * sends `Origin: null` from a page with the referrer policy `no-referrer`, and from an https page to an http service:
 * both are refused.
 */
async function sessionOfForm(
  { headers: { origin } }: FastifyRequest,
  { tokens, config }: Parts,
  token: string,
): Promise<Session> {
  const session = await tokens.session(token);
  const isAllowed = origin !== undefined && [new URL(config.publicUrl).origin, session.origin].includes(origin);
  if (!isAllowed) throw new ServiceError('originNotAllowed');
  return session;
}

async function newLink({ auth, tokens, config }: Parts, key: ConnectorKey, depth?: string): Promise<string> {
  const attemptId = randomUUID();
  const returnTo = await returnUrl({ tokens, config }, { ...key, attemptId }, depth);
  const request = { attemptId, returnTo, by: 'user' };
  return (await withView(auth, key, () => auth.requestAuthorization(key, request))).url;
}

function linkPage({ accountId, accountLabel, language }: Session, url: string): Omit<Page, 'header'> {
  const words = wordsFor(language);
  const content = html`<p>${words.forAccount(accountLabel ?? accountId)}</p>
    <a class="button" href="${url}">${words.goOn}</a>`;
  return { ...cardPage(words, words.goingOut, content), redirect: { afterS: 0, to: url } };
}

/**
 * A return proves no consent, so the flow verifies the attempt by a re-read, at most once. Other parts of the URL are
 * ignored.
 */
function returnPage(app: App, { auth, tokens }: Parts, draw: Draw): void {
  const limit = rateLimiter(app, MAX_CALLS);
  app.head('/return', hide, (_request, reply) => show(reply, ''));
  app.get('/return', hide, async (request, reply) => {
    const words = wordsOf(request);
    const { token, depth } = returnOf(request.query);
    const attempt = await tokens.attemptOf(token);
    if (!attempt) return show(reply.code(400), draw(cardPage(words, words.nothing, html`<p>${words.whereFrom}</p>`)));
    const { attemptId, ...key } = attempt;
    [request.caller, request.accountId] = [`attempt ${attemptId}`, key.accountId];
    await limit(request, reply);
    const view = await verifyReturn(auth, key, attemptId);
    return show(reply, draw(outcomePage(words, view, { token, depth })));
  });
}

type Words = ReturnType<typeof wordsFor>;

/** The outcome of an attempt. While the flow verifies the attempt, page/return.ts loads the page again. */
function outcomePage(words: Words, { state, connector }: View, { token, depth }: Return): Omit<Page, 'header'> {
  const title = words.outcomes[state](connector?.name ?? words.theConnector);
  const isSettled = state !== 'verifyingAuthorization';
  const next = depth === undefined ? html`<p>${words.closeWindow}</p>` : backButton(words, depth);
  const body = html`<div class="card" id="outcome" aria-live="polite" data-settled="${String(isSettled)}">
      <h1>${title}</h1>
      ${next}
    </div>
    <script type="module" src="return.js"></script>`;
  const redirect = { afterS: 5, to: `return?${returnQuery(token, depth)}`, noScriptOnly: true };
  return { title, body, language: words.tag, ...(!isSettled && { redirect }) };
}

/** Goes back through the history of the tab, because no URL contains the session. */
const backButton = ({ goBack, back }: Words, depth: string): Html =>
  html`<p>${goBack}</p>
    <button class="button" id="back" data-depth="${depth}" hidden>${back}</button>`;

const cardPage = ({ tag }: Words, title: string, content: Html): Omit<Page, 'header'> => ({
  title,
  body: html`<div class="card">
    <h1>${title}</h1>
    ${content}
  </div>`,
  language: tag,
});

const wordsOf = ({ headers }: FastifyRequest): Words => wordsFor(headers['accept-language']);

interface Return {
  /** The signed attempt; empty if there is none. */
  token: string;
  depth?: string;
}

/** Reads the query of a return. Cyclr can append text to the attempt. */
function returnOf(query: unknown): Return {
  const { attempt, depth } = query as { attempt?: unknown; depth?: unknown };
  const token = typeof attempt === 'string' ? /^[\w-]+\.[\w-]+\.[\w-]+/.exec(attempt)?.[0] : undefined;
  return { token: token ?? '', depth: typeof depth === 'string' && DEPTH.test(depth) ? depth : undefined };
}

function showError(draw: Draw, err: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { kind, code } = serviceErrorOf(err);
  const words = wordsOf(request);
  request.failure = err;
  setRetryAfter(reply, kind);
  const hidesOrigin = code === 'originNotAllowed' && request.headers.origin === 'null';
  const advice = hidesOrigin ? words.hiddenOrigin : words.tryAgain;
  return show(reply.code(answers[kind].status), draw(cardPage(words, words.trouble(code), html`<p>${advice}</p>`)));
}

const show = (reply: FastifyReply, text: string): FastifyReply => reply.type('text/html; charset=utf-8').send(text);
