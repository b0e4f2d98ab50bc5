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
import { goodSignInToken } from './sign-in';
import type { OpenConsent, StoredConnector } from './state';
import type { Store } from './store';
import { surround, type Surroundings } from './surroundings';
import type { Switches } from './switches';
import { isWebAddress, withQuery } from './web-address';

const LINK = '/connectorauth/updateaccountconnectoroauth';

/** What is missing, or there twice, is as good as empty. */
const text = z.string().catch('');
const Link = z.object({ id: text, token: text, targetOrigin: text, callbackMessage: text });
type Link = z.infer<typeof Link>;

const DecisionForm = z.object({ consent: z.string(), decision: Decision });

/** The partner service domain: the pages that a user's browser sees. Requests are recorded, and met by faults, too. */
export function serviceDomain(app: FastifyInstance, parts: Parts, surroundings: Surroundings): void {
  const { store, switches } = parts;
  surround(app, parts, surroundings);
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
      await store.save(); // this GET changes something
      return show(reply, 200, consentPage(consent, connector.Name));
    }
    decide(parts, connector, suffices ? 'approve' : 'decline');
    await store.save();
    return goBack(reply, link, switches);
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

/** What the browser sees after a decision. */
const afterwards: Record<Decision, (reply: FastifyReply, consent: OpenConsent, switches: Switches) => unknown> = {
  approve: goBack,
  decline: goBack,
  error: (reply) => show(reply, 502, errorPage('The third party answered with an error.')),
  close: (reply) => show(reply, 200, closedPage()),
};

/**
 * Signs the browser in, which uses the link's token up. Fails, and leaves the token as it was: 403 for a token that is
 * no good or of another account than the connector, and for a connector without OAuth; 400 for no web address.
 */
function signedIn(store: Store, { id, token, targetOrigin }: Link): { connector: StoredConnector; accountId: string } {
  const signIn = goodSignInToken(store, token);
  const connector = signIn && store.account(signIn.accountId)?.connectors.find(({ Id }) => Id === idIn(id));
  if (!connector || !isOAuth(connector)) throw new Refusal(403, {});
  if (!isWebAddress(targetOrigin)) throw badRequest('targetOrigin has to be an absolute http or https URL.');
  signIn.used = true;
  return { connector, accountId: signIn.accountId };
}

function goBack(
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
  throw new Refusal(405, { Message: 'Nothing happens here but by a click on the page before.' });
}

function reasonOf(err: FastifyError | Refusal): string {
  const { Message } = (err instanceof Refusal ? err.body : {}) as { Message?: string };
  return Message ?? 'The request could not be handled.';
}
