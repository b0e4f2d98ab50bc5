import type { FastifyInstance, FastifyRequest } from 'fastify';
import { accountConnectorAnswer } from './answers';
import { idIn, type Parts, type Routes } from './calls';
import { connectorRoutes } from './connector-routes';
import { cycleRoutes } from './cycle-routes';
import { act, loseAnswer } from './fault-acts';
import type { Faults } from './faults';
import { propertyRoutes } from './property-routes';
import { notFound } from './refusal';
import { urlOf, type Recorder } from './requests';
import { accountAdmitted, accountIdOf, mintToken, tokenOf } from './token';

/** What stands between the network and the endpoints. */
export interface Surroundings {
  faults: Faults;
  recorder: Recorder;
  /** Aborted when the sandbox closes. */
  closing: AbortSignal;
}

/** Cyclr's API: each request is recorded, may be hit by a fault, and what it changed is kept before it is answered. */
export function cyclrApi(app: FastifyInstance, parts: Parts, { faults, recorder, closing }: Surroundings): void {
  const { store, switches } = parts;

  app.addHook('onRequest', (request, _reply, done) => {
    recorder.begin(request, tokenOf(store, request)?.id);
    done();
  });
  app.addHook('preHandler', async (request, reply) => {
    recorder.arrived(request);
    const { path } = urlOf(request);
    const fault = faults.take({ method: request.method, path, account: accountIdOf(request) });
    if (fault) await act({ request, reply, closing, connector: connectorAt(request) }, fault);
  });
  app.addHook('onSend', async (request, reply) => {
    if (request.method !== 'GET') await store.save();
    loseAnswer(request, reply);
    recorder.end(request, reply);
  });

  app.post('/oauth/token', (request) => mintToken(store, request, switches));
  const routes: Routes = { ...connectorRoutes(parts), ...propertyRoutes(parts), ...cycleRoutes };
  for (const [route, handle] of Object.entries(routes)) {
    const [method = '', path = ''] = route.split(' ');
    app.route<{ Params: Record<string, string> }>({
      method,
      url: `/v1.0${path}`,
      handler: (request, reply) =>
        handle({ account: accountAdmitted(store, request), params: request.params, request, reply }),
    });
  }
  app.all('/*', () => {
    throw notFound('No HTTP resource was found that matches the request URI.');
  });

  function connectorAt(request: FastifyRequest): object | undefined {
    const [, id] = /\/account\/connectors\/(\d+)/.exec(request.url) ?? [];
    const connectors = store.account(accountIdOf(request) ?? '')?.connectors;
    const connector = connectors?.find(({ Id }) => Id === idIn(id));
    return connector && accountConnectorAnswer(connector);
  }
}
