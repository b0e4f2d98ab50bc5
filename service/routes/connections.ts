/** The routes for connections, monitored or not. Each call needs an API key. */
import * as answers from '../../client/http/answers';
import * as requests from '../../client/http/requests';
import { codes, named, responsesOf } from '../openapi';
import type { App, Parts } from '../parts';

const ALL = '/v1/accounts/:accountId/connections';
const { caller, body, flow } = codes;
const security = [{ apiKey: [] }];

const schemas = {
  list: {
    ...named('connections', 'connections'),
    summary:
      'Lists the connections of an account: first the monitored and the gone connections, then all others, each by its latest flow',
    security,
    params: requests.OfAccount,
    querystring: requests.ConnectionsQuery,
    response: responsesOf({ 200: answers.ConnectionList }, [...caller, 'malformed', 'temporalUnavailable']),
  },
  read: {
    ...named('connections', 'connection'),
    summary: 'Tells whether integrations may run for a connector',
    security,
    params: requests.OfConnector,
    response: responsesOf({ 200: answers.Connection }, [...caller, ...flow, 'malformed']),
  },
  monitor: {
    ...named('connections', 'monitor'),
    summary: 'Starts or ends the monitoring of a connector, or reads a monitored connector now',
    security,
    params: requests.OfConnector,
    body: requests.MonitorBody,
    response: responsesOf({ 200: answers.Connection }, [...caller, ...body, ...flow]),
  },
};

export function connectionRoutes(app: App, { auth }: Parts): void {
  app.get(ALL, { schema: schemas.list }, ({ params, query }) => auth.connections({ ...params, ...query }));
  app.get(`${ALL}/:connectorId`, { schema: schemas.read }, ({ params }) => auth.connection(params));
  app.post('/v1/accounts/:accountId/connectors/:connectorId/monitor', { schema: schemas.monitor }, ({ params, body }) =>
    auth.monitor(params, body),
  );
}
