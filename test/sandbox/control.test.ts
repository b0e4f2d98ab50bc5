import { request } from 'node:http';
import { catalogue } from '../../sandbox/catalogue';
import { ACCOUNT, mint, scene, send, stopAll } from './scene';

afterEach(stopAll);

describe('over HTTP', () => {
  test('an account is made, listed, read and changed', async () => {
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

  test('an account gets one of each when nothing is said', async () => {
    const { sandbox } = await scene();

    const made = await send(sandbox, 'POST', '/_sandbox/accounts', { body: { accountId: 'a2' } });

    expect(made.json).toHaveLength(catalogue.length);
  });

  test('the id of an account may be as long and as odd as Cyclr allows', async () => {
    const { sandbox, call } = await scene();
    const accountId = 'ü'.repeat(200);
    const made = await send(sandbox, 'POST', '/_sandbox/accounts', { body: { accountId, connectors: [101] } });

    const path = `/connectors/${made.json[0].id}`;
    const read = await send(sandbox, 'GET', `/_sandbox/accounts/${encodeURIComponent(accountId)}${path}`);
    const called = await call('GET', `/v1.0/account${path}`, { account: accountId });

    expect([read.status, called.status]).toEqual([200, 200]);
  });

  test('a cycle is made', async () => {
    const { sandbox, call, id } = await scene();

    const body = { connectorIds: [id], otherReasonCodes: [30] };
    const { json } = await send(sandbox, 'POST', `/_sandbox/accounts/${ACCOUNT}/cycles`, { body });
    const prerequisites = await call('GET', `/v1.0/cycles/${json.id}/prerequisites`);

    expect(prerequisites.json).toMatchObject([{ ReasonCode: 20, ObjectId: id }, { ReasonCode: 30 }]);
  });

  test('faults come and go', async () => {
    const { sandbox, get } = await scene();
    const body = { match: { method: 'GET' }, times: 9, then: { status: 503 } };

    const set = await send(sandbox, 'POST', '/_sandbox/faults', { body });
    const during = await get();
    await send(sandbox, 'DELETE', '/_sandbox/faults');
    const after = await get();

    expect([set.status, during.status, after.status]).toEqual([204, 503, 200]);
  });

  test('switches are set one by one', async () => {
    const { sandbox, put } = await scene();

    const set = await send(sandbox, 'PUT', '/_sandbox/switches', { body: { wrongKey: 'unauthenticated' } });
    const answer = await put({ AuthValue: 'wrong-key' });

    expect(set.json).toEqual(sandbox.switches);
    expect(set.json).toMatchObject({ wrongKey: 'unauthenticated', secondPost: 'duplicate' });
    expect(answer.status).toBe(200);
  });

  test('tokens are revoked', async () => {
    const { sandbox, get } = await scene();

    await send(sandbox, 'POST', '/_sandbox/tokens/revoke');

    expect((await get()).status).toBe(401);
  });

  test.each([
    ['an unknown switch', 'PUT', '/switches', { wrongKeys: '400' }],
    ['an unknown fault', 'POST', '/faults', { match: {}, then: 'explode' }],
    ['an unknown connector', 'POST', '/accounts', { accountId: 'a2', connectors: ['Nosuch'] }],
    ['an empty account id', 'POST', '/accounts', { accountId: '' }],
    ['an unknown field', 'PATCH', '/accounts/acme/connectors/1001', { authenticated: true }],
  ])('%s is refused', async (_what, method, path, body) => {
    const { sandbox } = await scene();

    const answer = await send(sandbox, method, `/_sandbox${path}`, { body });

    expect(answer.status).toBe(400);
  });

  test('a connector that is not there is 404', async () => {
    const { sandbox } = await scene();

    const answer = await send(sandbox, 'GET', '/_sandbox/accounts/acme/connectors/1');

    expect(answer.status).toBe(404);
  });
});

test('a page that calls this machine by another name is refused what was recorded', async () => {
  const { sandbox } = await scene();

  const status = await new Promise((resolve, reject) => {
    const headers = { host: 'rebound.example' };
    request(`${sandbox.url}/_sandbox/requests`, { headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });

  expect(status).toBe(403);
});

describe('requests are recorded', () => {
  test('with what was sent and what was answered', async () => {
    const { sandbox, call, put, id } = await scene();
    await put({ AuthValue: 'wrong-key' });
    await call('GET', '/v1.0/account/connectors?page=2', { token: 'abc' });

    const { json } = await send(sandbox, 'GET', '/_sandbox/requests');

    expect(json).toEqual(JSON.parse(JSON.stringify(sandbox.requests)));
    expect(json).toEqual([
      expect.objectContaining({
        method: 'POST',
        path: '/oauth/token',
        body: { grant_type: 'client_credentials', client_id: 'sandbox', client_secret: 'sandbox-secret' },
        status: 200,
      }),
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
        method: 'GET',
        path: '/v1.0/account/connectors',
        query: { page: '2' },
        account: ACCOUNT,
        status: 401,
      },
    ]);
  });

  test('also where nothing is served, and with a token that is good no more', async () => {
    const { sandbox, call } = await scene();
    sandbox.revokeTokens();
    await mint(sandbox);

    await call('GET', '/v1.0/account/connectors');
    await call('PATCH', '/v1.0/nowhere', { body: 'not { JSON' });

    expect(sandbox.requests.slice(-2)).toMatchObject([
      { tokenId: 1, status: 401 },
      { method: 'PATCH', path: '/v1.0/nowhere', body: 'not { JSON', status: 404 },
    ]);
  });

  test('until they are deleted', async () => {
    const { sandbox, get } = await scene();
    await get();

    const deleted = await send(sandbox, 'DELETE', '/_sandbox/requests');

    expect(deleted.status).toBe(204);
    expect(sandbox.requests).toEqual([]);
  });
});

test('a body of more than 1 MB is refused', async () => {
  const { put, sandbox } = await scene();

  const answer = await put({ AuthValue: 'k'.repeat(1024 * 1024) });

  expect(answer.status).toBe(413);
  expect(sandbox.requests.at(-1)).toMatchObject({ method: 'PUT', status: 413 });
});
