import { ACCOUNT, eventually, scene, stopAll } from './scene';

afterEach(stopAll);

const base64 = (text: string) => Buffer.from(text).toString('base64');
const tokens = (more: object = {}) => JSON.stringify({ AccessToken: 'at', RefreshToken: 'rt', ...more });

describe('an AuthValue is taken', () => {
  test.each([
    ['ApiKey', 'Brightdesk', 'a key'],
    ['Basic', 'Insightful', base64('me@x.com/token:s:e:c')],
    ['Basic with a blank password', 'Insightful', base64('the-key:')],
    ['Basic beyond ASCII', 'Insightful', base64('Zoë:pässwörd')],
    ['OAuth1', 'Chirper', tokens()],
    ['OAuth2 AuthorisationCode', 'Ledgerly', tokens({ Expires: '2030-01-01T00:00:00Z', RefreshExpires: null })],
    ['OAuth2 Unknown', 'Driftwood', '{"accessToken":"at"}'],
    ["the partner's own", 'Homeport', tokens()],
  ])('for %s', async (_type, connector, AuthValue) => {
    const { put, get } = await scene([connector]);

    const answer = await put({ AuthValue });
    const after = await get();

    expect(answer).toMatchObject({ status: 200, json: { Authenticated: true, AuthValue } });
    expect(after.json).toMatchObject({ Authenticated: true, AuthValue });
  });

  test('in camelCase, and again when it is replaced', async () => {
    const { put } = await scene();
    await put({ authValue: 'the old key' });

    const answer = await put({ authValue: 'the new key' });

    expect(answer.json).toMatchObject({ Authenticated: true, AuthValue: 'the new key' });
  });
});

describe('an AuthValue is refused', () => {
  test.each([
    ['an empty key', 'Brightdesk', ''],
    ['a wrong key', 'Brightdesk', 'wrong-key'],
    ['Basic in clear', 'Insightful', 'me:secret'],
    ['Basic without a colon', 'Insightful', base64('me')],
    ['Basic without a user name', 'Insightful', base64(':secret')],
    ['Basic without padding', 'Insightful', base64('me:secre').replace(/=+$/, '')],
    ['Basic in Latin-1', 'Insightful', Buffer.from('Zoë:x', 'latin1').toString('base64')],
    ['a wrong user name', 'Insightful', base64('wrong-me:secret')],
    ['a wrong password', 'Insightful', base64('me:wrong-one')],
    ['tokens that are no JSON', 'Ledgerly', 'at'],
    ['tokens without an access token', 'Ledgerly', '{"RefreshToken":"rt"}'],
    ['tokens with something else', 'Ledgerly', tokens({ Scope: 'all' })],
    ['a wrong token', 'Ledgerly', tokens({ AccessToken: 'wrong-at' })],
    ['{} where a user must consent', 'Ledgerly', '{}'],
    ['{} for OAuth1', 'Chirper', '{}'],
    ['anything for None', 'Openrates', 'a key'],
    ['anything for AuthFields', 'Fieldstone', 'a key'],
    ['anything for an unknown type', 'Vaultline', 'a key'],
  ])('%s', async (_what, connector, AuthValue) => {
    const { put, get } = await scene([connector]);

    const answer = await put({ AuthValue });
    const after = await get();

    expect(answer).toMatchObject({ status: 400, json: { Message: expect.any(String) } });
    expect(after.json).toMatchObject({ Authenticated: false, AuthValue: null });
  });

  test('by a message that quotes what was wrong', async () => {
    const { put } = await scene(['Insightful']);

    const { json } = await put({ AuthValue: base64('me:wrong-one') });

    expect(json.Message).toContain("'wrong-one'");
  });

  test('and the one stored before stays', async () => {
    const { put, get } = await scene();
    await put({ AuthValue: 'the good key' });

    await put({ AuthValue: 'wrong-key' });

    expect((await get()).json).toMatchObject({ Authenticated: true, AuthValue: 'the good key' });
  });

  test('while a required property is missing or empty', async () => {
    const { put, set } = await scene(['Fernhill']);
    await set({ Domain: '' });

    const early = await put({ AuthValue: 'a key' });
    await set({ Domain: 'acme' });
    const late = await put({ AuthValue: 'a key' });

    expect(early).toMatchObject({ status: 400, json: { ModelState: { Domain: [expect.any(String)] } } });
    expect(late).toMatchObject({ status: 200, json: { Authenticated: true } });
  });

  test('for nothing that is optional, hidden or the business of the partner', async () => {
    const { put, set } = await scene(['Kestrel']);

    await set({ SigningSecret: 's', Environment: 'staging' });

    expect((await put({ AuthValue: 'a key' })).json).toMatchObject({ Authenticated: true });
  });
});

test('a wrong key can also be answered by 200 and Authenticated: false', async () => {
  const { sandbox, put, get } = await scene();
  sandbox.switches.wrongKey = 'unauthenticated';

  const answer = await put({ AuthValue: 'wrong-key' });

  expect(answer).toMatchObject({ status: 200, json: { Authenticated: false } });
  expect((await get()).json).toMatchObject({ Authenticated: false });
});

test('Authenticated: true can show some time after the PUT', async () => {
  const { sandbox, put, get } = await scene();
  sandbox.switches.authenticatedAfterMs = 60_000;
  const early = [await put({ AuthValue: 'a key' }), await get()];
  sandbox.switches.authenticatedAfterMs = 20;
  await put({ AuthValue: 'a key' });

  expect(early.map(({ json }) => json.Authenticated)).toEqual([false, false]);
  await eventually(async () => (await get()).json.Authenticated);
});

test('a property that Cyclr looks up itself is not missed before, and there afterwards', async () => {
  const { put } = await scene(['Parrotmail']);

  const { json } = await put({ AuthValue: 'a key' });

  expect(json).toMatchObject({ Authenticated: true, Properties: [{ Name: 'DataCentre', Value: 'us21' }] });
});

describe('where properties are enough', () => {
  const good = { Quartz: { ClientId: 'id', ClientSecret: 's' }, Sugarloaf: { Username: 'me', Password: 'p' } };

  test.each(Object.entries(good))('%s is authenticated by the next GET after {}', async (connector, properties) => {
    const { sandbox, put, get, set, id } = await scene([connector]);
    await set(properties);

    const answer = await put({ AuthValue: '{}' });
    const between = sandbox.connectorOf(ACCOUNT, id);
    const after = await get();

    expect([answer.json.Authenticated, between.Authenticated]).toEqual([false, false]);
    expect(after.json).toMatchObject({ Authenticated: true, AuthValue: '{}' });
  });

  test.each(Object.entries(good))('%s takes tokens as well', async (connector, properties) => {
    const { put, set } = await scene([connector]);
    await set(properties);

    const answer = await put({ AuthValue: tokens() });

    expect(answer.json).toMatchObject({ Authenticated: true });
  });

  test('{} is refused while one is missing', async () => {
    const { put, set } = await scene(['Quartz']);
    await set({ ClientId: 'id' });

    const answer = await put({ AuthValue: '{}' });

    expect(answer).toMatchObject({ status: 400, json: { ModelState: { ClientSecret: [expect.any(String)] } } });
  });

  test('an expired secret never authenticates, until it is replaced', async () => {
    const { call, put, get, set, id } = await scene(['Quartz']);
    await set({ ClientId: 'id' });
    const [posted] = await set({ ClientSecret: 'expired-secret' });
    await put({ AuthValue: '{}' });

    const before = [await get(), await get()];
    const path = `/v1.0/account/connectors/${id}/properties/${posted?.json.Id}`;
    await call('PUT', path, { body: { Value: 'a new secret' } });
    const after = await get();

    expect(before.map(({ json }) => json.Authenticated)).toEqual([false, false]);
    expect(after.json.Authenticated).toBe(true);
  });

  test('what a test has set to false stays false', async () => {
    const { sandbox, put, get, set, id } = await scene(['Quartz']);
    await set(good.Quartz);
    await put({ AuthValue: '{}' });

    sandbox.update(ACCOUNT, id, { Authenticated: false });

    expect((await get()).json.Authenticated).toBe(false);
  });
});
