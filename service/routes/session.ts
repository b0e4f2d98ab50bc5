/**
 * The routes for browsers. Each call needs a session token, and reaches only the account and the connectors of the
 * session.
 */
import type { FastifyRequest } from 'fastify';
import type { ConnectorAuth, LatestRun } from '../../client/connector-auth';
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import type { ConnectorKey } from '../../workflows/connector';
import { finalStates, waitingStates, type View } from '../../workflows/view';
import {
  allowNoBody,
  byOf,
  ownConnector,
  readConnectors,
  requireOwnConnector,
  requireToken,
  sessionOf,
} from '../callers';
import { confirm, latestRunOf, undefinedIf, withView } from '../flows';
import { codes, named, responsesOf } from '../openapi';
import { answerPreflights } from '../origins';
import type { App, Parts } from '../parts';
import { lockedIn, withLocked } from '../prefill';
import { ServiceError } from '../problems';
import type { Session } from '../tokens';
import { ViewCache } from '../view-cache';
import { eventRoute } from './events';

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
    ...named('session', 'redeemInvitation'),
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
    ...named('session', 'readSession'),
    summary: 'Reads the session and the views of its connectors',
    security,
    response: responsesOf({ 200: answers.SessionAnswer }, [...session, 'noWorker', 'temporalUnavailable']),
  },
  renew: {
    ...named('session', 'renewSession'),
    summary: 'Makes a new token of the session. The token expires at the latest 8 hours after the session began',
    security,
    body: requests.Nothing,
    response: responsesOf({ 200: answers.Renewed }, [...session, ...body]),
  },
  sealingKeys: {
    ...named('session', 'sealingKeys'),
    summary: 'Reads the public keys. Browsers seal values to the first key',
    security,
    response: responsesOf({ 200: answers.SealingKeySet }, session),
  },
  properties: {
    ...named('session', 'submitSealedProperties'),
    summary: 'Sets properties. Each value must be sealed',
    ...giving,
    body: requests.SealedPropertiesBody,
  },
  credentials: {
    ...named('session', 'submitSealedCredentials'),
    summary: 'Gives credentials. The credentials must be sealed',
    ...giving,
    body: requests.SealedCredentialsBody,
  },
  recheck: {
    ...named('session', 'recheckOwn'),
    summary: 'Lets a waiting flow re-read its connector now',
    security,
    params: requests.OfSession,
    body: requests.Nothing,
    response: responsesOf({ 200: answers.View }, [...session, ...body, ...flow, 'closed', 'notNow']),
  },
  reauthenticate: {
    ...named('session', 'reauthenticateOwn'),
    summary: 'Starts a re-authentication. The connector keeps its credentials until the flow gets new input',
    security,
    params: requests.OfSession,
    body: requests.Nothing,
    response: responsesOf({ 200: answers.View }, [...session, ...body, ...flow, 'alreadyRunning']),
  },
  confirm: {
    ...named('session', 'confirmOwn'),
    summary: 'Verifies in Cyclr that the user has given consent',
    security,
    params: requests.OfSession,
    body: requests.ConfirmBody,
    response: responsesOf({ 200: answers.View }, [...session, ...body, ...flow, ...input]),
  },
};

/** Registers all routes under /v1/session. */
export function sessionRoutes(app: App, parts: Parts): void {
  answerPreflights(app, parts.config, app.prefix);
  allowNoBody(app);
  app.register(async (scope: App) => invitationRoute(scope, parts));
  app.register(async (scope: App) => eventRoute(scope, parts));
  app.register(async (scope: App) => {
    requireToken(scope, parts, 'session');
    routesWithoutConnectors(scope, parts);
    scope.register(async (inner: App) => {
      readConnectors(inner, parts);
      requireOwnConnector(inner);
      readRoute(inner, parts);
      inputRoutes(inner, parts);
    });
  });
}

function invitationRoute(app: App, parts: Parts): void {
  requireToken(app, parts, 'invitation');
  readConnectors(app, parts);
  app.post('/redeem', { schema: schemas.redeem }, async (request) => {
    const invitation = sessionOf(request);
    return parts.tokens.redeem(invitation, await openInvitation(parts, invitation, byOf(request)));
  });
}

/**
 * Prepares the flows of an invitation for a new session: starts a new run of each expired flow, and lets each waiting
 * flow re-read its connector. Returns the connectors for the new session: the connectors on which the user may still
 * act, and the authenticated connectors. Fails: tokenVoid.
 */
async function openInvitation({ auth, onboarded }: Parts, invitation: Session, by: string): Promise<number[]> {
  const { accountId, onboardingId, connectorIds } = invitation;
  const found = await Promise.all(connectorIds.map((connectorId) => latestRunOf(auth, { accountId, connectorId })));
  const runs = found.filter((run) => run !== undefined);
  const good = runs.filter((run) => isGood(run, invitation));
  const onboarding = onboardingId === undefined ? undefined : await onboarded.progress({ accountId, onboardingId });
  if (good.length === 0 && onboarding?.state !== 'running') throw new ServiceError('tokenVoid');
  await Promise.all(good.map((run) => reopen(auth, run, { ...invitation, by })));
  const hidden = runs.filter((run) => !good.includes(run) && run.state !== 'authenticated');
  // If a connector has no run yet, it is shown only while its onboarding is running, because the onboarding will start
  // its flow.
  const isShown = (id: number, index: number) => onboarding?.state === 'running' || found[index] !== undefined;
  return connectorIds.filter(isShown).filter((id) => !hidden.some(({ connectorId }) => connectorId === id));
}

/**
 * True if the invitation still lets its user act on the flow. There are two conditions. The flow is neither
 * authenticated nor cancelled. And the run started before the service made the invitation, or was started for this
 * invitation, or was started by the onboarding of the invitation.
 */
function isGood({ state, startedAt, ...run }: LatestRun, { id, madeAtMs, onboardingId }: Session): boolean {
  if (state === 'authenticated' || state === 'cancelled') return false;
  const isOfOnboarding = onboardingId !== undefined && run.onboarding === onboardingId;
  return run.invitation === id || isOfOnboarding || Date.parse(startedAt) <= madeAtMs;
}

async function reopen(auth: ConnectorAuth, { open, state, ...key }: LatestRun, invitation: Session): Promise<void> {
  const isWaiting = open && waitingStates.includes(state);
  if (state !== 'expired' && !isWaiting) return;
  const { intent } = isWaiting ? {} : await auth.view(key);
  const { id, notify, by } = invitation;
  await auth.start(key, { by, invitation: id, notify, ...(intent && { intent }) });
}

/** The views of a session, without connectors whose runs retention has removed, and without paused flows. */
async function viewsOf(auth: Pick<ConnectorAuth, 'view'>, { accountId, connectorIds }: Session): Promise<View[]> {
  const views = connectorIds.map((connectorId) =>
    auth.view({ accountId, connectorId }).catch(undefinedIf('notStarted', 'paused')),
  );
  return (await Promise.all(views)).filter((view) => view !== undefined);
}

/**
 * Returns the view of the open re-authentication. If no re-authentication is open, starts a re-authentication and
 * returns its view. The new run has the id of the invitation in its memo, so that the invitation stays valid for the
 * connector. Fails: notFound, alreadyRunning.
 */
async function reauthenticated(auth: ConnectorAuth, key: ConnectorKey, request: FastifyRequest): Promise<View> {
  const { reauthenticate = [], invitation, notify } = sessionOf(request);
  if (!reauthenticate.includes(key.connectorId)) throw new ServiceError('notFound');
  const options = { intent: 'reauthenticate', by: byOf(request), invitation, notify } as const;
  const run = await latestRunOf(auth, key);
  const view = run?.open && !finalStates.includes(run.state) ? await auth.view(key) : undefined;
  if (view?.intent === 'reauthenticate') return view;
  await withView(auth, key, () => auth.start(key, options));
  return auth.view(key);
}

/** The routes that work without a worker, also for a session of an onboarding. */
function routesWithoutConnectors(app: App, { tokens, config }: Parts): void {
  app.post('/renew', { schema: schemas.renew }, (request) => tokens.renew(sessionOf(request)));
  app.get('/sealing-keys', { schema: schemas.sealingKeys }, async () => config.sealing.set);
}

function readRoute(app: App, { auth }: Parts): void {
  const cache = new ViewCache(auth);
  app.get('', { schema: schemas.session }, async (request) => {
    const session = sessionOf(request);
    const { accountId, accountLabel, language, returnTo, expiresAtMs, reauthenticate, prefill } = session;
    const expiresAt = new Date(expiresAtMs).toISOString();
    const connectors = await viewsOf(cache, session);
    return { accountId, accountLabel, language, returnTo, expiresAt, reauthenticate, prefill, connectors };
  });
}

function inputRoutes(app: App, { auth }: Parts): void {
  app.post(`${ONE}/properties`, { schema: schemas.properties }, async (request) => {
    const key = ownConnector(request, request.params);
    const { submissionId, values: given } = request.body;
    const values = await withLocked(auth, key, lockedIn(sessionOf(request), key), given);
    return withView(auth, key, () => auth.submitProperties(key, { submissionId, values, by: byOf(request) }));
  });
  app.post(`${ONE}/credentials`, { schema: schemas.credentials }, (request) => {
    const key = ownConnector(request, request.params);
    return withView(auth, key, () => auth.submitCredentials(key, { ...request.body, by: byOf(request) }));
  });
  app.post(`${ONE}/recheck`, { schema: schemas.recheck }, (request) => {
    const key = ownConnector(request, request.params);
    return withView(auth, key, () => auth.recheck(key, { by: byOf(request) }));
  });
  app.post(`${ONE}/reauthenticate`, { schema: schemas.reauthenticate }, (request) =>
    reauthenticated(auth, ownConnector(request, request.params), request),
  );
  app.post(`${ONE}/confirm`, { schema: schemas.confirm }, (request) =>
    confirm(auth, ownConnector(request, request.params), byOf(request), request.body.attemptId),
  );
}
