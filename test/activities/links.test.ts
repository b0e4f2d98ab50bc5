import { createHash } from 'node:crypto';
import fc from '../support/fast-check';
import { CyclrClient } from '../../activities/cyclr/client';
import { CyclrError } from '../../activities/cyclr/errors';
import { fingerprintOf, hasChanged } from '../../activities/fingerprint';
import { mintLink, readConsent } from '../../activities/links';
import { generateKey, privateKeysOf, type PrivateKeys } from '../../sealing/keys';
import { open } from '../../sealing/seal';
import type { ConnectorPatch } from '../../sandbox/control';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { ConnectorKey } from '../../workflows/connector';
import type { ReplyKey } from '../../workflows/messages';
import { everythingIn, leaks } from './leaks';
import { ACCOUNT, answering, BEARER, failure, inContext, keys, rejection, scene, stopAll, type Scene } from './scene';

afterEach(stopAll);

const ATTEMPT = 'attempt-1';
const RETURN_TO = 'https://app.example/return?attempt=a.b%2B&x=1#part';
const OLD = '{"AccessToken":"at-old","RefreshToken":"rt-old"}';

/** A reply key, and the private key that opens the answer. */
async function replyKey(more: object = {}): Promise<{ replyKey: ReplyKey; opening: PrivateKeys }> {
  const jwk = await generateKey();
  const { kty, crv, x, y } = jwk;
  return { replyKey: { kty, crv, x, y, ...more }, opening: await privateKeysOf(JSON.stringify({ keys: [jwk] })) };
}

/** Requests a link and opens it with the reply key. */
async function mint({ activities, key }: Scene, fingerprint = false, more: object = {}) {
  const { replyKey: own, opening } = await replyKey(more);
  const request = { attemptId: ATTEMPT, replyKey: own, returnTo: RETURN_TO, fingerprint };
  const minted = await activities.mintLink(key, request);
  return { ...minted, url: new URL(await opened(minted, key, opening)) };
}
const opened = ({ link }: { link: { sealed: string } }, key: ConnectorKey, opening: PrivateKeys) =>
  open(link, { ...key, purpose: 'link', submissionId: ATTEMPT }, opening);

const signInPath = (accountId = ACCOUNT) => `/v1.0/accounts/${encodeURIComponent(accountId)}/signintoken`;
/**
 * Calls verifyAuthorization for one re-read, as a flow does after a consent for a connector that was authenticated
 * before.
 */
const reread = ({ activities, key }: Scene, fingerprint?: string) =>
  activities.verifyAuthorization(key, {
    once: true,
    consent: { wasAuthenticated: true, ...(fingerprint && { fingerprint }) },
  });

const patched = async (patch: ConnectorPatch, connector = 'Ledgerly'): Promise<Scene> => {
  const at = await scene(connector);
  at.sandbox.update(ACCOUNT, at.key.connectorId, patch);
  return at;
};

/** Calls `mintLink` in the context of an activity. */
const minting = inContext({})(mintLink);

describe('minted links', () => {
  test('a minted link leads to the consent page of the service domain, with every value encoded', async () => {
    const at = await scene('Ledgerly');

    const { url, expiresAt, ...more } = await mint(at);

    const { token, expiresAt: until } = at.sandbox.signIns(ACCOUNT)[0]!;
    expect(url.href).toBe(
      `${at.sandbox.url}/connectorauth/updateaccountconnectoroauth?id=${at.key.connectorId}` +
        `&token=${encodeURIComponent(token)}&targetOrigin=${encodeURIComponent(RETURN_TO)}`,
    );
    expect(token).toMatch(/\+.*\/.*=/);
    expect(expiresAt).toBe(until);
    expect(Object.keys(more)).toEqual(['link']);
    expect(await at.sandbox.consent(url.href, 'approve')).toMatchObject({ status: 302, location: RETURN_TO });
  });

  test('a minted link is sealed to the reply key, and opens only for its account, connector and attempt', async () => {
    const at = await scene('Ledgerly');
    const [own, other] = [await replyKey(), await replyKey()];
    const request = { attemptId: ATTEMPT, replyKey: own.replyKey, returnTo: RETURN_TO, fingerprint: false };

    const minted = await at.activities.mintLink(at.key, request);

    expect(await opened(minted, at.key, own.opening)).toContain('targetOrigin');
    await expect(opened(minted, at.key, other.opening)).rejects.toMatchObject({ code: 'unknownKey' });
    await expect(opened(minted, at.key, keys.private)).rejects.toMatchObject({ code: 'unknownKey' });
    for (const foreign of [
      { ...at.key, accountId: 'acme-2' },
      { ...at.key, connectorId: 7 },
    ])
      await expect(opened(minted, foreign, own.opening)).rejects.toMatchObject({ code: 'notOpenable' });
    expect(leaks(everythingIn(minted), at.sandbox.signIns(ACCOUNT)[0]!.token)).toEqual([]);
  });

  test('a minted link ignores kid, use and alg of the reply key', async () => {
    const at = await scene('Ledgerly');

    const { url } = await mint(at, false, { kid: 'mine', use: 'sig', alg: 'ECDH-ES+A256KW', ext: true });

    expect(url.searchParams.get('id')).toBe(`${at.key.connectorId}`);
  });

  test('each request for a link gives a link with a new sign-in token', async () => {
    const at = await scene('Ledgerly');

    const [one, other] = [await mint(at), await mint(at)];

    expect(one.url.href).not.toBe(other.url.href);
    expect(at.sandbox.signIns(ACCOUNT)).toHaveLength(2);
  });

  test.each([true, false])(
    'a minted link expires at the time of ExpiresAtUtc, with or without a Z at its end (Z: %s)',
    async (hasZ) => {
      const at = await scene('Ledgerly');
      at.sandbox.switches.expiresAtHasZ = hasZ;

      const { expiresAt } = await mint(at);

      expect(expiresAt).toBe(at.sandbox.signIns(ACCOUNT)[0]!.expiresAt);
    },
  );

  test('a minted link expires after 5 minutes if ExpiresAtUtc is absent', async () => {
    const at = await scene('Ledgerly');
    at.sandbox.switches.expiresAtPresent = false;

    const { expiresAt } = await mint(at);

    const until = Date.parse(at.sandbox.signIns(ACCOUNT)[0]!.expiresAt);
    expect(Date.parse(expiresAt) - until).toBeGreaterThanOrEqual(0);
    expect(Date.parse(expiresAt) - until).toBeLessThan(60_000);
  });

  test.each([null, 'soon', '', 'null', 7, '0001-01-01T00:00:00', '+275760-09-13T00:00:00Z'])(
    'a minted link expires after 5 minutes if ExpiresAtUtc is %j',
    async (ExpiresAtUtc) => {
      const at = await scene('Ledgerly');
      at.sandbox.fault({
        match: { path: signInPath() },
        then: { status: 200, body: { Token: 'sign-in-4711', ExpiresAtUtc } },
      });

      const { expiresAt } = await mint(at);

      expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(4 * 60_000);
      expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(5 * 60_000);
    },
  );

  test('mintLink requests the sign-in token without the account header', async () => {
    const at = await scene('Ledgerly');

    await mint(at);

    const [request] = at.sandbox.requests.filter(({ path }) => path === signInPath());
    expect(request).toMatchObject({ method: 'POST', body: { Username: `onboarding-${ACCOUNT}` }, status: 200 });
    expect(request?.account).toBeUndefined();
    expect(at.sandbox.requests.filter(({ method }) => method === 'GET')).toEqual([]);
  });

  describe('with the settings of the worker', () => {
    const consenting = async (accountId: string, more: { username?: string; path?: string }) => {
      const { sandbox, cyclr } = await scene();
      const [installed] = sandbox.createAccount(accountId, { connectors: ['Ledgerly'] });
      const key = { accountId, connectorId: installed!.id };
      const { replyKey: own, opening } = await replyKey();
      const consent = { serviceUrl: `${sandbox.url}${more.path ?? ''}`, username: more.username };
      const request = { attemptId: ATTEMPT, replyKey: own, returnTo: RETURN_TO, fingerprint: false };
      const minted = await minting({ cyclr, keys: keys.private, consent }, key, request);
      return { url: await opened(minted, key, opening), signIns: sandbox.signIns(accountId), sandbox };
    };

    test.each([
      ['setup', 'acme', 'setup'],
      ['{accountId}', 'acme', 'acme'],
      ['{accountId}/{accountId}@app.example', 'acme', 'acme/acme@app.example'],
      ['me-{accountId}', 'a$& $1$$', 'me-a$& $1$$'],
      ['me-{accountId}', '{accountId}', 'me-{accountId}'],
      ['me-{account}', 'acme', 'me-{account}'],
      [undefined, 'ä/ö %2F?#', 'onboarding-ä/ö %2F?#'],
    ])(
      'a minted link signs in with a user name that is made from the pattern %j for the account %j',
      async (username, accountId, expected) => {
        const { signIns } = await consenting(accountId, { username });

        expect(signIns).toMatchObject([{ username: expected }]);
      },
    );

    test.each(['', '/', '//'])(
      'a minted link has exactly one slash after the service domain if the setting ends in %j',
      async (path) => {
        const { url, sandbox } = await consenting('acme', { path });

        expect(url).toMatch(`${sandbox.url}/connectorauth/`);
      },
    );
  });
});

describe('mintLink', () => {
  test.each<[FaultRule['then'], object]>([
    ['html', { type: 'CyclrUnavailable', nonRetryable: false }],
    [{ status: 400 }, { type: 'CyclrRefused', nonRetryable: true }],
    [
      { kind: 'throttled', retryAfter: 7 },
      { type: 'CyclrThrottled', nonRetryable: false, nextRetryDelay: 7000 },
    ],
  ])(
    'if Cyclr answers the request for a sign-in token with %j, mintLink fails with the failure type of this answer',
    async (then, expected) => {
      const at = await scene('Ledgerly');
      at.sandbox.fault({ match: { path: signInPath() }, then });

      const failed = await failure(mint(at));

      expect(failed).toMatchObject(expected);
    },
  );

  test.each<[string, unknown]>([
    ['without a token', { ExpiresAtUtc: '2030-01-01T00:00:00Z' }],
    ['with an empty token', { Token: '', ExpiresAtUtc: '2030-01-01T00:00:00Z' }],
    ['with a token that is null', { Token: null, ExpiresAtUtc: '2030-01-01T00:00:00Z' }],
    ['with a token that is too long', { Token: 'sign-in-4711'.repeat(200), ExpiresAtUtc: '2030-01-01T00:00:00Z' }],
    ['with half of a surrogate pair in the token', { Token: 'sign-in-4711\ud800' }],
    ['that is a list', [{ Token: 'sign-in-4711', ExpiresAtUtc: '2030-01-01T00:00:00Z' }]],
    ['that is no JSON', '{"Token":"sign-in-4711'],
  ])('after an answer %s, mintLink fails, and the failure does not quote the answer', async (_what, answer) => {
    const at = await scene('Ledgerly');
    const body = typeof answer === 'string' ? answer : JSON.stringify(answer);
    const headers = { 'content-type': 'application/json' };
    at.sandbox.fault({ match: { path: signInPath() }, then: { status: 200, headers, body } });

    const failed = await failure(mint(at));

    expect(failed).toMatchObject({ type: 'CyclrUnavailable', nonRetryable: false });
    expect(leaks(everythingIn([failed, at.log]), 'sign-in-4711')).toEqual([]);
  });

  test('mintLink makes no call to Cyclr after its activity attempt has run out of time', async () => {
    const { sandbox, cyclr, key } = await scene('Ledgerly');
    const { replyKey: own } = await replyKey();
    const request = { attemptId: ATTEMPT, replyKey: own, returnTo: RETURN_TO, fingerprint: true };
    const parts = { cyclr, keys: keys.private, consent: { serviceUrl: sandbox.url } };
    const late = inContext({ startToCloseTimeoutMs: 1 })(mintLink);

    expect(await rejection(late(parts, key, request))).toMatchObject({ kind: 'unreachable' });
    expect(sandbox.requests.filter(({ account }) => account !== undefined)).toEqual([]);
  });

  test('a failure of mintLink quotes neither an error text of Cyclr nor the bearer token', async () => {
    const url = await answering((_request, response) => {
      response.statusCode = 400;
      response.end(JSON.stringify({ Message: 'no: sign-in-4711' }));
    });
    const cyclr = new CyclrClient({ apiUrl: url, clientId: 'id', clientSecret: 'client-secret-4711' });
    const { replyKey: own } = await replyKey();
    const request = { attemptId: ATTEMPT, replyKey: own, returnTo: RETURN_TO, fingerprint: false };
    const parts = { cyclr, keys: keys.private, consent: { serviceUrl: url } };

    const err = await rejection(minting(parts, { accountId: ACCOUNT, connectorId: 7 }, request));

    expect(err).toEqual(new CyclrError('refused', `POST ${signInPath()}: 400`));
    expect(leaks(everythingIn(err), 'sign-in-4711', BEARER, 'client-secret-4711')).toEqual([]);
  });

  test('mintLink fails for an invalid account id, without a request', async () => {
    const at = await scene('Ledgerly');

    const failed = await failure(mint({ ...at, key: { ...at.key, accountId: 'アカ1' } }));

    expect(failed).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(at.sandbox.requests).toEqual([]);
  });

  test('if the stored value cannot be read, mintLink fails and makes no sign-in token', async () => {
    const at = await patched({ Authenticated: true, AuthValue: OLD });
    at.sandbox.fault({ match: { path: at.path }, then: { status: 503 } });

    const failed = await failure(mint(at, true));

    expect(failed).toMatchObject({ type: 'CyclrUnavailable' });
    expect(at.sandbox.signIns(ACCOUNT)).toEqual([]);
  });
});

describe('isProven', () => {
  const stored: ConnectorPatch = { Authenticated: true, AuthValue: OLD };
  type Case = [string, ConnectorPatch, (at: Scene) => unknown, boolean];
  const patchTo = (patch: ConnectorPatch) => (at: Scene) => at.sandbox.update(ACCOUNT, at.key.connectorId, patch);
  const cases: Case[] = [
    ['false after no change', stored, () => undefined, false],
    ['false after a write of the same AuthValue', stored, patchTo(stored), false],
    ['true after a write of another AuthValue', stored, patchTo({ AuthValue: '{"AccessToken":"at-new"}' }), true],
    ['true after a write that adds a space to the AuthValue', stored, patchTo({ AuthValue: `${OLD} ` }), true],
    [
      'true after Cyclr has refreshed the tokens',
      stored,
      (at) => at.sandbox.refreshTokens(ACCOUNT, at.key.connectorId),
      true,
    ],
    ['false after the removal of the AuthValue', stored, patchTo({ AuthValue: null }), false],
    ['false after a write of an empty AuthValue', stored, patchTo({ AuthValue: '' }), false],
    [
      'false after no change to a connector that is not authenticated',
      { Authenticated: false, AuthValue: null },
      () => undefined,
      false,
    ],
    ['true after the first authentication', { Authenticated: false, AuthValue: null }, patchTo(stored), true],
    [
      'true after the authentication of a connector that was de-authenticated, even with the same AuthValue',
      { ...stored, Authenticated: false },
      patchTo(stored),
      true,
    ],
    ['false after a de-authentication', stored, patchTo({ Authenticated: false, AuthValue: null }), false],
  ];

  test.each(cases)('isProven in the result of verifyAuthorization is %s', async (_what, before, change, expected) => {
    const at = await patched(before);
    const { fingerprint } = await mint(at, true);

    change(at);
    const { connector, isProven } = await reread(at, fingerprint);

    expect(isProven).toBe(expected);
    expect(connector).toMatchObject({ name: 'Ledgerly', authenticated: at.stored().Authenticated });
    expect(leaks(everythingIn([connector, fingerprint]), 'at-old', 'rt-old', OLD)).toEqual([]);
  });

  test.each<[string, boolean, boolean]>([
    ['before the consent', false, true],
    ['after the consent', true, false],
    ['at all', false, false],
  ])(
    'isProven in the result of verifyAuthorization is false if the AuthValue cannot be read %s',
    async (_when, before, after) => {
      const at = await patched(stored);
      at.sandbox.switches.authValueReadable = before;
      const { fingerprint } = await mint(at, true);

      at.sandbox.switches.authValueReadable = after;
      patchTo({ AuthValue: '{"AccessToken":"at-new"}' })(at);
      const { isProven } = await reread(at, fingerprint);

      expect(isProven).toBe(false);
      expect(fingerprint === undefined).toBe(!before);
    },
  );

  test('isProven in the result of verifyAuthorization is true for a first authentication, even if the AuthValue cannot be read', async () => {
    const at = await patched({ Authenticated: false });
    at.sandbox.switches.authValueReadable = false;
    const { fingerprint } = await mint(at, true);

    const between = await reread(at, fingerprint);
    patchTo(stored)(at);
    const after = await reread(at, fingerprint);

    expect([between.isProven, after.isProven]).toEqual([false, true]);
  });

  test('isProven in the result of verifyAuthorization is false if no fingerprint was made when the link was requested', async () => {
    const at = await patched(stored);

    const { fingerprint } = await mint(at);
    const { isProven } = await reread(at);

    expect([fingerprint, isProven]).toEqual([undefined, false]);
    expect(at.calls()).toEqual(['GET']);
  });

  test('after a key rotation, isProven in the result of verifyAuthorization is true for a new AuthValue, but false if the worker lacks the old sealing key', async () => {
    const at = await patched(stored);
    const { fingerprint } = await mint(at, true);
    const [fresh] = await privateKeysOf(JSON.stringify({ keys: [await generateKey()] }));
    patchTo({ AuthValue: '{"AccessToken":"at-new"}' })(at);
    const read = (held: PrivateKeys) =>
      readConsent({ cyclr: at.cyclr, keys: held }, at.key, { wasAuthenticated: true, fingerprint });
    const both = await read([fresh!, ...keys.private]);
    const newOne = await read([fresh!]);

    expect([both.isProven, newOne.isProven]).toEqual([true, false]);
  });

  test('verifyAuthorization fails if the connector cannot be read, and the failure contains no token', async () => {
    const at = await patched(stored);
    at.sandbox.fault({ match: { path: at.path }, then: 'truncated' });

    const failed = await failure(reread(at));

    expect(failed).toMatchObject({ type: 'CyclrUnavailable' });
    expect(leaks(everythingIn(failed), 'at-old', 'rt-old')).toEqual([]);
  });
});

describe('fingerprints', () => {
  const on: ConnectorKey = { accountId: ACCOUNT, connectorId: 42 };

  test('a fingerprint names its sealing key, and reveals nothing about the AuthValue', async () => {
    const [kid, mac, ...more] = (await fingerprintOf(OLD, on, keys.private)).split('.');

    expect([kid, more]).toEqual([keys.private[0]!.kid, []]);
    expect(Buffer.from(mac!, 'base64url')).toHaveLength(32);
    const guesses = [OLD, JSON.stringify([ACCOUNT, 42, OLD])].map((text) =>
      createHash('sha256').update(text).digest('base64url'),
    );
    expect(guesses).not.toContain(mac);
  });

  test('two fingerprints are equal only if they are of equal AuthValues of one connector', async () => {
    const others: ConnectorKey[] = [
      { ...on, connectorId: 4 },
      { ...on, accountId: `${ACCOUNT}4` },
    ];

    const [one, again, ...foreign] = await Promise.all(
      [on, on, ...others].map((key) => fingerprintOf(OLD, key, keys.private)),
    );

    expect(again).toBe(one);
    expect(new Set([one, ...foreign]).size).toBe(3);
  });

  test('two fingerprints of one AuthValue differ if their sealing keys differ', async () => {
    const others = await privateKeysOf(JSON.stringify({ keys: [await generateKey()] }));
    const macOf = async (held: PrivateKeys) => (await fingerprintOf(OLD, on, held)).split('.')[1];

    expect(await macOf(others)).not.toBe(await macOf(keys.private));
  });

  test('a fingerprint is made with the first sealing key, and fingerprintOf fails without keys', async () => {
    const [fresh] = await privateKeysOf(JSON.stringify({ keys: [await generateKey()] }));

    expect(await fingerprintOf(OLD, on, [fresh!, ...keys.private])).toMatch(fresh!.kid);
    await expect(fingerprintOf(OLD, on, [])).rejects.toThrow('no key');
  });

  test('a fingerprint tells whether the AuthValue has changed', async () => {
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(OLD, '', ' ', 'ä', 'a\u0308'));

    await fc.assert(
      fc.asyncProperty(value, value, async (before, after) => {
        const fingerprint = await fingerprintOf(before, on, keys.private);
        const [same, other] = [before, after].map((text) => hasChanged(text, fingerprint, on, keys.private));
        expect([await same, await other]).toEqual([false, before !== after]);
      }),
    );
  });

  test.each(['', '.', 'x', 'x.y', '.y', 'x.y.z'])(
    'with the malformed fingerprint %j, the AuthValue counts as not changed',
    async (fingerprint) => {
      expect(await hasChanged(OLD, fingerprint, on, keys.private)).toBe(false);
    },
  );
});
