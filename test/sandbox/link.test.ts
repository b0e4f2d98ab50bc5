import { ACCOUNT, stopAll } from './scene';
import { consentIn, oauthScene, TARGET } from './oauth-scene';

afterEach(stopAll);

describe('a good link', () => {
  test.each(['Ledgerly', 'Chirper', 'Driftwood', 'Homeport'])('asks for consent to %s, in plain HTML', async (name) => {
    const { link, open, stored } = await oauthScene([name]);

    const { status, text } = await open(await link());

    expect(status).toBe(200);
    expect(text).toContain(`<strong>${name}</strong> for the account <strong>${ACCOUNT}</strong>`);
    expect(text).toMatch(/<html lang="en">[^]*<title>[^]*<main>\s*<h1>/);
    expect(text).toContain('<form method="post" action="/connectorauth/consent">');
    expect(text.match(/(?<=<button name="decision" value=")\w+/g)).toEqual(['approve', 'decline', 'error', 'close']);
    expect(text).toMatch(/just close this tab/);
    expect(stored()).toMatchObject({ AuthValue: null, Authenticated: false });
  });

  test('shows names as text', async () => {
    const { sandbox, id, link, open } = await oauthScene();
    sandbox.update(ACCOUNT, id, { Name: `<script>"Ledger's" & Co` });

    const { text } = await open(await link());

    expect(text).toContain('<strong>&lt;script&gt;&quot;Ledger&#39;s&quot; &amp; Co</strong>');
    expect(text).not.toContain('<script');
  });

  test('is good once, also when it is opened twice at the same time', async () => {
    const { link, open } = await oauthScene();
    const url = await link();

    const twice = await Promise.all([open(url), open(url)]);
    const later = await open(url);

    expect(twice.map(({ status }) => status).sort()).toEqual([200, 403]);
    expect(later.status).toBe(403);
  });

  test('is not used up by HEAD', async () => {
    const { link, open } = await oauthScene();
    const url = await link();

    const head = await open(url, 'HEAD');
    const get = await open(url);

    expect([head.status, get.status]).toEqual([405, 200]);
  });

  test('leads on where a query in its target has odd characters', async () => {
    const { sandbox, link } = await oauthScene();
    const targetOrigin = `${TARGET}?to=%2Fa%20b&x=1+2;'()&%C3%BC=%C3%BC#here`;

    const { location } = await sandbox.consent(await link({ targetOrigin }), 'approve');

    expect(location).toBe(targetOrigin);
  });
});

describe('the 403 page is shown for', () => {
  test.each([
    ['an unknown token', { token: 'abc' }],
    ['no token', { token: undefined }],
    ['a connector that is not there', { id: '999999' }],
    ['no connector', { id: undefined }],
  ])('%s', async (_what, fields) => {
    const { link, open } = await oauthScene();

    const { status, headers, text } = await open(await link(fields));

    expect(status).toBe(403);
    expect(headers.get('location')).toBeNull();
    expect(text).toContain('403 – Forbidden: Access is denied.');
  });

  test('an expired token', async () => {
    const { sandbox, link, open } = await oauthScene();
    sandbox.switches.signInTokenExpiresIn = 0;

    expect((await open(await link())).status).toBe(403);
  });

  test('a token that was put into the link without being encoded', async () => {
    const { sandbox, id, signIn, open } = await oauthScene();
    const { json } = await signIn();

    const url = `${sandbox.url}/connectorauth/updateaccountconnectoroauth?id=${id}&token=${json.Token}`;
    const { status } = await open(`${url}&targetOrigin=${encodeURIComponent(TARGET)}`);

    expect(status).toBe(403);
  });

  test("another account's connector; the token is still good for its own", async () => {
    const { sandbox, signIn, link, open } = await oauthScene();
    const [other] = sandbox.createAccount('a2', { connectors: ['Ledgerly'] });
    const { Token: token } = (await signIn()).json;

    const foreign = await open(await link({ token, id: String(other!.id) }));
    const own = await open(await link({ token }));

    expect([foreign.status, own.status]).toEqual([403, 200]);
  });

  test.each(['Brightdesk', 'Zenodesk', 'Openrates', 'Fieldstone', 'Vaultline'])(
    '%s, which has no OAuth; the token is still good',
    async (name) => {
      const { ids, signIn, link, open } = await oauthScene([name, 'Ledgerly']);
      const { Token: token } = (await signIn()).json;

      const without = await open(await link({ token }));
      const withOAuth = await open(await link({ token, id: String(ids[1]) }));

      expect([without.status, withOAuth.status]).toEqual([403, 200]);
    },
  );
});

test.each([
  ['is missing', undefined],
  ['is empty', ''],
  ['is no URL', 'done'],
  ['is a path', '/done'],
  ['has no scheme', '//127.0.0.1/done'],
  ['has no host', 'https://'],
  ['is a script', 'javascript:alert(1)'],
  ['is a file', 'file:///etc/hosts'],
  ['has a line end', `${TARGET}\r\nSet-Cookie: a=b`],
  ['is not encoded', `${TARGET}?ü`],
])('a target that %s is an error page; the token is still good', async (_what, targetOrigin) => {
  const { signIn, link, open } = await oauthScene();
  const { Token: token } = (await signIn()).json;

  const bad = await open(await link({ token, targetOrigin }));
  const good = await open(await link({ token }));

  expect(bad).toMatchObject({ status: 400, text: expect.stringContaining('targetOrigin') });
  expect(bad.headers.get('location')).toBeNull();
  expect(good.status).toBe(200);
});

describe.each([
  ['Sugarloaf', { Username: 'me', Password: 'p' }, { Password: 'expired-p' }],
  ['Quartz', { ClientId: 'id', ClientSecret: 's' }, { ClientSecret: 'expired-s' }],
] as const)('the link of %s, which needs no consent,', (name, good, bad) => {
  test('comes straight back, authenticated', async () => {
    const { set, get, link, open } = await oauthScene([name]);
    await set(good);

    const { status, headers } = await open(await link());

    expect(status).toBe(302);
    expect(headers.get('location')).toBe(TARGET);
    expect((await get()).json).toMatchObject({
      Authenticated: true,
      AuthValue: expect.stringContaining('AccessToken'),
    });
  });

  test.each([
    ['a property is missing', {}],
    ['a property is no good any more', { ...good, ...bad }],
  ])('comes straight back with nothing while %s', async (_what, properties: Record<string, string>) => {
    const { set, get, link, open } = await oauthScene([name]);
    await set(properties);

    const { status, headers } = await open(await link());

    expect(status).toBe(302);
    expect(headers.get('location')).toBe(TARGET);
    expect((await get()).json).toMatchObject({ Authenticated: false, AuthValue: null });
  });
});

describe('every page', () => {
  test('is kept nowhere, tells nobody where it was, stands in no frame and runs no script', async () => {
    const { sandbox, link, open, decide } = await oauthScene();
    const consent = await open(await link());
    const pages = [
      consent,
      await open(await link({ token: 'abc' })),
      await open(await link({ targetOrigin: 'x' })),
      await decide(consent, 'error'),
      await decide(await open(await link()), 'close'),
      await decide(consent, 'approve'),
      await open(`${sandbox.url}/return?status=1`),
      await open(`${sandbox.url}/connectorauth/consent`),
    ];

    expect(pages.map(({ status }) => status)).toEqual([200, 403, 400, 502, 200, 400, 200, 405]);
    for (const { headers, text } of pages) {
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      });
      expect(text).toMatch(/^<!DOCTYPE html>/);
      expect(text).not.toMatch(/<script|javascript:|\son\w+=/);
    }
  });

  test('that says the browser is back says what that proves, and what to do', async () => {
    const { sandbox, open } = await oauthScene();

    const { text } = await open(`${sandbox.url}/return`);

    expect(text).toContain('You are back');
    expect(text).toContain('proves nothing yet');
    expect(text).toContain('cyclr-connect confirm ACCOUNT CONNECTOR');
    expect(text).toContain('go back to it');
  });
});

describe("the browser's requests", () => {
  test('are recorded, secrets and all', async () => {
    const { sandbox, id, signIn, link, open, decide } = await oauthScene();
    const { Token: token } = (await signIn()).json;
    const page = await open(await link({ token }));
    await decide(page, 'approve');
    await open(`${sandbox.url}/return?status=1`);

    expect(sandbox.requests.slice(-4)).toMatchObject([
      { method: 'POST', path: `/v1.0/accounts/${ACCOUNT}/signintoken`, body: { Username: 'onboarding' }, status: 200 },
      {
        method: 'GET',
        path: '/connectorauth/updateaccountconnectoroauth',
        query: { id: String(id), token, targetOrigin: TARGET },
        status: 200,
      },
      { method: 'POST', path: '/connectorauth/consent', body: { consent: consentIn(page) }, status: 302 },
      { method: 'GET', path: '/return', query: { status: '1' }, status: 200 },
    ]);
  });

  test('can be hit by a fault, which uses nothing up', async () => {
    const { sandbox, link, open } = await oauthScene();
    const url = await link();
    sandbox.fault({ match: { path: '/connectorauth' }, then: { status: 503, body: 'Down' } });

    const hit = await open(url);
    const next = await open(url);

    expect([hit.status, next.status]).toEqual([503, 200]);
  });
});
