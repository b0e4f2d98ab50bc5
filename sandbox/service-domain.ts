import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { isOAuth } from './answers';
import { propertiesSuffice } from './authentication';
import { checked, formOf } from './body';
import { idIn, type Parts } from './calls';
import { beginConsent, decide, Decision, endConsent } from './oauth';
import {
  closedPage,
  CONSENT,
  consentPage,
  errorPage,
  forbiddenPage,
  messagePage,
  pageHeaders,
  returnPage,
} from './pages';
import { badRequest, Refusal } from './refusal';
import { validSignInToken } from './sign-in';
import type { OpenConsent, StoredConnector } from './state';
import type { Store } from './store';
import { addHooks, type HookParts } from './hooks';
import type { Switches } from './switches';

const LINK = '/connectorauth/updateaccountconnectoroauth';

/** A query parameter that is missing or repeated counts as empty. */
const text = z.string().catch('');
const Link = z.object({ id: text, token: text, targetOrigin: text, callbackMessage: text });
type Link = z.infer<typeof Link>;

const DecisionForm = z.object({ consent: z.string(), decision: Decision });

/**
 * Serves the pages of the partner service domain to the user's browser. The sandbox records the requests for these
 * pages, and fault rules apply to them.
 */
export function serviceDomain(app: FastifyInstance, parts: Parts, hookParts: HookParts): void {
  const { store, switches } = parts;
  addHooks(app, parts, hookParts);
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(pageHeaders);
    done();
  });
  app.setErrorHandler<FastifyError | Refusal>((err, _request, reply) => {
    const status = err instanceof Refusal ? err.status : (err.statusCode ?? 500);
    return show(reply, status, status === 403 ? forbiddenPage() : errorPage(reasonOf(err)));
  });

  app.get(LINK, async ({ query }, reply) => {
    const link = Link.parse(query);
    const { connector, accountId } = signedIn(store, link);
    const suffices = propertiesSuffice(connector);
    if (suffices === undefined) {
      const { targetOrigin, callbackMessage } = link;
      const consent = beginConsent(store, { accountId, connectorId: connector.Id, targetOrigin, callbackMessage });
      await store.save(); // the hooks do not save the state after a GET, but this GET has changed the state
      return show(reply, 200, consentPage(consent, connector.Name));
    }
    decide(parts, connector, suffices ? 'approve' : 'decline');
    await store.save();
    return redirectBack(reply, link, switches);
  });

  app.post(CONSENT, (request, reply) => {
    const form = checked(DecisionForm, Object.fromEntries(formOf(request) ?? []));
    const consent = endConsent(store, form.consent);
    decide(parts, store.connector(consent.accountId, consent.connectorId), form.decision);
    return afterwards[form.decision](reply, consent, switches);
  });

  app.get('/return', (_request, reply) => show(reply, 200, returnPage()));

  app.route({ method: 'HEAD', url: LINK, handler: refuseMethod });
  app.route({ method: ['GET', 'HEAD'], url: CONSENT, handler: refuseMethod });
}

/** For each decision on the consent page, the function that answers the browser. */
const afterwards: Record<Decision, (reply: FastifyReply, consent: OpenConsent, switches: Switches) => unknown> = {
  approve: redirectBack,
  decline: redirectBack,
  error: (reply) => show(reply, 502, errorPage('The third party answered with an error.')),
  close: (reply) => show(reply, 200, closedPage()),
};

/**
 * Signs the browser in with the token. Each token works only once, but a failed call does not use up the token. Fails:
 * 403 for an invalid token, a connector of another account, and a connector without OAuth; 400 for a `targetOrigin`
 * that is no web address.
 */
function signedIn(store: Store, { id, token, targetOrigin }: Link): { connector: StoredConnector; accountId: string } {
  const signIn = validSignInToken(store, token);
  const connector = signIn && store.account(signIn.accountId)?.connectors.find(({ Id }) => Id === idIn(id));
  if (!connector || !isOAuth(connector)) throw new Refusal(403, {});
  if (!isWebAddress(targetOrigin)) throw badRequest('targetOrigin has to be an absolute http or https URL.');
  signIn.used = true;
  return { connector, accountId: signIn.accountId };
}

function redirectBack(
  reply: FastifyReply,
  { targetOrigin, callbackMessage }: Pick<Link, 'targetOrigin' | 'callbackMessage'>,
  { returnAppends }: Switches,
): unknown {
  if (callbackMessage) return show(reply, 200, messagePage(callbackMessage, targetOrigin));
  return reply.redirect(withQuery(targetOrigin, returnAppends), 302);
}

function show(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply.code(status).type('text/html; charset=utf-8').send(page);
}

function refuseMethod(): never {
  throw new Refusal(405, { Message: 'This address takes only the POST of the consent page.' });
}

function reasonOf(err: FastifyError | Refusal): string {
  const { Message } = (err instanceof Refusal ? err.body : {}) as { Message?: string };
  return Message ?? 'The request could not be handled.';
}

/** True if the text is an absolute http(s) URL that can be sent in `Location` without changes. */
function isWebAddress(text: string): boolean {
  return /^https?:\/\/[^/?#\\][\x21-\x7e]*$/i.test(text) && URL.canParse(text);
}

/** Appends `query` to the query of a URL. All other parts of the URL stay unchanged. */
function withQuery(url: string, query: string): string {
  if (query === '') return url;
  const [, address = '', fragment = ''] = /^([^#]*)(.*)$/s.exec(url) ?? [];
  const joint = !address.includes('?') ? '?' : /[?&]$/.test(address) ? '' : '&';
  return address + joint + query + fragment;
}
