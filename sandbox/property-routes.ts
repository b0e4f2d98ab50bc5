import { z } from 'zod';
import { propertyAnswer } from './answers';
import { isWrong } from './authentication';
import { cyclrInput, jsonOf } from './body';
import { connectorOf, idIn, pageOf, type Call, type Parts, type Routes } from './calls';
import { badRequest, notFound } from './refusal';
import type { Property, StoredConnector } from './state';

/** The body that adds a property. Any name is accepted, because Cyclr also accepts a name that no parameter defines. */
const NewProperty = cyclrInput(z.object({ Name: z.string().min(1), Value: z.string() }));
const Patch = cyclrInput(z.object({ Name: z.string().min(1).optional(), Value: z.string().optional() }));

/** Lists, adds, reads, changes and removes the properties of an account connector. */
export function propertyRoutes({ store, switches }: Parts): Routes {
  return {
    'GET /account/connectors/:id/properties': (call) => {
      const connector = connectorOf(call);
      return pageOf(connector.Properties, call, switches).map((property) => propertyAnswer(connector, property));
    },

    'POST /account/connectors/:id/properties': (call) => {
      const connector = connectorOf(call);
      const { Name, Value } = jsonOf(call.request, NewProperty);
      refuseWrong(Name, Value);
      const existing = connector.Properties.find((property) => property.Name === Name);
      if (!existing || switches.secondPost === 'duplicate') {
        return propertyAnswer(connector, store.addProperty(connector, Name, Value));
      }
      if (switches.secondPost === '400') throw badRequest(`A connector property named '${Name}' exists already.`);
      return propertyAnswer(connector, Object.assign(existing, { Value }));
    },

    'GET /account/connectors/:id/properties/:propertyId': (call) => {
      const { connector, property } = propertyOf(call);
      return propertyAnswer(connector, property);
    },

    'PUT /account/connectors/:id/properties/:propertyId': (call) => {
      const { connector, property } = propertyOf(call);
      const patch = jsonOf(call.request, Patch);
      refuseWrong(patch.Name ?? property.Name, patch.Value);
      return propertyAnswer(connector, Object.assign(property, patch));
    },

    'DELETE /account/connectors/:id/properties/:propertyId': (call) => {
      const { connector, property } = propertyOf(call);
      connector.Properties = connector.Properties.filter((other) => other !== property);
      return call.reply.code(204).send();
    },
  };
}

function propertyOf(call: Call): { connector: StoredConnector; property: Property } {
  const connector = connectorOf(call);
  const id = idIn(call.params['propertyId']);
  const property = connector.Properties.find(({ Id }) => Id === id);
  if (!property) throw notFound(`Connector property ${id} could not be found.`);
  return { connector, property };
}

function refuseWrong(name: string, value = ''): void {
  if (!isWrong(value)) return;
  throw badRequest(`'${value}' is not valid for '${name}'.`, { [name]: [`The value '${value}' is not valid.`] });
}
