import { z } from 'zod';
import { accountConnectorAnswer, definitionOf, type AccountConnector } from './answers';
import { deauthenticate, settle, storeAuthValue } from './authentication';
import { checked, cyclrInput, jsonOf } from './body';
import { connectorOf, pageOf, type Parts, type Routes } from './calls';
import { notFound } from './refusal';
import type { StoredConnector } from './state';

const Patch = cyclrInput(
  z.object({
    Name: z.string().min(1).optional(),
    Description: z.string().optional(),
    AuthValue: z.string().optional(),
  }),
);

const Listing = z.object({ query: z.string().default('') });

/** Lists, reads, changes and de-authenticates account connectors. */
export function connectorRoutes({ store, switches }: Parts): Routes {
  const read = (connector: StoredConnector): AccountConnector => {
    settle(store, connector);
    return accountConnectorAnswer(connector, switches);
  };

  return {
    'GET /account/connectors': (call) => {
      const { query } = checked(Listing, call.request.query);
      const found = call.account.connectors.filter(({ Name }) => Name.toLowerCase().includes(query.toLowerCase()));
      return pageOf(found, call, switches).map(read);
    },

    'GET /account/connectors/:id': (call) => read(connectorOf(call)),

    'PUT /account/connectors/:id': (call) => {
      const connector = connectorOf(call);
      const { AuthValue, ...fields } = jsonOf(call.request, Patch);
      if (AuthValue !== undefined) storeAuthValue(store, connector, AuthValue, switches);
      Object.assign(connector, fields);
      return accountConnectorAnswer(connector, switches);
    },

    'POST /account/connectors/:id/triggers/:triggerId': (call) => {
      const { Triggers } = definitionOf(connectorOf(call));
      const known = (Triggers ?? []) as { Id: unknown }[];
      if (!known.some(({ Id }) => `${Id}` === call.params['triggerId']))
        throw notFound('The trigger could not be found.');
      return switches.triggerValues.map((Value) => ({ Value }));
    },

    'DELETE /account/connectors/:id': (call) => {
      const { Id, Name } = store.uninstall(call.account.id, connectorOf(call).Id);
      return { Id, Name };
    },

    'PUT /account/connectors/:id/deauthenticate': (call) => {
      const connector = connectorOf(call);
      deauthenticate(connector);
      return { Message: `Connector '${connector.Name}' successfully de-authenticated.` };
    },
  };
}
