/** The page that the user sees between the click on the connect page and the third party's consent page. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ConnectorKey } from '../../workflows/connector';
import { byOf, limitedId, onceClosed, rateLimiter, setSession } from '../callers';
import { MAX_CALLS, script, show, wayBack, type Draw } from '../cards';
import { DEPTH, returnUrl, withView } from '../flows';
import { Html, html } from '../html';
import { wordsFor, type PageWords } from '../page-words';
import type { App, Parts } from '../parts';
import { answers, ServiceError, serviceErrorOf } from '../problems';
import type { Session } from '../tokens';

const GoForm = z.object({
  session: z.string(),
  connectorId: z
    .string()
    .regex(/^[1-9]\d{0,15}$/)
    .transform(Number),
  /** The connector's name, as the connect page shows it. */
  name: z.string().max(200).optional(),
  /** The length of the tab's history, if the user leaves the connect page in the same tab (see page/return.ts). */
  depth: z.string().regex(DEPTH).optional(),
});

/** The data of one request for this page, such as the connector and the texts of the page. */
interface Going {
  key: ConnectorKey;
  by: string;
  account: string;
  words: PageWords;
  /** The connector's name. Absent if the form has no name. */
  name?: string;
  depth?: string;
  /** Aborts when the user closes the window, or when the service stops. */
  signal: AbortSignal;
}

/**
 * Serves the page. The form targets a new window, so that the user's click opens the window and no popup blocker stops
 * it. The service sends the beginning of the page at once. The end of the page has a refresh that leads to the link. A
 * redirect to the link does not work, because Chrome applies the CSP `form-action` of the page to every redirect after
 * a form post.
 */
export function goPage(app: App, parts: Parts, draw: Draw): void {
  const limit = rateLimiter(app, MAX_CALLS);
  const open = new Set<AbortController>();
  app.addHook('preClose', async () => open.forEach((controller) => controller.abort()));
  app.post('/go', { schema: { hide: true, body: GoForm } }, async (request, reply) => {
    const { session: token, connectorId, name, depth } = request.body;
    const session = await parts.onboarded.withConnectors(await sessionOfForm(request, parts, token));
    if (!session.connectorIds.includes(connectorId)) throw new ServiceError('notFound');
    setSession(request, session, `go ${limitedId(session)}`);
    await limit(request, reply);
    const controller = new AbortController();
    open.add(controller);
    onceClosed(reply, () => {
      open.delete(controller);
      controller.abort();
    });
    const { accountId, accountLabel: account = accountId, language } = session;
    const { signal } = controller;
    const key = { accountId, connectorId };
    const going = { key, by: byOf(request), account, words: wordsFor(language), name, depth, signal };
    reply.header('X-Accel-Buffering', 'no'); // without this header, nginx delays the beginning of the page
    const failed = (err: unknown) => void (request.failure = err);
    return show(reply, Readable.from(answerOf(parts, draw, going, failed)));
  });
}

/**
 * The session of a form. The form must come from the service's own origin or from the origin of the session. A form
 * with `Origin: null` is refused. A browser sends `Origin: null` from a page with the referrer policy `no-referrer`,
 * and from an https page to an http service.
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

/**
 * A mark in the HTML of the page. The service splits the page at this mark, and sends the cards in place of the mark.
 */
const CARDS = '<!--cards-->';
/** After this time, the page says that the wait takes longer than usual. */
const SLOW_MS = 8000;

/**
 * Yields the page in parts. The service sends each part at once. The first part tells the user to wait. The last part
 * has the link, or the reason why there is no link.
 */
async function* answerOf(
  parts: Parts,
  draw: Draw,
  going: Going,
  failed: (err: unknown) => void,
): AsyncGenerator<string> {
  const { words, name } = going;
  const title = words.goingOut(name);
  const [begin = '', end = ''] = draw({ title, body: new Html(CARDS), language: words.tag }).split(CARDS);
  yield begin + waitingCard(title, words.forAccount(going.account)).text;
  const last = patientLink(parts, going).then(
    (url) => linkCard(going, url),
    (err: unknown) => (failed(err), deadEnd(going, err)),
  );
  const isSlow = await Promise.race([last.then(() => false), pause(SLOW_MS, true, { ref: false })]);
  if (isSlow) yield waitingCard(title, words.slow).text;
  yield (await last).text + end;
}

/** A card that tells the user to wait. The style sheet hides this card when the next card arrives. */
const waitingCard = (title: string, text: string): Html =>
  html`<div class="card waiting" role="status">
    <h1>${title}</h1>
    <p>${text}</p>
  </div>`;

const linkCard = ({ words, account, name }: Going, url: string): Html =>
  html`<div class="card">
      <h1>${words.goingOut(name)}</h1>
      <p>${words.forAccount(account)}</p>
      <a class="button" href="${url}">${words.goOn}</a>
    </div>
    <meta http-equiv="refresh" content="0;url=${url}" />`;

function deadEnd({ words, name, depth }: Going, err: unknown): Html {
  const { code, details } = serviceErrorOf(err);
  const isConnected = details.view?.state === 'authenticated';
  const title = isConnected ? words.outcomes.authenticated(name ?? words.theConnector) : words.trouble(code);
  return html`<div class="card">
      <h1>${title}</h1>
      ${wayBack(words, depth, isConnected ? words.closeWindow : words.tryAgain)}
    </div>
    ${script}`;
}

/** How long the service repeats the request for a link. */
const PATIENCE_MS = 90_000;
const RETRY_MS = 2000;

/** Returns a link. Tries again for `PATIENCE_MS` after a failure that can end soon, such as `noWorker`. */
async function patientLink(parts: Parts, going: Going): Promise<string> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await newLink(parts, going);
    } catch (err) {
      if (!isPassing(err) || Date.now() > until) throw err;
      await pause(RETRY_MS, undefined, { signal: going.signal }).catch(() => Promise.reject(err));
    }
  }
}

/** True if the same request may succeed soon. */
function isPassing(err: unknown): boolean {
  const { kind, details } = serviceErrorOf(err);
  return answers[kind].retryAfterS !== undefined || details.view?.state === 'verifyingAuthorization';
}

async function newLink({ auth, tokens, config }: Parts, { key, by, depth }: Going): Promise<string> {
  const attemptId = randomUUID();
  const returnTo = await returnUrl({ tokens, config }, { ...key, attemptId, by }, depth);
  const request = { attemptId, returnTo, by };
  return (await withView(auth, key, () => auth.requestAuthorization(key, request))).url;
}
