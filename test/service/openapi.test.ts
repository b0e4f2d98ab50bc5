/** The OpenAPI document says what the service does, no less and no more. */
import type { ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { createJudge, operationsOf, type OpenApi } from './described';
import { openService, pathOf, type Service } from './scene';
import { openWire } from './wire';

let service: Service;
let document: OpenApi;
beforeAll(async () => {
  service = await openService();
  document = (await service.call('GET', '/openapi.json')).body as OpenApi;
});
afterAll(() => service.close());

const calls = [
  'POST /v1/sessions',
  'GET /v1/accounts/{accountId}/connectors',
  'POST /v1/accounts/{accountId}/connectors/{connectorId}',
  'GET /v1/accounts/{accountId}/connectors/{connectorId}',
  'GET /v1/accounts/{accountId}/connectors/{connectorId}/timeline',
  ...['properties', 'credentials', 'authorization', 'confirm', 'cancel', 'reauthenticate'].map(
    (what) => `POST /v1/accounts/{accountId}/connectors/{connectorId}/${what}`,
  ),
  'GET /v1/session',
  'GET /v1/session/events',
  'GET /v1/session/sealing-keys',
  'POST /v1/session/renew',
  'POST /v1/session/redeem',
  ...['properties', 'credentials', 'confirm'].map((what) => `POST /v1/session/connectors/{connectorId}/${what}`),
];

const operations = () => [...operationsOf(document)];

test('it is of version 3.1, and lists every call of the contract', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.servers).toEqual([{ url: service.url }]);
  expect(
    operations()
      .map(([name]) => name)
      .sort(),
  ).toEqual([...calls].sort());
});

test('every call says who may make it, and which problems it can be answered with', () => {
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

test('every reference in it leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name]) => name,
  );

  expect(references).toContain('View');
  for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name);
});

test('answers are as it says', async () => {
  const key = service.stage.install('Kestrel');
  const wire = await openWire(service.url);
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  const ask = async (method: string, path: string, token?: string, body?: object): Promise<any> => {
    const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
    return (await fetch(wire.url + path, { method, headers, body: body && JSON.stringify(body) })).json();
  };
  const call = (method: string, then: string, body?: object) => ask(method, pathOf(key, then), service.apiKey, body);
  const waits = (of: ConnectorKey, state: string) =>
    eventually(
      () => service.stage.auth.view(of),
      (view) => view.state === state,
    );

  await call('POST', '');
  await waits(key, 'awaitingProperties');
  await call('POST', '');
  await call('GET', '');
  await call('POST', '/properties', { values: {} });
  await call('POST', '/properties', { values: { Environment: 'staging', SigningSecret: 's', Region: 'eu' } });
  await call('POST', '/credentials', { credentials: { kind: 'apiKey', key: 'wrong-key' } });
  await call('POST', '/authorization');
  await call('POST', '/confirm');
  await call('GET', '/timeline');
  await call('POST', '/cancel', { reason: 'enough' });
  await call('POST', '/credentials', { credentials: { kind: 'apiKey', key: 'late' } });
  await call('POST', '/reauthenticate');
  const { accountId, connectorId } = key;
  const { token } = await ask('POST', '/v1/sessions', service.apiKey, { accountId, connectorIds: [connectorId] });
  await ask('GET', '/v1/session', token);
  await ask('GET', '/v1/session/sealing-keys', token);
  await ask('POST', '/v1/session/renew', token);
  await ask('GET', '/v1/session');
  await eventually(
    () => ask('GET', `/v1/accounts/${accountId}/connectors`, service.apiKey),
    ({ items }) => items.length > 0,
  );
  await wire.close();

  const verdicts = wire.exchanges.map(createJudge(document));
  expect(verdicts.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
  expect(new Set(wire.exchanges.map(({ answer }) => answer.status))).toEqual(new Set([200, 201, 401, 409, 422]));
});

test('GET /docs shows the document with scripts and styles of its own, under the strict policy', async () => {
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
