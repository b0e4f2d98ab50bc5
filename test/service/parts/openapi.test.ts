/** The OpenAPI document, and the page that shows it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { operationsOf, type OpenApi } from '../openapi-check';
import { startServerWithoutFlows, type ServerWithoutFlows } from './server';

let service: ServerWithoutFlows;
let document: OpenApi;
beforeAll(async () => {
  service = await startServerWithoutFlows();
  document = (await service.call('GET', '/openapi.json')).body as OpenApi;
});
afterAll(() => service.close());

const calls = [
  'POST /v1/sessions',
  'GET /v1/accounts/{accountId}/connectors',
  'POST /v1/accounts/{accountId}/connectors/{connectorId}',
  'GET /v1/accounts/{accountId}/connectors/{connectorId}',
  'GET /v1/accounts/{accountId}/connectors/{connectorId}/timeline',
  ...['properties', 'credentials', 'authorization', 'confirm', 'cancel', 'reauthenticate', 'recheck'].map(
    (what) => `POST /v1/accounts/{accountId}/connectors/{connectorId}/${what}`,
  ),
  'GET /v1/flows',
  'POST /v1/flows/recheck',
  'POST /v1/flows/cancel',
  'GET /v1/session',
  'GET /v1/session/events',
  'GET /v1/session/sealing-keys',
  'POST /v1/session/renew',
  'POST /v1/session/redeem',
  ...['properties', 'credentials', 'confirm', 'recheck', 'reauthenticate'].map(
    (what) => `POST /v1/session/connectors/{connectorId}/${what}`,
  ),
];

const operations = () => [...operationsOf(document)];

test('the OpenAPI document has version 3.1.0, and exactly the operations in the list calls', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.servers).toEqual([{ url: service.url }]);
  expect(
    operations()
      .map(([name]) => name)
      .sort(),
  ).toEqual([...calls].sort());
});

test('every call has a summary, a security scheme and its problem codes', () => {
  for (const [name, { summary, security, responses }] of operations()) {
    expect({ name, summary: typeof summary, security: security.length }).toEqual({
      name,
      summary: 'string',
      security: 1,
    });
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '429', '500']));
    for (const [status, { description, content, headers }] of Object.entries(responses)) {
      expect(Object.keys(headers ?? {})).toContain('X-Request-Id');
      const success = name.endsWith('/events') ? 'text/event-stream' : 'application/json';
      const type = Number(status) < 300 ? success : 'application/problem+json';
      expect({ name, status, types: Object.keys(content), described: description.length > 0 }).toEqual({
        ...{ name, status, types: [type], described: true },
      });
      if (Number(status) >= 400)
        expect(content[type]?.schema).toMatchObject({
          properties: { code: { enum: expect.any(Array) } },
          examples: expect.any(Array),
        });
    }
  }
});

test('the document has the version of the package', () => {
  const file = join(__dirname, '..', '..', '..', 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };

  expect(document.info.version).toBe(version);
});

test('every operation has a unique operation id, and one tag that the document describes', () => {
  const all = operations().map(([, operation]) => operation);
  const described = document.tags.map(({ name, description }) => (description ? name : undefined));

  expect(all.map(({ operationId }) => operationId).filter((id) => !/^[a-z][A-Za-z]+$/.test(id))).toEqual([]);
  expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length);
  expect(all.filter(({ tags }) => tags.length !== 1 || !described.includes(tags[0]))).toEqual([]);
});

test('every answer has its own description', () => {
  for (const [name, { responses }] of operations())
    for (const [status, { description }] of Object.entries(responses))
      expect({ name, status, description }).not.toEqual({ name, status, description: 'Default Response' });
});

test('every reference in the OpenAPI document points to a schema of the document', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name]) => name,
  );

  expect(references).toContain('View');
  for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name);
});

test('GET /docs shows the document with scripts and styles of the service, under a strict content security policy', async () => {
  const page = await service.call('GET', '/docs');
  const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
  const loaded = await Promise.all(files.map((file) => service.call('GET', file)));

  expect(page.status).toBe(200);
  expect(page.headers.get('content-security-policy')).toContain(
    "default-src 'none';script-src 'self';style-src 'self'",
  );
  expect(page.text).not.toMatch(/<script>|<style|style=/);
  expect(files).toContainEqual(expect.stringMatching(/^\/docs\/static\/.*\.js$/));
  expect(loaded.map(({ status }) => status)).toEqual(files.map(() => 200));
  expect((await service.call('GET', '/docs/json')).body).toEqual(document);
});

test('an unknown file below /docs is notFound', async () => {
  const answer = await service.call('GET', '/docs/static/other.js');

  expect(answer).toMatchObject({ status: 404, body: { code: 'notFound' } });
});
