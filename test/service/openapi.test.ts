/* eslint-disable @typescript-eslint/no-explicit-any */
/** The OpenAPI document says what the service does, no less and no more. */
import type { ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { openService, pathOf, type Answer, type Service } from './scene';

let service: Service;
let document: any;
beforeAll(async () => {
  service = await openService();
  document = (await service.call('GET', '/openapi.json')).body;
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

interface Operation {
  summary: string;
  security: object[];
  responses: { [status: string]: { description: string; content: { [type: string]: { schema: object } } } };
}
const operations = (): [string, Operation][] =>
  Object.entries(document.paths as { [path: string]: { [method: string]: Operation } }).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );

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
    for (const [status, { description, content }] of Object.entries(responses)) {
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

/** Which properties of an answer the document does not know, and which it lacks: an object at a time. */
function differences(schema: any, value: unknown, at = ''): string[] {
  if (schema.$ref) return differences(document.components.schemas[schema.$ref.split('/').at(-1)], value, at);
  if (Array.isArray(value)) return value.flatMap((item) => differences(schema.items ?? {}, item, `${at}[]`));
  if (schema.enum && !schema.enum.includes(value)) return [`${at}: ${String(value)} is not listed`];
  if (typeof value !== 'object' || value === null) return schema.type === 'object' ? [`${at} is no object`] : [];
  const known = Object.keys(schema.properties ?? {});
  return [
    ...Object.keys(value)
      .filter((name) => !known.includes(name))
      .map((name) => `${at}.${name} is not described`),
    ...(schema.required ?? [])
      .filter((name: string) => !(name in value))
      .map((name: string) => `${at}.${name} is missing`),
    ...Object.entries(value)
      .filter(([name]) => known.includes(name))
      .flatMap(([name, inner]) => differences(schema.properties[name], inner, `${at}.${name}`)),
  ];
}

test('answers are as it says', async () => {
  const key = service.stage.install('Kestrel');
  const seen: [string, Answer][] = [];
  const call = async (method: string, then: string, body?: unknown) => {
    const answer = await service.asBackend(method, pathOf(key, then), body);
    seen.push([`${method} /v1/accounts/{accountId}/connectors/{connectorId}${then}`, answer]);
    return answer;
  };
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
  const minted = await service.asBackend('POST', '/v1/sessions', {
    accountId: key.accountId,
    connectorIds: [key.connectorId],
  });
  seen.push(['POST /v1/sessions', minted]);
  const { token } = minted.body;
  for (const path of ['/v1/session', '/v1/session/sealing-keys'])
    seen.push([`GET ${path}`, await service.call('GET', path, { token })]);
  seen.push(['POST /v1/session/renew', await service.call('POST', '/v1/session/renew', { token })]);
  seen.push(['GET /v1/session', await service.call('GET', '/v1/session')]);
  const list = `/v1/accounts/${key.accountId}/connectors`;
  seen.push([
    'GET /v1/accounts/{accountId}/connectors',
    await eventually(
      () => service.asBackend('GET', list),
      ({ body }) => body.items.length > 0,
    ),
  ]);

  const described = new Map(operations());
  for (const [name, { status, body, headers }] of seen) {
    const content = described.get(name)?.responses[status]?.content ?? {};
    const schema = content[headers.get('content-type')!.split(';')[0]!]?.schema;
    expect({ name, status, described: schema !== undefined, body }).toMatchObject({ name, status, described: true });
    expect({ name, status, differences: differences(schema, body) }).toEqual({ name, status, differences: [] });
  }
  expect(new Set(seen.map(([, { status }]) => status))).toEqual(new Set([200, 201, 401, 409, 422]));
});

test('a page lists all calls', async () => {
  const { status, text } = await service.call('GET', '/docs');

  expect(status).toBe(200);
  for (const call of calls) expect(text).toContain(call);
});
