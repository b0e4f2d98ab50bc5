/** Health checks and the documentation of the API. */
import swaggerUi from '@fastify/swagger-ui';
import type { App, Parts } from '../parts';

const hide = { schema: { hide: true } };

export function serviceRoutes(app: App, { trouble, config }: Parts): void {
  app.get('/healthz', hide, async () => ({ ok: true }));
  app.get('/readyz', hide, async (_request, reply) => {
    const why = await trouble();
    return reply.code(why === undefined ? 200 : 503).send({ ok: why === undefined, why });
  });
  app.get('/openapi.json', hide, async () => app.swagger());
  app.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: new URL(config.publicUrl).pathname, // the documentation page needs this prefix in its absolute paths
    uiConfig: { layout: 'BaseLayout' }, // this layout hides the bar with which a user can load other documents
    theme: { title: 'HTTP API' },
  });
}
