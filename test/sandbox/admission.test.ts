import { ACCOUNT, mint, scene, send, stopAll } from './scene';

afterEach(stopAll);

const LIST = '/v1.0/account/connectors';

describe('the token endpoint', () => {
  test('gives a bearer token that is good for two weeks', async () => {
    const { sandbox } = await scene();

    const answer = await mint(sandbox);

    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 1209599,
      clientId: 'sandbox',
    });
  });

  test.each([
    ['a wrong secret', { client_secret: 'guessed' }, 'invalid_client'],
    ['a wrong client', { client_id: 'somebody' }, 'invalid_client'],
    ['another grant', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['a scope of another form', { scope: 'everything' }, 'invalid_scope'],
  ])('refuses %s', async (_what, fields, error) => {
    const { sandbox } = await scene();

    const answer = await mint(sandbox, fields);

    expect(answer).toMatchObject({ status: 400, json: { error } });
  });

  test('takes nothing but a form', async () => {
    const { sandbox } = await scene();
    const body = { grant_type: 'client_credentials', client_id: 'sandbox', client_secret: 'sandbox-secret' };

    const answer = await send(sandbox, 'POST', '/oauth/token', { body });

    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
  });

  test('restricts a token with a scope to its account', async () => {
    const { sandbox, call } = await scene();
    const { json } = await mint(sandbox, { scope: `account:${ACCOUNT}` });

    const own = await call('GET', LIST, { token: json.access_token });
    const foreign = await call('GET', LIST, { token: json.access_token, account: 'acme' });

    expect([own.status, foreign.status]).toEqual([200, 401]);
  });
});

describe('401 is the answer to', () => {
  const denied = { status: 401, json: { Message: 'Authorization has been denied for this request.' } };

  test.each([
    ['no token', { token: undefined }],
    ['an unknown token', { token: 'abc' }],
    ['no account', { account: undefined }],
    ['an empty account', { account: '' }],
    ['an unknown account', { account: 'nobody' }],
    ['an account in another case', { account: ACCOUNT.toUpperCase() }],
  ])('%s', async (_what, request) => {
    const { call } = await scene();

    const answer = await call('GET', LIST, request);

    expect(answer).toMatchObject(denied);
  });

  test('an expired token', async () => {
    const { sandbox, call } = await scene();
    sandbox.switches.tokenExpiresIn = 0;
    const { json } = await mint(sandbox);

    const answer = await call('GET', LIST, { token: json.access_token });

    expect(json.expires_in).toBe(0);
    expect(answer).toMatchObject(denied);
  });

  test('a revoked token, and not to the next one', async () => {
    const { sandbox, call } = await scene();
    sandbox.revokeTokens();
    const { json } = await mint(sandbox);

    const old = await call('GET', LIST);
    const fresh = await call('GET', LIST, { token: json.access_token });

    expect([old.status, fresh.status]).toEqual([401, 200]);
  });

  test('a bad account even where the connector does not exist either', async () => {
    const { call } = await scene();

    const answer = await call('GET', `${LIST}/1`, { account: 'nobody' });

    expect(answer).toMatchObject(denied);
  });
});

describe('an account id that is not plain ASCII', () => {
  test('is known when it arrives as Latin-1', async () => {
    const { call } = await scene();

    const answer = await call('GET', `${LIST}/2001`, { account: 'Müller & Söhne/1' });

    expect(answer).toMatchObject({ status: 200, json: { Id: 2001, Name: 'Brightdesk' } });
  });

  test('is unknown when it arrives as UTF-8', async () => {
    const { call } = await scene();
    const account = Buffer.from('Müller & Söhne/1', 'utf8').toString('latin1');

    const answer = await call('GET', `${LIST}/2001`, { account });

    expect(answer.status).toBe(401);
  });

  test('is recorded as the account it is', async () => {
    const { sandbox, call } = await scene();

    await call('GET', LIST, { account: 'Müller & Söhne/1' });

    expect(sandbox.requests.at(-1)).toMatchObject({ account: 'Müller & Söhne/1', status: 200 });
  });
});
