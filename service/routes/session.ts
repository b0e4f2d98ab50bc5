/** What a browser may call, with its session: for the session's account and connectors alone. */
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/messages';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import type { ConnectorAuth } from '../../client/connector-auth';
import { allowNoBody, forBrowsers, ownConnector, sessionOf } from '../callers';
import { confirmed, withView } from '../flows';
import { codes, described } from '../openapi';
import { answerPreflights } from '../origins';
import type { App, Parts } from '../parts';
import { ServiceError } from '../problems';
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import type { Session } from '../tokens';
import { eventRoute } from './events';

const BY = 'user';
const ONE = '/connectors/:connectorId';
const security = [{ session: [] }];
const { session, body, flow, input } = codes;

/** Everything under /v1/session. */
export function sessionRoutes(app: App, parts: Parts): void {
  answerPreflights(app, parts.config, app.prefix);
  allowNoBody(app);
  app.register(async (scope: App) => invitationRoute(scope, parts));
  app.register(async (scope: App) => eventRoute(scope, parts));
  app.register(async (scope: App) => {
    forBrowsers(scope, parts, 'session');
    readingRoutes(scope, parts);
    inputRoutes(scope, parts);
  });
}

function invitationRoute(app: App, parts: Parts): void {
  forBrowsers(app, parts, 'invitation');
  app.post(
    '/redeem',
    {
      schema: {
        summary: 'Turns the invitation of a mailed link into a session',
        security: [{ invitation: [] }],
        body: requests.Nothing,
        response: described({ 200: answers.Renewed }, [
          ...session,
          ...body,
          'tokenVoid',
          'noWorker',
          'temporalUnavailable',
        ]),
      },
    },
    async (request) => {
      const invitation = sessionOf(request);
      await open(parts.auth, invitation);
      return parts.tokens.redeem(invitation);
    },
  );
}

/** An invitation has served its purpose when nothing is left to do; what has expired meanwhile is opened again. */
async function open(auth: ConnectorAuth, { accountId, connectorIds }: Session): Promise<void> {
  const keys = connectorIds.map((connectorId) => ({ accountId, connectorId }));
  const views = await Promise.all(keys.map((key) => viewIfAny(auth, key)));
  if (views.every((view) => view?.state === 'authenticated' || view?.state === 'cancelled'))
    throw new ServiceError('tokenVoid');
  const ended = keys.flatMap((key, i) => {
    const view = views[i];
    return view === undefined || view.state === 'expired' ? [{ key, intent: view?.intent }] : [];
  });
  await Promise.all(ended.map(({ key, intent }) => auth.start(key, { intent, by: BY })));
}

/** Of all connectors of the session; without those that nothing is known of any more. */
async function viewsOf(auth: ConnectorAuth, { accountId, connectorIds }: Session): Promise<View[]> {
  const views = await Promise.all(connectorIds.map((connectorId) => viewIfAny(auth, { accountId, connectorId })));
  return views.filter((view) => view !== undefined);
}

const viewIfAny = (auth: ConnectorAuth, key: ConnectorKey): Promise<View | undefined> =>
  auth.view(key).catch((err: unknown) => {
    if (err instanceof ConnectorAuthError && err.code === 'notStarted') return undefined;
    throw err;
  });

function readingRoutes(app: App, { auth, tokens, config }: Parts): void {
  app.get(
    '',
    {
      schema: {
        summary: 'Whose session it is, and where its connectors stand',
        security,
        response: described({ 200: answers.SessionAnswer }, [...session, 'noWorker', 'temporalUnavailable']),
      },
    },
    async (request) => {
      const of = sessionOf(request);
      const { accountId, accountLabel, language, returnTo, expiresAtMs } = of;
      const expiresAt = new Date(expiresAtMs).toISOString();
      return { accountId, accountLabel, language, returnTo, expiresAt, connectors: await viewsOf(auth, of) };
    },
  );
  app.post(
    '/renew',
    {
      schema: {
        summary: 'The same session for longer, 8 hours in all',
        security,
        body: requests.Nothing,
        response: described({ 200: answers.Renewed }, [...session, ...body]),
      },
    },
    (request) => tokens.renew(sessionOf(request)),
  );
  app.get(
    '/sealing-keys',
    {
      schema: {
        summary: 'What to seal to: the first key',
        security,
        response: described({ 200: answers.SealingKeySet }, session),
      },
    },
    async () => config.sealing.set,
  );
}

function inputRoutes(app: App, { auth }: Parts): void {
  const shared = { security, params: requests.OfSession };
  const response = described({ 200: answers.View }, [
    ...session,
    ...body,
    ...flow,
    ...input,
    'notSealed',
    'unknownProperty',
    'missingProperty',
  ]);
  app.post(
    `${ONE}/properties`,
    {
      schema: {
        summary: 'Gives values, each of them sealed',
        ...shared,
        body: requests.SealedPropertiesBody,
        response,
      },
    },
    (request) => {
      const key = ownConnector(request, request.params);
      return withView(auth, key, () => auth.submitProperties(key, { ...request.body, by: BY }));
    },
  );
  app.post(
    `${ONE}/credentials`,
    { schema: { summary: 'Gives credentials, sealed', ...shared, body: requests.SealedCredentialsBody, response } },
    (request) => {
      const key = ownConnector(request, request.params);
      return withView(auth, key, () => auth.submitCredentials(key, { ...request.body, by: BY }));
    },
  );
  app.post(
    `${ONE}/confirm`,
    {
      schema: {
        summary: 'Has Cyclr asked whether the user has consented',
        ...shared,
        body: requests.ConfirmBody,
        response: described({ 200: answers.View }, [...session, ...body, ...flow, ...input]),
      },
    },
    (request) => confirmed(auth, ownConnector(request, request.params), BY, request.body.attemptId),
  );
}
