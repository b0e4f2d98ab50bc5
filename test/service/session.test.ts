/** The calls of browsers with a session or an invitation, with real flows. */
import { randomUUID } from 'node:crypto';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import type { View } from '../../workflows/view';
import { eventually } from '../support/eventually';
import { openService, ORIGIN, type Service } from './scene';

const HOUR_MS = 3_600_000;

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
/** Makes a session for one connector, and waits until the flow of the connector is in the state `state`. */
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

describe('sessions', () => {
  test('a new session starts a flow for each connector without an open flow, and GET /v1/session shows the views', async () => {
    const accountId = `account-${randomUUID()}`;
    const keys = ['Brightdesk', 'Openrates'].map((connector) => service.stage.install(connector, { accountId }));
    const connectorIds = keys.map(({ connectorId }) => connectorId);
    const more = { accountLabel: 'Acme Ltd', language: 'de', origin: `${ORIGIN}/`, returnTo: `${ORIGIN}\\settings` };

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

  test('a new session starts a run for an authenticated connector only if the backend sends recheck: true', async () => {
    const key = service.stage.install('Openrates');
    const runId = async () => (await service.stage.auth.latestRun(key)).runId;
    await service.session(key);
    await reaches(key, 'authenticated');
    const first = await runId();

    const token = await service.session(key);
    const second = await runId();
    await service.session(key, { recheck: true });
    const third = await runId();

    expect([second === first, third === first]).toEqual([true, false]);
    expect((await read(token)).body.connectors).toMatchObject([{ connectorId: key.connectorId }]);
  });

  test('a recheck with a session token lets the waiting flow re-read its connector', async () => {
    const { key, token } = await waiting('Brightdesk', 'awaitingCredentials');

    const { status, body } = await post(token, connectorPath(key, 'recheck'));

    expect([status, body]).toMatchObject([200, { state: 'awaitingCredentials', connected: false }]);
  });

  test('`notify` and `by` of a session apply to the flows that the page starts, and `by` also to the inputs that the page sends', async () => {
    const { key, token: first } = await waiting('Brightdesk', 'awaitingCredentials', { by: 'jo' });
    await post(first, connectorPath(key, 'credentials'), await sealedKey(key));
    const more = { reauthenticate: [key.connectorId], notify: ['crm'], by: 'kim' };
    const renewed = await post(await service.session(key, more), '/v1/session/renew');
    const { body } = await post(renewed.body.token, connectorPath(key, 'reauthenticate'));

    const sender = `session:${(await service.tokens.session(renewed.body.token)).id} kim`;
    const { client, auth } = service.stage;
    const { events } = await client.workflow.getHandle(workflowIdOf(key), body.runId).fetchHistory();
    const [input] = events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads!;
    expect(JSON.parse(Buffer.from(input!.data!).toString())).toMatchObject({ notify: ['crm'], by: sender });
    await reaches(key, 'awaitingCredentials');
    await post(renewed.body.token, connectorPath(key, 'credentials'), await sealedKey(key));
    expect((await auth.timeline(key)).entries.map(({ by }) => by)).toContain(sender);
  });

  test('with a session that allows re-authentication, repeated calls of reauthenticate for a connected connector start only one run', async () => {
    const { key, token } = await waiting('Brightdesk', 'awaitingCredentials');
    await post(token, connectorPath(key, 'credentials'), await sealedKey(key));
    const allowed = await service.session(key, { reauthenticate: [key.connectorId] });

    const first = await post(allowed, connectorPath(key, 'reauthenticate'));
    const second = await post(allowed, connectorPath(key, 'reauthenticate'));

    const { runId } = first.body as View;
    const answer = { status: 200, body: { runId, intent: 'reauthenticate' } };
    expect([first, second]).toMatchObject([answer, answer]);
    expect(await reaches(key, 'awaitingCredentials')).toMatchObject({ runId, connected: true });
    expect((await read(allowed)).body).toMatchObject({ reauthenticate: [key.connectorId] });
  });

  test('a re-authentication is refused for a connector that the session does not list, and for a connector with an open authentication', async () => {
    const { key, token } = await waiting('Brightdesk', 'awaitingCredentials');
    const allowed = await service.session(key, { reauthenticate: [key.connectorId] });
    const { accountId, connectorId } = key;
    const outside = { accountId, connectorIds: [connectorId], reauthenticate: [connectorId + 1] };

    expect(await post(token, connectorPath(key, 'reauthenticate'))).toMatchObject({ status: 404 });
    expect(await post(allowed, connectorPath(key, 'reauthenticate'))).toMatchObject({
      status: 409,
      body: { code: 'alreadyRunning', view: { intent: 'authenticate' } },
    });
    expect(await service.asBackend('POST', '/v1/sessions', outside)).toMatchObject({
      status: 422,
      body: { code: 'malformed', fields: [{ name: 'reauthenticate', code: 'malformed' }] },
    });
  });

  test('a session submits sealed properties and credentials', async () => {
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

  test('a locked value of a session is stored, and an input that sets this property is refused as malformed', async () => {
    const key = service.stage.install('Parrotmail');
    const prefill = { [key.connectorId]: { DataCentre: { value: 'us21', locked: true } } };
    const token = await service.session(key, { prefill });
    await reaches(key, 'awaitingProperties');
    const submissionId = randomUUID();
    const values = { DataCentre: await service.stage.sealedProperty(key, submissionId, 'DataCentre', 'us99') };

    const refused = await post(token, connectorPath(key, 'properties'), { submissionId, values });
    const applied = await post(token, connectorPath(key, 'properties'), { submissionId, values: {} });

    expect((await read(token)).body).toMatchObject({ prefill });
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'malformed', fields: [{ name: 'DataCentre', code: 'malformed' }] },
    });
    expect(applied).toMatchObject({ status: 200, body: { state: 'awaitingCredentials' } });
    expect(service.stage.sandbox.connectorOf(key.accountId, key.connectorId).Properties).toMatchObject([
      { Name: 'DataCentre', Value: 'us21' },
    ]);
  });

  test('a prefill is refused for a known secret property, for a connector of another session, and above 2 KiB', async () => {
    const { key } = await waiting('Kestrel', 'awaitingProperties');
    const { accountId, connectorId } = key;
    const value = 'x'.repeat(1000);
    const wrong = [
      { [connectorId]: { SigningSecret: { value: 'a' } } },
      { [connectorId + 1]: { Region: { value: 'a' } } },
      { [connectorId]: { A: { value }, B: { value }, C: { value } } },
    ];

    for (const prefill of wrong)
      expect(
        await service.asBackend('POST', '/v1/sessions', { accountId, connectorIds: [connectorId], prefill }),
      ).toMatchObject({
        status: 422,
        body: { fields: [{ name: 'prefill', code: 'malformed' }] },
      });
  });

  test('a confirm with a session token verifies the consent', async () => {
    const { key, token } = await waiting('Ledgerly', 'awaitingAuthorization');
    const link = await service.stage.auth.requestAuthorization(key, { returnTo: 'https://app.acme.example/' });
    await service.stage.sandbox.consent(link.url, 'approve');

    expect(await post(token, connectorPath(key, 'confirm'))).toMatchObject({
      status: 200,
      body: { state: 'authenticated' },
    });
  });

  test('a value that a session sends in clear is refused as notSealed', async () => {
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

  test('an input for a connector outside the session is refused as notFound before its shape is checked', async () => {
    const { key, token } = await waiting('Fernhill', 'awaitingProperties');
    const outside = { ...key, connectorId: key.connectorId + 1 };

    for (const what of ['properties', 'credentials', 'confirm', 'recheck', 'reauthenticate'])
      for (const body of [{}, { submissionId: 5, credentials: 'right', extra: true }])
        expect([what, await post(token, connectorPath(outside, what), body)]).toMatchObject([
          what,
          { status: 404, body: { code: 'notFound' } },
        ]);
  });

  test('credentials that are sealed for another account give the problem notOpenable', async () => {
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

  test('the answer notFound is the same for an unknown connector, for other connectors of the account and for other accounts', async () => {
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
      const texts = answers.map(({ body: { requestId: _, ...rest } }) => JSON.stringify(rest));
      expect(new Set(texts).size).toBe(1);
    }
    expect(JSON.stringify((await read(token)).body)).not.toContain(foreign.key.accountId);
    expect((await service.stage.auth.timeline(foreign.key)).entries.map(({ event }) => event)).toEqual([
      'connectorFetched',
    ]);
  });
});

describe('invitations', () => {
  const invited = async (connectors: string[]) => {
    const accountId = `account-${randomUUID()}`;
    const keys = connectors.map((connector) => service.stage.install(connector, { accountId }));
    return { keys, token: await service.session(keys, { kind: 'invitation' }) };
  };

  test('every POST of an invitation to /redeem gives a new session, and the invitation is not accepted as a session', async () => {
    const { keys, token } = await invited(['Brightdesk']);
    await reaches(keys[0]!, 'awaitingCredentials');

    const [first, second] = [await post(token, '/v1/session/redeem'), await post(token, '/v1/session/redeem')];

    for (const { status, body } of [first, second]) {
      expect(status).toBe(200);
      expect((await read(body.token)).body.connectors).toMatchObject([{ state: 'awaitingCredentials' }]);
    }
    expect((await read(token)).status).toBe(401);
    expect((await post(first.body.token, '/v1/session/redeem')).status).toBe(401);
  });

  test('an invitation is void when all its connectors are connected or cancelled', async () => {
    const { keys, token } = await invited(['Brightdesk', 'Brightdesk']);
    await Promise.all(keys.map((key) => reaches(key, 'awaitingCredentials')));

    await service.stage.auth.cancel(keys[0]!);
    const before = await post(token, '/v1/session/redeem');
    await service.stage.auth.submitCredentials(keys[1]!, await sealedKey(keys[1]!));
    const after = await post(token, '/v1/session/redeem');

    expect(before.status).toBe(200);
    expect(after).toMatchObject({ status: 401, body: { code: 'tokenVoid' } });
  });

  test('if the flow of a connector is started again, an older invitation is void for this connector, but stays valid for the other connectors of the invitation', async () => {
    const { keys, token } = await invited(['Brightdesk', 'Brightdesk', 'Brightdesk']);
    await Promise.all(keys.map((key) => reaches(key, 'awaitingCredentials')));
    const [cancelled, connected, open] = keys as [ConnectorKey, ConnectorKey, ConnectorKey];
    await service.stage.auth.cancel(cancelled);
    await service.session(cancelled);
    await service.stage.auth.submitCredentials(connected, await sealedKey(connected));

    const { body } = await post(token, '/v1/session/redeem');

    const { connectors } = (await read(body.token)).body as { connectors: View[] };
    expect(connectors.map(({ connectorId, state }) => [connectorId, state])).toEqual([
      [connected.connectorId, 'authenticated'],
      [open.connectorId, 'awaitingCredentials'],
    ]);
  });

  test('an invitation for one connector is void after the backend starts a re-authentication of this connector', async () => {
    const { keys, token } = await invited(['Brightdesk']);
    const [key] = keys as [ConnectorKey];
    await reaches(key, 'awaitingCredentials');
    await service.stage.auth.submitCredentials(key, await sealedKey(key));
    await service.stage.auth.start(key, { intent: 'reauthenticate' });

    expect(await post(token, '/v1/session/redeem')).toMatchObject({ status: 401, body: { code: 'tokenVoid' } });
  });

  test('an invitation stays valid for a connector after a session of this invitation starts a re-authentication of the connector', async () => {
    const accountId = `account-${randomUUID()}`;
    const [open, connected] = ['Brightdesk', 'Brightdesk'].map((name) => service.stage.install(name, { accountId }));
    const allowed = { kind: 'invitation', reauthenticate: [connected!.connectorId] };
    const token = await service.session([open!, connected!], allowed);
    await Promise.all([open!, connected!].map((key) => reaches(key, 'awaitingCredentials')));
    await service.stage.auth.submitCredentials(connected!, await sealedKey(connected!));
    const first = (await post(token, '/v1/session/redeem')).body.token as string;
    await post(first, connectorPath(connected!, 'reauthenticate'));
    await reaches(connected!, 'awaitingCredentials');
    await service.stage.auth.submitCredentials(open!, await sealedKey(open!));

    const second = (await post(token, '/v1/session/redeem')).body.token as string;

    expect((await read(second)).body).toMatchObject({
      reauthenticate: [connected!.connectorId],
      connectors: [{ state: 'authenticated' }, { intent: 'reauthenticate', state: 'awaitingCredentials' }],
    });
  });

  test("if the service's clock is behind Temporal's clock, an invitation is good for a flow that is already open, and void after the flow is started again", async () => {
    const late = await openService({ stage: service.stage, now: () => Date.now() - HOUR_MS });
    const { key } = await service.stage.sceneIn('awaitingCredentials', 'Brightdesk');
    const token = await late.session(key, { kind: 'invitation' });

    const open = await late.call('POST', '/v1/session/redeem', { token });
    await service.stage.auth.cancel(key);
    await service.stage.auth.start(key);
    const again = await late.call('POST', '/v1/session/redeem', { token });
    await late.close();

    expect(open.status).toBe(200);
    expect(again).toMatchObject({ status: 401, body: { code: 'tokenVoid' } });
  });

  test('an invitation is void if Temporal no longer has a run of its connector', async () => {
    const { accountId, connectorId } = service.stage.install('Brightdesk');
    const scope = { accountId, connectorIds: [connectorId], language: 'en' };
    const { token } = await service.tokens.mint('invitation', scope);

    expect(await post(token, '/v1/session/redeem')).toMatchObject({ status: 401, body: { code: 'tokenVoid' } });
    await expect(service.stage.auth.view({ accountId, connectorId })).rejects.toMatchObject({ code: 'notStarted' });
  });

  test('all sessions that are made from one invitation share one limit of calls', async () => {
    const { token } = await invited(['Brightdesk']);
    const redeem = async () => (await post(token, '/v1/session/redeem')).body.token as string;
    const sessions = [await redeem(), await redeem()];

    const answers = await Promise.all(
      Array.from({ length: 130 }, (_, i) =>
        service.call('GET', '/v1/session/sealing-keys', { token: sessions[i % 2]! }),
      ),
    );

    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThanOrEqual(10); // the limit is 120 calls in a minute
  });

  test('the POST of an invitation to /redeem starts a new run of an expired flow', async () => {
    const key = service.stage.install('Brightdesk');
    const match = { account: key.accountId, method: 'GET' } as const;
    const release = service.stage.sandbox.fault({ match, then: 'held' }); // while Cyclr holds the call, the flow can't expire
    await service.stage.auth.start(key, { patience: { credentials: 300 } });
    const token = await service.session(key, { kind: 'invitation' });
    release();
    await reaches(key, 'expired');

    const { status } = await post(token, '/v1/session/redeem');

    expect(status).toBe(200);
    expect((await reaches(key, 'awaitingCredentials')).state).toBe('awaitingCredentials');
  });
});
