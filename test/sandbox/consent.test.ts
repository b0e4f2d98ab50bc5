import { runInNewContext } from 'node:vm';
import { eventually } from '../support/eventually';
import { ACCOUNT, send, stopAll } from './scene';
import { oauthScene, TARGET } from './oauth-scene';

afterEach(stopAll);

const nothing = { AuthValue: null, Authenticated: false };

describe('consent links', () => {
  test('a consent link opens a page that asks for consent and shows names as text', async () => {
    const { sandbox, id, link, open } = await oauthScene();
    sandbox.update(ACCOUNT, id, { Name: `<script>"Ledger's" & Co` });

    const { status, text } = await open(await link());

    expect(status).toBe(200);
    expect(text).toContain(
      `<strong>&lt;script&gt;&quot;Ledger&#39;s&quot; &amp; Co</strong> for the account <strong>${ACCOUNT}</strong>`,
    );
    expect(text).not.toContain('<script');
    expect(text.match(/(?<=<button name="decision" value=")\w+/g)).toEqual(['approve', 'decline', 'error', 'close']);
  });

  test('a consent link can be used only once, even if it is opened twice at the same time, and a HEAD request does not use the link', async () => {
    const { link, open } = await oauthScene();
    const url = await link();

    const head = await open(url, 'HEAD');
    const twice = await Promise.all([open(url), open(url)]);

    expect(head.status).toBe(405);
    expect(twice.map(({ status }) => status).sort()).toEqual([200, 403]);
  });

  test.each([
    ['an unknown token', { token: 'abc' }],
    ['an unknown connector', { id: '999999' }],
  ])('a consent link with %s gives 403', async (_what, fields) => {
    const { link, open } = await oauthScene();

    const { status, text } = await open(await link(fields));

    expect(status).toBe(403);
    expect(text).toContain('403 – Forbidden: Access is denied.');
  });

  test('a consent link with an expired token gives 403', async () => {
    const { sandbox, link, open } = await oauthScene();
    sandbox.switches.signInTokenExpiresIn = 0;

    expect((await open(await link())).status).toBe(403);
  });

  test('a consent link to a connector of another account or without OAuth gives 403, and its token can still be used', async () => {
    const { sandbox, ids, signIn, link, open } = await oauthScene(['Ledgerly', 'Brightdesk']);
    const [other] = sandbox.createAccount('a2', { connectors: ['Ledgerly'] });
    const { Token: token } = (await signIn()).json;

    const answers = [
      await open(await link({ token, id: String(other!.id) })),
      await open(await link({ token, id: String(ids[1]) })),
      await open(await link({ token })),
    ];

    expect(answers.map(({ status }) => status)).toEqual([403, 403, 200]);
  });

  test.each([undefined, '/done', 'javascript:alert(1)', `${TARGET}\r\nSet-Cookie: a=b`])(
    'a consent link with the targetOrigin %j gives an error page, and its token can still be used',
    async (targetOrigin) => {
      const { signIn, link, open } = await oauthScene();
      const { Token: token } = (await signIn()).json;

      const bad = await open(await link({ token, targetOrigin }));
      const good = await open(await link({ token }));

      expect(bad).toMatchObject({ status: 400, text: expect.stringContaining('targetOrigin') });
      expect(good.status).toBe(200);
    },
  );

  test.each([
    ['good', 'p', true],
    ['expired', 'expired-p', false],
  ])(
    'a consent link to a connector that needs only properties redirects at once, without a page, if the connector has %s properties',
    async (_what, Password, Authenticated) => {
      const { set, get, link, open } = await oauthScene(['Sugarloaf']);
      await set({ Username: 'me', Password });

      const { status, headers } = await open(await link());

      expect([status, headers.get('location')]).toEqual([302, TARGET]);
      expect((await get()).json).toMatchObject({ Authenticated });
    },
  );
});

describe('decisions of the user', () => {
  test('an approval stores tokens and redirects to the return address with an unchanged query', async () => {
    const { get, consent } = await oauthScene();
    const targetOrigin = `${TARGET}?to=%2Fa%20b&x=1+2;'()&%C3%BC=%C3%BC#here`;

    const outcome = await consent('approve', { targetOrigin });
    const { json } = await get();

    expect(outcome).toMatchObject({ status: 302, location: targetOrigin });
    expect(json.Authenticated).toBe(true);
    expect(JSON.parse(json.AuthValue)).toEqual({
      AccessToken: expect.any(String),
      RefreshToken: expect.any(String),
      Expires: expect.stringMatching(/^\d{4}-.*Z$/),
      RefreshExpires: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  test.each([
    ['decline', { status: 302, location: TARGET }],
    ['error', { status: 502 }],
    ['close', { status: 200 }],
  ] as const)('the decision %s changes nothing in the connector', async (decision, outcome) => {
    const { stored, consent } = await oauthScene();

    expect(await consent(decision)).toEqual({ ...outcome, consent: { id: expect.any(String) } });
    expect(stored()).toMatchObject(nothing);
  });

  test('a decision is accepted only once, in any tab, and only by POST', async () => {
    const { sandbox, stored, link, open, decide } = await oauthScene();
    const older = await open(await link());
    await open(await link());

    const byGet = await send(sandbox, 'GET', '/connectorauth/consent?decision=approve');
    const unknown = await decide(older, 'maybe');
    const first = await decide(older, 'decline');
    const second = await decide(older, 'approve');

    expect([byGet, unknown, first, second].map(({ status }) => status)).toEqual([405, 400, 302, 400]);
    expect(stored()).toMatchObject(nothing);
  });

  test('an approval gives an error page while a required property is missing', async () => {
    const { set, consent, stored } = await oauthScene(['Shopwell']);

    const early = await consent('approve');
    await set({ Shop: 'acme' });
    const late = await consent('approve');

    expect([early.status, late.status]).toEqual([400, 302]);
    expect(stored().Authenticated).toBe(true);
  });

  test('an approval gives Authenticated: true only after the time of the switch authenticatedAfterMs', async () => {
    const { sandbox, get, consent } = await oauthScene();
    sandbox.switches.authenticatedAfterMs = 60_000;
    await consent('approve');
    const early = await get();
    sandbox.switches.authenticatedAfterMs = 20;
    await consent('approve');

    expect(early.json.Authenticated).toBe(false);
    await eventually(get, ({ json }) => json.Authenticated);
  });

  test.each([
    [TARGET, `${TARGET}?status=1`],
    [`${TARGET}?attempt=a%2Fb#top?`, `${TARGET}?attempt=a%2Fb&status=1#top?`],
    [`${TARGET}?a=1&`, `${TARGET}?a=1&status=1`],
  ])('the redirect to %s has the query of the switch returnAppends', async (targetOrigin, expected) => {
    const { sandbox, consent } = await oauthScene();
    sandbox.switches.returnAppends = 'status=1';

    expect((await consent('decline', { targetOrigin })).location).toBe(expected);
  });

  test('after a decision on a link with a callback message, the page posts the message to its opener, and does not redirect', async () => {
    const { link, open, decide } = await oauthScene();
    const callbackMessage = `</script><script>alert("it's")`;

    const { status, headers, text } = await decide(await open(await link({ callbackMessage })), 'approve');
    const [, data = '', script = ''] = /<script ([^>]*)>(.*)<\/script>/.exec(text) ?? [];
    const postMessage = jest.fn();
    const dataset = Object.fromEntries(
      [...data.matchAll(/data-(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    );
    runInNewContext(script, { window: { opener: { postMessage } }, document: { currentScript: { dataset } } });

    expect([status, headers.get('location')]).toEqual([200, null]);
    expect(text.match(/<script/g)).toHaveLength(1);
    expect(postMessage.mock.calls).toEqual([
      // The text is escaped, because the test reads the attribute as HTML, without a browser.
      ['&lt;/script&gt;&lt;script&gt;alert(&quot;it&#39;s&quot;)', TARGET],
    ]);
  });
});

describe('the tokens of an authenticated connector', () => {
  /** Authenticates a connector by a first consent. `before` is the stored connector after the first consent. */
  async function authenticated() {
    const at = await oauthScene();
    await at.consent('approve');
    return { ...at, before: at.stored() };
  }

  test('a second consent replaces the tokens', async () => {
    const { consent, stored, before } = await authenticated();

    await consent('approve');

    expect(stored()).toEqual({ ...before, AuthValue: expect.stringContaining('AccessToken') });
    expect(stored().AuthValue).not.toBe(before.AuthValue);
  });

  test('a second consent gives the same tokens if the switch reconsentSameValue is on', async () => {
    const { sandbox, consent, stored, before } = await authenticated();
    sandbox.switches.reconsentSameValue = true;

    await consent('approve');

    expect(stored()).toEqual(before);
  });

  test('after a second consent that fails, the AuthValue stays or is removed, as the switch failedReconsent says', async () => {
    const { sandbox, consent, stored, before } = await authenticated();

    await consent('decline');
    const kept = stored();
    sandbox.switches.failedReconsent = 'drops';
    await consent('close');
    const closed = stored();
    await consent('error');

    expect([kept, closed]).toEqual([before, before]);
    expect(stored()).toMatchObject(nothing);
  });

  test('a refresh of the tokens needs no second consent, and changes only the tokens', async () => {
    const { sandbox, id, before } = await authenticated();

    const answer = await send(sandbox, 'POST', `/_sandbox/accounts/${ACCOUNT}/connectors/${id}/refresh`);

    expect(answer.json).toEqual({ ...before, AuthValue: expect.stringContaining('AccessToken') });
    expect(answer.json.AuthValue).not.toBe(before.AuthValue);
  });

  test('the API does not show the tokens if the switch authValueReadable is off', async () => {
    const { sandbox, call, get, stored } = await authenticated();
    sandbox.switches.authValueReadable = false;

    const [one, list] = [await get(), await call('GET', '/v1.0/account/connectors')];

    expect([one.json, list.json[0]]).toMatchObject(Array(2).fill({ AuthValue: null, Authenticated: true }));
    expect(stored().AuthValue).toContain('AccessToken');
  });
});

test('every page of the sandbox has the headers no-store, no-referrer and a policy against frames, and has no scripts', async () => {
  const { sandbox, link, open, decide } = await oauthScene();
  const consent = await open(await link());
  const pages = [
    consent,
    await open(await link({ token: 'abc' })),
    await open(await link({ targetOrigin: 'x' })),
    await decide(consent, 'error'),
    await decide(await open(await link()), 'close'),
    await open(`${sandbox.url}/return?status=1`),
    await open(`${sandbox.url}/connectorauth/consent`),
  ];

  expect(pages.map(({ status }) => status)).toEqual([200, 403, 400, 502, 200, 200, 405]);
  for (const { headers, text } of pages) {
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    });
    expect(text).not.toMatch(/<script|javascript:|\son\w+=/);
  }
});

describe('the control call consent', () => {
  test('the control call consent requests the pages as a browser does, and returns the address of the redirect', async () => {
    const { sandbox, link } = await oauthScene();
    const url = (await link()).replace('127.0.0.1', 'localhost');
    sandbox.requests.length = 0;

    const { json } = await send(sandbox, 'POST', '/_sandbox/consent', { body: { url, decision: 'approve' } });

    expect(json).toEqual({ status: 302, location: TARGET, consent: { id: expect.any(String) } });
    expect(sandbox.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /connectorauth/updateaccountconnectoroauth',
      'POST /connectorauth/consent',
    ]);
  });

  test.each(['http://cyclr.example/connectorauth', 'http://127.0.0.1:9/connectorauth', 'connectorauth'])(
    'the control call consent refuses a link to another host or path: %s',
    async (url) => {
      const { sandbox } = await oauthScene();

      const { status } = await send(sandbox, 'POST', '/_sandbox/consent', { body: { url, decision: 'approve' } });

      expect(status).toBe(400);
    },
  );
});
