/** Calls of browsers, with a session token: only for the account and the connectors of the session. */
import type { ConnectorAuth } from '../../client/connector-auth';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import type { ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/view';
import { allowNoBody, ownConnector, requireToken, sessionOf } from '../callers';
import { confirm, withView } from '../flows';
import { codes, responsesOf } from '../openapi';
import { answerPreflights } from '../origins';
import type { App, Parts } from '../parts';
import { ServiceError } from '../problems';
import type { Session } from '../tokens';
import { eventRoute } from './events';

const BY = 'user';
const ONE = '/connectors/:connectorId';
const { session, body, flow, input } = codes;

const security = [{ session: [] }];
const giving = {
  security,
  params: requests.OfSession,
  response: responsesOf({ 200: answers.View }, [
    ...session,
    ...body,
    ...flow,
    ...input,
    'notSealed',
    'unknownProperty',
    'missingProperty',
  ]),
};
const schemas = {
  redeem: {
    summary: 'Turns the invitation of a mailed link into a session',
    security: [{ invitation: [] }],
    body: requests.Nothing,
    response: responsesOf({ 200: answers.Renewed }, [
      ...session,
      ...body,
      'tokenVoid',
      'noWorker',
      'temporalUnavailable',
    ]),
  },
  session: {
    summary: 'Reads the session and the views of its connectors',
    security,
    response: responsesOf({ 200: answers.SessionAnswer }, [...session, 'noWorker', 'temporalUnavailable']),
  },
  renew: {
    summary: 'Makes a new token of the same session, for 8 hours in all',
    security,
    body: requests.Nothing,
    response: responsesOf({ 200: answers.Renewed }, [...session, ...body]),
  },
  sealingKeys: {
    summary: 'Reads the public keys: browsers seal to the first one',
    security,
    response: responsesOf({ 200: answers.SealingKeySet }, session),
  },
  properties: { summary: 'Sets properties. Each value must be sealed', ...giving, body: requests.SealedPropertiesBody },
  credentials: {
    summary: 'Gives credentials. They must be sealed',
    ...giving,
    body: requests.SealedCredentialsBody,
  },
  confirm: {
    summary: 'Verifies in Cyclr that the user has given consent',
    security,
    params: requests.OfSession,
    body: requests.ConfirmBody,
    response: responsesOf({ 200: answers.View }, [...session, ...body, ...flow, ...input]),
  },
};

/** Registers everything under /v1/session. */
export function sessionRoutes(app: App, parts: Parts): void {
  answerPreflights(app, parts.config, app.prefix);
  allowNoBody(app);
  app.register(async (scope: App) => invitationRoute(scope, parts));
  app.register(async (scope: App) => eventRoute(scope, parts));
  app.register(async (scope: App) => {
    requireToken(scope, parts, 'session');
    readRoutes(scope, parts);
    inputRoutes(scope, parts);
  });
}

function invitationRoute(app: App, parts: Parts): void {
  requireToken(app, parts, 'invitation');
  app.post('/redeem', { schema: schemas.redeem }, async (request) => {
    const invitation = sessionOf(request);
    await reopen(parts.auth, invitation);
    return parts.tokens.redeem(invitation);
  });
}

/** Starts the expired flows of an invitation again. Fails: `tokenVoid` if all are connected or cancelled. */
async function reopen(auth: ConnectorAuth, { accountId, connectorIds }: Session): Promise<void> {
  const keys = connectorIds.map((connectorId) => ({ accountId, connectorId }));
  const views = await Promise.all(keys.map((key) => viewIfStarted(auth, key)));
  if (views.every((view) => view?.state === 'authenticated' || view?.state === 'cancelled'))
    throw new ServiceError('tokenVoid');
  const starts = keys.flatMap((key, i) => {
    const view = views[i];
    return view === undefined || view.state === 'expired' ? [auth.start(key, { intent: view?.intent, by: BY })] : [];
  });
  await Promise.all(starts);
}

/** The views of a session, without connectors that have no run any more. */
async function viewsOf(auth: ConnectorAuth, { accountId, connectorIds }: Session): Promise<View[]> {
  const views = await Promise.all(connectorIds.map((connectorId) => viewIfStarted(auth, { accountId, connectorId })));
  return views.filter((view) => view !== undefined);
}

const viewIfStarted = (auth: ConnectorAuth, key: ConnectorKey): Promise<View | undefined> =>
  auth.view(key).catch((err: unknown) => {
    if (err instanceof ConnectorAuthError && err.code === 'notStarted') return undefined;
    throw err;
  });

function readRoutes(app: App, { auth, tokens, config }: Parts): void {
  app.get('', { schema: schemas.session }, async (request) => {
    const session = sessionOf(request);
    const { accountId, accountLabel, language, returnTo, expiresAtMs } = session;
    const expiresAt = new Date(expiresAtMs).toISOString();
    return { accountId, accountLabel, language, returnTo, expiresAt, connectors: await viewsOf(auth, session) };
  });
  app.post('/renew', { schema: schemas.renew }, (request) => tokens.renew(sessionOf(request)));
  app.get('/sealing-keys', { schema: schemas.sealingKeys }, async () => config.sealing.set);
}

function inputRoutes(app: App, { auth }: Parts): void {
  app.post(`${ONE}/properties`, { schema: schemas.properties }, (request) => {
    const key = ownConnector(request, request.params);
    return withView(auth, key, () => auth.submitProperties(key, { ...request.body, by: BY }));
  });
  app.post(`${ONE}/credentials`, { schema: schemas.credentials }, (request) => {
    const key = ownConnector(request, request.params);
    return withView(auth, key, () => auth.submitCredentials(key, { ...request.body, by: BY }));
  });
  app.post(`${ONE}/confirm`, { schema: schemas.confirm }, (request) =>
    confirm(auth, ownConnector(request, request.params), BY, request.body.attemptId),
  );
}
