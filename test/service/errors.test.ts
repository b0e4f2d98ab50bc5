/** What a call is answered that can't be. */
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { answers } from '../../service/problems';
import { connect } from '../../temporal/connection';
import { createTestSecrets } from '../../scripts/faults/secret-search';
import { startProxy } from '../../scripts/faults/proxy';
import { eventually } from '../support/eventually';
import { openService, pathOf, type Call, type Service } from './scene';

let service: Service;
beforeAll(async () => (service = await openService()));
afterAll(() => service.close());

const ONE = '/v1/accounts/acme/connectors/1002';
const json = { 'Content-Type': 'application/json' };

test('every error is a problem document with a code, and an id that its log has', async () => {
  const answer = await service.asBackend('GET', '/v1/accounts/nobody/connectors/1');

  expect(answer.status).toBe(404);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.body).toEqual({
    title: 'Not Found',
    status: 404,
    code: 'notFound',
    detail: answers.notFound.detail,
    requestId: answer.headers.get('x-request-id'),
  });
  await eventually(
    () => service.log.join(''),
    (log) => log.includes(answer.body.requestId),
  );
});

const big = JSON.stringify({ values: { Domain: 'x'.repeat(256 * 1024) } });
test.each<[string, string, string, Call, number, string]>([
  ['broken JSON', 'POST', ONE, { body: '{"by":' }, 400, 'brokenJson'],
  ['no JSON where some is announced', 'POST', ONE, { body: '', headers: json }, 400, 'brokenJson'],
  ['a body over 256 KiB', 'POST', `${ONE}/properties`, { body: big }, 413, 'tooLarge'],
  [
    'a body of another type',
    'POST',
    ONE,
    { body: 'a=b', headers: { 'Content-Type': 'text/plain' } },
    415,
    'unsupportedMediaType',
  ],
  [
    'a form',
    'POST',
    ONE,
    { body: 'a=b', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
    415,
    'unsupportedMediaType',
  ],
  ['a wrong shape', 'POST', ONE, { body: [] }, 422, 'malformed'],
  ['null', 'POST', ONE, { body: 'null' }, 422, 'malformed'],
  ['a misspelt name', 'POST', ONE, { body: { intend: 'reauthenticate' } }, 422, 'malformed'],
  ['an unknown intent', 'POST', ONE, { body: { intent: 'other' } }, 422, 'malformed'],
  ['a patience that is none', 'POST', ONE, { body: { patience: { properties: 'long' } } }, 422, 'malformed'],
  ['a patience of nothing', 'POST', ONE, { body: { patience: { properties: 0 } } }, 422, 'malformed'],
  ['a patience of 91 days', 'POST', ONE, { body: { patience: { properties: '91 days' } } }, 422, 'malformed'],
  [
    'a submission id that is none',
    'POST',
    `${ONE}/properties`,
    { body: { submissionId: 'a b', values: {} } },
    422,
    'malformed',
  ],
  ['a prototype', 'POST', `${ONE}/properties`, { body: '{"values":{"__proto__":"x"}}' }, 400, 'brokenJson'],
  ['credentials of no kind', 'POST', `${ONE}/credentials`, { body: { credentials: { key: 'x' } } }, 422, 'malformed'],
  [
    'credentials with a colon in the user name',
    'POST',
    `${ONE}/credentials`,
    { body: { credentials: { kind: 'basic', username: 'a:b', password: '' } } },
    422,
    'malformed',
  ],
  [
    'an empty Idempotency-Key',
    'POST',
    `${ONE}/properties`,
    { body: { values: {} }, headers: { 'Idempotency-Key': '' } },
    422,
    'malformed',
  ],
  ['a connector id that is none', 'GET', '/v1/accounts/acme/connectors/1e3', {}, 422, 'malformed'],
  ['a connector id that is too large', 'GET', '/v1/accounts/acme/connectors/9007199254740993', {}, 422, 'malformed'],
  [
    'an account id that is none',
    'GET',
    `/v1/accounts/${encodeURIComponent('アカ1')}/connectors/1`,
    {},
    422,
    'malformed',
  ],
  ['an account id that is too long', 'GET', `/v1/accounts/${'a'.repeat(201)}/connectors/1`, {}, 422, 'malformed'],
  ['an unknown state', 'GET', '/v1/accounts/acme/connectors?state=asleep', {}, 422, 'malformed'],
  ['page 0', 'GET', '/v1/accounts/acme/connectors?page=0', {}, 422, 'malformed'],
  ['pages that are too large', 'GET', '/v1/accounts/acme/connectors?pageSize=201', {}, 422, 'malformed'],
  ['a broken escape', 'GET', '/v1/accounts/%zz/connectors/1', {}, 404, 'notFound'],
  ['an account id far too long', 'GET', `/v1/accounts/${'a'.repeat(1300)}/connectors/1`, {}, 404, 'notFound'],
  ['an unknown path', 'GET', '/v1/nothing', {}, 404, 'notFound'],
  ['a wrong method', 'DELETE', ONE, {}, 405, 'methodNotAllowed'],
  ['a wrong method that Fastify has wishes about', 'QUERY', ONE, {}, 405, 'methodNotAllowed'],
  ['such a method of no path', 'QUERY', '/v1/nothing', {}, 404, 'notFound'],
  ['a flow that was never started', 'POST', `${ONE}/cancel`, {}, 404, 'notFound'],
  ['properties of no flow', 'POST', `${ONE}/properties`, { body: { values: { Domain: 'x' } } }, 404, 'notFound'],
  [
    'credentials of no flow',
    'POST',
    `${ONE}/credentials`,
    { body: { credentials: { kind: 'apiKey', key: 'x' } } },
    404,
    'notFound',
  ],
  ['consent of no flow', 'POST', `${ONE}/authorization`, {}, 404, 'notFound'],
  ['a confirmation of no flow', 'POST', `${ONE}/confirm`, {}, 404, 'notFound'],
  ['the timeline of no flow', 'GET', `${ONE}/timeline`, {}, 404, 'notFound'],
])('%s (%s %s)', async (_what, method, path, call, status, code) => {
  const answer = await service.call(method, path, { token: service.apiKey, ...call });

  expect(answer).toMatchObject({ status, body: { status, code } });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.headers.get('x-request-id')).toBe(answer.body.requestId);
});

test('a wrong method is told the right ones', async () => {
  expect((await service.asBackend('PUT', ONE)).headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'POST']);
});

test('what the flow refuses without a trace is told by its code', async () => {
  const key = service.stage.install('Fernhill');
  await service.asBackend('POST', pathOf(key));
  await eventually(
    () => service.stage.auth.view(key),
    ({ state }) => state === 'awaitingProperties',
  );
  const properties = (values: object) => service.asBackend('POST', pathOf(key, '/properties'), { values });

  const early = await service.asBackend('POST', pathOf(key, '/credentials'), {
    credentials: { kind: 'apiKey', key: 'k' },
  });
  const unknown = await properties({ Domain: 'acme', Secret42: 'x' });
  const missing = await properties({});

  expect(early).toMatchObject({ status: 409, body: { code: 'notNow', view: { state: 'awaitingProperties' } } });
  expect(unknown).toMatchObject({ status: 422, body: { code: 'unknownProperty' } });
  expect(unknown.text).not.toContain('Secret42');
  expect(missing).toMatchObject({ status: 422, body: { code: 'missingProperty', fields: [{ name: 'Domain' }] } });
});

test('no answer quotes what was sent, wherever it stood', async () => {
  const mark = createTestSecrets();
  const secret = mark.secret('sent');
  const safe = encodeURIComponent(secret);
  const calls: [string, string, Call][] = [
    ['POST', ONE, { body: `{"by":"${secret}` }],
    ['POST', ONE, { body: { [secret]: 1 } }],
    ['POST', ONE, { body: { intent: secret } }],
    ['POST', ONE, { body: { patience: { [secret]: 1 } } }],
    ['POST', '/v1/sessions', { body: { accountId: 'acme', connectorIds: [secret], origin: secret, language: secret } }],
    ['POST', `${ONE}/properties`, { body: { values: { [secret]: { sealed: 1 } } } }],
    ['POST', `${ONE}/properties`, { body: { values: { [secret]: secret } } }],
    ['POST', `${ONE}/credentials`, { body: { credentials: { kind: secret } } }],
    ['POST', `${ONE}/credentials`, { body: { credentials: { kind: 'apiKey', key: 1, [secret]: secret } } }],
    ['POST', `${ONE}/authorization`, { body: { returnTo: `https://${safe}` } }],
    ['GET', `/v1/accounts/acme/connectors?state=${safe}`, {}],
    ['GET', `/v1/accounts/acme/connectors/${safe}`, {}],
    ['GET', `/v1/${safe}`, {}],
    ['DELETE', `/v1/accounts/${safe}/connectors/1`, {}],
    ['GET', '/v1/session', { token: safe.replaceAll('%', '') }],
    ['POST', '/v1/session/redeem', { token: safe.replaceAll('%', '') }],
  ];

  for (const [method, path, call] of calls) {
    const answer = await service.call(method, path, { token: service.apiKey, ...call });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect({ path, found: mark.foundIn(answer.text + JSON.stringify([...answer.headers])) }).toEqual({
      path,
      found: [],
    });
  }
});

test('too many calls of one caller are told to wait, and nobody else', async () => {
  const key = service.stage.install('Openrates');
  const [busy, other] = [await service.session(key), await service.session(key)];
  const call = (token: string) => service.call('GET', '/v1/session/sealing-keys', { token });

  const all = await Promise.all(Array.from({ length: 130 }, () => call(busy)));

  const limited = all.filter(({ status }) => status === 429);
  expect(all.filter(({ status }) => status === 200)).toHaveLength(120);
  expect(limited).toHaveLength(10);
  expect(limited[0]!.body.code).toBe('rateLimited');
  expect(Number(limited[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
  const renewed = (await service.tokens.renew(await service.tokens.session(busy))).token;
  expect((await call(renewed)).status).toBe(429); // a fresh token is the same session
  expect((await call(other)).status).toBe(200);
});

test('without a worker it is told so, and when to try again', async () => {
  const key = service.stage.install('Brightdesk');
  await service.asBackend('POST', pathOf(key));
  await service.stage.stopWorker();
  try {
    const answer = await service.asBackend('GET', pathOf(key));

    expect(answer).toMatchObject({ status: 503, body: { code: 'noWorker' } });
    expect(answer.headers.get('retry-after')).toBe('10');
  } finally {
    await service.stage.restartWorker();
  }
}, 60_000);

test('without Temporal it is told so, is not ready, and alive', async () => {
  const proxy = await startProxy(process.env.TEST_TEMPORAL_ADDRESS!);
  const { namespace } = service.stage;
  const connection = await connect({
    address: proxy.address,
    namespace,
    connectionOptions: { address: proxy.address },
  });
  const behind = await openService({ auth: new ConnectorAuth(new Client({ connection, namespace })), connection });
  try {
    expect((await behind.call('GET', '/readyz')).status).toBe(200);
    proxy.cut();

    const answer = await behind.asBackend('POST', ONE);

    expect(answer).toMatchObject({ status: 503, body: { code: 'temporalUnavailable' } });
    expect(answer.headers.get('retry-after')).toBe('10');
    expect(answer.text).not.toContain(proxy.address);
    const ready = await eventually(
      () => behind.call('GET', '/readyz'),
      ({ status }) => status === 503,
    );
    expect(ready.body.ok).toBe(false);
    expect(await behind.call('GET', '/healthz')).toMatchObject({ status: 200, body: { ok: true } });
  } finally {
    await behind.close();
    await connection.close();
    await proxy.close();
  }
}, 60_000);
