/** What a browser is shown: the connect page, the way to a third party's consent, and the way back. */
import formbody from '@fastify/formbody';
import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { brandHeader, brandStyle } from '../brand';
import { limiter } from '../callers';
import { returned, withView } from '../flows';
import { html, pageOf, type Html, type Page } from '../html';
import { wordsFor } from '../page-words';
import type { App, Parts } from '../parts';
import { answers, ServiceError, serviceErrorOf } from '../problems';
import { DEPTH, returnQuery, returnUrl } from '../return-url';
import type { Attempt } from '../tokens';
import { serveWebFile } from '../page-files';

/** Calls of one session, or for one attempt, in a minute. */
const MAX_CALLS = 30;
const hide = { schema: { hide: true } };

type Draw = (page: Omit<Page, 'header'>) => string;

/** Everything under /connect. */
export function pageRoutes(app: App, parts: Parts): void {
  const { brand = {} } = parts.config;
  const draw: Draw = (page) => pageOf({ ...page, header: brandHeader(brand) });
  app.register(formbody);
  app.setErrorHandler((err, request, reply) => showTrouble(draw, err, request, reply));
  serveWebFile(app, 'page.css', brandStyle(brand));
  for (const script of ['page.js', 'cyclr-connect.js', 'return.js']) serveWebFile(app, script);
  connectPage(app, draw);
  goingOut(app, parts, draw);
  comingBack(app, parts, draw);
}

/** The token is in the fragment, which no server gets to see: this page is the same for everybody. */
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
  /** How many entries the history of this tab has, where the page goes out in its own: see return.ts. */
  depth: z.string().regex(DEPTH).optional(),
});

/**
 * A form's target is the new window, so that the click itself opens it. It goes on by a refresh: Chrome applies the
 * `form-action` of the page's policy to every redirect that follows a form.
 */
function goingOut(app: App, { auth, tokens, config }: Parts, draw: Draw): void {
  const own = new URL(config.publicUrl).origin;
  const limit = limiter(app, MAX_CALLS);
  app.post('/go', { schema: { hide: true, body: GoForm } }, async function (request, reply) {
    const { session: token, connectorId, depth } = request.body;
    const session = await tokens.session(token);
    const { origin } = request.headers;
    if (origin === undefined || (origin !== own && origin !== session.origin))
      throw new ServiceError('originNotAllowed');
    if (!session.connectorIds.includes(connectorId)) throw new ServiceError('notFound');
    [request.caller, request.accountId] = [`going out ${session.id}`, session.accountId];
    await limit(request, reply);
    const key = { accountId: session.accountId, connectorId };
    const attemptId = randomUUID();
    const returnTo = await returnUrl({ tokens, config }, { ...key, attemptId }, depth);
    const { url } = await withView(auth, key, () =>
      auth.requestAuthorization(key, { attemptId, returnTo, by: 'user' }),
    );
    const { tag: language, goingOut, forAccount, goOn } = wordsFor(session.language);
    const body = card(
      goingOut,
      html`<p>${forAccount(session.accountLabel ?? session.accountId)}</p>
        <a class="button" href="${url}">${goOn}</a>`,
    );
    return show(reply, draw({ title: goingOut, body, language, goesOn: { afterS: 0, to: url } }));
  });
}

/** Whoever comes proves nothing. Cyclr is asked, once for each attempt, whatever else there is in the address. */
function comingBack(app: App, { auth, tokens }: Parts, draw: Draw): void {
  const limit = limiter(app, MAX_CALLS);
  app.head('/return', hide, (_request, reply) => show(reply, ''));
  app.get('/return', hide, async (request, reply) => {
    const words = wordsOf(request);
    const { attempt: token = '', depth } = returnOf(request.query);
    const attempt = await tokens.attemptOf(token);
    if (!attempt) return show(reply.code(400), draw(pageWith(words, words.nothing, html`<p>${words.whereFrom}</p>`)));
    const { accountId, connectorId, attemptId }: Attempt = attempt;
    [request.caller, request.accountId] = [`attempt ${attemptId}`, accountId];
    await limit(request, reply);
    const { state, connector } = await returned(auth, { accountId, connectorId }, attemptId);
    const title = words.outcomes[state](connector?.name ?? words.theConnector);
    const unsettled = state === 'verifyingAuthorization';
    const goesOn = { afterS: 5, to: `return?${returnQuery(token, depth)}`, unscripted: true };
    const wayOn = depth === undefined ? html`<p>${words.closeWindow}</p>` : wayBack(words, depth);
    const page = { title, body: cameBack(title, wayOn, unsettled), language: words.tag };
    return show(reply, draw({ ...page, ...(unsettled && { goesOn }) }));
  });
}

type Words = ReturnType<typeof wordsFor>;

/** Who went out in their own tab gets back to where they were: by its history, since no address knows the session. */
const wayBack = ({ goBack, back }: Words, depth: string): Html =>
  html`<p>${goBack}</p>
    <button class="button" id="back" data-depth="${depth}" hidden>${back}</button>`;

/** What its script takes further: see return.ts. */
const cameBack = (title: string, content: Html, unsettled: boolean): Html =>
  html`<div class="card" id="outcome" aria-live="polite" data-settled="${String(!unsettled)}">
      <h1>${title}</h1>
      ${content}
    </div>
    <script type="module" src="return.js"></script>`;

const card = (title: string, content: Html): Html =>
  html`<div class="card">
    <h1>${title}</h1>
    ${content}
  </div>`;

const pageWith = ({ tag }: Words, title: string, content: Html) => ({
  title,
  body: card(title, content),
  language: tag,
});

const wordsOf = ({ headers }: FastifyRequest): Words => wordsFor(headers['accept-language']);

/** Cyclr may append something to the address that it was given. */
function returnOf(query: unknown): { attempt?: string; depth?: string } {
  const { attempt, depth } = query as { attempt?: unknown; depth?: unknown };
  const token = typeof attempt === 'string' ? /^[\w-]+\.[\w-]+\.[\w-]+/.exec(attempt)?.[0] : undefined;
  return { attempt: token, depth: typeof depth === 'string' && DEPTH.test(depth) ? depth : undefined };
}

function showTrouble(draw: Draw, err: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { code } = serviceErrorOf(err);
  const { status, retryAfterS } = answers[code];
  const words = wordsOf(request);
  request.failure = err;
  if (retryAfterS !== undefined && !reply.hasHeader('Retry-After')) reply.header('Retry-After', retryAfterS);
  const isHidden = code === 'originNotAllowed' && request.headers.origin === 'null';
  const advice = isHidden ? words.hiddenOrigin : words.tryAgain;
  return show(reply.code(status), draw(pageWith(words, words.trouble(code), html`<p>${advice}</p>`)));
}

const show = (reply: FastifyReply, text: string): FastifyReply => reply.type('text/html; charset=utf-8').send(text);
