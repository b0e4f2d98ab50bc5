/** What a backend may call, with its API key. */
import { durationMs } from '../../workflows/input';
import type { ConnectorKey } from '../../workflows/connector';
import type { Duration, Input } from '../../workflows/messages';
import { allowNoBody, forBackends } from '../callers';
import { withView } from '../flows';
import { idempotencyKeyOf } from '../idempotency';
import { codes, described } from '../openapi';
import { requireAllowed } from '../origins';
import type { App, Parts } from '../parts';
import { ServiceError } from '../problems';
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import { lifetimes, type TokenKind } from '../tokens';
import { backendInputRoutes } from './backend-inputs';

const BY = 'backend';
const ONE = '/v1/accounts/:accountId/connectors/:connectorId';
const security = [{ apiKey: [] }];
const { caller, body, flow } = codes;

export function backendRoutes(app: App, parts: Parts): void {
  forBackends(app, parts);
  allowNoBody(app);
  sessionRoute(app, parts);
  readingRoutes(app, parts);
  startingRoutes(app, parts);
  backendInputRoutes(app, parts);
}

function sessionRoute(app: App, { auth, tokens, config }: Parts): void {
  app.post(
    '/v1/sessions',
    {
      schema: {
        summary: 'A link to the connect page, for the user; starts what does not run yet',
        security,
        body: requests.SessionBody,
        response: described({ 201: answers.Minted }, [...caller, ...body, 'temporalUnavailable']),
      },
    },
    async (request, reply) => {
      const {
        accountId,
        accountLabel,
        connectorIds,
        origin,
        language = 'en',
        returnTo,
        kind = 'session',
        expiresIn,
      } = request.body;
      request.accountId = accountId;
      requireAllowed(config, { origin, returnTo });
      const lifetimeMs = lifetimeOf(kind, expiresIn);
      const ids = [...new Set(connectorIds)];
      await Promise.all(ids.map((connectorId) => auth.start({ accountId, connectorId }, { by: BY })));
      const scope = { accountId, accountLabel, connectorIds: ids, origin, language, returnTo };
      const { token, expiresAt } = await tokens.mint(kind, scope, lifetimeMs);
      return reply.code(201).send({ token, url: `${config.publicUrl}/connect#${kind}=${token}`, expiresAt });
    },
  );
}

/** In milliseconds. Fails: `malformed` outside the bounds of its kind. */
function lifetimeOf(kind: TokenKind, expiresIn: Duration = lifetimes[kind].default): number {
  const lifetime = durationMs(expiresIn);
  if (lifetime >= lifetimes[kind].min && lifetime <= lifetimes[kind].max) return lifetime;
  throw new ServiceError('malformed', undefined, [{ name: 'expiresIn', code: 'malformed' }]);
}

function readingRoutes(app: App, { auth }: Parts): void {
  app.get(
    '/v1/accounts/:accountId/connectors',
    {
      schema: {
        summary: "The account's flows: the latest of each connector",
        security,
        params: requests.OfAccount,
        querystring: requests.ListQuery,
        response: described({ 200: answers.ConnectorList }, [...caller, 'malformed', 'temporalUnavailable']),
      },
    },
    ({ params, query }) => auth.list({ ...params, ...query }),
  );
  app.get(
    ONE,
    {
      schema: {
        summary: 'Where a flow stands',
        security,
        params: requests.OfConnector,
        response: described({ 200: answers.View }, [...caller, ...flow, 'malformed']),
      },
    },
    ({ params }) => auth.view(params),
  );
  app.get(
    `${ONE}/timeline`,
    {
      schema: {
        summary: 'How it got there',
        security,
        params: requests.OfConnector,
        response: described({ 200: answers.Timeline }, [...caller, ...flow, 'malformed']),
      },
    },
    ({ params }) => auth.timeline(params),
  );
}

function startingRoutes(app: App, { auth }: Parts): void {
  const response = described({ 200: answers.Started, 201: answers.Started }, [
    ...caller,
    ...body,
    ...flow,
    'alreadyRunning',
  ]);
  type Call = Pick<Parameters<typeof idempotencyKeyOf>[0], 'caller' | 'headers'> & { params: ConnectorKey };
  const start = (
    what: 'start' | 'reauthenticate',
    { params, headers, caller }: Call,
    given: Omit<Input, keyof ConnectorKey>,
  ) => {
    const idempotencyKey = idempotencyKeyOf({ what, caller, headers, key: params });
    return withView(auth, params, () => auth.start(params, { by: BY, ...given, idempotencyKey }));
  };
  app.post(
    ONE,
    {
      schema: {
        summary: 'Starts a flow, or finds the one that runs (200)',
        security,
        params: requests.OfConnector,
        headers: requests.Headers,
        body: requests.StartBody,
        response,
      },
    },
    async (request, reply) => {
      const started = await start('start', request, request.body);
      return reply.code(started.started ? 201 : 200).send(started);
    },
  );
  app.post(
    `${ONE}/reauthenticate`,
    {
      schema: {
        summary: 'Starts a re-authentication: nothing changes until new input is given',
        security,
        params: requests.OfConnector,
        headers: requests.Headers,
        body: requests.ReauthenticateBody,
        response,
      },
    },
    async (request, reply) => {
      const started = await start('reauthenticate', request, { ...request.body, intent: 'reauthenticate' });
      return reply.code(started.started ? 201 : 200).send(started);
    },
  );
  app.post(
    `${ONE}/cancel`,
    {
      schema: {
        summary: 'Ends a flow',
        security,
        params: requests.OfConnector,
        body: requests.CancelBody,
        response: described({ 200: answers.View }, [...caller, ...body, ...flow]),
      },
    },
    ({ params, body: { reason } }) => auth.cancel(params, { reason, by: BY }),
  );
}
