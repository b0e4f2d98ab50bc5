/** Connections over HTTP: their state with and without a monitor, the monitoring, and Cyclr's webhook. */
import { randomUUID } from 'node:crypto';
import { OnboardingError, OnboardingService } from '../../client/http';
import type { ListedConnection } from '../../client/answers';
import { connectionWorkflowIdOf } from '../../workflows/connection';
import type { ConnectorKey } from '../../workflows/connector';
import { transactionErrorWorkflowIdOf } from '../../workflows/transaction-errors';
import { eventually } from '../support/eventually';
import { openService, type Service } from './scene';
import { CYCLR_WEBHOOK_SECRET } from './server';

const WEBHOOK = `/v1/cyclr/transaction-errors/${CYCLR_WEBHOOK_SECRET}`;

let service: Service;
let backend: OnboardingService;
beforeAll(async () => {
  service = await openService();
  backend = new OnboardingService({ url: service.url, apiKey: service.apiKey });
});
afterAll(() => service.close());

/** Installs connectors in a new account. Cyclr reports each connector as authenticated. */
function account(...connectors: string[]): ConnectorKey[] {
  const accountId = `account-${randomUUID()}`;
  return connectors.map((connector) => service.stage.install(connector, { accountId, patch: { Authenticated: true } }));
}

const one = (connector = 'Brightdesk') => account(connector)[0]!;
const setAuthenticated = ({ accountId, connectorId }: ConnectorKey, Authenticated: boolean) =>
  service.stage.sandbox.update(accountId, connectorId, { Authenticated });

async function connections(accountId: string): Promise<ListedConnection[]> {
  const found: ListedConnection[] = [];
  for await (const connection of backend.connections(accountId, { pageSize: 1 })) found.push(connection);
  return found;
}

test('a second call of monitor makes the monitor re-read the connector only if the call changes the interval, and the connection shows the last read', async () => {
  const key = one();

  const started = await backend.monitor(key, { every: '6 hours' });
  const again = await backend.monitor(key);
  setAuthenticated(key, false);
  const known = await backend.connection(key);
  const broken = await backend.monitor(key, { every: '1 hour' });
  const stopped = await backend.monitor(key, { stop: true });

  expect(started).toMatchObject({ ...key, state: 'connected', name: 'Brightdesk', checkedAt: expect.any(String) });
  expect(again).toEqual(started);
  expect(known).toEqual(started);
  expect(broken).toMatchObject({ state: 'broken', since: broken.checkedAt });
  expect(stopped).toEqual(broken);
});

test('a connector that needs no authentication is connected, although Cyclr reports it as not authenticated', async () => {
  const key = one('Openrates');
  setAuthenticated(key, false);

  expect(await backend.monitor(key)).toMatchObject({ ...key, state: 'connected', checkedAt: expect.any(String) });
});

test('the state of a connection without a monitor comes from the latest flow', async () => {
  const [connected, waiting] = account('Brightdesk', 'Plainfield') as [ConnectorKey, ConnectorKey];
  setAuthenticated(waiting, false);
  const { runId } = await service.stage.auth.start(connected);
  await service.stage.auth.result(connected);
  await service.stage.sceneIn('awaitingCredentials', waiting);

  expect(await backend.connection(connected)).toMatchObject({
    ...connected,
    state: 'connected',
    lastOutcome: { runId, state: 'authenticated' },
    revision: 0,
  });
  expect(await backend.connection(waiting)).toMatchObject({ ...waiting, state: 'broken' });
  await expect(backend.connection({ ...connected, connectorId: 999_999 })).rejects.toMatchObject({ code: 'notFound' });
});

test('without a monitor, a new flow that has not read Cyclr yet changes neither the state nor the outcome of the connection', async () => {
  const key = one();
  await service.stage.auth.start(key);
  await service.stage.auth.result(key);
  const before = await eventually(
    () => backend.connection(key),
    ({ state }) => state === 'connected',
  );
  const release = service.stage.sandbox.fault({ match: { account: key.accountId }, then: 'held' });

  const { started } = await backend.start(key);
  // The list of visibility, which has the earlier run, can lack the last run for some time.
  const during = await eventually(
    () => backend.connection(key),
    ({ lastOutcome }) => lastOutcome !== undefined,
  );
  release();

  expect(started).toBe(true);
  expect(during).toEqual(before);
});

test('the list of an account has each connection once, even if the account id has quotes', async () => {
  const accountId = `o'brien "${randomUUID()}"`;
  const keys = ['Brightdesk', 'Plainfield'].map((connector) =>
    service.stage.install(connector, { accountId, patch: { Authenticated: true } }),
  ) as [ConnectorKey, ConnectorKey];
  await Promise.all(keys.map((key) => service.stage.auth.start(key)));
  await Promise.all(keys.map((key) => service.stage.auth.result(key)));
  await backend.monitor(keys[1]);

  const found = await eventually(
    () => connections(accountId),
    (items) => items.length === 2 && items.every(({ state, name }) => state === 'connected' && name !== undefined),
  );

  expect(found.map(({ connectorId }) => connectorId)).toEqual([keys[1].connectorId, keys[0].connectorId]);
  await expect(service.stage.auth.connections({ accountId, page: 'x' })).rejects.toMatchObject({
    code: 'invalidInput',
  });
});

test('the service refuses to monitor a connector at an interval of less than a minute', async () => {
  const fault: unknown = await backend.monitor(one(), { every: '1 second' }).catch((err: unknown) => err);

  expect(fault).toBeInstanceOf(OnboardingError);
  expect(fault).toMatchObject({ code: 'malformed' });
});

describe("Cyclr's webhook", () => {
  const messageOf = ({ accountId }: ConnectorKey, CycleId: string, more: object = {}) => ({
    Timestamp: new Date().toISOString(),
    AccountId: accountId,
    AccountExternalId: randomUUID(),
    CycleId,
    TransactionId: randomUUID(),
    Message: 'Failed to authenticate the connector',
    Detail: 'text of the third party',
    ...more,
  });

  /** Makes a cycle of connectors, and starts a monitor of the first connector. */
  async function cycleOf(...connectors: string[]) {
    const keys = account(...connectors) as [ConnectorKey, ...ConnectorKey[]];
    const cycleId = service.stage.sandbox.createCycle(
      keys[0].accountId,
      keys.map(({ connectorId }) => connectorId),
    );
    const first = await backend.monitor(keys[0]);
    // A message of the webhook has an effect only if visibility already has the monitor.
    await eventually(
      () => connections(keys[0].accountId),
      (found) => found.some(({ connectorId }) => connectorId === keys[0].connectorId),
    );
    const workflowId = transactionErrorWorkflowIdOf({ accountId: keys[0].accountId, cycleId });
    return { key: keys[0], cycleId, first, handle: service.stage.client.workflow.getHandle(workflowId) };
  }

  test('if the webhook gets many messages about a cycle with one connector, the monitor of the connector gets only one report, and the connection becomes broken', async () => {
    const { key, cycleId, handle } = await cycleOf('Brightdesk');

    const answers = await Promise.all(
      Array.from({ length: 30 }, () => service.call('POST', WEBHOOK, { body: messageOf(key, cycleId) })),
    );
    await eventually(
      () => backend.connection(key),
      ({ state }) => state === 'broken',
    );
    const history = JSON.stringify((await handle.fetchHistory()).events);
    const { events } = await service.stage.client.workflow.getHandle(connectionWorkflowIdOf(key)).fetchHistory();

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
    const signals = events!.filter((event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'reportFailure'); // prettier-ignore
    expect(signals).toHaveLength(1);
    expect(history).not.toContain('third party');
  });

  test('a message of the webhook about a cycle with several connectors makes the monitor re-read its connector, and the message alone does not make the connection broken', async () => {
    const { key, cycleId, first } = await cycleOf('Brightdesk', 'Plainfield');

    await service.call('POST', WEBHOOK, { body: messageOf(key, cycleId) });
    const read = await eventually(
      () => backend.connection(key),
      ({ checkedAt }) => checkedAt !== first.checkedAt,
    );

    expect(read.state).toBe('connected');
  });

  test('a call of the webhook with a wrong secret is answered with 404, and starts no workflow', async () => {
    const { key, cycleId, handle } = await cycleOf('Brightdesk');
    const body = messageOf(key, cycleId);

    for (const secret of ['wrong', CYCLR_WEBHOOK_SECRET.slice(1), `${CYCLR_WEBHOOK_SECRET}x`])
      expect(await service.call('POST', `/v1/cyclr/transaction-errors/${secret}`, { body })).toMatchObject({
        status: 404,
      });

    await expect(handle.describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
  });

  test('a call of the webhook whose body is no complete authentication error is answered with 204, and starts no workflow', async () => {
    const { key, cycleId, handle } = await cycleOf('Brightdesk');
    const bodies = [
      messageOf(key, cycleId, { Message: 'Another error' }),
      messageOf(key, cycleId, { AccountId: ' ', AccountExternalId: 7 }),
      messageOf(key, cycleId, { CycleId: undefined }),
      '{"Message":',
      'x'.repeat(300_000),
    ];

    for (const body of bodies) expect(await service.call('POST', WEBHOOK, { body })).toMatchObject({ status: 204 });
    expect((await fetch(`${service.url}${WEBHOOK}`, { method: 'POST' })).status).toBe(204);

    await expect(handle.describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
  });

  test('the secret in the path of the webhook is not in the log', async () => {
    await service.call('POST', WEBHOOK, { body: '{}' });
    const log = await eventually(
      () => service.log.join('\n'),
      (lines) => lines.includes('/v1/cyclr/transaction-errors/:secret'),
    );

    expect(log).not.toContain(CYCLR_WEBHOOK_SECRET);
  });
});
