import { ACCOUNT, mint, send, stopAll } from './scene';
import { oauthScene } from './oauth-scene';

afterEach(stopAll);

const path = `/v1.0/accounts/${ACCOUNT}/signintoken`;

test('a sign-in token is good for five minutes, and has what a URL has to encode', async () => {
  const { signIn } = await oauthScene();
  const before = Date.now();

  const { status, json } = await signIn();

  const seconds = (Date.parse(json.ExpiresAtUtc) - before) / 1000;
  expect(status).toBe(200);
  expect(Object.keys(json)).toEqual(['Token', 'ExpiresAtUtc']);
  expect(json.ExpiresAtUtc).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
  expect(seconds).toBeGreaterThanOrEqual(300);
  expect(seconds).toBeLessThan(330);
  expect(json.Token).toMatch(/^(?=.*\+)(?=.*\/).*=$/);
});

test('every sign-in token is another one', async () => {
  const { signIn } = await oauthScene();

  const answers = [await signIn(), await signIn()];

  expect(new Set(answers.map(({ json }) => json.Token)).size).toBe(2);
});

test('how long it is good, and whether its end is told with a Z, are switches', async () => {
  const { sandbox, signIn } = await oauthScene();
  Object.assign(sandbox.switches, { signInTokenExpiresIn: 7200, expiresAtHasZ: false });
  const before = Date.now();

  const { json } = await signIn();

  expect(json.ExpiresAtUtc).toMatch(/\.\d{7}$/);
  expect(Date.parse(`${json.ExpiresAtUtc}Z`) - before).toBeGreaterThanOrEqual(7200_000);
});

test('the tokens of an account are listed with the user they are for', async () => {
  const { sandbox, signIn, link, open } = await oauthScene();
  const other = await signIn({ username: 'müller' }, 'Müller & Söhne/1');
  const first = await signIn({ username: 'me' });
  await open(await link({ token: first.json.Token }));
  const second = await signIn({ Username: 'me again' });

  const own = await send(sandbox, 'GET', `/_sandbox/accounts/${ACCOUNT}/sign-ins`);
  const others = sandbox.signIns('Müller & Söhne/1');

  const expiresAt = expect.stringMatching(/Z$/);
  expect(own.json).toEqual([
    { token: first.json.Token, username: 'me', expiresAt, used: true },
    { token: second.json.Token, username: 'me again', expiresAt, used: false },
  ]);
  expect(others).toEqual([{ token: other.json.Token, username: 'müller', expiresAt, used: false }]);
});

test.each([
  ['no user name', {}],
  ['an empty user name', { Username: '' }],
  ['a blank user name', { Username: '  ' }],
  ['a user name that is no text', { Username: 7 }],
  ['null', { Username: null }],
  ['something else besides', { Username: 'me', Role: 'admin' }],
])('%s is refused', async (_what, body) => {
  const { sandbox, signIn } = await oauthScene();

  const answer = await signIn(body);

  expect(answer).toMatchObject({ status: 400, json: { ModelState: expect.any(Object) } });
  expect(sandbox.signIns(ACCOUNT)).toEqual([]);
});

describe('a sign-in token is given to nobody', () => {
  test('without a good bearer token', async () => {
    const { call } = await oauthScene();

    const answers = [
      await call('POST', path, { token: undefined, body: { Username: 'me' } }),
      await call('POST', path, { token: 'abc', body: { Username: 'me' } }),
    ];

    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
  });

  test('for an account that is not there', async () => {
    const { signIn } = await oauthScene();

    expect((await signIn(undefined, 'nobody')).status).toBe(401);
  });

  test('for the account of the path by a bearer token for another one, whatever the header says', async () => {
    const { sandbox, call } = await oauthScene();
    const { json } = await mint(sandbox, { scope: 'account:acme' });
    const request = { token: json.access_token, account: 'acme', body: { Username: 'me' } };

    const foreign = await call('POST', path, request);
    const own = await call('POST', path.replace(ACCOUNT, 'acme'), { ...request, account: ACCOUNT });

    expect([foreign.status, own.status]).toEqual([401, 200]);
  });
});
