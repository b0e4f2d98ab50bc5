import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type RequestOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { catalogue } from '../../sandbox/catalogue';
import { ACCOUNT, scene, send, stopAll } from './scene';

afterEach(stopAll);

describe('control API', () => {
  test('the control API makes and lists accounts, and reads and changes their connectors', async () => {
    const { sandbox } = await scene();
    const body = { accountId: 'Zoë/2', connectors: ['Ledgerly', 'Brightdesk'] };

    const made = await send(sandbox, 'POST', '/_sandbox/accounts', { body });
    const listed = await send(sandbox, 'GET', '/_sandbox/accounts');
    const path = `/_sandbox/accounts/${encodeURIComponent('Zoë/2')}/connectors/${made.json[1].id}`;
    const changed = await send(sandbox, 'PATCH', path, {
      body: { Authenticated: true, Connector: { AuthType: 'New' } },
    });
    const read = await send(sandbox, 'GET', path);

    expect(made.json).toEqual([
      { id: expect.any(Number), name: 'Ledgerly', authType: 'OAuth2', oauth2Type: 'AuthorisationCode' },
      { id: expect.any(Number), name: 'Brightdesk', authType: 'ApiKey' },
    ]);
    expect(listed.json).toContainEqual({ accountId: 'Zoë/2', connectors: made.json, cycleIds: [] });
    expect(read.json).toEqual(changed.json);
    expect(read.json).toMatchObject({ Authenticated: true, Connector: { AuthType: 'New', Name: 'Brightdesk' } });
  });

  test('a new account has one connector of each kind by default, and an account id can be as long as Cyclr allows', async () => {
    const { sandbox, call } = await scene();
    const accountId = 'ü'.repeat(200);

    const made = await send(sandbox, 'POST', '/_sandbox/accounts', { body: { accountId } });
    const path = `/connectors/${made.json[0].id}`;
    const read = await send(sandbox, 'GET', `/_sandbox/accounts/${encodeURIComponent(accountId)}${path}`);
    const called = await call('GET', `/v1.0/account${path}`, { account: accountId });

    expect(made.json).toHaveLength(catalogue.length);
    expect([read.status, called.status]).toEqual([200, 200]);
  });

  test('the control API makes a cycle with connectors, and with unmet prerequisites of other reason codes', async () => {
    const { sandbox, call, id } = await scene();

    const body = { connectorIds: [id], otherReasonCodes: [30] };
    const { json } = await send(sandbox, 'POST', `/_sandbox/accounts/${ACCOUNT}/cycles`, { body });
    const prerequisites = await call('GET', `/v1.0/cycles/${json.id}/prerequisites`);

    expect(prerequisites.json).toMatchObject([{ ReasonCode: 20, ObjectId: id }, { ReasonCode: 30 }]);
  });

  test('the control API adds a connector to a cycle, and removes an uninstalled connector from its cycle', async () => {
    const { sandbox, call, ids } = await scene(['Brightdesk', 'Ledgerly']);
    const cycleId = sandbox.createCycle(ACCOUNT, [ids[0]!], [30]);
    const cyclePath = `/_sandbox/accounts/${ACCOUNT}/cycles/${cycleId}`;
    const prerequisites = async () => (await call('GET', `/v1.0/cycles/${cycleId}/prerequisites`)).json;

    const changed = await send(sandbox, 'PATCH', cyclePath, { body: { connectorIds: ids, otherReasonCodes: [] } });
    const before = await prerequisites();
    const removed = await send(sandbox, 'DELETE', `/_sandbox/accounts/${ACCOUNT}/connectors/${ids[1]}`);
    const unknown = await send(sandbox, 'PATCH', cyclePath, { body: { connectorIds: [ids[1]] } });

    expect(changed.json).toEqual({ id: cycleId, connectorIds: ids, otherReasonCodes: [], status: 'Paused' });
    expect(before).toMatchObject([{ ObjectId: ids[0] }, { ObjectId: ids[1] }]);
    expect([removed.status, unknown.status]).toEqual([204, 404]);
    expect(await prerequisites()).toMatchObject([{ ObjectId: ids[0] }]);
  });

  test("the control API sends the message of Cyclr's transaction-error webhook about a cycle to an address on this machine", async () => {
    const { sandbox, ids } = await scene();
    const cycleId = sandbox.createCycle(ACCOUNT, ids);
    const path = (id: string) => `/_sandbox/accounts/${ACCOUNT}/cycles/${id}/transaction-errors`;
    const bodies: unknown[] = [];
    const receiver = createServer(async (incoming, response) => {
      bodies.push(await json(incoming));
      response.writeHead(204).end();
    });
    await once(receiver.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;

    const sent = await send(sandbox, 'POST', path(cycleId), { body: { url } });
    const unknown = await send(sandbox, 'POST', path('nosuch'), { body: { url } });
    const elsewhere = await send(sandbox, 'POST', path(cycleId), { body: { url: 'http://cyclr.example/hook' } });
    await new Promise((resolve) => receiver.close(resolve));
    const silent = await send(sandbox, 'POST', path(cycleId), { body: { url } });

    expect(sent).toMatchObject({ status: 200, json: { status: 204 } });
    expect(bodies).toEqual([
      expect.objectContaining({
        AccountId: ACCOUNT,
        CycleId: cycleId,
        Message: 'Failed to authenticate the connector',
        Timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
        TransactionId: expect.any(String),
      }),
    ]);
    expect([unknown, elsewhere, silent].map(({ status }) => status)).toEqual([404, 400, 400]);
  });

  test('the control API adds and clears faults, sets switches and revokes tokens', async () => {
    const { sandbox, get } = await scene();
    const fault = { match: { method: 'GET' }, times: 9, then: { status: 503 } };

    await send(sandbox, 'POST', '/_sandbox/faults', { body: fault });
    const during = await get();
    await send(sandbox, 'DELETE', '/_sandbox/faults');
    const after = await get();
    const switches = await send(sandbox, 'PUT', '/_sandbox/switches', { body: { wrongKey: 'unauthenticated' } });
    await send(sandbox, 'POST', '/_sandbox/tokens/revoke');
    const revoked = await get();

    expect([during, after, revoked].map(({ status }) => status)).toEqual([503, 200, 401]);
    expect(switches.json).toEqual(sandbox.switches);
    expect(switches.json).toMatchObject({ wrongKey: 'unauthenticated', secondPost: 'duplicate' });
  });

  test.each([
    ['an unknown switch', 'PUT', '/switches', { wrongKeys: '400' }],
    ['an unknown fault', 'POST', '/faults', { match: {}, then: 'explode' }],
    ['a path that is no regular expression', 'POST', '/faults', { match: { path: '(' }, then: 'reset' }],
    ['an unknown connector', 'POST', '/accounts', { accountId: 'a2', connectors: ['Nosuch'] }],
    ['an unknown field', 'PATCH', '/accounts/acme/connectors/1001', { authenticated: true }],
  ])('the control API refuses %s', async (_what, method, path, body) => {
    const { sandbox } = await scene();

    const answer = await send(sandbox, method, `/_sandbox${path}`, { body });

    expect(answer.status).toBe(400);
  });
});

describe('protection against DNS rebinding', () => {
  test.each([
    ['GET', '/_sandbox/requests'],
    ['POST', '/oauth/token'],
    ['GET', '/v1.0/account/connectors'],
    ['GET', '/return'],
    ['GET', '/no/such/path'],
  ])('a request whose Host header has a foreign name is refused: %s %s', async (method, path) => {
    const { sandbox } = await scene();

    expect(await statusFor(sandbox, 'attacker.example', { method, path })).toBe(403);
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '127.1.2.3:80', '[::1]:80'])(
    'a request whose Host header has a loopback name is answered: %s',
    async (host) => {
      const { sandbox } = await scene();

      expect(await statusFor(sandbox, host, { path: '/v1.0/account/connectors' })).toBe(401);
    },
  );

  test('a request is answered if its Host header has the address of the sandbox', async () => {
    const { sandbox } = await scene([], { host: '0.0.0.0' });

    expect(await statusFor(sandbox, '0.0.0.0:80', { path: '/v1.0/account/connectors' })).toBe(401);
    expect(await statusFor(sandbox, 'sandbox:80', { path: '/v1.0/account/connectors' })).toBe(403);
  });
});

test.each([
  ['https://attacker.example', 403],
  ['null', 403],
  ['http://localhost:3000', 204],
])('a control call from a web page of the origin %s is answered with %i', async (origin, status) => {
  const { sandbox } = await scene();

  const answer = await fetch(`${sandbox.url}/_sandbox/tokens/revoke`, { method: 'POST', headers: { origin } });

  expect(answer.status).toBe(status);
});

/** Sends a request with the Host header `host`, which `fetch` cannot set. Returns the status of the answer. */
async function statusFor({ url }: { url: string }, host: string, options: RequestOptions): Promise<number | undefined> {
  const { port } = new URL(url);
  const sent = request({ ...options, host: '127.0.0.1', port, headers: { host } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

test('the sandbox records requests with account, token, body and status, until a call deletes the records', async () => {
  const { sandbox, call, put, id } = await scene();
  await put({ AuthValue: 'wrong-key' });
  await call('PATCH', '/v1.0/nowhere?page=2', { token: 'abc', account: 'Müller & Söhne/1', body: 'not { JSON' });

  const { json } = await send(sandbox, 'GET', '/_sandbox/requests');
  await send(sandbox, 'DELETE', '/_sandbox/requests');

  expect(json).toEqual([
    expect.objectContaining({ method: 'POST', path: '/oauth/token', status: 200 }),
    {
      at: expect.stringMatching(/^\d{4}-.*Z$/),
      method: 'PUT',
      path: `/v1.0/account/connectors/${id}`,
      query: {},
      account: ACCOUNT,
      tokenId: 1,
      body: { AuthValue: 'wrong-key' },
      status: 400,
    },
    {
      at: expect.any(String),
      method: 'PATCH',
      path: '/v1.0/nowhere',
      query: { page: '2' },
      account: 'Müller & Söhne/1',
      body: 'not { JSON',
      status: 404,
    },
  ]);
  expect(sandbox.requests).toEqual([]);
});
