/** Answers match the OpenAPI document. Answers, log and metrics contain no secrets. */
import type { ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { createTestSecrets, searchFor, type Search } from '../../scripts/faults/secret-search';
import { createOpenApiCheck, type OpenApi } from './openapi-check';
import { openService, pathOf, type Service } from './scene';
import { startRecordingProxy } from './recording-proxy';

let service: Service;
beforeAll(async () => (service = await openService()));
afterAll(() => service.close());

const reaches = (key: ConnectorKey, state: string) =>
  eventually(
    () => service.stage.auth.view(key),
    (view) => view.state === state,
  );

test('the answers to backends and browsers match the OpenAPI document', async () => {
  const key = service.stage.install('Kestrel');
  const proxy = await startRecordingProxy(service.url);
  const document = (await service.call('GET', '/openapi.json')).body as OpenApi;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  const ask = async (method: string, path: string, token?: string, body?: object): Promise<any> => {
    const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
    return (await fetch(proxy.url + path, { method, headers, body: body && JSON.stringify(body) })).json();
  };
  const call = (method: string, then: string, body?: object) => ask(method, pathOf(key, then), service.apiKey, body);

  await call('POST', '');
  await reaches(key, 'awaitingProperties');
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
  await proxy.close();

  const results = proxy.exchanges.map(createOpenApiCheck(document));
  expect(results.filter(({ faults }) => faults.length > 0)).toEqual([]);
  expect(new Set(proxy.exchanges.map(({ answer }) => answer.status))).toEqual(new Set([200, 201, 401, 409, 422]));
});

test('submitted values, API keys, tokens and links are not in the log, the metrics or the answers to other calls', async () => {
  const mark = createTestSecrets();
  const accountId = `account-${Date.now()}`;
  const [kestrel, ledgerly] = ['Kestrel', 'Ledgerly'].map((name) => service.stage.install(name, { accountId })) as [
    ConnectorKey,
    ConnectorKey,
  ];
  const answers: string[] = [];
  const backend = async (key: ConnectorKey, what: string, body?: object) => {
    const answer = await service.asBackend('POST', pathOf(key, what), body);
    answers.push(answer.text + JSON.stringify([...answer.headers]));
    return answer;
  };

  const minted = await service.asBackend('POST', '/v1/sessions', {
    accountId,
    connectorIds: [kestrel.connectorId, ledgerly.connectorId],
  });
  const { token } = minted.body;
  await Promise.all([reaches(kestrel, 'awaitingProperties'), reaches(ledgerly, 'awaitingAuthorization')]);
  const values = { Environment: 'staging', SigningSecret: mark.secret('property'), Region: 'eu' };
  const properties = await backend(kestrel, '/properties', { values });
  await backend(kestrel, '/credentials', { credentials: { kind: 'apiKey', key: `wrong-${mark.secret('key')}` } });
  const wrongKind = await backend(kestrel, '/credentials', {
    credentials: { kind: 'basic', username: mark.secret('user'), password: mark.secret('password') },
  });
  const taken = await backend(kestrel, '/credentials', { credentials: { kind: 'apiKey', key: mark.secret('key') } });
  const link = await service.asBackend('POST', pathOf(ledgerly, '/authorization'));
  const out = await service.call('POST', '/connect/go', {
    body: new URLSearchParams({ session: token, connectorId: String(ledgerly.connectorId) }).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: service.url },
  });
  const { location = '' } = await service.stage.sandbox.consent(link.body.url, 'approve');
  const back = await service.call('GET', location.slice(service.url.length));
  const session = await service.call('GET', '/v1/session', { token });
  await service.call('GET', `/v1/session?token=${token}`);
  await service.call('GET', `/connect/return?attempt=${token}`);

  expect([properties.body.state, wrongKind.body.problem.code, taken.body.state]).toEqual([
    'awaitingCredentials',
    'wrongKind',
    'authenticated',
  ]);
  expect(out.status).toBe(200);
  expect(back.text).toContain('Ledgerly is connected');
  const attempt = new URL(location).searchParams.get('attempt')!;
  const signIn = new URL(link.body.url).searchParams.get('token')!;
  const written = [service.log.join('\n'), await service.metrics.text()];
  const secrets: [string, Search][] = [
    ['a value', mark.foundIn],
    ['the API key', searchFor(service.apiKey)],
    ['the session token', searchFor(token.split('.')[2])],
    ['the attempt', searchFor(attempt.split('.')[2]!)],
    ['the sign-in token', searchFor(signIn)],
  ];
  for (const [secret, foundIn] of secrets)
    for (const text of [...written, ...answers, session.text, back.text])
      expect({ secret, found: foundIn(text) }).toEqual({ secret, found: [] });
  // This check proves that the log contains the calls.
  expect(written[0]).toContain('/v1/accounts/:accountId/connectors/:connectorId/credentials');
  expect(written[1]).toContain('route="/connect/return"');
});

test('the log line of a request has only the fields of an allow-list', async () => {
  const key = service.stage.install('Brightdesk');
  await service.asBackend('POST', `${pathOf(key)}?note=hidden`, { by: 'shop' }, { 'X-Note': 'hidden' });
  await service.call('GET', '/v1/accounts/hidden/connectors/1', { token: 'hidden' });
  await service.call('GET', '/healthz');
  const line = await eventually(
    () => service.log.find((one) => one.includes(key.accountId)),
    (found) => found !== undefined,
  );

  expect(JSON.parse(line!)).toEqual({
    level: 'info',
    time: expect.stringMatching(/^20.*Z$/),
    process: 'service',
    method: 'POST',
    route: '/v1/accounts/:accountId/connectors/:connectorId',
    status: 201,
    durationMs: expect.any(Number),
    requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    accountId: key.accountId,
    msg: 'answered',
  });
  expect(service.log.join('')).not.toContain('hidden');
  // The log line of a successful health check has the level debug, which this log leaves out.
  expect(service.log.join('')).not.toContain('/healthz');
});
