/** The routes for backends. Each call needs an API key. */
import { randomUUID } from 'node:crypto';
import type { ConnectorAuth } from '../../client/connector-auth';
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import { durationMs, type Duration } from '../../workflows/input';
import { allowNoBody, byOf, requireApiKey } from '../callers';
import { confirm, latestRunOf, openFlow, returnUrl, withView } from '../flows';
import { codes, named, responsesOf } from '../openapi';
import { allowedAddresses } from '../origins';
import type { OnboardingKey } from '../../workflows/onboarding';
import type { Onboarded } from '../onboarded';
import type { App, Parts } from '../parts';
import { requirePrefillable } from '../prefill';
import { malformed } from '../problems';
import { lifetimes, MAX_TOKEN, type TokenKind } from '../tokens';
import { auditRoute } from './audit';
import { idempotentBackendRoutes } from './backend-idempotent';
import { connectionRoutes } from './connections';
import { onboardingRoutes } from './onboardings';

const ONE = '/v1/accounts/:accountId/connectors/:connectorId';
const { caller, body, flow, input } = codes;

const security = [{ apiKey: [] }];
const ofConnector = { security, params: requests.OfConnector };
const schemas = {
  session: {
    ...named('sessions', 'createSession'),
    summary: 'Makes a link to the connect page for one user, and starts the flows that do not run yet',
    security,
    body: requests.SessionBody,
    response: responsesOf({ 201: answers.Minted }, [...caller, ...body, ...flow, 'addressNotAllowed']),
  },
  list: {
    ...named('connectors', 'list'),
    summary: 'Lists the latest run of each connector of an account',
    security,
    params: requests.OfAccount,
    querystring: requests.ListQuery,
    response: responsesOf({ 200: answers.ConnectorList }, [...caller, 'malformed', 'temporalUnavailable']),
  },
  view: {
    ...named('connectors', 'view'),
    summary: 'Reads the view of a flow',
    ...ofConnector,
    response: responsesOf({ 200: answers.View }, [...caller, ...flow, 'malformed']),
  },
  timeline: {
    ...named('connectors', 'timeline'),
    summary: 'Reads the transitions of a flow',
    ...ofConnector,
    response: responsesOf({ 200: answers.Timeline }, [...caller, ...flow, 'malformed']),
  },
  authorization: {
    ...named('connectors', 'requestAuthorization'),
    summary: "Makes a link to the third party's consent. Show the link only to the user",
    ...ofConnector,
    body: requests.AuthorizationBody,
    response: responsesOf({ 200: answers.Link }, [
      ...caller,
      ...body,
      ...flow,
      ...input,
      'addressNotAllowed',
      'cyclrUnavailable',
    ]),
  },
  confirm: {
    ...named('connectors', 'confirm'),
    summary: 'Verifies in Cyclr that the user has given consent',
    ...ofConnector,
    body: requests.ConfirmBody,
    response: responsesOf({ 200: answers.View }, [...caller, ...body, ...flow, ...input]),
  },
  recheck: {
    ...named('connectors', 'recheck'),
    summary: 'Lets a flow re-read the connector now, or repeat the call that an outage delays',
    ...ofConnector,
    body: requests.Nothing,
    response: responsesOf({ 200: answers.View }, [...caller, ...body, ...flow, 'closed', 'notNow']),
  },
  flows: {
    ...named('flows', 'flows'),
    summary: 'Lists flows of all accounts: open flows, or ended flows for a final `state`',
    security,
    querystring: requests.FlowsQuery,
    response: responsesOf({ 200: answers.FlowList }, [...caller, 'malformed', 'temporalUnavailable']),
  },
  events: {
    ...named('events', 'events'),
    summary: 'Lists events and the states of their deliveries, newest first',
    security,
    querystring: requests.EventsQuery,
    response: responsesOf({ 200: answers.EventList }, [...caller, 'malformed', 'temporalUnavailable']),
  },
  redeliver: {
    ...named('events', 'redeliver'),
    summary: 'Delivers an event again, with the same id and body',
    security,
    params: requests.OfEvent,
    body: requests.Nothing,
    response: responsesOf({ 202: answers.Event }, [...caller, ...body, 'notFound', 'temporalUnavailable']),
  },
  batch: {
    security,
    body: requests.BatchBody,
    response: responsesOf({ 202: answers.Batch }, [...caller, ...body, 'batchRunning', 'temporalUnavailable']),
  },
  cancel: {
    ...named('connectors', 'cancel'),
    summary: 'Cancels a flow',
    ...ofConnector,
    body: requests.CancelBody,
    response: responsesOf({ 200: answers.View }, [...caller, ...body, ...flow]),
  },
};

export function backendRoutes(app: App, parts: Parts): void {
  requireApiKey(app, parts);
  allowNoBody(app);
  sessionRoute(app, parts);
  readRoutes(app, parts);
  flowRoutes(app, parts);
  authorizationRoutes(app, parts);
  idempotentBackendRoutes(app, parts);
  onboardingRoutes(app, parts);
  connectionRoutes(app, parts);
  auditRoute(app, parts);
}

function sessionRoute(app: App, { auth, tokens, onboarded, config, metrics }: Parts): void {
  app.post('/v1/sessions', { schema: schemas.session }, async (request, reply) => {
    const { kind = 'session', language = 'en', expiresIn, recheck, notify, by, ...given } = request.body;
    const { accountId, accountLabel, onboardingId } = given;
    request.accountId = accountId;
    const scope = { accountId, accountLabel, language, ...allowedAddresses(config, given) };
    const { prefill } = given;
    const lifetimeMs = lifetimeOf(kind, expiresIn);
    const connectorIds =
      onboardingId === undefined
        ? [...new Set(given.connectorIds)]
        : await connectorsOf(onboarded, { accountId, onboardingId });
    const reauthenticate = partOf(connectorIds, given.reauthenticate);
    await requirePrefillable(auth, { accountId, connectorIds, prefill });
    const id = randomUUID();
    const invitation = kind === 'invitation' ? id : undefined;
    const open = (connectorId: number) =>
      openFlow(auth, { accountId, connectorId }, { by: byOf(request, by), invitation, recheck, notify });
    if (onboardingId === undefined) await Promise.all(connectorIds.map(open)); // an onboarding itself starts the flows
    const whole = { ...scope, connectorIds, onboardingId, reauthenticate, prefill, notify, by };
    const notBeforeMs = kind === 'invitation' ? await newestStartMs(auth, accountId, connectorIds) : undefined;
    const { token, expiresAt } = await tokens.mint(kind, whole, { id, lifetimeMs, notBeforeMs });
    if (prefill && token.length > MAX_TOKEN) throw malformed('prefill');
    metrics.countSession(kind);
    return reply.code(201).send({ token, url: `${config.publicUrl}/connect#${kind}=${token}`, expiresAt });
  });
}

/** The start time of the newest run of the flows of these connectors, in milliseconds since 1970. 0 without a run. */
async function newestStartMs(auth: ConnectorAuth, accountId: string, connectorIds: number[]): Promise<number> {
  const runs = await Promise.all(connectorIds.map((connectorId) => latestRunOf(auth, { accountId, connectorId })));
  return Math.max(0, ...runs.map((run) => (run ? Date.parse(run.startedAt) : 0)));
}

/** The connectors of an onboarding. Fails: notFound. */
async function connectorsOf(onboarded: Onboarded, key: OnboardingKey): Promise<number[]> {
  const { connectors } = await onboarded.progress(key);
  return connectors.map(({ connectorId }) => connectorId);
}

/**
 * The connectors that the session may re-authenticate. Fails: malformed, if one of these connectors is not in
 * `connectorIds`.
 */
function partOf(connectorIds: number[], reauthenticate?: number[]): number[] | undefined {
  if (reauthenticate?.every((connectorId) => connectorIds.includes(connectorId)) ?? true)
    return reauthenticate && [...new Set(reauthenticate)];
  throw malformed('reauthenticate');
}

/**
 * The lifetime of a token in milliseconds. Fails: malformed, if the lifetime is outside the limits of this kind of
 * token.
 */
function lifetimeOf(kind: TokenKind, expiresIn: Duration = lifetimes[kind].default): number {
  const lifetime = durationMs(expiresIn);
  if (lifetime >= lifetimes[kind].min && lifetime <= lifetimes[kind].max) return lifetime;
  throw malformed('expiresIn');
}

function flowRoutes(app: App, { auth }: Parts): void {
  app.get('/v1/flows', { schema: schemas.flows }, ({ query }) => auth.flows(query));
  app.get('/v1/events', { schema: schemas.events }, ({ query }) => auth.events(query));
  app.post('/v1/events/:id/redeliver', { schema: schemas.redeliver }, async ({ params: { id } }, reply) =>
    reply.code(202).send(await auth.redeliver(id)),
  );
  for (const signal of ['recheck', 'cancel'] as const) {
    const summary = `Sends the signal ${signal} to the open flows that match the filter`;
    const schema = { ...schemas.batch, ...named('flows', `${signal}Flows`), summary };
    app.post(`/v1/flows/${signal}`, { schema }, async (request, reply) =>
      reply.code(202).send(await auth.batch(signal, request.body, byOf(request))),
    );
  }
}

function readRoutes(app: App, { auth }: Parts): void {
  app.get('/v1/accounts/:accountId/connectors', { schema: schemas.list }, ({ params, query }) =>
    auth.list({ ...params, ...query }),
  );
  app.get(ONE, { schema: schemas.view }, ({ params }) => auth.view(params));
  app.get(`${ONE}/timeline`, { schema: schemas.timeline }, ({ params }) => auth.timeline(params));
}

function authorizationRoutes(app: App, { auth, tokens, config }: Parts): void {
  app.post(`${ONE}/authorization`, { schema: schemas.authorization }, async (request) => {
    const { params, body } = request;
    const [attemptId, by] = [randomUUID(), byOf(request)];
    const given = allowedAddresses(config, body).returnTo;
    const returnTo = given ?? (await returnUrl({ tokens, config }, { ...params, attemptId, by }));
    return withView(auth, params, () => auth.requestAuthorization(params, { attemptId, returnTo, by }));
  });
  app.post(`${ONE}/confirm`, { schema: schemas.confirm }, (request) =>
    confirm(auth, request.params, byOf(request), request.body.attemptId),
  );
  app.post(`${ONE}/recheck`, { schema: schemas.recheck }, (request) =>
    withView(auth, request.params, () => auth.recheck(request.params, { by: byOf(request) })),
  );
  app.post(`${ONE}/cancel`, { schema: schemas.cancel }, (request) =>
    auth.cancel(request.params, { reason: request.body.reason, by: byOf(request) }),
  );
}
