/** The OpenAPI document, and the page that shows it. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { eventTypes, type Delivery, type EventBody } from '../../../workflows/events';
import type { FlowResult } from '../../../workflows/view';
import { historyFiles } from '../../support/replays';
import { faultsOfEvent, operationsOf, type OpenApi } from '../openapi-check';
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
  'POST /v1/accounts/{accountId}/connectors/{connectorId}/monitor',
  'GET /v1/accounts/{accountId}/connections',
  'GET /v1/accounts/{accountId}/connections/{connectorId}',
  'GET /v1/accounts/{accountId}/audit',
  'GET /v1/events',
  'POST /v1/events/{id}/redeliver',
  'GET /v1/flows',
  'POST /v1/flows/recheck',
  'POST /v1/flows/cancel',
  'POST /v1/onboardings',
  'GET /v1/onboardings/{accountId}/{onboardingId}',
  'POST /v1/onboardings/{accountId}/{onboardingId}/cancel',
  'POST /v1/onboardings/{accountId}/{onboardingId}/connectors',
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

test('the OpenAPI document has version 3.1.0, and exactly the operations in the list `calls`', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.servers).toEqual([{ url: service.url }]);
  expect(
    operations()
      .map(([name]) => name)
      .sort(),
  ).toEqual([...calls].sort());
});

/** The media type of each operation whose answer is a stream. */
const streams: { [name: string]: string } = {
  'GET /v1/session/events': 'text/event-stream',
  'GET /v1/accounts/{accountId}/audit': 'application/x-ndjson',
};

test('every operation has a summary, a security scheme and its problem codes', () => {
  for (const [name, { summary, security, responses }] of operations()) {
    expect({ name, summary: typeof summary, security: security.length }).toEqual({
      name,
      summary: 'string',
      security: 1,
    });
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '429', '500']));
    for (const [status, { description, content, headers }] of Object.entries(responses)) {
      expect(Object.keys(headers ?? {})).toContain('X-Request-Id');
      const success = streams[name] ?? 'application/json';
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

test('the document has a webhook for each type of events, with an example that fits its schema', () => {
  expect(Object.keys(document.webhooks)).toEqual([...eventTypes]);
  for (const { post } of Object.values(document.webhooks)) {
    const { examples } = post.requestBody.content['application/json']!.schema as { examples: EventBody[] };
    expect(examples.map((example) => faultsOfEvent(document, example))).toEqual([[]]);
  }
});

test.each(
  ['event-delivered', 'event-gone', 'event-retried', 'event-undelivered'].map((name) => [name, bodyIn(name)] as const),
)('the event body in the recorded history %s fits the schema of its event type', (_name, body) => {
  expect(faultsOfEvent(document, body)).toEqual([]);
});

test('an event body does not fit the schema of its event type if it lacks a member, or has the state of another event type', () => {
  const body = bodyIn('event-delivered');
  const { timeline: _, ...withoutTimeline } = body.data as FlowResult & EventBody['data'];

  expect(faultsOfEvent(document, { ...body, data: { ...body.data, state: 'expired' } as never })).not.toEqual([]);
  expect(faultsOfEvent(document, { ...body, data: withoutTimeline })).not.toEqual([]);
});

/** Returns the event body in the start input of a recorded delivery: of the newest recording with this name. */
function bodyIn(history: string): EventBody {
  const file = historyFiles.filter((name) => basename(name, '.json') === history).at(-1)!;
  const text = readFileSync(join(__dirname, '..', '..', 'histories', file), 'utf8');
  const { events } = JSON.parse(text) as { events: Started[] };
  const [{ data }] = events[0]!.workflowExecutionStartedEventAttributes.input.payloads;
  return (JSON.parse(Buffer.from(data, 'base64').toString()) as Delivery).body;
}

interface Started {
  workflowExecutionStartedEventAttributes: { input: { payloads: [{ data: string }] } };
}

test('the OpenAPI document has the version of the package', () => {
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

test('no answer has the description "Default Response"', () => {
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
