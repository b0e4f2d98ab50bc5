/** The pages: the connect page, the return page, and the page that leads to the third party (go.ts). */
import formbody from '@fastify/formbody';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { View } from '../../workflows/view';
import { brandFooter, brandHeader, brandIcon, brandStyle, type Brand } from '../brand';
import { rateLimiter } from '../callers';
import { DEPTH, returnQuery, verifyReturn } from '../flows';
import { html, joined, pageOf, type Page } from '../html';
import { servePageFile } from '../page-files';
import { languagesOnDemand, outcomeOf, wordsFor } from '../page-words';
import { MAX_CALLS, script, show, wayBack, type Draw } from '../cards';
import type { App, Parts } from '../parts';
import { setRetryAfter } from '../problem-answers';
import { answers, serviceErrorOf } from '../problems';
import { goPage } from './go';

const OPENER_POLICY = 'Cross-Origin-Opener-Policy';
const hide = { schema: { hide: true } };

/** Registers all pages and files under /connect. */
export function pageRoutes(app: App, parts: Parts): void {
  const { brand = {} } = parts.config;
  const [header, icon] = [brandHeader(brand), brandIcon(brand)];
  const draw: Draw = (page) =>
    pageOf({ ...page, header, icon, footer: brandFooter(brand, wordsFor(page.language).links) });
  app.register(formbody);
  // This opener policy lets the connect page, which opened the consent window, load another link into the window, and
  // notice when the user closes the window.
  app.addHook('onRequest', async (_request, reply) => void reply.header(OPENER_POLICY, 'unsafe-none'));
  app.setErrorHandler((err, request, reply) => showError(draw, err, request, reply));
  servePageFile(app, 'page.css', brandStyle(brand));
  for (const script of ['page.js', 'cyclr-connect.js', 'return.js']) servePageFile(app, script);
  for (const tag of languagesOnDemand) servePageFile(app, `languages/${tag}.json`);
  connectPage(app, draw, brand);
  goPage(app, parts, draw);
  returnPage(app, parts, draw);
}

/**
 * The connect page. The page is the same for every session, because the token is in the fragment of the URL, which
 * browsers do not send.
 */
function connectPage(app: App, draw: Draw, { name, links }: Brand): void {
  const named = joined([
    ...(name === undefined ? [] : [html` brand="${name}"`]),
    ...(links?.support === undefined ? [] : [html` support="${links.support}"`]),
  ]);
  const handler = (request: FastifyRequest, reply: FastifyReply) => {
    const words = wordsOf(request);
    reply.header(OPENER_POLICY, 'same-origin-allow-popups');
    // Until the element's script has run, browsers show this content of the element.
    const body = html`<cyclr-connect hosted${named}>
        <h1>${words.connect}</h1>
        <p class="card">${words.loading}</p>
      </cyclr-connect>
      <noscript><p>${words.noScript}</p></noscript>
      <script type="module" src="connect/cyclr-connect.js"></script>
      <script type="module" src="connect/page.js"></script>`;
    return show(reply, draw({ title: words.connect, body, language: words.tag, assets: 'connect/' }));
  };
  app.route({ method: ['GET', 'HEAD'], url: '', ...hide, handler });
}

/**
 * A return proves no consent, so the flow verifies the attempt by re-reading the connector. A repeated return of the
 * same attempt starts no second verification. The page reads only `attempt` and `depth` from the URL.
 */
function returnPage(app: App, { auth, tokens }: Parts, draw: Draw): void {
  const limit = rateLimiter(app, MAX_CALLS);
  app.head('/return', hide, (_request, reply) => show(reply, ''));
  app.get('/return', hide, async (request, reply) => {
    const words = wordsOf(request);
    const { token, depth } = returnOf(request.query);
    const attempt = await tokens.attemptOf(token);
    if (!attempt) return show(reply.code(400), draw(cardPage(words, words.nothing, words.whereFrom)));
    [request.caller, request.accountId] = [`attempt ${attempt.attemptId}`, attempt.accountId];
    await limit(request, reply);
    const view = await verifyReturn(auth, attempt);
    return show(reply, draw(outcomePage(words, view, { token, depth })));
  });
}

type Words = ReturnType<typeof wordsFor>;

/** The outcome of an attempt. While the flow verifies the attempt, page/return.ts fetches this page again. */
function outcomePage(words: Words, { state, connector, ...key }: View, { token, depth }: Return): Omit<Page, 'header'> {
  const title = outcomeOf(words, state, connector?.name ?? words.theConnector);
  const isSettled = state !== 'verifyingAuthorization';
  const isConnected = state === 'authenticated';
  const text = state === 'awaitingAuthorization' ? words.tryAgain : words.closeWindow;
  const closes = String(isConnected && depth === undefined);
  const body = html`<div
      class="card"
      id="outcome"
      aria-live="polite"
      data-settled="${String(isSettled)}"
      data-closes="${closes}"
    >
      <h1>${title}</h1>
      ${isSettled ? wayBack(words, depth, text, state === 'awaitingAuthorization' ? key : undefined) : html`<p>${words.stay}</p>`}
    </div>
    ${script}`;
  const redirect = { afterS: 5, to: `return?${returnQuery(token, depth)}`, noScriptOnly: true };
  return { title, body, language: words.tag, ...(!isSettled && { redirect }) };
}

const cardPage = (words: Words, title: string, text: string): Omit<Page, 'header'> => ({
  title,
  body: html`<div class="card">
      <h1>${title}</h1>
      ${wayBack(words, undefined, text)}
    </div>
    ${script}`,
  language: words.tag,
});

const wordsOf = ({ headers }: FastifyRequest): Words => wordsFor(headers['accept-language']);

interface Return {
  /** The signed attempt. Empty if the URL has no attempt. */
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
  return show(reply.code(answers[kind].status), draw(cardPage(words, words.trouble(code), advice)));
}
