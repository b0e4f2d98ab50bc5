import { runInNewContext } from 'node:vm';
import { ACCOUNT, eventually, send, stopAll } from './scene';
import { oauthScene, TARGET } from './oauth-scene';

afterEach(stopAll);

const nothing = { AuthValue: null, Authenticated: false };

describe('a decision', () => {
  test('to approve stores tokens, and sends the browser back', async () => {
    const { get, link, open, decide } = await oauthScene();

    const { status, headers } = await decide(await open(await link()), 'approve');
    const { json } = await get();

    expect([status, headers.get('location')]).toEqual([302, TARGET]);
    expect(json.Authenticated).toBe(true);
    expect(JSON.parse(json.AuthValue)).toEqual({
      AccessToken: expect.any(String),
      RefreshToken: expect.any(String),
      Expires: expect.stringMatching(/^\d{4}-.*Z$/),
      RefreshExpires: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  test('to decline sends the browser back the very same way, and changes nothing', async () => {
    const { stored, link, open, decide } = await oauthScene();

    const { status, headers } = await decide(await open(await link()), 'decline');

    expect([status, headers.get('location')]).toEqual([302, TARGET]);
    expect(stored()).toMatchObject(nothing);
  });

  test.each([
    ['error', 502, 'The third party answered with an error.'],
    ['close', 200, 'You can close this tab'],
  ])('%s ends on a page, and changes nothing', async (decision, expected, words) => {
    const { stored, link, open, decide } = await oauthScene();

    const { status, headers, text } = await decide(await open(await link()), decision);

    expect(status).toBe(expected);
    expect(headers.get('location')).toBeNull();
    expect(text).toContain(words);
    expect(stored()).toMatchObject(nothing);
  });

  test('is taken once', async () => {
    const { stored, link, open, decide } = await oauthScene();
    const page = await open(await link());
    await decide(page, 'decline');

    const again = await decide(page, 'approve');

    expect(again.status).toBe(400);
    expect(again.headers.get('location')).toBeNull();
    expect(stored()).toMatchObject(nothing);
  });

  test('can still be taken in an older tab', async () => {
    const { stored, link, open, decide } = await oauthScene();
    const older = await open(await link());
    await open(await link());

    await decide(older, 'approve');

    expect(stored().Authenticated).toBe(true);
  });

  test.each(['GET', 'HEAD'])('is not taken by %s', async (method) => {
    const { sandbox, stored, link, open, decide } = await oauthScene();
    const page = await open(await link());
    const id = /value="([^"]+)">/.exec(page.text)?.[1];

    const looked = await send(sandbox, method, `/connectorauth/consent?consent=${id}&decision=approve`);
    const between = stored();
    const decided = await decide(page, 'approve');

    expect([looked.status, decided.status]).toEqual([405, 302]);
    expect(between).toMatchObject(nothing);
  });

  test.each([
    ['that nobody knows', 'maybe'],
    ['that is missing', ''],
  ])('%s is an error page, and the right one can still be taken', async (_what, decision) => {
    const { link, open, decide } = await oauthScene();
    const page = await open(await link());

    const odd = await decide(page, decision);
    const right = await decide(page, 'approve');

    expect([odd.status, right.status]).toEqual([400, 302]);
  });

  test('that is sent as JSON, or with an unknown consent, is an error page', async () => {
    const { sandbox } = await oauthScene();
    const path = '/connectorauth/consent';

    const asJson = await send(sandbox, 'POST', path, { body: { consent: 'x', decision: 'approve' } });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const unknown = await send(sandbox, 'POST', path, { headers, body: 'consent=x&decision=approve' });

    expect([asJson.status, unknown.status]).toEqual([400, 400]);
  });

  test('to approve is an error page while a required property is missing', async () => {
    const { set, stored, consent } = await oauthScene(['Shopwell']);

    const early = await consent('approve');
    const between = stored();
    await set({ Shop: 'acme' });
    const late = await consent('approve');

    expect([early.status, late.status]).toEqual([400, 302]);
    expect(between).toMatchObject(nothing);
    expect(stored().Authenticated).toBe(true);
  });
});

test('Authenticated: true can show some time after the return', async () => {
  const { sandbox, get, consent } = await oauthScene();
  sandbox.switches.authenticatedAfterMs = 60_000;
  await consent('approve');
  const early = await get();
  sandbox.switches.authenticatedAfterMs = 20;
  await consent('approve');

  expect(early.json.Authenticated).toBe(false);
  await eventually(async () => (await get()).json.Authenticated);
});

test.each([
  [TARGET, `${TARGET}?status=1`],
  [`${TARGET}?attempt=a%2Fb`, `${TARGET}?attempt=a%2Fb&status=1`],
  [`${TARGET}?`, `${TARGET}?status=1`],
  [`${TARGET}?a=1&`, `${TARGET}?a=1&status=1`],
  [`${TARGET}#top`, `${TARGET}?status=1#top`],
  [`${TARGET}?a=1#top?`, `${TARGET}?a=1&status=1#top?`],
])('something can be appended to the target %s', async (targetOrigin, expected) => {
  const { sandbox, consent } = await oauthScene();
  sandbox.switches.returnAppends = 'status=1';

  const { location } = await consent('decline', { targetOrigin });

  expect(location).toBe(expected);
});

describe('with a callback message', () => {
  const callbackMessage = `</script><script>alert("it's")`;

  test.each(['approve', 'decline'])(
    '%s tells the window that opened this one, and redirects nobody',
    async (decision) => {
      const { link, open, decide } = await oauthScene();

      const { status, headers, text } = await decide(await open(await link({ callbackMessage })), decision);
      const [, data = '', script = ''] = /<script ([^>]*)>(.*)<\/script>/.exec(text) ?? [];
      const postMessage = jest.fn();
      const dataset = Object.fromEntries(
        [...data.matchAll(/data-(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
      );
      runInNewContext(script, { window: { opener: { postMessage } }, document: { currentScript: { dataset } } });

      expect(status).toBe(200);
      expect(headers.get('location')).toBeNull();
      expect(text.match(/<script/g)).toHaveLength(1);
      expect(postMessage.mock.calls).toEqual([
        ['&lt;/script&gt;&lt;script&gt;alert(&quot;it&#39;s&quot;)', TARGET], // escaped, as no browser has read it
      ]);
    },
  );

  test('a connector that needs no consent does so at once', async () => {
    const { link, open } = await oauthScene(['Sugarloaf']);

    const { status, text } = await open(await link({ callbackMessage: 'done' }));

    expect(status).toBe(200);
    expect(text).toContain('data-message="done"');
  });

  test("a third party's error tells nobody", async () => {
    const { link, open, decide } = await oauthScene();

    const { status, text } = await decide(await open(await link({ callbackMessage })), 'error');

    expect(status).toBe(502);
    expect(text).not.toContain('<script');
  });

  test('that is blank, the browser is redirected', async () => {
    const { consent } = await oauthScene();

    expect(await consent('approve', { callbackMessage: '' })).toMatchObject({ status: 302, location: TARGET });
  });
});

describe('the browser that is played', () => {
  test('says where it was sent, and goes through the pages', async () => {
    const { sandbox, link } = await oauthScene();
    const url = await link();
    sandbox.requests.length = 0;

    const { status, json } = await send(sandbox, 'POST', '/_sandbox/consent', { body: { url, decision: 'approve' } });

    expect(status).toBe(200);
    expect(json).toEqual({ status: 302, location: TARGET, consent: { id: expect.any(String) } });
    expect(sandbox.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /connectorauth/updateaccountconnectoroauth',
      'POST /connectorauth/consent',
    ]);
  });

  test('says which page it was left with', async () => {
    const { consent } = await oauthScene();

    const outcomes = [await consent('error'), await consent('close'), await consent('approve', { token: 'used' })];

    expect(outcomes).toEqual([
      { status: 502, consent: { id: expect.any(String) } },
      { status: 200, consent: { id: expect.any(String) } },
      { status: 403 },
    ]);
  });

  test('decides nothing where nobody asks', async () => {
    const { set, consent, stored } = await oauthScene(['Sugarloaf']);
    await set({ Username: 'me', Password: 'p' });

    expect(await consent('decline')).toEqual({ status: 302, location: TARGET });
    expect(stored().Authenticated).toBe(true);
  });

  test('opens a link by the name of this machine, too', async () => {
    const { sandbox, link } = await oauthScene();

    const url = (await link()).replace('127.0.0.1', 'localhost');

    expect(await sandbox.consent(url, 'approve')).toMatchObject({ status: 302 });
  });

  test.each([
    ['of another host', 'http://cyclr.example/connectorauth/updateaccountconnectoroauth'],
    ['of another port', 'http://127.0.0.1:9/connectorauth/updateaccountconnectoroauth'],
    ['that is none', 'connectorauth'],
  ])('opens no link %s', async (_what, url) => {
    const { sandbox } = await oauthScene();

    const { status } = await send(sandbox, 'POST', '/_sandbox/consent', { body: { url, decision: 'approve' } });

    expect(status).toBe(400);
    await expect(sandbox.consent(url, 'approve')).rejects.toThrow('400');
  });

  test('takes no decision that nobody knows', async () => {
    const { sandbox, link } = await oauthScene();
    const url = await link();

    const { status } = await send(sandbox, 'POST', '/_sandbox/consent', { body: { url, decision: 'maybe' } });

    expect(status).toBe(400);
    expect(sandbox.signIns(ACCOUNT)).toMatchObject([{ used: false }]);
  });
});
