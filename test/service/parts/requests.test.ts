/** Requests that the service itself refuses, and the problem documents of its answers. */
import type { ConnectorAuth } from '../../../client/connector-auth';
import { ConnectorAuthError } from '../../../client/connector-auth-error';
import { answers } from '../../../service/problems';
import { createTestSecrets } from '../../../scripts/faults/secret-search';
import { AUTHENTICATION_FAILED } from '../../../workflows/transaction-errors';
import { eventually } from '../../support/eventually';
import type { Call } from '../../support/http';
import { CYCLR_WEBHOOK_SECRET, ORIGIN } from '../server';
import { startServerWithoutFlows, type ServerWithoutFlows } from './server';

let service: ServerWithoutFlows;
beforeAll(async () => (service = await startServerWithoutFlows()));
afterAll(() => service.close());

const ONE = '/v1/accounts/acme/connectors/1002';
const json = { 'Content-Type': 'application/json' };
const text = { 'Content-Type': 'text/plain' };
const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

test('an error is a problem document with a code and a request id, and the log has the same request id', async () => {
  const answer = await service.asBackend('GET', ONE);

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
const withPatience = (properties: unknown): Call => ({ body: { patience: { properties } } });
const withCredentials = (credentials: object): Call => ({ body: { credentials } });
const account = (id: string) => `/v1/accounts/${encodeURIComponent(id)}/connectors/1`;
type Row = [what: string, method: string, path: string, call: Call, status: number, code: string];

test.each<Row>([
  ['broken JSON', 'POST', ONE, { body: '{"by":' }, 400, 'brokenJson'],
  ['an empty body of type JSON', 'POST', '/v1/sessions', { body: '', headers: json }, 422, 'malformed'],
  [
    'a property called __proto__',
    'POST',
    `${ONE}/properties`,
    { body: '{"values":{"__proto__":"x"}}' },
    422,
    'malformed',
  ],
  [
    'a property called constructor whose value has a member prototype',
    'POST',
    `${ONE}/properties`,
    { body: '{"values":{"constructor":{"prototype":{}}}}' },
    422,
    'malformed',
  ],
  ['a body over 256 KiB', 'POST', `${ONE}/properties`, { body: big }, 413, 'tooLarge'],
  ['a plain text', 'POST', ONE, { body: 'a=b', headers: text }, 415, 'unsupportedMediaType'],
  ['a form', 'POST', ONE, { body: 'a=b', headers: form }, 415, 'unsupportedMediaType'],
  ['an array', 'POST', ONE, { body: [] }, 422, 'malformed'],
  ['null', 'POST', ONE, { body: 'null' }, 422, 'malformed'],
  ['an unknown member', 'POST', ONE, { body: { intend: 'reauthenticate' } }, 422, 'malformed'],
  ['an unknown intent', 'POST', ONE, { body: { intent: 'other' } }, 422, 'malformed'],
  ['a patience without a number', 'POST', ONE, withPatience('long'), 422, 'malformed'],
  ['a patience of 0', 'POST', ONE, withPatience(0), 422, 'malformed'],
  ['a patience of 91 days', 'POST', ONE, withPatience('91 days'), 422, 'malformed'],
  [
    'a space in a submission id',
    'POST',
    `${ONE}/properties`,
    { body: { submissionId: 'a b', values: {} } },
    422,
    'malformed',
  ],
  ['credentials without kind', 'POST', `${ONE}/credentials`, withCredentials({ key: 'x' }), 422, 'malformed'],
  [
    'a user name with a colon',
    'POST',
    `${ONE}/credentials`,
    withCredentials({ kind: 'basic', username: 'a:b', password: '' }),
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
  ['a connector id that is no integer', 'GET', '/v1/accounts/acme/connectors/1e3', {}, 422, 'malformed'],
  ['a connector id over 2^53', 'GET', '/v1/accounts/acme/connectors/9007199254740993', {}, 422, 'malformed'],
  ['an account id outside Latin-1', 'GET', account('アカ1'), {}, 422, 'malformed'],
  ['an account id of 201 characters', 'GET', account('a'.repeat(201)), {}, 422, 'malformed'],
  ['an unknown state', 'GET', '/v1/accounts/acme/connectors?state=asleep', {}, 422, 'malformed'],
  ['the value 0.5 of page', 'GET', '/v1/accounts/acme/connectors?page=0.5', {}, 422, 'malformed'],
  ['a page size of 201', 'GET', '/v1/accounts/acme/connectors?pageSize=201', {}, 422, 'malformed'],
  ['a broken escape in the path', 'GET', '/v1/accounts/%zz/connectors/1', {}, 404, 'notFound'],
  ['an account id of 1300 characters', 'GET', account('a'.repeat(1300)), {}, 404, 'notFound'],
  ['an unknown path', 'GET', '/v1/nothing', {}, 404, 'notFound'],
  ['the method QUERY on an unknown path', 'QUERY', '/v1/nothing', {}, 404, 'notFound'],
  ['the method QUERY on a known path', 'QUERY', ONE, {}, 405, 'methodNotAllowed'],
  ['the method DELETE on a known path', 'DELETE', ONE, {}, 405, 'methodNotAllowed'],
  ['a missing flow', 'POST', `${ONE}/cancel`, {}, 404, 'notFound'],
  ['a missing flow', 'POST', `${ONE}/properties`, { body: { values: { Domain: 'x' } } }, 404, 'notFound'],
  ['a missing flow', 'POST', `${ONE}/credentials`, withCredentials({ kind: 'apiKey', key: 'x' }), 404, 'notFound'],
  ['a missing flow', 'POST', `${ONE}/authorization`, {}, 404, 'notFound'],
  ['a missing flow', 'POST', `${ONE}/confirm`, {}, 404, 'notFound'],
  ['a missing flow', 'GET', `${ONE}/timeline`, {}, 404, 'notFound'],
])('a request is refused because of %s: %s %s', async (_what, method, path, call, status, code) => {
  const answer = await service.call(method, path, { token: service.apiKey, ...call });

  expect(answer).toMatchObject({ status, body: { status, code } });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.headers.get('x-request-id')).toBe(answer.body.requestId);
});

test.each([
  ['POST', ONE],
  ['POST', `${ONE}/authorization`],
  ['POST', `${ONE}/confirm`],
  ['POST', `${ONE}/cancel`],
  ['POST', `${ONE}/recheck`],
  ['POST', `${ONE}/reauthenticate`],
])('an empty body of type JSON is accepted as no body: %s %s', async (method, path) => {
  service.called.length = 0;

  const answer = await service.call(method, path, { token: service.apiKey, body: '', headers: json });

  expect(answer).toMatchObject({ status: 404, body: { code: 'notFound' } }); // the status is not 422, because the request reached the library, which has no flow
  expect(service.called).not.toEqual([]);
});

test('POST /v1/session/renew with an empty body of type JSON renews the session', async () => {
  const { token } = await service.tokens.mint('session', { accountId: 'acme', connectorIds: [1002], language: 'en' });

  const answer = await service.call('POST', '/v1/session/renew', { token, body: '', headers: json });

  expect(answer).toMatchObject({ status: 200, body: { token: expect.any(String) } });
});

test.each([{}, { submissionId: 's' }])(
  'credentials that are missing in a call of a browser are malformed: %j',
  async (body) => {
    const { token } = await service.tokens.mint('session', { accountId: 'acme', connectorIds: [1002], language: 'en' });

    const answer = await service.call('POST', '/v1/session/connectors/1002/credentials', { token, body });

    expect(answer).toMatchObject({ status: 422, body: { code: 'malformed' } });
  },
);

test('POST …/reauthenticate accepts the intent reauthenticate, and refuses another intent', async () => {
  const statusOf = async (intent: string) =>
    (await service.asBackend('POST', `${ONE}/reauthenticate`, { intent })).status;

  expect(await statusOf('reauthenticate')).toBe(404); // the request reached the library, which has no flow
  expect(await statusOf('authenticate')).toBe(422);
});

describe('properties that a browser sends in clear', () => {
  const submit = async (values: object) => {
    const { token } = await service.tokens.mint('session', { accountId: 'acme', connectorIds: [1002], language: 'en' });
    const body = { submissionId: 's', values };
    return service.call('POST', '/v1/session/connectors/1002/properties', { token, body });
  };
  const unsealed = (name: string) => ({ name, code: 'notSealed' });

  test('the answer notSealed names the properties that are in clear', async () => {
    const sealed = { sealed: 'a..b.c.d' };
    const values = { Domain: 'acme', 'A/B/sealed': { sealed: 'x' }, Region: sealed, Key: { other: 1 } };

    const answer = await submit(values);

    expect(answer).toMatchObject({ status: 422, body: { code: 'notSealed' } });
    expect(answer.body.fields).toEqual([unsealed('Domain'), unsealed('A/B/sealed'), unsealed('Key')]);
  });

  test('the answer notSealed names at most 50 properties', async () => {
    const values = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`p${index}`, 'x']));

    expect((await submit(values)).body.fields).toHaveLength(50);
  });
});

describe('size limits of inputs, in characters as they are sent', () => {
  const KIB = 1024;
  const jwe = (length: number) => ({ sealed: `a..b.c.${'d'.repeat(length - 7)}` });
  const sent = (path: string, body: object) => ({ path: `${ONE}/${path}`, body: { submissionId: 's', ...body } });
  const values = (value: unknown) => sent('properties', { values: { Region: 'eu', Domain: value } });
  const credentials = (given: unknown) => sent('credentials', { credentials: given });
  const ask = async ({ path, body }: { path: string; body: object }) => {
    service.called.length = 0;
    return { ...(await service.asBackend('POST', path, body)), called: [...service.called] };
  };

  test.each([
    ['sealed credentials of 32 KiB', credentials(jwe(32 * KIB))],
    ['a key of 23 KiB', credentials({ kind: 'apiKey', key: 'x'.repeat(23 * KIB) })],
    ['a sealed value of 64 KiB', values(jwe(64 * KIB))],
  ])('an input within the limits is sent to the flow: %s', async (_name, call) => {
    expect(await ask(call)).toMatchObject({ status: 404, called: expect.arrayContaining([expect.any(String)]) });
  });

  test.each([
    ['sealed credentials over 32 KiB', credentials(jwe(32 * KIB + 1)), 'credentials'],
    [
      'a key that is over 32 KiB when it is sealed',
      credentials({ kind: 'apiKey', key: 'x'.repeat(25 * KIB) }),
      'credentials',
    ],
    ['a sealed value over 64 KiB', values(jwe(64 * KIB + 1)), 'values'],
    ['a value over 64 KiB', values('x'.repeat(64 * KIB + 1)), 'values'],
  ])('an input over a limit is refused as malformed, and is not sent to the flow: %s', async (_name, call, name) => {
    expect(await ask(call)).toMatchObject({
      status: 422,
      body: { code: 'malformed', fields: [{ name, code: 'malformed' }] },
      called: [],
    });
  });

  test.each([
    ['properties', { values: { Domain: jwe(64 * KIB + 1) } }],
    ['credentials', { credentials: jwe(32 * KIB + 1) }],
  ])('sealed %s over the limit are refused as malformed if a browser sends them', async (path, body) => {
    const { token } = await service.tokens.mint('session', { accountId: 'acme', connectorIds: [1002], language: 'en' });

    const call = { token, body: { submissionId: 's', ...body } };
    const answer = await service.call('POST', `/v1/session/connectors/1002/${path}`, call);

    expect(answer).toMatchObject({ status: 422, body: { code: 'malformed' } });
  });
});

test('an answer with 405 names the allowed methods in the header Allow', async () => {
  expect((await service.asBackend('PUT', ONE)).headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'POST']);
});

test.each([
  [{ expiresIn: '999 ms' }, 'expiresIn'],
  [{ expiresIn: '61 minutes' }, 'expiresIn'],
  [{ kind: 'invitation', expiresIn: '31 days' }, 'expiresIn'],
  [{ expiresIn: 'soon' }, 'expiresIn'],
  [{ origin: `${ORIGIN}/path` }, 'origin'],
  [{ origin: 'null' }, 'origin'],
  [{ returnTo: 'javascript:alert(1)' }, 'returnTo'],
  [{ language: '<b>' }, 'language'],
  [{ accountId: 'アカ1' }, 'accountId'],
  [{ connectorIds: [] }, 'connectorIds'],
  [{ connectorIds: ['1002'] }, 'connectorIds'],
  [{ onboardingId: 'o1' }, undefined],
])('a request for a session with %j is refused as malformed, and starts no flow', async (more, name) => {
  service.called.length = 0;

  const body = { accountId: 'acme', connectorIds: [1002], ...more };
  const answer = await service.asBackend('POST', '/v1/sessions', body);

  expect(answer).toMatchObject({ status: 422, body: { code: 'malformed', ...(name && { fields: [{ name }] }) } });
  expect(service.called).toEqual([]);
});

test.each([
  ['/v1/sessions', 'origin', 'https://evil.example'],
  ['/v1/sessions', 'returnTo', 'https://evil.example/'],
  [`${ONE}/authorization`, 'returnTo', `${ORIGIN}.evil.example/`],
])(
  'a POST %s with an address on another origin (%s %s) is answered with 422 originNotAllowed, and starts no flow',
  async (path, name, url) => {
    service.called.length = 0;

    const session = { accountId: 'acme', connectorIds: [1002] };
    const answer = await service.asBackend('POST', path, { ...(path === '/v1/sessions' && session), [name]: url });

    const fields = [{ name, code: 'originNotAllowed' }];
    expect(answer).toMatchObject({ status: 422, body: { code: 'originNotAllowed', fields } });
    expect(answer.text).not.toContain('evil');
    expect(service.called).toEqual([]);
  },
);

test.each(['javascript:alert(1)', '//evil.example', 'no url', 'https://user@app.acme.example/'])(
  'a request for a link that returns to %s is refused as malformed',
  async (returnTo) => {
    service.called.length = 0;

    const answer = await service.asBackend('POST', `${ONE}/authorization`, { returnTo });

    expect(answer).toMatchObject({ status: 422, body: { code: 'malformed', fields: [{ name: 'returnTo' }] } });
    expect(service.called).toEqual([]);
  },
);

test('no error answer repeats a text of the request', async () => {
  const secrets = createTestSecrets();
  const secret = secrets.secret('sent');
  const safe = encodeURIComponent(secret);
  const token = safe.replaceAll('%', '');
  const calls: [method: string, path: string, call: Call][] = [
    ['POST', ONE, { body: `{"by":"${secret}` }],
    ['POST', ONE, { body: { [secret]: 1 } }],
    ['POST', ONE, { body: { intent: secret } }],
    ['POST', ONE, { body: { patience: { [secret]: 1 } } }],
    ['POST', '/v1/sessions', { body: { accountId: 'acme', connectorIds: [secret], origin: secret, language: secret } }],
    ['POST', `${ONE}/properties`, { body: { values: { [secret]: { sealed: 1 } } } }],
    ['POST', `${ONE}/properties`, { body: { values: { [secret]: secret } } }],
    ['POST', `${ONE}/credentials`, withCredentials({ kind: secret })],
    ['POST', `${ONE}/credentials`, withCredentials({ kind: 'apiKey', key: 1, [secret]: secret })],
    ['POST', `${ONE}/authorization`, { body: { returnTo: `https://${safe}` } }],
    ['GET', `/v1/accounts/acme/connectors?state=${safe}`, {}],
    ['GET', `/v1/accounts/acme/connectors/${safe}`, {}],
    ['GET', `/v1/${safe}`, {}],
    ['GET', `/docs/static/${safe}`, {}],
    ['DELETE', `/v1/accounts/${safe}/connectors/1`, {}],
    ['GET', '/v1/session', { token }],
    ['POST', '/v1/session/redeem', { token }],
  ];

  for (const [method, path, call] of calls) {
    const answer = await service.call(method, path, { token: service.apiKey, ...call });

    expect(answer.status).toBeGreaterThanOrEqual(400);
    const found = secrets.foundIn(answer.text + JSON.stringify([...answer.headers]));
    expect({ path, found }).toEqual({ path, found: [] });
  }
});

test('the 121st call of a session in a minute is rateLimited, even with a renewed token, but a call of another session is not', async () => {
  const scope = { accountId: 'acme', connectorIds: [1002], language: 'en' };
  const [busy, other] = [await service.tokens.mint('session', scope), await service.tokens.mint('session', scope)];
  const call = (token: string) => service.call('GET', '/v1/session/sealing-keys', { token });

  const all = await Promise.all(Array.from({ length: 130 }, () => call(busy.token)));
  const renewed = await service.tokens.renew(await service.tokens.session(busy.token));

  const limited = all.filter(({ status }) => status === 429);
  expect(all.filter(({ status }) => status === 200)).toHaveLength(120);
  expect(limited).toHaveLength(10);
  expect(limited[0]!.body.code).toBe('rateLimited');
  expect(Number(limited[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await call(renewed.token)).status).toBe(429);
  expect((await call(other.token)).status).toBe(200);
});

test('after 100 calls with wrong API keys from one address in a minute, a further call with a wrong key is rateLimited, but a call with a valid key or without a key is not', async () => {
  const server = await startServerWithoutFlows();
  const wrongKey = (index: number) => ({ Authorization: `Bearer wrong-${index}` });

  const guesses = Array.from({ length: 101 }, (_, index) => server.call('GET', ONE, { headers: wrongKey(index) }));
  const answers = await Promise.all(guesses);
  const [valid, without] = [await server.asBackend('GET', ONE), await server.call('GET', ONE)];
  await server.close();

  const limited = answers.filter(({ status }) => status !== 401);
  expect(limited).toMatchObject([{ status: 429, body: { code: 'rateLimited' } }]);
  expect(Number(limited[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect([valid.status, without.status]).toEqual([404, 401]);
});

test('the 6th open audit export of an API key is rateLimited, until another export of the key ends', async () => {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  async function* audit() {
    await ended;
  }
  const server = await startServerWithoutFlows({ auth: { audit } as unknown as ConnectorAuth });
  const read = () => server.asBackend('GET', '/v1/accounts/acme/audit');

  const reads = Array.from({ length: 6 }, read);
  const tooMany = await Promise.race(reads);
  end();
  const all = await Promise.all(reads);
  const next = await read();
  await server.close();

  expect(tooMany).toMatchObject({ status: 429, body: { code: 'rateLimited' } });
  expect(all.filter(({ status }) => status === 200)).toHaveLength(5);
  expect(next.status).toBe(200);
});

describe('answers that their callers leave', () => {
  const linesOf = ({ log }: ServerWithoutFlows) => log.map((line) => JSON.parse(line) as { [field: string]: unknown });

  test('a request whose caller leaves before the answer is logged and counted with the status 499', async () => {
    let [arrive, answer] = [() => {}, () => {}];
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const notStarted = new ConnectorAuthError('notStarted', 'No flow is started.');
    const answered = new Promise<void>((_resolve, reject) => (answer = () => reject(notStarted)));
    const view = () => (arrive(), answered);
    const server = await startServerWithoutFlows({ auth: { view } as unknown as ConnectorAuth });
    const leaving = new AbortController();
    const headers = { Authorization: `Bearer ${server.apiKey}` };
    const left = fetch(server.url + ONE, { headers, signal: leaving.signal }).catch(() => 'left');

    await arrived;
    await server.call('GET', '/healthz'); // this call lets some time pass before the caller leaves
    leaving.abort();
    await left;
    await server.call('GET', '/healthz'); // after this call, the service knows that the caller has left
    answer();
    const [line = {}] = await eventually(
      () => linesOf(server),
      (lines) => lines.length > 0,
    );
    await server.close();

    const route = '/v1/accounts/:accountId/connectors/:connectorId';
    expect(line).toMatchObject({ level: 'info', method: 'GET', route, status: 499, accountId: 'acme' });
    expect(line.durationMs).toBeGreaterThan(0);
    expect(linesOf(server)).toHaveLength(1);
    const metric = 'cyclr_connect_http_requests_total';
    expect(await server.metrics.text()).toContain(`${metric}{route="${route}",method="GET",status="499"} 1`);
  });

  test("if Cyclr leaves before the answer, and the service then loses Cyclr's message, the log has an error", async () => {
    let [arrive, fail] = [() => {}, () => {}];
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const failed = new Promise<void>((_resolve, reject) => (fail = () => reject(new Error('no answer'))));
    const reportTransactionError = () => (arrive(), failed);
    const auth = { reportTransactionError } as unknown as ConnectorAuth;
    const server = await startServerWithoutFlows({ auth });
    const leaving = new AbortController();
    const path = `/v1/cyclr/transaction-errors/${CYCLR_WEBHOOK_SECRET}`;
    const body = JSON.stringify({ Message: AUTHENTICATION_FAILED, CycleId: 'cycle', AccountId: 'acme' });
    const left = fetch(server.url + path, { method: 'POST', body, signal: leaving.signal }).catch(() => 'left');

    await arrived;
    leaving.abort();
    await left;
    await server.call('GET', '/healthz'); // after this call, the service knows that Cyclr has left
    fail();
    const [line = {}] = await eventually(
      () => linesOf(server),
      (lines) => lines.length > 0,
    );
    await server.close();

    expect(line).toMatchObject({ level: 'error', status: 499, lost: 'unexpected' });
  });

  test('streams whose callers leave while the service reads the onboarding do not count as open', async () => {
    let [reads, answer] = [0, () => {}];
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const notStarted = () => Promise.reject(new ConnectorAuthError('notStarted', 'No flow is started.'));
    const onboarding = () => (
      reads++,
      answered.then(() => ({ state: 'running', connectors: [{ connectorId: 1002 }] }))
    );
    const auth = { onboarding, progress: notStarted } as unknown as ConnectorAuth;
    const server = await startServerWithoutFlows({ auth });
    const scope = { accountId: 'acme', connectorIds: [1002], language: 'en' };
    const stream = async (more: object = {}, signal?: AbortSignal) => {
      const { token } = await server.tokens.mint('session', { ...scope, ...more }, { id: 'session-1' });
      return fetch(`${server.url}/v1/session/events`, { headers: { Authorization: `Bearer ${token}` }, signal });
    };
    const leaving = new AbortController();

    const left = Array.from({ length: 20 }, (_, i) => stream({ onboardingId: `o${i}` }, leaving.signal));
    await eventually(() => reads === 20);
    leaving.abort();
    await Promise.allSettled(left);
    await server.call('GET', '/healthz'); // after this call, the service knows that the callers have left
    answer();
    await eventually(() => linesOf(server).length === 20);
    const next = await stream();
    const metrics = await server.metrics.text();
    await next.body!.cancel();
    await server.close();

    expect(next.status).toBe(200);
    expect(metrics).toContain('cyclr_connect_streams 1\n');
  });

  test('an answer that the service has begun is logged with its own status when its caller leaves', async () => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    async function* audit() {
      yield { event: 'started' };
      await ended;
    }
    const server = await startServerWithoutFlows({ auth: { audit } as unknown as ConnectorAuth });
    const leaving = new AbortController();
    const headers = { Authorization: `Bearer ${server.apiKey}` };

    const { status } = await fetch(`${server.url}/v1/accounts/acme/audit`, { headers, signal: leaving.signal });
    leaving.abort();
    const lines = await eventually(
      () => linesOf(server),
      (found) => found.length > 0,
    );
    end();
    await server.close();

    expect(status).toBe(200);
    expect(lines).toMatchObject([{ route: '/v1/accounts/:accountId/audit', status: 200 }]);
  });
});
