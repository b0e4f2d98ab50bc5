/** About the service itself. */
import type { App, Parts } from '../parts';
import { html, pageOf, type Html } from '../html';

const hide = { schema: { hide: true } };

export function serviceRoutes(app: App, { trouble }: Parts): void {
  app.get('/healthz', hide, async () => ({ ok: true }));
  app.get('/readyz', hide, async (_request, reply) => {
    const why = await trouble();
    return reply.code(why === undefined ? 200 : 503).send({ ok: why === undefined, why });
  });
  app.get('/openapi.json', hide, async () => app.swagger());
  app.get('/docs', hide, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(documentation(Object(app.swagger()))),
  );
}

const documentation = (document: object): string => {
  const body = html`<h1>HTTP API</h1>
    ${callsOf(document)}`;
  return pageOf({ title: 'HTTP API', body, language: 'en', header: html``, assets: 'connect/' });
};

interface Operation {
  summary?: string;
  security?: { [scheme: string]: unknown }[];
}

const callsOf = ({ paths = {} }: { paths?: object }): Html => {
  const calls = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations as { [method: string]: Operation }).map(([method, operation]) =>
      call(method, path, operation),
    ),
  );
  return html`<p>All of it, with shapes and errors: <a href="openapi.json">openapi.json</a>.</p>
    <dl>${calls}</dl>`;
};

const call = (method: string, path: string, { summary = '', security = [] }: Operation): Html =>
  html`<dt><code>${method.toUpperCase()} ${path}</code> (${security.flatMap(Object.keys).join(', ')})</dt>
    <dd>${summary}</dd> `;
