import type { FastifyInstance } from 'fastify';
import type { Parts, Routes } from './calls';
import { connectorRoutes } from './connector-routes';
import { cycleRoutes } from './cycle-routes';
import { propertyRoutes } from './property-routes';
import { methodRoutes } from './method-routes';
import { notFound } from './refusal';
import { signInRoutes } from './sign-in';
import { addHooks, type HookParts } from './hooks';
import { accountAdmitted, mintToken } from './token';

/** Cyclr's API, and its 404 for any other path. */
export function cyclrApi(app: FastifyInstance, parts: Parts, hookParts: HookParts): void {
  const { store, switches } = parts;
  addHooks(app, parts, hookParts);

  app.post('/oauth/token', (request) => mintToken(store, request, switches));
  const routes: Routes = {
    ...connectorRoutes(parts),
    ...propertyRoutes(parts),
    ...methodRoutes(parts),
    ...signInRoutes(parts),
    ...cycleRoutes,
  };
  for (const [route, handle] of Object.entries(routes)) {
    const [method = '', path = ''] = route.split(' ');
    app.route<{ Params: Record<string, string> }>({
      method,
      url: `/v1.0${path}`,
      handler: (request, reply) => {
        const account = accountAdmitted(store, request, request.params['accountId']);
        return handle({ account, params: request.params, request, reply });
      },
    });
  }
  app.all('/*', () => {
    throw notFound('No HTTP resource was found that matches the request URI.');
  });
}
