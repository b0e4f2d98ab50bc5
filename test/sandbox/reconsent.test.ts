import { ACCOUNT, send, stopAll } from './scene';
import { oauthScene, TARGET } from './oauth-scene';

afterEach(stopAll);

/** A connector that a user has consented to already, and what was stored then. */
async function authenticated(connector = 'Ledgerly', properties: Record<string, string> = {}) {
  const at = await oauthScene([connector]);
  await at.set(properties);
  await at.consent('approve');
  return { ...at, before: at.stored() };
}

describe('a second consent', () => {
  test('replaces the tokens', async () => {
    const { consent, stored, before } = await authenticated();

    await consent('approve');

    expect(stored().Authenticated).toBe(true);
    expect(JSON.parse(stored().AuthValue!).AccessToken).not.toBe(JSON.parse(before.AuthValue!).AccessToken);
  });

  test('brings the very same tokens, by switch', async () => {
    const { sandbox, consent, stored, before } = await authenticated();
    sandbox.switches.reconsentSameValue = true;

    const { status } = await consent('approve');

    expect(status).toBe(302);
    expect(stored()).toEqual(before);
  });

  test('brings tokens where there were none, whatever the switch', async () => {
    const { sandbox, consent, stored } = await oauthScene();
    sandbox.switches.reconsentSameValue = true;

    await consent('approve');

    expect(stored()).toMatchObject({ Authenticated: true, AuthValue: expect.stringContaining('AccessToken') });
  });

  test.each([
    ['decline', 302],
    ['error', 502],
  ] as const)('that comes to nothing (%s) keeps what was there', async (decision, status) => {
    const { consent, stored, before } = await authenticated();

    expect((await consent(decision)).status).toBe(status);
    expect(stored()).toEqual(before);
  });

  test.each([
    ['decline', 302],
    ['error', 502],
  ] as const)('that comes to nothing (%s) drops what was there, by switch', async (decision, status) => {
    const { sandbox, consent, stored } = await authenticated();
    sandbox.switches.failedReconsent = 'drops';

    expect((await consent(decision)).status).toBe(status);
    expect(stored()).toMatchObject({ AuthValue: null, Authenticated: false });
  });

  test('that the user closes drops nothing', async () => {
    const { sandbox, consent, stored, before } = await authenticated();
    sandbox.switches.failedReconsent = 'drops';

    await consent('close');

    expect(stored()).toEqual(before);
  });

  test.each([
    ['keeps', true],
    ['drops', false],
  ] as const)('that a bad password fails %s what was there', async (failedReconsent, remains) => {
    const { sandbox, id, consent, stored } = await authenticated('Sugarloaf', { Username: 'me', Password: 'p' });
    sandbox.switches.failedReconsent = failedReconsent;
    const Properties = [
      { Name: 'Username', Value: 'me' },
      { Name: 'Password', Value: 'expired-p' },
    ];
    sandbox.update(ACCOUNT, id, { Properties });

    const outcome = await consent('approve');

    expect(outcome).toEqual({ status: 302, location: TARGET });
    expect(stored()).toMatchObject({ Authenticated: remains, AuthValue: remains ? expect.any(String) : null });
  });
});

describe('a silent refresh', () => {
  test('replaces the tokens and nothing else', async () => {
    const { sandbox, id, get, before } = await authenticated();

    const answer = sandbox.refreshTokens(ACCOUNT, id);

    expect(answer.AuthValue).not.toBe(before.AuthValue);
    expect(answer).toEqual({ ...before, AuthValue: answer.AuthValue });
    expect((await get()).json).toEqual(answer);
  });

  test('can be asked for over HTTP', async () => {
    const { sandbox, id, stored, before } = await authenticated();

    const path = `/_sandbox/accounts/${ACCOUNT}/connectors/${id}/refresh`;
    const { status, json } = await send(sandbox, 'POST', path);

    expect(status).toBe(200);
    expect(json).toEqual(stored());
    expect(json.AuthValue).not.toBe(before.AuthValue);
  });

  test.each([
    ['that nobody has authenticated', 'Ledgerly'],
    ['without OAuth', 'Evergreen'],
  ])('is refused for a connector %s', async (_what, connector) => {
    const { sandbox, id } = await oauthScene([connector]);

    const refresh = () => sandbox.refreshTokens(ACCOUNT, id);

    expect(refresh).toThrow('no OAuth tokens');
  });
});

describe('where an AuthValue cannot be read', () => {
  test('no answer of the API shows one of OAuth', async () => {
    const { sandbox, call, get, put, stored } = await authenticated();
    sandbox.switches.authValueReadable = false;

    const [one, list] = [await get(), await call('GET', '/v1.0/account/connectors')];
    const changed = await put({ AuthValue: '{"AccessToken":"mine"}' });

    expect(one.json).toMatchObject({ AuthValue: null, Authenticated: true });
    expect(list.json).toMatchObject([{ AuthValue: null, Authenticated: true }]);
    expect(changed.json).toMatchObject({ AuthValue: null, Authenticated: true });
    expect(stored().AuthValue).toBe('{"AccessToken":"mine"}');
  });

  test('that of an API key still can', async () => {
    const { sandbox, get } = await oauthScene(['Evergreen']);
    sandbox.switches.authValueReadable = false;

    expect((await get()).json.AuthValue).toBe('evergreen-key-4711');
  });
});
