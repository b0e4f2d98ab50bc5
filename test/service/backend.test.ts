/** The calls of backends, with real flows. */
import { randomUUID } from 'node:crypto';
import type { ConnectorKey } from '../../workflows/connector';
import { inputOf } from '../../temporal/start-input';
import type { Input } from '../../workflows/input';
import { workflowIdOf } from '../../workflows/messages';
import { searchFor } from '../../scripts/faults/secret-search';
import { eventually } from '../support/eventually';
import { openService, ORIGIN, pathOf, type Answer, type Service } from './scene';
import { UNNAMED_KEY } from './server';

let service: Service;
beforeAll(async () => (service = await openService()));
afterAll(() => service.close());

const post = (key: ConnectorKey, then: string, body?: unknown, headers?: { [name: string]: string }) =>
  service.asBackend('POST', pathOf(key, then), body, headers);
const reaches = (key: ConnectorKey, state: string) =>
  eventually(
    async () => (await service.asBackend('GET', pathOf(key))).body,
    (view) => view.state === state,
  );
/** Starts a flow and waits until the flow is in the state `state`. */
async function waiting(connector: string, state: string): Promise<ConnectorKey> {
  const key = service.stage.install(connector);
  await post(key, '');
  await reaches(key, state);
  return key;
}
const apiKey = (key = 'right') => ({ credentials: { kind: 'apiKey', key } });
const submissionsOf = async (key: ConnectorKey) =>
  (await service.stage.auth.timeline(key)).entries.filter(({ event }) => event === 'credentialsSubmitted');

test('a backend starts a flow, gives input in clear, and reads the outcome and the timeline', async () => {
  const key = service.stage.install('Fernhill');

  const started = await post(key, '', { by: 'shop' });
  await reaches(key, 'awaitingProperties');
  const applied = await post(key, '/properties', { values: { Domain: 'acme' } });
  const done = await post(key, '/credentials', apiKey());
  const { body: timeline } = await service.asBackend('GET', pathOf(key, '/timeline'));

  expect(started).toMatchObject({ status: 201, body: { started: true, intent: 'authenticate' } });
  expect(applied).toMatchObject({ status: 200, body: { state: 'awaitingCredentials' } });
  expect(done).toMatchObject({ status: 200, body: { state: 'authenticated', verification: 'notChecked' } });
  expect(timeline.entries.map(({ to }: { to: string }) => to)).toEqual([
    'awaitingProperties',
    'applyingProperties',
    'awaitingCredentials',
    'applyingCredentials',
    'authenticated',
  ]);
  expect(service.stage.sandbox.connectorOf(key.accountId, key.connectorId).Authenticated).toBe(true);
});

test('a start of an open flow returns this flow', async () => {
  const key = service.stage.install('Brightdesk');

  const [first, second] = [await post(key, ''), await post(key, '', { intent: 'authenticate' })];

  expect(first).toMatchObject({ status: 201, body: { started: true } });
  expect(second).toMatchObject({ status: 200, body: { started: false, runId: first.body.runId } });
});

test('an API key that Cyclr refuses is answered with 200 and a view with a problem', async () => {
  const key = await waiting('Brightdesk', 'awaitingCredentials');

  const refused = await post(key, '/credentials', apiKey('wrong-key'));
  const taken = await post(key, '/credentials', apiKey());

  expect(refused).toMatchObject({ status: 200, body: { state: 'awaitingCredentials', problem: { code: 'refused' } } });
  expect(taken.body.state).toBe('authenticated');
});

test('the service seals a secret property that a backend sends in clear, and no other property', async () => {
  const key = await waiting('Kestrel', 'awaitingProperties');
  const values = { Environment: 'staging', SigningSecret: 'secret-in-clear', Region: 'eu' };

  const { body } = await post(key, '/properties', { values });

  const history = await service.stage.client.workflow.getHandle(workflowIdOf(key)).fetchHistory();
  const foundInHistory = (text: string) => searchFor(text)(JSON.stringify(history));
  expect(body.state).toBe('awaitingCredentials');
  expect(service.stage.sandbox.connectorOf(key.accountId, key.connectorId).Properties).toContainEqual(
    expect.objectContaining({ Name: 'SigningSecret', Value: 'secret-in-clear' }),
  );
  expect(foundInHistory('secret-in-clear')).toEqual([]);
  expect(foundInHistory('staging')).not.toEqual([]);
});

test('the service forwards sealed credentials unchanged, and refuses sealed credentials without their submission id', async () => {
  const key = await waiting('Brightdesk', 'awaitingCredentials');
  const submissionId = randomUUID();
  const credentials = await service.stage.sealed(key, submissionId, { kind: 'apiKey', key: 'right' });

  const withoutId = await post(key, '/credentials', { credentials });
  const done = await post(key, '/credentials', { submissionId, credentials });

  expect(withoutId).toMatchObject({ status: 422, body: { code: 'malformed', fields: [{ name: 'submissionId' }] } });
  expect(done).toMatchObject({ status: 200, body: { state: 'authenticated' } });
});

test('an input that the flow refuses is answered with 409 or 422 and the code of the problem', async () => {
  const key = await waiting('Fernhill', 'awaitingProperties');
  const properties = (values: object) => post(key, '/properties', { values });

  const early = await post(key, '/credentials', apiKey());
  const unknown = await properties({ Domain: 'acme', Secret42: 'x' });
  const missing = await properties({});

  expect(early).toMatchObject({ status: 409, body: { code: 'notNow', view: { state: 'awaitingProperties' } } });
  expect(unknown).toMatchObject({
    status: 422,
    body: { code: 'unknownProperty', fields: [{ name: 'Secret42', code: 'unknownProperty' }] },
  });
  expect(missing).toMatchObject({ status: 422, body: { code: 'missingProperty', fields: [{ name: 'Domain' }] } });
});

describe('Idempotency-Key', () => {
  test('a repeated call with the same Idempotency-Key creates no second submission', async () => {
    const key = await waiting('Brightdesk', 'awaitingCredentials');
    const headers = { 'Idempotency-Key': 'order 1' };

    const first = await post(key, '/credentials', apiKey('wrong-1'), headers);
    const again = await post(key, '/credentials', apiKey('wrong-1'), headers);
    const submissions = await submissionsOf(key);
    await post(key, '/credentials', apiKey('wrong-2'), { 'Idempotency-Key': 'order 2' });

    expect(first.body.problem.code).toBe('refused');
    expect(again).toMatchObject({ status: 200, body: { state: 'awaitingCredentials' } });
    expect(submissions).toHaveLength(1);
    expect(await submissionsOf(key)).toHaveLength(2);
  });

  test('without an Idempotency-Key, each call is a new submission', async () => {
    const key = await waiting('Brightdesk', 'awaitingCredentials');

    await post(key, '/credentials', apiKey('wrong-1'));
    await post(key, '/credentials', apiKey('wrong-1'));

    expect(await submissionsOf(key)).toHaveLength(2);
  });

  test('a submission id in the body has precedence over the Idempotency-Key, and is in the timeline', async () => {
    const key = await waiting('Brightdesk', 'awaitingCredentials');

    await post(key, '/credentials', { submissionId: 's1', ...apiKey('wrong-1') }, { 'Idempotency-Key': 'order 1' });

    expect(await submissionsOf(key)).toMatchObject([{ id: 's1', by: 'backend:crm' }]);
  });

  test('the same Idempotency-Key for two connectors gives two submissions', async () => {
    const [one, other] = [
      await waiting('Brightdesk', 'awaitingCredentials'),
      await waiting('Brightdesk', 'awaitingCredentials'),
    ];
    const headers = { 'Idempotency-Key': 'order 1' };

    const answers = await Promise.all([one, other].map((key) => post(key, '/credentials', apiKey(), headers)));

    expect(answers.map(({ body }) => body.state)).toEqual(['authenticated', 'authenticated']);
    const ids = (await Promise.all([one, other].map(submissionsOf))).map(([entry]) => entry?.id);
    expect(ids[0]).not.toBe(ids[1]);
  });
});

describe('Idempotency-Key of a start', () => {
  const named = (name: string) => ({ 'Idempotency-Key': name });
  const runOf = async (answer: Promise<Answer>) => (await answer).body.runId as string;

  test.each(['', '/reauthenticate'])(
    'a repeated POST …%s with the same Idempotency-Key starts no second run, even after the first run has ended',
    async (then) => {
      const key = service.stage.install('Brightdesk');

      const first = await post(key, then, {}, named('order 1'));
      const meanwhile = await post(key, then, {}, named('order 1'));
      await post(key, '/cancel');
      const afterwards = await post(key, then, {}, named('order 1'));
      const another = await post(key, then, {}, named('order 2'));

      const { runId, intent } = first.body;
      expect(first).toMatchObject({ status: 201, body: { started: true } });
      expect(meanwhile).toMatchObject({ status: 200, body: { started: false, runId, intent } });
      expect(afterwards).toMatchObject({ status: 200, body: { started: false, runId, intent } });
      expect(another).toMatchObject({ status: 201, body: { started: true } });
      expect(another.body.runId).not.toBe(runId);
    },
  );

  test('without an Idempotency-Key, a start after the end of the flow starts a new run', async () => {
    const key = service.stage.install('Brightdesk');

    const first = await runOf(post(key, ''));
    await post(key, '/cancel');

    expect(await runOf(post(key, ''))).not.toBe(first);
  });

  test('a start and a re-authentication with the same Idempotency-Key start two runs', async () => {
    const key = service.stage.install('Brightdesk');

    const first = await runOf(post(key, '', {}, named('order 1')));
    await post(key, '/cancel');

    expect(await runOf(post(key, '/reauthenticate', {}, named('order 1')))).not.toBe(first);
  });

  test('five simultaneous starts with the same Idempotency-Key start one run', async () => {
    const key = service.stage.install('Brightdesk');

    const answers = await Promise.all(Array.from({ length: 5 }, () => post(key, '', {}, named('order 1'))));

    expect(answers.every(({ status }) => status === 201 || status === 200)).toBe(true);
    expect(answers.some(({ status }) => status === 201)).toBe(true);
    expect(new Set(answers.map(({ body }) => body.runId)).size).toBe(1);
  });

  test('the memo of the run has a digest of the Idempotency-Key, and not the key itself', async () => {
    const key = service.stage.install('Brightdesk');

    await post(key, '', {}, named('order of Mr Miller'));

    const { memo } = await service.stage.client.workflow.getHandle(workflowIdOf(key)).describe();
    expect(memo).toEqual({ idempotencyKey: expect.stringMatching(/^[\w-]{43}$/) });
  });
});

test('after the consent, POST …/confirm verifies the connector and is answered with the state authenticated', async () => {
  const key = await waiting('Ledgerly', 'awaitingAuthorization');

  const early = await post(key, '/confirm');
  const link = await post(key, '/authorization', { returnTo: `${ORIGIN}/done` });
  const outcome = await service.stage.sandbox.consent(link.body.url, 'approve');
  const done = await post(key, '/confirm', { attemptId: link.body.attemptId });

  expect(early).toMatchObject({ status: 409, body: { code: 'notNow', view: { state: 'awaitingAuthorization' } } });
  expect(link).toMatchObject({ status: 200, body: { attemptId: expect.any(String), expiresAt: expect.any(String) } });
  expect(outcome.location).toBe(`${ORIGIN}/done`);
  expect(done).toMatchObject({ status: 200, body: { state: 'authenticated' } });
});

test('the `by` of a start begins with the name of the API key, and a `by` over 100 characters is malformed', async () => {
  const [named, unnamed] = [service.stage.install('Brightdesk'), service.stage.install('Brightdesk')];

  const tooLong = await post(named, '', { by: 'x'.repeat(10_000) });
  await post(named, '', { by: 'session:1 shop' });
  await service.call('POST', pathOf(unnamed), { token: UNNAMED_KEY, body: { by: 'shop' } });

  expect(tooLong).toMatchObject({ status: 422, body: { code: 'malformed' } });
  const { auth, client } = service.stage;
  const inputs = [named, unnamed].map(async (key) => {
    const { runId } = await auth.progress(key);
    return inputOf<Input>(client, { workflowId: workflowIdOf(key), runId });
  });
  expect((await Promise.all(inputs)).map((input) => input?.by)).toEqual(['backend:crm session:1 shop', 'backend shop']);
});

test.each(['http', 'library'])(
  'in a request for a link (%s), the URL parser normalizes the return address before Cyclr gets this address',
  async (by) => {
    const key = await waiting('Ledgerly', 'awaitingAuthorization');
    const returnTo = `${ORIGIN}\\@evil.example/`;

    const { url } =
      by === 'http'
        ? (await post(key, '/authorization', { returnTo })).body
        : await service.stage.auth.requestAuthorization(key, { returnTo });

    expect((await service.stage.sandbox.consent(url, 'approve')).location).toBe(`${ORIGIN}/@evil.example/`);
  },
);

test('after a consent by a link without returnTo, the browser returns to the return page of the service', async () => {
  const key = await waiting('Ledgerly', 'awaitingAuthorization');

  const link = await post(key, '/authorization');
  const outcome = await service.stage.sandbox.consent(link.body.url, 'approve');
  const confirmed = await post(key, '/confirm'); // without attemptId in the body, the service confirms the newest attempt

  expect(outcome.location).toMatch(new RegExp(`^${service.url}/connect/return\\?attempt=`));
  expect(confirmed.body.state).toBe('authenticated');
});

test('the timeline has the sender and the reason of a cancel, and a later input is answered with 409 closed and the last view', async () => {
  const key = await waiting('Brightdesk', 'awaitingCredentials');

  const cancelled = await post(key, '/cancel', { reason: 'changed their mind' });
  const late = await post(key, '/credentials', apiKey());

  expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  expect((await service.stage.auth.timeline(key)).entries.at(-1)).toMatchObject({
    event: 'cancelled',
    by: 'backend:crm',
    note: 'changed their mind',
  });
  expect(late).toMatchObject({ status: 409, body: { code: 'closed', view: { state: 'cancelled' } } });
});

test('a re-authentication is refused while an authentication runs, and starts a new run after the authentication has ended', async () => {
  const key = await waiting('Brightdesk', 'awaitingCredentials');

  const beside = await post(key, '/reauthenticate');
  await post(key, '/credentials', apiKey());
  const started = await post(key, '/reauthenticate', { by: 'shop' });

  expect(beside).toMatchObject({
    status: 409,
    body: { code: 'alreadyRunning', view: { state: 'awaitingCredentials' } },
  });
  expect(started).toMatchObject({ status: 201, body: { started: true, intent: 'reauthenticate' } });
  expect((await reaches(key, 'awaitingCredentials')).intent).toBe('reauthenticate');
});

describe('the list of an account', () => {
  const listed = (accountId: string, query = '') =>
    service.asBackend('GET', `/v1/accounts/${encodeURIComponent(accountId)}/connectors${query}`);

  test('the list of an account has the latest run of each connector, has several pages, and can be filtered by state', async () => {
    const accountId = `account-${randomUUID()}`;
    const keys = ['Brightdesk', 'Ledgerly', 'Openrates'].map((connector) =>
      service.stage.install(connector, { accountId }),
    );
    await post(keys[0]!, '');
    await reaches(keys[0]!, 'awaitingCredentials');
    await post(keys[0]!, '/cancel');
    for (const key of keys) await post(key, '');
    const { body } = await eventually(
      () => listed(accountId),
      ({ body: { items } }) =>
        items.map(({ state }: { state: string }) => state).join() ===
        'awaitingCredentials,awaitingAuthorization,authenticated',
    );

    // Waits until the run of Openrates is closed: a run that closes between the two calls below can be on both pages,
    // and a run closes only after its final state is visible.
    const closed = `WorkflowId = "${workflowIdOf(keys[2]!)}" AND CloseTime IS NOT NULL`;
    await eventually(
      () => service.stage.client.workflow.count(closed),
      ({ count }) => count === 1,
    );

    const first = await listed(accountId, '?pageSize=2&page=1');
    const second = await listed(accountId, `?pageSize=2&page=${first.body.next}`);
    const cancelled = await listed(accountId, '?state=cancelled');
    const authenticated = await listed(accountId, '?state=authenticated');

    expect(body.items).toEqual(
      keys.map(({ connectorId }, i) => ({
        accountId,
        connectorId,
        name: ['Brightdesk', 'Ledgerly', 'Openrates'][i],
        state: expect.any(String),
        since: expect.stringMatching(/^20.*Z$/),
        connected: i === 2,
        runId: expect.any(String),
      })),
    );
    expect(body.next).toBeUndefined();
    const paged = [...first.body.items, ...second.body.items] as ConnectorKey[];
    expect(paged.map(({ connectorId }) => connectorId).sort()).toEqual(
      keys.map(({ connectorId }) => connectorId).sort(),
    );
    expect(first.body.items).toHaveLength(2);
    expect(cancelled.body.items).toEqual([]); // the cancelled run is not the latest run of its connector
    expect(authenticated.body.items).toMatchObject([{ connectorId: keys[2]!.connectorId }]);
  });

  test.each([
    "o'brien",
    String.raw`back\slash`,
    String.raw`\' OR CyclrAccountId != '`,
    `' OR CyclrAccountId != '`,
    'dou"ble',
    'Müller & Söhne/1',
    '%',
    '_',
  ])('the list of the account %j has the flows of that account only', async (accountId) => {
    const key = service.stage.install('Brightdesk', { accountId });
    await post(key, '');

    const { status, body } = await eventually(
      () => listed(accountId),
      (answer) => answer.status !== 200 || answer.body.items.length > 0,
    );

    expect(status).toBe(200);
    expect(body.items).toMatchObject([key]);
  });

  test('the audit of an account has one line of JSON for each timeline entry, with the sender of each message', async () => {
    const accountId = `account-${randomUUID()}`;
    const key = service.stage.install('Brightdesk', { accountId });
    await post(key, '');
    await reaches(key, 'awaitingCredentials');
    await post(key, '/cancel', { reason: 'wrong customer' });
    const audit = (query = '') =>
      fetch(`${service.url}/v1/accounts/${accountId}/audit${query}`, {
        headers: { Authorization: `Bearer ${service.apiKey}` },
      });

    const lines = await eventually(
      async () => (await (await audit()).text()).trimEnd().split('\n'),
      (all) => all.length === 2,
    );

    expect((await audit()).headers.get('content-type')).toBe('application/x-ndjson');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { ...key, from: 'fetchingConnector', event: 'connectorFetched', to: 'awaitingCredentials' },
      { ...key, event: 'cancelled', to: 'cancelled', by: 'backend:crm', note: 'wrong customer' },
    ]);
    expect((await audit('?from=yesterday')).status).toBe(422);
  });

  test('the list of an unknown account is empty', async () => {
    expect(await listed('nobody')).toMatchObject({ status: 200, body: { items: [] } });
  });
});

describe('the flows of all accounts', () => {
  const flows = (query: string) => service.asBackend('GET', `/v1/flows?${query}`);
  const flowsOf = (accountId: string, more = '') => flows(`accountId=${encodeURIComponent(accountId)}${more}`);
  /** Starts a flow in each of two new accounts. Cyclr answers the first call of each flow with 403. */
  const inTrouble = async () => {
    const keys = ['one', 'two'].map((name) =>
      service.stage.install('Brightdesk', { accountId: `${name}-${randomUUID()}` }),
    );
    for (const key of keys) {
      service.stage.sandbox.fault({ match: { account: key.accountId }, then: { status: 403 } });
      await post(key, '');
    }
    return keys as [ConnectorKey, ConnectorKey];
  };

  test('the list of flows can be filtered by account, state, problem and age, and a request with a forged value of `page` is refused', async () => {
    const [one, two] = await inTrouble();
    const wanted = ({ body: { items } }: Answer, { connectorId, accountId }: ConnectorKey) =>
      items.some((item: ConnectorKey) => item.accountId === accountId && item.connectorId === connectorId);
    const trouble = await eventually(
      () => flows('problem=operatorsTrouble'),
      (answer) => wanted(answer, one) && wanted(answer, two),
    );

    expect(trouble.body.items).toContainEqual({
      ...one,
      state: 'fetchingConnector',
      problem: 'operatorsTrouble',
      since: expect.any(String),
      runId: expect.any(String),
    });
    expect((await flowsOf(one.accountId)).body.items).toMatchObject([one]);
    expect((await flowsOf(one.accountId, '&state=fetchingConnector')).body.items).toMatchObject([one]);
    expect((await flowsOf(one.accountId, '&state=awaitingCredentials')).body.items).toEqual([]);
    expect((await flowsOf(one.accountId, '&olderThan=1 hour')).body.items).toEqual([]);
    expect((await flowsOf(one.accountId, '&olderThan=1 ms')).body.items).toMatchObject([one]);
    expect(await flows('page=forged')).toMatchObject({ status: 422, body: { code: 'malformed' } });
  });

  test('each page of the list of flows names the next page, until all flows are listed', async () => {
    const accountId = `account-${randomUUID()}`;
    const keys = [1, 2, 3].map(() => service.stage.install('Brightdesk', { accountId }));
    for (const key of keys) await post(key, '');
    await eventually(
      () => flowsOf(accountId),
      ({ body }) => body.items.length === 3,
    );

    const seen: number[] = [];
    let page: string | undefined;
    do {
      const answer = await service.stage.auth.flows({ accountId, page, pageSize: 2 });
      seen.push(...answer.items.map(({ connectorId }) => connectorId));
      page = answer.next;
    } while (page !== undefined);

    expect(seen.sort()).toEqual(keys.map(({ connectorId }) => connectorId).sort());
  });

  test('a batch rechecks the flows with a problem, and a batch without a filter is refused as malformed', async () => {
    const keys = await inTrouble();
    await eventually(
      () => flows('problem=operatorsTrouble'),
      ({ body }) => keys.every(({ accountId }) => JSON.stringify(body).includes(accountId)),
    );

    const nothing = await service.asBackend('POST', '/v1/flows/recheck', {});
    const answer = await service.asBackend('POST', '/v1/flows/recheck', { problem: 'operatorsTrouble' });

    expect(nothing).toMatchObject({ status: 422, body: { code: 'malformed' } });
    expect(answer).toMatchObject({ status: 202, body: { batchId: expect.any(String) } });
    for (const key of keys) expect((await reaches(key, 'awaitingCredentials')).problem).toBeUndefined();
  });

  test('a batch cancels the flows of an account', async () => {
    const key = service.stage.install('Brightdesk');
    await post(key, '');
    await reaches(key, 'awaitingCredentials');
    await eventually(
      () => flowsOf(key.accountId, '&state=awaitingCredentials'),
      ({ body }) => body.items.length > 0,
    );

    const answer = await eventually(
      () => service.asBackend('POST', '/v1/flows/cancel', { accountId: key.accountId }),
      ({ status }) => status !== 429, // the service answers 429 as long as the batch of another test is running
    );

    expect(answer.status).toBe(202);
    expect((await reaches(key, 'cancelled')).state).toBe('cancelled');
    expect((await service.stage.auth.timeline(key)).entries.at(-1)).toMatchObject({
      event: 'cancelled',
      by: 'backend:crm',
      note: `batch ${answer.body.batchId}`,
    });
  });
});
