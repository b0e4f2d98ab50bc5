/** Tokens of browsers and API keys of backends, and the origins that may use a session. */
import { base64url } from 'jose';
import { byOf } from '../../../service/callers';
import { Tokens } from '../../../service/tokens';
import fc from '../../support/fast-check';
import { newSessionKeys, ORIGIN, OTHER_ORIGIN } from '../server';
import { startServerWithoutFlows, type ServerWithoutFlows } from './server';

const HOUR_MS = 3_600_000;

let service: ServerWithoutFlows;
beforeAll(async () => (service = await startServerWithoutFlows()));
afterAll(() => service.close());

const scope = { accountId: 'acme', connectorIds: [1002], language: 'en' };
const mint = async (more: object = {}) => (await service.tokens.mint('session', { ...scope, ...more })).token;
const tokensAt = (now: () => number) => new Tokens({ keys: service.sessionKeys, publicUrl: service.url, now });
const read = (token: string, origin?: string) =>
  service.call('GET', '/v1/session', { token, headers: origin === undefined ? {} : { Origin: origin } });

describe('authentication', () => {
  const ofBrowsers = [
    ['GET', '/v1/session'],
    ['GET', '/v1/session/events'],
    ['GET', '/v1/session/sealing-keys'],
    ['POST', '/v1/session/renew'],
    ['POST', '/v1/session/redeem'],
    ['POST', '/v1/session/connectors/1002/properties'],
    ['POST', '/v1/session/connectors/1002/credentials'],
    ['POST', '/v1/session/connectors/1002/confirm'],
    ['POST', '/v1/session/connectors/1002/reauthenticate'],
  ] as const;
  const ofBackends = [
    ['POST', '/v1/sessions'],
    ['GET', '/v1/accounts/acme/connectors'],
    ['POST', '/v1/accounts/acme/connectors/1002'],
    ['GET', '/v1/accounts/acme/connectors/1002'],
    ['GET', '/v1/accounts/acme/connectors/1002/timeline'],
    ...['properties', 'credentials', 'authorization', 'confirm', 'cancel', 'reauthenticate'].map(
      (name) => ['POST', `/v1/accounts/acme/connectors/1002/${name}`] as const,
    ),
  ] as const;
  const withHeader = (token: string, change: object) => {
    const [header, ...rest] = token.split('.') as [string, string, string];
    const changed = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), ...change };
    return [base64url.encode(JSON.stringify(changed)), ...rest].join('.');
  };

  test('every call for browsers answers unauthorized to a changed token and to a token of another kind, service or session key', async () => {
    const { sessionKeys: keys, url: publicUrl, tokens } = service;
    const token = await mint();
    const { token: invitation } = await tokens.mint('invitation', scope);
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const otherAccount = base64url.encode(JSON.stringify({ ...claims, account: 'other' }));
    const wrong = {
      none: undefined,
      empty: '',
      apiKey: service.apiKey,
      attempt: await tokens.attempt({ accountId: 'acme', connectorId: 1002, attemptId: 'a1', by: 'user' }),
      otherKey: (await new Tokens({ keys: newSessionKeys(), publicUrl }).mint('session', scope)).token,
      otherService: (await new Tokens({ keys, publicUrl: 'https://other.example' }).mint('session', scope)).token,
      unsigned: `${base64url.encode(JSON.stringify({ alg: 'none', typ: 'session+jwt' }))}.${payload}.`,
      otherPayload: [header, otherAccount, signature].join('.'),
      otherType: withHeader(invitation, { typ: 'session+jwt' }),
      otherKid: withHeader(token, { kid: 'unknown' }),
      cut: token.slice(0, -2),
    };

    for (const [method, path] of ofBrowsers) {
      const otherKind = path.endsWith('/redeem') ? token : invitation;
      for (const [name, given] of Object.entries({ ...wrong, otherKind })) {
        const answer = await service.call(method, path, { token: given });
        expect({ name, path, ...answer }).toMatchObject({ name, path, status: 401, body: { code: 'unauthorized' } });
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
    expect(service.called).toEqual([]);
  });

  test('every call for backends answers unauthorized to a session token, a missing API key and a changed API key', async () => {
    const wrong = [await mint(), undefined, `${service.apiKey}x`, service.apiKey.toUpperCase()];

    for (const [method, path] of ofBackends)
      for (const token of wrong)
        expect(await service.call(method, path, { token })).toMatchObject({
          status: 401,
          body: { code: 'unauthorized' },
        });
    expect(service.called).toEqual([]);
  });

  test('an expired token is refused as tokenExpired', async () => {
    const { token } = await tokensAt(() => Date.now() - HOUR_MS).mint('session', scope);

    expect(await read(token)).toMatchObject({ status: 401, body: { code: 'tokenExpired' } });
  });

  test('a token that was signed with an older session key is valid until this session key is removed', async () => {
    const [[older], [newer]] = [newSessionKeys(), service.sessionKeys];
    const before = new Tokens({ keys: [older], publicUrl: service.url });
    const rotated = new Tokens({ keys: [newer, older], publicUrl: service.url });
    const { token } = await before.mint('session', scope);

    expect((await rotated.session(token)).accountId).toBe('acme');
    expect((await read((await rotated.mint('session', scope)).token)).status).toBe(200);
    expect((await read(token)).status).toBe(401);
  });
});

describe('the `by` of an action', () => {
  const actor = 'backend:crm';
  const of = async (more: object) => service.tokens.session(await mint(more));

  test('`by` names the caller, then the person that the backend or the session token names', async () => {
    expect(byOf({ actor, session: undefined })).toBe('backend:crm');
    expect(byOf({ actor, session: undefined }, 'jo')).toBe('backend:crm jo');
    expect(byOf({ actor: 'session:1', session: await of({ by: 'kim' }) })).toBe('session:1 kim');
    expect(byOf({ actor: 'session:1', session: await of({}) })).toBe('session:1');
    expect(byOf({ actor, session: undefined }, '')).toBe('backend:crm');
  });

  test.each([
    ['another caller', 'session:1 jo', 'backend:crm session:1 jo'],
    ['line breaks', '\nsession:1\r\u2028jo', 'backend:crm  session:1 jo'],
    ['a terminal sequence', '\u001b[2Kjo', 'backend:crm  [2Kjo'],
    ['a reversal of the text', '\u202eoj', 'backend:crm  oj'],
    ['half a surrogate pair', 'jo\ud83d', 'backend:crm jo'],
    ['only control characters', '\u0000\u0007', 'backend:crm'],
    ['10,000 characters', 'x'.repeat(10_000), `backend:crm ${'x'.repeat(88)}`],
    ['a surrogate pair at the limit', `${'x'.repeat(87)}😀😀`, `backend:crm ${'x'.repeat(87)}`],
  ])(
    'if the name of the person has %s, `by` begins with the caller, and is valid text of at most 100 characters',
    (_of, person, by) => {
      expect(byOf({ actor, session: undefined }, person)).toBe(by);
    },
  );

  test('for any text as the person, `by` begins with the caller, has at most 100 characters, and has no control character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (person) => {
        const by = byOf({ actor, session: undefined }, person);
        expect(by.split(' ')[0]).toBe(actor);
        expect(by.length).toBeLessThanOrEqual(100);
        expect(Buffer.from(by).toString()).toBe(by);
        expect(by).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

describe('other origins', () => {
  const preflight = (origin: string, path = '/v1/session', method = 'GET') =>
    service.call('OPTIONS', path, {
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': 'authorization',
      },
    });
  const allowedOrigin = ({ headers }: { headers: Headers }) => headers.get('access-control-allow-origin');

  test.each(['/v1/session', '/v1/session/renew', '/v1/session/connectors/1002/credentials'])(
    'a CORS preflight of %s succeeds only for an origin of ALLOWED_ORIGINS',
    async (path) => {
      const allowed = await preflight(ORIGIN, path);

      expect(allowed.status).toBe(204);
      expect(allowedOrigin(allowed)).toBe(ORIGIN);
      expect(allowed.headers.get('access-control-allow-headers')).toContain('Authorization');
      expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
      expect(allowedOrigin(await preflight('https://evil.example', path))).toBeNull();
      expect(allowedOrigin(await preflight('null', path))).toBeNull();
    },
  );

  test('an OPTIONS request that is no preflight, or has another origin, gets a problem document', async () => {
    const plain = await service.call('OPTIONS', '/v1/session');
    const foreign = await preflight('https://evil.example');

    for (const { status, headers } of [plain, foreign]) {
      expect(status).toBe(404);
      expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
  });

  test('a CORS preflight of a call for backends allows no origin', async () => {
    expect(allowedOrigin(await preflight(ORIGIN, '/v1/sessions', 'POST'))).toBeNull();
  });

  test('a session is accepted from its own origin and from the origin of the service', async () => {
    const token = await mint({ origin: ORIGIN });

    const own = await read(token, ORIGIN);

    expect(own.status).toBe(200);
    expect(allowedOrigin(own)).toBe(ORIGIN);
    expect(own.headers.get('vary')).toContain('Origin');
    expect((await read(token, service.url)).status).toBe(200);
  });

  test.each([
    ['another allowed origin', OTHER_ORIGIN, ORIGIN],
    ['an unknown origin', 'https://evil.example', ORIGIN],
    ['the origin null', 'null', ORIGIN],
    ['an allowed origin, if the session names no origin', ORIGIN, undefined],
  ])('a session is refused from %s', async (_what, from, origin) => {
    const refused = await read(await mint({ origin }), from);

    expect(refused).toMatchObject({ status: 403, body: { code: 'originNotAllowed' } });
    expect(allowedOrigin(refused)).toBeNull();
  });

  test('the answer tokenExpired allows the origin of the session, so that the host page can read the answer', async () => {
    const past = tokensAt(() => Date.now() - HOUR_MS);
    const { token } = await past.mint('session', { ...scope, origin: ORIGIN });

    const answer = await read(token, ORIGIN);

    expect(answer.body.code).toBe('tokenExpired');
    expect(allowedOrigin(answer)).toBe(ORIGIN);
  });
});
