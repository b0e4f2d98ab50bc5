/** What a browser calls with its session, and what it may not. */
import { randomUUID } from 'node:crypto';
import { base64url } from 'jose';
import { Tokens } from '../../service/tokens';
import type { ConnectorKey } from '../../workflows/connector';
import { eventually } from '../support/eventually';
import { newSessionKeys, openService, ORIGIN, OTHER_ORIGIN, type Service } from './scene';

let service: Service;
beforeAll(async () => (service = await openService()));
afterAll(() => service.close());

const connectorPath = ({ connectorId }: Pick<ConnectorKey, 'connectorId'>, then: string) =>
  `/v1/session/connectors/${connectorId}/${then}`;
const post = (token: string, path: string, body?: unknown) => service.call('POST', path, { token, body });
const read = (token: string, path = '') => service.call('GET', `/v1/session${path}`, { token });
const reaches = (key: ConnectorKey, state: string) =>
  eventually(
    () => service.stage.auth.view(key),
    (view) => view.state === state,
  );
/** A session for one connector, once it waits. */
async function waiting(connector: string, state: string, more = {}): Promise<{ key: ConnectorKey; token: string }> {
  const key = service.stage.install(connector);
  const token = await service.session(key, more);
  await reaches(key, state);
  return { key, token };
}
async function sealedKey(key: ConnectorKey, value = 'right') {
  const submissionId = randomUUID();
  return { submissionId, credentials: await service.stage.sealed(key, submissionId, { kind: 'apiKey', key: value }) };
}

describe('a session', () => {
  test('starts what does not run yet, and says whose it is and where its connectors stand', async () => {
    const accountId = `account-${randomUUID()}`;
    const keys = ['Brightdesk', 'Openrates'].map((connector) => service.stage.install(connector, { accountId }));
    const connectorIds = keys.map(({ connectorId }) => connectorId);
    const more = { accountLabel: 'Acme Ltd', language: 'de', origin: ORIGIN, returnTo: `${ORIGIN}/settings` };

    const minted = await service.asBackend('POST', '/v1/sessions', { accountId, connectorIds, ...more });
    await Promise.all([reaches(keys[0]!, 'awaitingCredentials'), reaches(keys[1]!, 'authenticated')]);
    const again = await service.asBackend('POST', '/v1/sessions', { accountId, connectorIds: [connectorIds[0]] });
    const { body } = await read(minted.body.token);

    expect(minted.status).toBe(201);
    expect(minted.body.url).toBe(`${service.url}/connect#session=${minted.body.token}`);
    expect(again.status).toBe(201);
    expect(body).toEqual({
      accountId,
      accountLabel: 'Acme Ltd',
      language: 'de',
      returnTo: `${ORIGIN}/settings`,
      expiresAt: minted.body.expiresAt,
      connectors: [
        expect.objectContaining({ connectorId: connectorIds[0], state: 'awaitingCredentials' }),
        expect.objectContaining({ connectorId: connectorIds[1], state: 'authenticated' }),
      ],
    });
  });

  test('takes a flow to its end with what the browser sealed', async () => {
    const { key, token } = await waiting('Fernhill', 'awaitingProperties');
    const { body: keys } = await read(token, '/sealing-keys');
    const submissionId = randomUUID();
    const values = { Domain: await service.stage.sealedProperty(key, submissionId, 'Domain', 'acme') };

    const applied = await post(token, connectorPath(key, 'properties'), { submissionId, values });
    const done = await post(token, connectorPath(key, 'credentials'), await sealedKey(key));

    expect(keys.keys).toMatchObject([{ kid: service.stage.publicKey.kid, kty: 'EC' }]);
    expect(JSON.stringify(keys)).not.toContain('"d"');
    expect(applied).toMatchObject({ status: 200, body: { state: 'awaitingCredentials' } });
    expect(done).toMatchObject({ status: 200, body: { state: 'authenticated' } });
  });

  test('has Cyclr asked about a consent', async () => {
    const { key, token } = await waiting('Ledgerly', 'awaitingAuthorization');
    const link = await service.stage.auth.requestAuthorization(key, { returnTo: 'https://app.acme.example/' });
    await service.stage.sandbox.consent(link.url, 'approve');

    expect(await post(token, connectorPath(key, 'confirm'))).toMatchObject({
      status: 200,
      body: { state: 'authenticated' },
    });
  });

  test('takes nothing in clear', async () => {
    const { key, token } = await waiting('Fernhill', 'awaitingProperties');
    const submissionId = randomUUID();
    const inClear = [
      ['properties', { submissionId, values: { Domain: 'acme' } }],
      ['properties', { submissionId, values: { Domain: { sealed: 'acme' } } }],
      ['credentials', { submissionId, credentials: { kind: 'apiKey', key: 'right' } }],
      ['credentials', { submissionId, credentials: 'right' }],
    ] as const;

    for (const [what, body] of inClear)
      expect(await post(token, connectorPath(key, what), body)).toMatchObject({
        status: 422,
        body: { code: 'notSealed' },
      });
    expect((await service.stage.auth.view(key)).state).toBe('awaitingProperties');
  });

  test('does not open what was sealed for another account', async () => {
    const [mine, other] = [
      await waiting('Brightdesk', 'awaitingCredentials'),
      await waiting('Brightdesk', 'awaitingCredentials'),
    ];

    const answer = await post(mine.token, connectorPath(mine.key, 'credentials'), await sealedKey(other.key));

    expect(answer).toMatchObject({
      status: 200,
      body: { state: 'awaitingCredentials', problem: { code: 'notOpenable' } },
    });
  });

  test("knows nothing of another account's connectors, nor of its own account's others", async () => {
    const accountId = `account-${randomUUID()}`;
    const [mine, sibling] = ['Brightdesk', 'Brightdesk'].map((connector) =>
      service.stage.install(connector, { accountId }),
    );
    const foreign = await waiting('Brightdesk', 'awaitingCredentials');
    const token = await service.session(mine!);
    await service.session(sibling!);
    await reaches(sibling!, 'awaitingCredentials');

    for (const key of [sibling!, foreign.key, { connectorId: 999_999 }]) {
      const body = await sealedKey(foreign.key);
      const answers = [
        await post(token, connectorPath(key, 'credentials'), body),
        await post(token, connectorPath(key, 'properties'), { submissionId: 's1', values: {} }),
        await post(token, connectorPath(key, 'confirm')),
        await post(token, connectorPath(key, 'confirm'), { attemptId: 'a1' }),
      ];
      for (const answer of answers) expect(answer).toMatchObject({ status: 404, body: { code: 'notFound' } });
      // Nothing tells apart what is there from what is not.
      const texts = answers.map(({ body: { requestId: _, ...rest } }) => JSON.stringify(rest));
      expect(new Set(texts).size).toBe(1);
    }
    expect(JSON.stringify((await read(token)).body)).not.toContain(foreign.key.accountId);
    expect((await service.stage.auth.timeline(foreign.key)).entries.map(({ event }) => event)).toEqual([
      'connectorFetched',
    ]);
  });

  test('is renewed, keeps what it is for, and ends at its cap', async () => {
    const key = service.stage.install('Brightdesk');
    const token = await service.session(key, { accountLabel: 'Acme Ltd', expiresIn: '1 minute' });
    const in7h59 = new Tokens({
      keys: service.sessionKeys,
      publicUrl: service.url,
      now: () => Date.now() + (8 * 60 - 1) * 60_000,
    });

    const renewed = await post(token, '/v1/session/renew');
    const session = await service.tokens.session(token);
    const last = await in7h59.renew({ ...session, lifetimeMs: 3_600_000 });

    expect(renewed.status).toBe(200);
    const after = await service.tokens.session(renewed.body.token);
    expect({ ...after, expiresAtMs: 0 }).toEqual({ ...session, expiresAtMs: 0 });
    expect(after.expiresAtMs - Date.now()).toBeLessThanOrEqual(60_000);
    expect(Date.parse(last.expiresAt)).toBe(session.capMs);
  });

  test.each([
    [{ expiresIn: '59 seconds' }, 'expiresIn'],
    [{ expiresIn: '61 minutes' }, 'expiresIn'],
    [{ kind: 'invitation', expiresIn: '31 days' }, 'expiresIn'],
    [{ expiresIn: 'soon' }, 'expiresIn'],
    [{ origin: 'https://evil.example' }, 'origin'],
    [{ origin: `${ORIGIN}/path` }, 'origin'],
    [{ origin: 'null' }, 'origin'],
    [{ returnTo: 'https://evil.example/' }, 'returnTo'],
    [{ returnTo: 'javascript:alert(1)' }, 'returnTo'],
    [{ language: '<b>' }, 'language'],
    [{ accountId: 'アカ1' }, 'accountId'],
    [{ connectorIds: [] }, 'connectorIds'],
    [{ connectorIds: ['1002'] }, 'connectorIds'],
    [{ onboardingId: 'o1' }, undefined],
  ])('is not made of %p', async (more, name) => {
    const answer = await service.asBackend('POST', '/v1/sessions', {
      accountId: 'acme',
      connectorIds: [1002],
      ...more,
    });

    expect(answer).toMatchObject({ status: 422, body: { code: 'malformed', ...(name && { fields: [{ name }] }) } });
    await expect(service.stage.auth.view({ accountId: 'acme', connectorId: 1002 })).rejects.toMatchObject({
      code: 'notStarted',
    });
  });
});

describe('an invitation', () => {
  const invited = async (connectors: string[]) => {
    const accountId = `account-${randomUUID()}`;
    const keys = connectors.map((connector) => service.stage.install(connector, { accountId }));
    return { keys, token: await service.session(keys, { kind: 'invitation' }) };
  };

  test('becomes a session by a POST, again and again, and is none itself', async () => {
    const { keys, token } = await invited(['Brightdesk']);
    await reaches(keys[0]!, 'awaitingCredentials');

    const looked = [
      await service.call('GET', '/v1/session/redeem', { token }),
      await service.call('HEAD', '/v1/session/redeem', { token }),
    ];
    const [first, second] = [await post(token, '/v1/session/redeem'), await post(token, '/v1/session/redeem')];

    expect(looked.map(({ status }) => status)).toEqual([405, 405]);
    for (const { status, body } of [first, second]) {
      expect(status).toBe(200);
      expect((await read(body.token)).body.connectors).toMatchObject([{ state: 'awaitingCredentials' }]);
    }
    expect((await read(token)).status).toBe(401);
    expect((await post(first.body.token, '/v1/session/redeem')).status).toBe(401);
  });

  test('is void once everything is connected or cancelled, and not before', async () => {
    const { keys, token } = await invited(['Brightdesk', 'Brightdesk']);
    await Promise.all(keys.map((key) => reaches(key, 'awaitingCredentials')));

    await service.stage.auth.cancel(keys[0]!);
    const before = await post(token, '/v1/session/redeem');
    await service.stage.auth.submitCredentials(keys[1]!, await sealedKey(keys[1]!));
    const after = await post(token, '/v1/session/redeem');

    expect(before.status).toBe(200);
    expect(after).toMatchObject({ status: 401, body: { code: 'tokenVoid' } });
  });

  test('opens again what has expired meanwhile', async () => {
    const key = service.stage.install('Brightdesk');
    await service.stage.auth.start(key, { patience: { credentials: 300 } });
    const token = await service.session(key, { kind: 'invitation' });
    await reaches(key, 'expired');

    const { status } = await post(token, '/v1/session/redeem');

    expect(status).toBe(200);
    expect((await reaches(key, 'awaitingCredentials')).state).toBe('awaitingCredentials');
  });

  test('gives no session that outlives it', async () => {
    const { token } = await invited(['Brightdesk']);
    const invitation = await service.tokens.invitation(token);
    const almost = new Tokens({
      keys: service.sessionKeys,
      publicUrl: service.url,
      now: () => invitation.capMs - 60_000,
    });

    const { expiresAt, token: last } = await almost.redeem(invitation);

    expect(Date.parse(expiresAt)).toBe(invitation.capMs);
    expect((await almost.session(last)).capMs).toBe(invitation.capMs);
  });
});

describe('a token', () => {
  const scope = { accountId: 'acme', connectorIds: [1002], language: 'en' };
  const calls = [
    ['GET', '/v1/session'],
    ['GET', '/v1/session/sealing-keys'],
    ['POST', '/v1/session/renew'],
    ['POST', '/v1/session/redeem'],
    ['POST', '/v1/session/connectors/1002/properties'],
    ['POST', '/v1/session/connectors/1002/credentials'],
    ['POST', '/v1/session/connectors/1002/confirm'],
  ] as const;
  const withHeader = (token: string, change: object) => {
    const [header, ...rest] = token.split('.') as [string, string, string];
    const changed = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), ...change };
    return [base64url.encode(JSON.stringify(changed)), ...rest].join('.');
  };

  test('of another kind, another service, another key, or a changed one, opens nothing', async () => {
    const { sessionKeys: keys, url: publicUrl, tokens } = service;
    const { token } = await tokens.mint('session', scope);
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const otherAccount = base64url.encode(
      JSON.stringify({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()), account: 'other' }),
    );
    const wrong = {
      none: undefined,
      empty: '',
      apiKey: service.apiKey,
      attempt: await tokens.attempt({ accountId: 'acme', connectorId: 1002, attemptId: 'a1' }),
      otherKey: (await new Tokens({ keys: newSessionKeys(), publicUrl }).mint('session', scope)).token,
      otherService: (await new Tokens({ keys, publicUrl: 'https://other.example' }).mint('session', scope)).token,
      unsigned: `${base64url.encode(JSON.stringify({ alg: 'none', typ: 'session+jwt' }))}.${payload}.`,
      otherPayload: [header, otherAccount, signature].join('.'),
      otherType: withHeader((await tokens.mint('invitation', scope)).token, { typ: 'session+jwt' }),
      otherKid: withHeader(token, { kid: 'unknown' }),
      cut: token.slice(0, -2),
    };

    const { token: invitation } = await tokens.mint('invitation', scope);
    const isRedeem = (path: string) => path.endsWith('/redeem');

    for (const [name, all] of Object.entries({ ...wrong, otherKind: { session: token, invitation } }))
      for (const [method, path] of calls) {
        const given = typeof all === 'object' ? all[isRedeem(path) ? 'session' : 'invitation'] : all;
        const answer = await service.call(method, path, { token: given });
        expect({ name, path, ...answer }).toMatchObject({ name, path, status: 401, body: { code: 'unauthorized' } });
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
  });

  test('that has expired says so', async () => {
    const past = new Tokens({ keys: service.sessionKeys, publicUrl: service.url, now: () => Date.now() - 3_600_000 });
    const { token } = await past.mint('session', scope);

    expect(await read(token)).toMatchObject({ status: 401, body: { code: 'tokenExpired' } });
  });

  test('of an older key of the ring is good until that key is taken out', async () => {
    const [[older], [newer]] = [newSessionKeys(), service.sessionKeys];
    const before = new Tokens({ keys: [older], publicUrl: service.url });
    const rotated = new Tokens({ keys: [newer, older], publicUrl: service.url });
    const { token } = await before.mint('session', scope);

    expect((await rotated.session(token)).accountId).toBe('acme');
    expect((await read((await rotated.mint('session', scope)).token)).status).toBe(200);
    expect((await read(token)).status).toBe(401);
  });

  test('of a session opens nothing that is for backends', async () => {
    const { token } = await service.tokens.mint('session', scope);

    for (const [method, path] of [
      ['POST', '/v1/sessions'],
      ['GET', '/v1/accounts/acme/connectors'],
      ['POST', '/v1/accounts/acme/connectors/1002'],
      ['GET', '/v1/accounts/acme/connectors/1002'],
      ['GET', '/v1/accounts/acme/connectors/1002/timeline'],
      ...['properties', 'credentials', 'authorization', 'confirm', 'cancel', 'reauthenticate'].map((what) => [
        'POST',
        `/v1/accounts/acme/connectors/1002/${what}`,
      ]),
    ] as [string, string][])
      for (const given of [token, undefined, `${service.apiKey}x`, service.apiKey.toUpperCase()])
        expect(await service.call(method, path, { token: given })).toMatchObject({
          status: 401,
          body: { code: 'unauthorized' },
        });
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

  test('are answered a preflight where they are on the list, and only there', async () => {
    const paths = ['/v1/session', '/v1/session/renew', '/v1/session/connectors/1002/credentials'];

    for (const path of paths) {
      const allowed = await preflight(ORIGIN, path);
      expect(allowed.status).toBe(204);
      expect(allowed.headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(allowed.headers.get('access-control-allow-headers')).toContain('Authorization');
      expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
      expect((await preflight('https://evil.example', path)).headers.get('access-control-allow-origin')).toBeNull();
      expect((await preflight('null', path)).headers.get('access-control-allow-origin')).toBeNull();
    }
    expect((await preflight(ORIGIN, '/v1/sessions', 'POST')).headers.get('access-control-allow-origin')).toBeNull();
  });

  test("may use a session only where it is theirs; the service's own page may use each", async () => {
    const key = service.stage.install('Openrates');
    const token = await service.session(key, { origin: ORIGIN });
    const plain = await service.session(key);
    const from = (origin: string, bearer = token) =>
      service.call('GET', '/v1/session', { token: bearer, headers: { Origin: origin } });

    const own = await from(ORIGIN);

    expect(own.status).toBe(200);
    expect(own.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(own.headers.get('vary')).toContain('Origin');
    expect((await from(service.url)).status).toBe(200);
    for (const [origin, bearer] of [
      [OTHER_ORIGIN, token],
      ['https://evil.example', token],
      ['null', token],
      [ORIGIN, plain],
    ] as const) {
      const refused = await from(origin, bearer);
      expect(refused).toMatchObject({ status: 403, body: { code: 'originNotAllowed' } });
      expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('can read that their session has expired', async () => {
    const past = new Tokens({ keys: service.sessionKeys, publicUrl: service.url, now: () => Date.now() - 3_600_000 });
    const { token } = await past.mint('session', {
      accountId: 'acme',
      connectorIds: [1],
      language: 'en',
      origin: ORIGIN,
    });

    const answer = await service.call('GET', '/v1/session', { token, headers: { Origin: ORIGIN } });

    expect(answer.body.code).toBe('tokenExpired');
    expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN);
  });
});
