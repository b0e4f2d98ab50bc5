import { catalogue } from '../../sandbox/catalogue';
import { eventually } from '../support/eventually';
import { ACCOUNT, mint, scene, stopAll } from './scene';

afterEach(stopAll);

const LIST = '/v1.0/account/connectors';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const tokens = (more: object = {}) => JSON.stringify({ AccessToken: 'at', RefreshToken: 'rt', ...more });

describe('the token endpoint', () => {
  test('the token endpoint gives a bearer token for the client id and secret', async () => {
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

  test('the token endpoint refuses a wrong client secret', async () => {
    const { sandbox } = await scene();

    const answer = await mint(sandbox, { client_secret: 'guessed' });

    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_client' } });
  });

  test('a bearer token that is requested for the scope of one account is valid only for this account', async () => {
    const { sandbox, call } = await scene();
    const { json } = await mint(sandbox, { scope: `account:${ACCOUNT}` });

    const own = await call('GET', LIST, { token: json.access_token });
    const foreign = await call('GET', LIST, { token: json.access_token, account: 'acme' });

    expect([own.status, foreign.status]).toEqual([200, 401]);
  });
});

describe('calls without access', () => {
  test.each([
    ['no token', { token: undefined }],
    ['an unknown token', { token: 'abc' }],
    ['an empty account', { account: '' }],
    ['an unknown account', { account: 'nobody' }],
  ])('the sandbox answers 401 to a call with %s', async (_what, request) => {
    const { call } = await scene();

    expect((await call('GET', LIST, request)).status).toBe(401);
  });

  test('the sandbox answers 401 to a call with an expired or revoked token', async () => {
    const { sandbox, call } = await scene();
    sandbox.switches.tokenExpiresIn = 0;
    const expired = (await mint(sandbox)).json.access_token;
    sandbox.revokeTokens();

    const answers = [await call('GET', LIST, { token: expired }), await call('GET', LIST)];

    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
  });
});

describe('account connectors', () => {
  test('connectors are listed page by page, with the header Total-Pages if the switch totalPages is on', async () => {
    const { sandbox, call, ids } = await scene(['Brightdesk', 'Fernhill', 'Kestrel']);

    const [first, second] = [await call('GET', `${LIST}?pageSize=2`), await call('GET', `${LIST}?page=2&pageSize=2`)];
    sandbox.switches.totalPages = false;
    const without = await call('GET', LIST);

    expect([first, second].map(({ json }) => json.map(({ Id }: { Id: number }) => Id))).toEqual([
      ids.slice(0, 2),
      ids.slice(2),
    ]);
    expect([first, without].map(({ headers }) => headers.get('total-pages'))).toEqual(['2', null]);
  });

  test('a GET of a connector of another account gives 404', async () => {
    const { call } = await scene();

    const answer = await call('GET', `${LIST}/1001`);

    expect(answer).toMatchObject({ status: 404, json: { Message: expect.stringMatching(/could not be found/) } });
  });

  test('a PUT changes only the given fields of a connector, and an absent field or null changes nothing', async () => {
    const { put } = await scene();
    await put({ authValue: 'a key' });

    const { json } = await put({ name: 'Our desk', AuthValue: null });

    expect(json).toMatchObject({ Name: 'Our desk', AuthValue: 'a key', Authenticated: true });
  });

  test('the call deauthenticate removes the AuthValue of a connector, and its properties stay', async () => {
    const { call, get, put, set, id } = await scene(['Fernhill']);
    await set({ Domain: 'acme' });
    await put({ AuthValue: 'a key' });

    const answer = await call('PUT', `${LIST}/${id}/deauthenticate`);

    expect(answer.json).toEqual({ Message: "Connector 'Fernhill' successfully de-authenticated." });
    expect((await get()).json).toMatchObject({
      AuthValue: null,
      Authenticated: false,
      Properties: [{ Value: 'acme' }],
    });
  });

  test('a connector that is not authenticated is an unmet prerequisite of its cycle, with ReasonCode 20', async () => {
    const { sandbox, call, put, ids } = await scene(['Brightdesk', 'Ledgerly', 'Openrates']);
    const cycleId = sandbox.createCycle(ACCOUNT, ids, [40]);
    await put({ AuthValue: 'a key' });

    const { json } = await call('GET', `/v1.0/cycles/${cycleId}/prerequisites`);

    expect(json).toMatchObject([{ ReasonCode: 20, ObjectId: ids[1] }, { ReasonCode: 40 }]);
  });

  test('a cycle is activated only when it has no unmet prerequisite, and activating it again changes nothing', async () => {
    const { sandbox, call, put, ids } = await scene(['Brightdesk']);
    const cycleId = sandbox.createCycle(ACCOUNT, ids, []);
    const activate = () => call('PUT', `/v1.0/cycles/${cycleId}/activate`);

    const early = await activate();
    const paused = await call('GET', `/v1.0/cycles/${cycleId}`);
    await put({ AuthValue: 'a key' });
    const answers = [await activate(), await activate()];

    expect(early).toMatchObject({ status: 400, json: { Message: 'The cycle has unmet prerequisites.' } });
    expect(paused.json).toMatchObject({ Status: 'Paused', Connectors: [{ AccountConnectorId: ids[0] }] });
    expect(answers).toMatchObject([
      { status: 200, json: { Status: 'Active' } },
      { status: 200, json: { Status: 'Active' } },
    ]);
    expect(sandbox.cycleOf(ACCOUNT, cycleId).status).toBe('Active');
  });

  test('a connector that is uninstalled is in no list and in no cycle', async () => {
    const { sandbox, call, get, ids } = await scene(['Brightdesk', 'Ledgerly']);
    const cycleId = sandbox.createCycle(ACCOUNT, ids, []);

    const removed = await call('DELETE', `${LIST}/${ids[0]}`);
    const listed = await call('GET', LIST);
    const prerequisites = await call('GET', `/v1.0/cycles/${cycleId}/prerequisites`);

    expect(removed.status).toBe(200);
    expect((await get()).status).toBe(404);
    expect(listed.json).toMatchObject([{ Id: ids[1] }]);
    expect(prerequisites.json).toMatchObject([{ ObjectId: ids[1] }]);
  });

  test('the account acme has one connector of each kind, with ids from 1001', async () => {
    const { sandbox } = await scene();

    const acme = sandbox.accounts().find(({ accountId }) => accountId === 'acme');

    expect(acme?.connectors.map(({ id, name }) => [id, name])).toEqual(
      catalogue.map(({ definition }, index) => [1001 + index, definition.Name]),
    );
  });
});

describe('an accepted AuthValue', () => {
  test.each([
    ['ApiKey', 'Brightdesk', 'a key'],
    ['Basic', 'Insightful', base64('Zoë:s:e:c')],
    ['Basic with an empty password', 'Insightful', base64('the-key:')],
    ['OAuth1', 'Chirper', tokens()],
    ['OAuth2 AuthorisationCode', 'Ledgerly', tokens({ Expires: '2030-01-01T00:00:00Z', RefreshExpires: null })],
    ['OAuth2 Unknown', 'Driftwood', '{"accessToken":"at"}'],
  ])('the sandbox stores an AuthValue for %s', async (_type, connector, AuthValue) => {
    const { put, get } = await scene([connector]);

    const answer = await put({ AuthValue });

    expect(answer).toMatchObject({ status: 200, json: { Authenticated: true, AuthValue } });
    expect((await get()).json).toMatchObject({ Authenticated: true, AuthValue });
  });

  test.each([
    ['Quartz', { ClientId: 'id', ClientSecret: 's' }],
    ['Sugarloaf', { Username: 'me', Password: 'p' }],
  ])(
    'the sandbox stores {} for %s, which needs only properties, and the next GET shows the connector as authenticated',
    async (connector, properties) => {
      const { put, get, set } = await scene([connector]);
      await set(properties);

      const answer = await put({ AuthValue: '{}' });

      expect(answer.json.Authenticated).toBe(false);
      expect((await get()).json).toMatchObject({ Authenticated: true, AuthValue: '{}' });
    },
  );

  test.each<[string, Record<string, unknown>, string]>([
    ['an auth type in capital letters', { AuthType: 'APIKEY' }, 'a key'],
    ['the spelling AuthorizationCode', { AuthType: 'OAuth2', OAuth2Type: 'AuthorizationCode' }, tokens()],
    [
      'an auth type that is only in the list Authentication',
      { AuthType: null, Authentication: [{ AuthType: 'Basic' }] },
      base64('me:x'),
    ],
  ])(
    'the sandbox stores an AuthValue if a test has changed the definition to %s',
    async (_what, Connector, AuthValue) => {
      const { sandbox, put, id } = await scene();
      sandbox.update(ACCOUNT, id, { Connector });

      expect((await put({ AuthValue })).json).toMatchObject({ Authenticated: true, Connector });
    },
  );

  test('the sandbox stores {} if the client secret has expired, and authenticates the connector only after a new secret', async () => {
    const { call, put, get, set, id } = await scene(['Quartz']);
    const [, secret] = await set({ ClientId: 'id', ClientSecret: 'expired-secret' });
    await put({ AuthValue: '{}' });
    const before = await get();

    await call('PUT', `${LIST}/${id}/properties/${secret?.json.Id}`, { body: { Value: 'a new secret' } });

    expect(before.json.Authenticated).toBe(false);
    expect((await get()).json.Authenticated).toBe(true);
  });

  test('the connector is authenticated only after the time of the switch authenticatedAfterMs', async () => {
    const { sandbox, put, get } = await scene();
    sandbox.switches.authenticatedAfterMs = 60_000;
    const early = [await put({ AuthValue: 'a key' }), await get()];
    sandbox.switches.authenticatedAfterMs = 20;
    await put({ AuthValue: 'a key' });

    expect(early.map(({ json }) => json.Authenticated)).toEqual([false, false]);
    await eventually(get, ({ json }) => json.Authenticated);
  });

  test('after the sandbox has accepted an AuthValue, the connector has the properties that Cyclr looks up itself', async () => {
    const { put } = await scene(['Parrotmail']);

    const { json } = await put({ AuthValue: 'a key' });

    expect(json).toMatchObject({ Authenticated: true, Properties: [{ Name: 'DataCentre', Value: 'us21' }] });
  });
});

describe('a refused AuthValue', () => {
  test.each([
    ['with a wrong API key', 'Brightdesk', 'wrong-key'],
    ['with an empty API key', 'Brightdesk', ''],
    ['with a user name and a password that are not in base64', 'Insightful', 'me:secret'],
    ['with a wrong password', 'Insightful', base64('me:wrong-one')],
    ['with tokens that are not JSON', 'Ledgerly', 'at'],
    ['with a wrong token', 'Ledgerly', tokens({ AccessToken: 'wrong-at' })],
    ['of {} if a user must consent', 'Ledgerly', '{}'],
    ['for the auth type None', 'Openrates', 'a key'],
    ['for the auth type AuthFields', 'Fieldstone', 'a key'],
  ])('the sandbox refuses an AuthValue %s', async (_what, connector, AuthValue) => {
    const { put, get } = await scene([connector]);

    const answer = await put({ AuthValue });

    expect(answer).toMatchObject({ status: 400, json: { Message: expect.any(String) } });
    expect((await get()).json).toMatchObject({ Authenticated: false, AuthValue: null });
  });

  test('the message of a refusal contains the wrong AuthValue, and the stored AuthValue stays', async () => {
    const { put, get } = await scene();
    await put({ AuthValue: 'the good key' });

    const { json } = await put({ AuthValue: 'wrong-key' });

    expect(json.Message).toContain("'wrong-key'");
    expect((await get()).json).toMatchObject({ Authenticated: true, AuthValue: 'the good key' });
  });

  test('a wrong AuthValue gives 200 and Authenticated: false if the switch wrongKey is unauthenticated', async () => {
    const { sandbox, put } = await scene();
    sandbox.switches.wrongKey = 'unauthenticated';

    const answer = await put({ AuthValue: 'wrong-key' });

    expect(answer).toMatchObject({ status: 200, json: { Authenticated: false } });
  });

  test('the sandbox refuses an AuthValue while a required property is missing or empty', async () => {
    const { put, set } = await scene(['Fernhill']);
    await set({ Domain: '' });

    const early = await put({ AuthValue: 'a key' });
    await set({ Domain: 'acme' });
    const late = await put({ AuthValue: 'a key' });

    expect(early).toMatchObject({ status: 400, json: { ModelState: { Domain: [expect.any(String)] } } });
    expect(late).toMatchObject({ status: 200, json: { Authenticated: true } });
  });
});

describe('properties', () => {
  const path = `/properties`;

  test('a property can be added, read, changed and removed, even if no parameter defines its name', async () => {
    const at = await scene(['Fernhill']);
    const list = `${LIST}/${at.id}${path}`;

    const [added] = await at.set({ Domian: 'acme' });
    const one = `${list}/${added?.json.Id}`;
    const changed = await at.call('PUT', one, { body: { value: 'acme2' } });
    const listed = await at.call('GET', list);
    const removed = await at.call('DELETE', one);

    const property = { Id: expect.any(Number), Name: 'Domian', AccountConnectorId: at.id };
    expect(added).toMatchObject({ status: 200, json: { ...property, Value: 'acme' } });
    expect(changed.json).toEqual({ ...property, Value: 'acme2' });
    expect(listed.json).toEqual([changed.json]);
    expect([removed.status, (await at.call('GET', one)).status]).toEqual([204, 404]);
  });

  test('POST and PUT refuse a property with a wrong value, and the messages contain the value', async () => {
    const at = await scene(['Fernhill']);
    const [added] = await at.set({ Domain: 'acme' });

    const [posted] = await at.set({ Domain: 'wrong-one' });
    const put = await at.call('PUT', `${LIST}/${at.id}${path}/${added?.json.Id}`, { body: { Value: 'wrong-one' } });

    for (const answer of [posted, put]) {
      expect(answer?.status).toBe(400);
      expect(answer?.json.ModelState.Domain[0]).toContain('wrong-one');
    }
  });

  test.each([
    ['duplicate', 200, ['first', 'second']],
    ['replace', 200, ['second']],
    ['400', 400, ['first']],
  ] as const)(
    'a property that is posted twice with the switch secondPost %s gives status %i and the values %j',
    async (variant, status, values) => {
      const at = await scene(['Fernhill']);
      at.sandbox.switches.secondPost = variant;
      await at.set({ Domain: 'first' });

      const [second] = await at.set({ Domain: 'second' });

      expect(second?.status).toBe(status);
      expect((await at.get(path)).json.map(({ Value }: { Value: string }) => Value)).toEqual(values);
    },
  );
});

describe('sign-in tokens', () => {
  const signIn = `/v1.0/accounts/${ACCOUNT}/signintoken`;

  test('a sign-in token has characters that a URL must encode, and expires after the time of the switch signInTokenExpiresIn', async () => {
    const { sandbox, call } = await scene(['Ledgerly']);
    const body = { Username: 'me' };

    const { json } = await call('POST', signIn, { body, account: undefined });
    Object.assign(sandbox.switches, { signInTokenExpiresIn: 0, expiresAtHasZ: false });
    const expired = await call('POST', signIn, { body });

    expect(json.Token).toMatch(/^(?=.*\+)(?=.*\/).*=$/);
    expect(json.ExpiresAtUtc).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
    expect(expired.json.ExpiresAtUtc).toMatch(/\.\d{7}$/);
    expect(Date.parse(`${expired.json.ExpiresAtUtc}Z`)).toBeLessThanOrEqual(Date.now());
    expect(sandbox.signIns(ACCOUNT)).toMatchObject([
      { token: json.Token, username: 'me', used: false },
      { username: 'me', used: false },
    ]);
  });

  test('the sandbox refuses a request for a sign-in token without a user name, or with a bearer token of another account', async () => {
    const { sandbox, call } = await scene();
    const foreign = (await mint(sandbox, { scope: 'account:acme' })).json.access_token;

    const answers = [
      await call('POST', signIn, { body: { Username: ' ' } }),
      await call('POST', signIn, { token: foreign, account: 'acme', body: { Username: 'me' } }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([400, 401]);
  });
});
