/** The tokens of sessions, invitations and attempts: their content, lifetimes and signatures. */
import { hkdfSync } from 'node:crypto';
import { inspect } from 'node:util';
import { compactDecrypt, CompactEncrypt, SignJWT } from 'jose';
import { encryptClaim } from '../../../service/encrypted-claim';
import { ServiceError } from '../../../service/problems';
import { lifetimes, Tokens, type Scope, type Session } from '../../../service/tokens';
import { newSessionKeys } from '../server';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const NOW = Date.parse('2026-01-31T12:00:00.700Z');
const NOW_S = Math.floor(NOW / 1000);
const publicUrl = 'https://connect.acme.example';
const sessionKeys = newSessionKeys();
const tokensAt = (ms: number, keys = sessionKeys) => new Tokens({ keys, publicUrl, now: () => ms });
const tokens = tokensAt(NOW);

const scope: Scope = { accountId: 'acme', connectorIds: [1002], language: 'en' };
const fullScope: Scope = {
  ...scope,
  accountLabel: 'Acme Ltd',
  connectorIds: [1002, 1004],
  reauthenticate: [1004],
  prefill: { 1004: { Domain: { value: 'acme', locked: true } } },
  notify: ['crm'],
  by: 'kim',
  origin: 'https://app.acme.example',
  returnTo: 'https://app.acme.example/done',
};
const mint = async (more: object = {}) => (await tokens.mint('session', { ...scope, ...more })).token;
const mintInvitation = async (more: object = {}) =>
  tokens.invitation((await tokens.mint('invitation', { ...scope, ...more })).token);

/** Signs claims as `Tokens` does. A test can replace the members of the header, the key and the issuer. */
function signed(claims: object, typ: string, header: object = {}, key = sessionKeys[0], issuer = publicUrl) {
  return new SignJWT({ exp: NOW_S + 60, iat: NOW_S, iss: issuer, ...claims })
    .setProtectedHeader({ alg: 'HS256', typ, kid: key.kid, ...header })
    .sign(key.secret);
}
const unauthorized = { code: 'unauthorized' };

describe('session tokens', () => {
  const claims = {
    ...{ jti: 'id', account: 'acme', connectors: [1002], language: 'en' },
    ...{ made: NOW, lifetime: 60, cap: NOW_S + 60 },
  };
  const read = async (more: object = {}, header: object = {}) =>
    tokens.session(await signed({ ...claims, ...more }, 'session+jwt', header));

  test('reading a session token returns the whole scope of the session', async () => {
    const { token, expiresAt } = await tokens.mint('session', fullScope, { id: 'session-1', lifetimeMs: MINUTE_MS });

    expect(await tokens.session(token)).toEqual({
      ...fullScope,
      id: 'session-1',
      madeAtMs: NOW,
      expiresAtMs: Date.parse(expiresAt),
      capMs: Date.parse('2026-01-31T20:00:00.000Z'),
      lifetimeMs: MINUTE_MS,
    });
    expect(expiresAt).toBe('2026-01-31T12:01:00.000Z');
  });

  test('a session token for an onboarding names the onboarding and the excluded connectors, but has no list of connectors', async () => {
    const ofOnboarding = { ...scope, onboardingId: 'crm-sync', connectorIds: [1002] };

    const session = await tokens.session(await mint({ ...ofOnboarding, without: [1004] }));

    expect(session).toMatchObject({ onboardingId: 'crm-sync', connectorIds: [], without: [1004] });
    expect((await tokens.session(await mint({ ...ofOnboarding, without: [] }))).without).toBeUndefined();
    expect((await tokens.session(await mint({ ...scope, without: [1004] }))).without).toBeUndefined();
  });

  test('a session token with correct claims and a correct header is accepted', async () => {
    expect(await read()).toMatchObject({ id: 'id', accountId: 'acme', connectorIds: [1002] });
    expect(await read({ connectors: undefined, onboarding: 'o' })).toMatchObject({ onboardingId: 'o' });
  });

  test.each<object>([
    { account: ' acme' },
    { account: undefined },
    { connectors: undefined },
    { connectors: [] },
    { connectors: [0] },
    { connectors: undefined, onboarding: '..' },
    { without: [-1] },
    { reauthenticate: [1.5] },
    { prefill: { x: {} } },
    { notify: 'crm' },
    { by: 1 },
    { made: 0 },
    { language: undefined },
    { lifetime: 0 },
    { lifetime: 1.5 },
    { cap: undefined },
    { exp: undefined },
    { iat: undefined },
    { iss: 'https://other.example' },
    { nbf: NOW_S + 60 },
  ])('a session token with a good signature and the claims %p is refused', async (more) => {
    await expect(read(more)).rejects.toMatchObject(unauthorized);
  });

  test.each<[string, object]>([
    ['of another type', { typ: 'invitation+jwt' }],
    ['without a type', { typ: undefined }],
    ['with an unknown key id', { kid: 'unknown' }],
    ['without a key id', { kid: undefined }],
    ['with another algorithm', { alg: 'HS384' }],
  ])('a session token with a good signature, but %s, is refused', async (_what, header) => {
    await expect(read({}, header)).rejects.toMatchObject(unauthorized);
  });

  test('an expired session token is refused as tokenExpired, and no error quotes a token', async () => {
    const token = await mint();
    const late = tokensAt(NOW + 15 * MINUTE_MS);

    await expect(tokensAt(NOW + 15 * MINUTE_MS - 1000).session(token)).resolves.toMatchObject({ accountId: 'acme' });
    await expect(late.session(token)).rejects.toMatchObject({ code: 'tokenExpired' });
    for (const [at, refused] of [
      [late, token],
      [tokens, `${token}x`],
      [tokens, ''],
    ] as const) {
      // prettier-ignore
      const err = await at.session(refused).catch((reason: unknown) => reason);
      expect(err).toBeInstanceOf(ServiceError);
      expect(inspect(err, { showHidden: true })).not.toContain(token.slice(0, 20));
    }
  });

  test('a session, invitation or attempt token is refused where a token of another kind is needed', async () => {
    const [session, { token: invitation }] = [await mint(), await tokens.mint('invitation', scope)];
    const attempt = await tokens.attempt({ accountId: 'acme', connectorId: 1002, attemptId: 'a1', by: 'jo' });

    for (const token of [invitation, attempt]) await expect(tokens.session(token)).rejects.toMatchObject(unauthorized);
    for (const token of [session, attempt]) await expect(tokens.invitation(token)).rejects.toMatchObject(unauthorized);
    for (const token of [session, invitation]) expect(await tokens.attemptOf(token)).toBeUndefined();
  });
});

describe('attempt tokens', () => {
  const attempt = { accountId: 'acme', connectorId: 1002, attemptId: 'a1', by: `session:${'x'.repeat(36)} Zoë 😀` };
  const claims = { account: 'acme', connector: 1002, attempt: 'a1' };
  const encryptionKeyOf = ({ secret } = sessionKeys[0]) =>
    new Uint8Array(hkdfSync('sha256', secret, '', 'cyclr-connect encrypted claim', 32));
  const attemptWith = async (by: unknown, more: object = {}) =>
    tokens.attemptOf(await signed({ ...claims, by, ...more }, 'attempt+jwt'));

  test('reading an attempt token returns its `by`, and the token shows neither the person nor the session', async () => {
    const token = await tokens.attempt(attempt);

    expect(await tokens.attemptOf(token)).toEqual(attempt);
    for (const part of token.split('.'))
      expect(Buffer.from(part, 'base64url').toString()).not.toMatch(/session:|Zoë|x{20}/);
  });

  test('an attempt token is valid for a day', async () => {
    const token = await tokens.attempt(attempt);

    expect(await tokensAt(NOW + DAY_MS - 1000).attemptOf(token)).toEqual(attempt);
    expect(await tokensAt(NOW + DAY_MS).attemptOf(token)).toBeUndefined();
  });

  test('an attempt token is valid until its session key is removed', async () => {
    const [[older], [newer]] = [newSessionKeys(), sessionKeys];
    const token = await tokensAt(NOW, [older]).attempt(attempt);

    expect(await tokensAt(NOW, [newer, older]).attemptOf(token)).toEqual(attempt);
    expect(await tokens.attemptOf(token)).toBeUndefined();
  });

  test('an attempt token is refused if its `by` is not encrypted, or is encrypted by another key', async () => {
    expect(await attemptWith(await encryptClaim(sessionKeys[0], 'jo'))).toMatchObject({ by: 'jo' });
    for (const by of ['jo', undefined, await encryptClaim(newSessionKeys()[0], 'jo')])
      expect(await attemptWith(by)).toBeUndefined();
  });

  test.each<object>([{ account: '.' }, { connector: '1002' }, { connector: 0 }, { attempt: 'a 1' }])(
    'an attempt token with a good signature and the claims %p is refused',
    async (more) => {
      expect(await attemptWith(await encryptClaim(sessionKeys[0], 'jo'), more)).toBeUndefined();
    },
  );

  test('the `by` of an attempt token is encrypted by A256GCM with a key that is derived from the session key, and another algorithm is refused', async () => {
    const plaintext = new TextEncoder().encode('jo');
    const encrypted = (header: object) =>
      new CompactEncrypt(plaintext)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: sessionKeys[0].kid, ...header })
        .encrypt(encryptionKeyOf());

    const opened = await compactDecrypt(await encryptClaim(sessionKeys[0], 'jo'), encryptionKeyOf());

    expect(Buffer.from(opened.plaintext).toString()).toBe('jo');
    expect(await attemptWith(await encrypted({}))).toMatchObject({ by: 'jo' });
    for (const header of [{ enc: 'A128CBC-HS256' }, { alg: 'A256KW' }, { kid: undefined }])
      expect(await attemptWith(await encrypted(header))).toBeUndefined();
  });

  test('reading an attempt token without a person returns an empty `by`', async () => {
    expect(await tokens.attemptOf(await tokens.attempt({ ...attempt, by: '' }))).toEqual({ ...attempt, by: '' });
  });
});

describe('lifetimes', () => {
  test('a session lasts a second to an hour, by default 15 minutes, and an invitation a second to 30 days, by default 7 days', async () => {
    const expiryOf = async (kind: 'session' | 'invitation') =>
      Date.parse((await tokens.mint(kind, scope)).expiresAt) - NOW_S * 1000;

    expect(lifetimes).toEqual({
      session: { default: await expiryOf('session'), min: 1000, max: HOUR_MS },
      invitation: { default: await expiryOf('invitation'), min: 1000, max: 30 * DAY_MS },
    });
    expect(lifetimes.session.default).toBe(15 * MINUTE_MS);
    expect(lifetimes.invitation.default).toBe(7 * DAY_MS);
  });

  test('each new session and each new invitation has its own id', async () => {
    const [one, other] = [await tokens.session(await mint()), await tokens.session(await mint())];

    expect(one.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(other.id).not.toBe(one.id);
  });

  test('a renewed session keeps its scope and its lifetime, and ends at most 8 hours after the first session was made', async () => {
    const { token } = await tokens.mint('session', fullScope, { lifetimeMs: MINUTE_MS });
    const session = await tokens.session(token);

    const renewed = await tokensAt(NOW + 30_000).renew(session);
    const last = await tokensAt(NOW + 8 * HOUR_MS - MINUTE_MS).renew({ ...session, lifetimeMs: HOUR_MS });

    expect(await tokens.session(renewed.token)).toEqual({ ...session, expiresAtMs: session.expiresAtMs + 30_000 });
    expect(Date.parse(last.expiresAt)).toBe(session.capMs);
    expect(session.capMs).toBe(Math.floor((NOW + 8 * HOUR_MS) / 1000) * 1000);
  });

  test('notBeforeMs sets a later creation time for an invitation, but does not change the expiry of the invitation', async () => {
    const made = await mintInvitation();
    const invitationNotBefore = async (notBeforeMs: number) =>
      tokens.invitation((await tokens.mint('invitation', scope, { id: made.id, notBeforeMs })).token);

    expect(await invitationNotBefore(NOW - MINUTE_MS)).toEqual({ ...made, madeAtMs: NOW });
    expect(await invitationNotBefore(NOW + MINUTE_MS)).toEqual({ ...made, madeAtMs: NOW + MINUTE_MS });
  });

  test('a session made from an invitation ends when the invitation expires, or earlier', async () => {
    const invitation = await mintInvitation();
    const almostOver = tokensAt(invitation.capMs - MINUTE_MS);

    const { expiresAt, token } = await almostOver.redeem(invitation, invitation.connectorIds);

    expect(Date.parse(expiresAt)).toBe(invitation.capMs);
    expect((await almostOver.session(token)).capMs).toBe(invitation.capMs);
  });

  test('a session made from an invitation has the default lifetime, and renewals can extend it to 8 hours', async () => {
    const { token, expiresAt } = await tokens.redeem(await mintInvitation(), [1002]);

    const session = await tokens.session(token);

    expect(session).toMatchObject({ madeAtMs: NOW, lifetimeMs: 15 * MINUTE_MS });
    expect(session.capMs).toBe(Date.parse('2026-01-31T20:00:00.000Z'));
    expect(expiresAt).toBe('2026-01-31T12:15:00.000Z');
  });
});

describe('invitations', () => {
  const redeemed = async (invitation: Session, connectorIds: number[]) =>
    tokens.session((await tokens.redeem(invitation, connectorIds)).token);

  test('a session made from an invitation has the scope of the invitation, but another id', async () => {
    const invitation = await mintInvitation(fullScope);

    const session = await redeemed(invitation, [1002, 1004]);

    expect(session).toMatchObject({ ...fullScope, invitation: invitation.id });
    expect(session.id).not.toBe(invitation.id);
    expect(session.id).not.toBe((await redeemed(invitation, [1002, 1004])).id);
  });

  test('a session made for some connectors of an invitation may re-authenticate only these connectors', async () => {
    const invitation = await mintInvitation({ connectorIds: [1002, 1004, 1005], reauthenticate: [1004, 1005] });

    expect(await redeemed(invitation, [1002, 1004])).toMatchObject({
      connectorIds: [1002, 1004],
      reauthenticate: [1004],
    });
    expect((await redeemed(await mintInvitation(), [1002])).reauthenticate).toBeUndefined();
  });

  test('a session made from an invitation to an onboarding leaves out the connectors for which the invitation is void', async () => {
    const invitation = await mintInvitation({ onboardingId: 'crm-sync' });

    const session = await redeemed({ ...invitation, connectorIds: [1002, 1004, 1005] }, [1004]);

    expect(session).toMatchObject({ onboardingId: 'crm-sync', without: [1002, 1005] });
  });
});
