/** The lists of connectors and connections, and the audit of ConnectorAuth, and the command `bulk` on a real server. */
import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import type { EventState } from '../../client/answers';
import type { Connected } from '../../cli/cli';
import type { FlowFilter } from '../../client/flow-list';
import { auditEntries } from '../../client/audit';
import { ConnectorAuthError } from '../../client/connector-auth-error';
import { FlowCalls } from '../../client/flow-calls';
import type { interceptors } from '../../temporal/grpc-retry';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import type { StateName } from '../../workflows/view';
import { cli } from '../cli/scene';
import { eventually } from '../support/eventually';
import { startReceiver, status, type Receiver } from '../support/receiver';
import { openStage, type Stage } from '../support/stage';

let stage: Stage;
beforeAll(async () => (stage = await openStage()));
afterAll(() => stage.close());

type Request = Parameters<ConnectorAuth['list']>[0];

/** The items of each page, from the first to the last. */
async function pagesFrom<T>(read: (page?: string) => Promise<{ items: T[]; next?: string }>): Promise<T[][]> {
  const pages: T[][] = [];
  let page: string | undefined;
  do {
    const { items, next } = await read(page);
    pages.push(items);
    page = next;
  } while (page !== undefined);
  return pages;
}
const pagesOf = (request: Request) => pagesFrom((page) => stage.auth.list({ ...request, page }));

/** Starts a flow of the connector and waits for its end, `times` times. */
async function runs(key: ConnectorKey, times: number): Promise<void> {
  for (let run = 0; run < times; run++) {
    await stage.auth.start(key);
    await stage.auth.result(key);
  }
}

const indexed = (accountId: string, count: number) =>
  eventually(
    () =>
      stage.client.workflow.count(`WorkflowId STARTS_WITH "connector-auth/${accountId}/" AND CloseTime IS NOT NULL`),
    (found) => found.count === count,
  );
async function itemsOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
const ids = (items: { connectorId: number }[]) => items.map(({ connectorId }) => connectorId).sort();

describe('an account whose runs fill more than one page', () => {
  const accountId = `account-${randomUUID()}`;
  let ended: ConnectorKey[];
  let waiting: ConnectorKey;
  beforeAll(async () => {
    ended = ['Openrates', 'Openrates', 'Openrates'].map((name) => stage.install(name, { accountId }));
    waiting = stage.install('Brightdesk', { accountId });
    await Promise.all(ended.map((key) => runs(key, 4)));
    for (let run = 0; run < 2; run++) {
      await stage.auth.start(waiting);
      await stage.auth.cancel(waiting);
    }
    await stage.sceneIn('awaitingCredentials', waiting);
    await indexed(accountId, 14);
    const ofWaiting = `WorkflowId = "${workflowIdOf(waiting)}" AND ConnectorAuthState = "awaitingCredentials"`;
    await eventually(
      () => stage.client.workflow.count(ofWaiting),
      ({ count }) => count === 1,
    );
  });

  test.each([1, 2, 3, 5, 50])(
    'with %d runs on a page, each connector is listed once, with its latest run',
    async (pageSize) => {
      const pages = await pagesOf({ accountId, pageSize });

      const items = pages.flat();
      expect(ids(items)).toEqual(ids([...ended, waiting]));
      for (const { runId, ...key } of items) expect(runId).toBe((await stage.auth.latestRun(key)).runId);
      expect(pages.every((page) => page.length <= pageSize)).toBe(true);
    },
  );

  test('a filter by state finds the connectors whose latest run is in this state', async () => {
    const inState = async (state: Request['state']) => ids((await pagesOf({ accountId, state, pageSize: 2 })).flat());

    expect(await inState('authenticated')).toEqual(ids(ended));
    expect(await inState('awaitingCredentials')).toEqual([waiting.connectorId]);
    expect(await inState('cancelled')).toEqual([]); // no connector has a cancelled run as its latest run
  });

  test('if each listed run has read its connector, list() makes one call of ListWorkflowExecutions for a page, and at most one further call for each run on the page', async () => {
    const calls: string[] = [];
    const counting: (typeof interceptors)[number] = (options, next) => {
      calls.push(options.method_definition.path.split('/').at(-1)!);
      return next(options) as never;
    };
    const { address } = stage.connection.options;
    const connection = await Connection.connect({ address, interceptors: [counting] });
    const auth = new ConnectorAuth(new Client({ connection, namespace: stage.namespace }));
    calls.length = 0;

    await auth.list({ accountId, pageSize: 3 }).finally(() => connection.close());

    expect(calls.filter((call) => call === 'ListWorkflowExecutions')).toHaveLength(1);
    expect(calls.filter((call) => call !== 'ListWorkflowExecutions').length).toBeLessThanOrEqual(3);
  });

  test('the audit has the timeline of each run, the oldest run first, even if the audit lists at most two runs at once', async () => {
    const entries = await itemsOf(stage.auth.audit({ accountId }));
    const readTimeline = ({ connectorId }: ConnectorKey) => stage.auth.timeline({ accountId, connectorId });
    const parts = { client: stage.client, calls: new FlowCalls(stage.client), readTimeline, runsAtOnce: 2 };
    const inSmallGroups = await itemsOf(auditEntries(parts, { accountId }));

    expect(inSmallGroups).toEqual(entries);
    const runIds = entries.map(({ runId }) => runId).filter((runId, index, all) => runId !== all[index - 1]);
    expect(runIds).toHaveLength(15);
    expect(new Set(runIds).size).toBe(15);
    // Runs of two connectors can start at nearly the same time, so the test checks the order of each connector's runs.
    for (const { connectorId } of [...ended, waiting]) {
      const times = entries.filter((entry) => entry.connectorId === connectorId).map(({ at }) => at);
      expect(times).toEqual([...times].sort());
    }
    const { runId } = await stage.auth.latestRun(waiting);
    const { entries: timeline } = await stage.auth.timeline(waiting);
    expect(entries.filter((entry) => entry.runId === runId)).toEqual(
      timeline.map((entry) => ({ ...waiting, runId, ...entry })),
    );
  });

  test('the audit has only the runs that started between `from` and `to`', async () => {
    const entries = await itemsOf(stage.auth.audit({ accountId }));
    const { startedAt } = await stage.auth.latestRun(waiting);

    const since = await itemsOf(stage.auth.audit({ accountId, from: startedAt }));
    const before = await itemsOf(stage.auth.audit({ accountId, to: startedAt }));

    expect(since.length).toBeGreaterThan(0);
    expect(before.length).toBeGreaterThan(0);
    expect([...before, ...since]).toEqual(entries);
    await expect(itemsOf(stage.auth.audit({ accountId, from: 'yesterday' }))).rejects.toMatchObject({ code: 'invalidInput' }); // prettier-ignore
  });
});

test('without a worker the audit has the start of an open run, the start and the end of a terminated run, and the timeline of an ended run', async () => {
  const accountId = `account-${randomUUID()}`;
  const [done, terminated, open] = ['Openrates', 'Brightdesk', 'Brightdesk'].map((name) => stage.install(name, { accountId })); // prettier-ignore
  await runs(done!, 1);
  await stage.sceneIn('awaitingCredentials', terminated!);
  await stage.client.workflow.getHandle(workflowIdOf(terminated!)).terminate();
  await stage.sceneIn('awaitingCredentials', open!);
  await eventually(
    () => stage.client.workflow.count(`WorkflowId STARTS_WITH "connector-auth/${accountId}/"`),
    ({ count }) => count === 3,
  );
  await indexed(accountId, 2);
  const { entries } = await stage.auth.timeline(done!);
  await stage.stopWorker();

  const found = await itemsOf(stage.auth.audit({ accountId })).finally(() => stage.restartWorker());

  expect(found).toMatchObject([
    ...entries.map((entry) => ({ ...done, ...entry })),
    { ...terminated, event: 'started' },
    { ...terminated, event: 'ended', to: 'failed' },
    { ...open, event: 'started' },
  ]);
});

describe('terminated runs', () => {
  const accountId = `account-${randomUUID()}`;
  let keys: ConnectorKey[];
  beforeAll(async () => {
    keys = ['Brightdesk', 'Brightdesk'].map((name) => stage.install(name, { accountId }));
    const elsewhere = new ConnectorAuth(stage.client, { taskQueue: 'no-worker' });
    await elsewhere.start(keys[0]!);
    await stage.sceneIn('awaitingCredentials', keys[1]!);
    for (const key of keys) await stage.client.workflow.getHandle(workflowIdOf(key)).terminate();
    await indexed(accountId, 2);
  });

  test('a run that ended before its first workflow task has an empty timeline, and its start and end in the audit', async () => {
    const timelines = await Promise.all(keys.map((key) => stage.auth.timeline(key)));
    const entries = await itemsOf(stage.auth.audit({ accountId }));

    expect(timelines[0]).toEqual({ entries: [] });
    expect(timelines[1]!.entries.length).toBeGreaterThan(0);
    expect(entries).toMatchObject([
      { ...keys[0], event: 'started' },
      { ...keys[0], event: 'ended', to: 'failed' },
      ...timelines[1]!.entries.map((entry) => ({ ...keys[1], ...entry })),
    ]);
  });

  test('if Temporal refuses the query of one run, the audit still has the timelines of the other runs', async () => {
    const refused = new ConnectorAuthError('noWorker', 'refused at once');
    const readTimeline = (key: ConnectorKey) =>
      key.connectorId === keys[0]!.connectorId ? Promise.reject(refused) : stage.auth.timeline(key);
    const parts = { client: stage.client, calls: new FlowCalls(stage.client), readTimeline, runsAtOnce: 1 };

    const entries = await itemsOf(auditEntries(parts, { accountId }));

    const { entries: timeline } = await stage.auth.timeline(keys[1]!);
    expect(entries).toMatchObject([
      { ...keys[0], event: 'started' },
      { ...keys[0], event: 'ended' },
      ...timeline.map((entry) => ({ ...keys[1], ...entry })),
    ]);
  });
});

describe('the command bulk on a real server', () => {
  const connect = async () => ({ flows: stage.auth, close: async () => undefined }) as Partial<Connected> as Connected;
  const bulk = (...argv: string[]) => cli(['bulk', ...argv], { connect });
  let receiver: Receiver;
  beforeAll(async () => (receiver = await startReceiver()));
  afterAll(() => receiver.close());
  const listed = (filter: FlowFilter, count: number) =>
    eventually(
      () => stage.auth.flows(filter),
      ({ items }) => items.length === count,
    );

  test('bulk reauthenticate starts one flow for each connector of the account, and a repetition with the same id starts no flow', async () => {
    const accountId = `account-${randomUUID()}`;
    const keys = ['Openrates', 'Openrates'].map((name) => stage.install(name, { accountId }));
    const waiting = stage.install('Brightdesk', { accountId });
    await Promise.all(keys.map((key) => runs(key, 2)));
    await stage.auth.start(waiting);
    await listed({ accountId, state: 'authenticated' }, 4);
    const command = ['reauthenticate', '--account', accountId, '--json'];
    const runIds = () => Promise.all([...keys, waiting].map(async (key) => (await stage.auth.latestRun(key)).runId));
    const before = await runIds();

    const dry = await bulk(...command, '--dry-run');
    const unconfirmed = await bulk(...command);
    expect(await runIds()).toEqual(before);
    const first = await bulk(...command, '--yes', '--id', 'june');
    await Promise.all(keys.map((key) => stage.auth.result(key)));
    const after = await runIds();
    const second = await bulk(...command, '--yes', '--id', 'june');

    expect(JSON.parse(dry.stdout).matched).toBe(2);
    expect(unconfirmed).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('2 selected') });
    expect(JSON.parse(first.stdout)).toEqual({ id: 'june', matched: 2, started: 2, refused: 0 });
    expect(JSON.parse(second.stdout)).toEqual({ id: 'june', matched: 2, started: 0, refused: 0 });
    expect(after.map((runId, index) => runId === before[index])).toEqual([false, false, true]);
    expect(await runIds()).toEqual(after);
  });

  test('bulk cancel cancels only the flows of connectors with the given name, and the name can not change the query', async () => {
    const accountId = `account-${randomUUID()}`;
    const keys = ['Brightdesk', 'Brightdesk', 'Fernhill'].map((name) => stage.install(name, { accountId }));
    await Promise.all(keys.map((key) => stage.auth.start(key)));
    await listed({ accountId, name: 'Brightdesk' }, 2);
    await listed({ accountId, name: 'Fernhill' }, 1);

    const injected = await bulk('cancel', '--connector-name', `' OR ConnectorName != '`, '--yes', '--json');
    const { exitCode, stdout } = await bulk('cancel', '--account', accountId, '--connector-name', 'Brightdesk', '--yes', '--json'); // prettier-ignore
    const ends = await Promise.all(keys.slice(0, 2).map((key) => stage.auth.result(key)));

    expect(JSON.parse(injected.stdout)).toEqual({ matched: 0 });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ batchId: expect.any(String), matched: 2 });
    expect(ends.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
    expect((await stage.auth.latestRun(keys[2]!)).open).toBe(true);
  });

  test('bulk redeliver delivers the undelivered events of the account again, and each list then has only their latest deliveries', async () => {
    await stage.restartWorker({}, { default: { url: receiver.url, secrets: [receiver.secret] } });
    const key = stage.install('Openrates', { accountId: `account "${randomUUID()}"` });
    const { accountId } = key;
    const events = (state: EventState) =>
      eventually(
        () => stage.auth.events({ accountId, state }),
        ({ items }) => items.length === 1,
      );
    receiver.answers(status(410));
    await runs(key, 1);
    const { items } = await events('undelivered');
    receiver.answers();

    const { exitCode, stdout } = await bulk('redeliver', '--account', accountId, '--yes', '--json');

    expect({ exitCode, ...JSON.parse(stdout) }).toEqual({ exitCode: 0, matched: 1, redelivered: 1, refused: 0 });
    expect((await events('delivered')).items.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
    expect((await stage.auth.events({ accountId, state: 'undelivered' })).items).toEqual([]);
    const pages = await pagesFrom((page) => stage.auth.events({ accountId, pageSize: 1, page }));
    expect(pages.flat()).toMatchObject([{ id: items[0]!.id, state: 'delivered' }]);
    await stage.restartWorker();
  });
});

test('lists, audit and batches of an account leave out an account whose id differs only in the case of the letters', async () => {
  const accountId = `account-${randomUUID()}`;
  const [own, foreign] = await Promise.all(
    [accountId, accountId.toUpperCase()].map(async (id) => {
      const scene = await stage.sceneIn('awaitingCredentials', stage.install('Brightdesk', { accountId: id }));
      await stage.auth.monitor(scene.key, {});
      return scene;
    }),
  );
  const isListed = ({ key }: { key: ConnectorKey }) =>
    eventually(
      () => stage.auth.flows({ accountId: key.accountId, state: 'awaitingCredentials' }),
      ({ items }) => items.length > 0,
    );
  await Promise.all([own!, foreign!].map(isListed));

  const { items: connectors } = await stage.auth.list({ accountId });
  const { items: flows } = await stage.auth.flows({ accountId });
  const connections = await eventually(
    () => pagesFrom((page) => stage.auth.connections({ accountId, page })),
    (pages) => pages.flat().length > 0,
  );
  const entries = await itemsOf(stage.auth.audit({ accountId }));
  const { batchId: jobId } = await stage.auth.batch('cancel', { accountId });
  const batch = await eventually(
    () => stage.client.workflowService.describeBatchOperation({ namespace: stage.namespace, jobId }),
    ({ state }) => state === 2, // temporal.api.enums.v1.BatchOperationState: completed
  );

  const found = [...connectors, ...flows, ...connections.flat(), ...entries].map((item) => item.accountId);
  expect(found.length).toBeGreaterThanOrEqual(4);
  expect(new Set(found)).toEqual(new Set([accountId]));
  expect(Number(batch.totalOperationCount)).toBe(1);
  expect(await stage.auth.result(own!.key)).toMatchObject({ state: 'cancelled' });
  await Promise.all([own!, foreign!].map(({ key }) => stage.auth.monitor(key, { stop: true })));
});

test.each([
  ['list', (state: StateName) => stage.auth.list({ accountId: 'acme', state })],
  ['flows', (state: StateName) => stage.auth.flows({ accountId: 'acme', state })],
  ['batch', (state: StateName) => stage.auth.batch('recheck', { accountId: 'acme', state })],
])(
  'the call %s refuses a text that is no state as invalidInput, so that the text can not change the query',
  async (_name, call) => {
    for (const state of ["x' OR WorkflowType = 'authenticateConnector", '', ['expired']])
      await expect(call(state as StateName)).rejects.toMatchObject({ code: 'invalidInput' });
  },
);

test('a batch is refused as invalidInput if its filter has no member or an unknown member, so that a misspelt member does not select other flows', async () => {
  const unknown = [{ account: 'acme' }, { accountId: 'acme', connectorName: 'Brightdesk' }, { olderThan: '1 day' }];
  for (const filter of [{}, { accountId: undefined }, ...unknown])
    await expect(stage.auth.batch('recheck', filter)).rejects.toMatchObject({ code: 'invalidInput' });
});

test('a run that has not read its connector yet is listed with the `connected` of an older run', async () => {
  const accountId = `account-${randomUUID()}`;
  const [hidden, other] = ['Openrates', 'Openrates'].map((name) => stage.install(name, { accountId }));
  await Promise.all([runs(hidden!, 2), runs(other!, 2)]);
  stage.sandbox.fault({ match: { account: accountId }, times: 'always', then: { status: 503 } });
  await stage.auth.start(hidden!, { intent: 'reauthenticate' });
  await indexed(accountId, 4);

  const items = await eventually(
    async () => (await pagesOf({ accountId, pageSize: 2 })).flat(),
    (found) => found.some(({ state }) => state === 'fetchingConnector'),
  );

  expect(items.find(({ connectorId }) => connectorId === hidden!.connectorId)).toMatchObject({
    state: 'fetchingConnector',
    connected: true,
  });
  stage.sandbox.clearFaults();
});

test('a connector is listed with its newest run, even if visibility does not have this run yet', async () => {
  const accountId = `account-${randomUUID()}`;
  const keys = ['Openrates', 'Openrates', 'Openrates'].map((name) => stage.install(name, { accountId }));
  for (const key of keys) await runs(key, 1);
  await indexed(accountId, 3);

  const newest = keys.at(-1)!;
  const again = await stage.auth.start(newest);
  const { items } = await stage.auth.list({ accountId, pageSize: 1 });

  expect(items).toMatchObject([{ connectorId: newest.connectorId, runId: again.runId }]);
});

test('a connector is in the list of connections as gone if its latest monitor ended as gone, even if the connector has no flow', async () => {
  const accountId = `account-${randomUUID()}`;
  const [removed, withoutFlow, restored] = ['Brightdesk', 'Brightdesk', 'Brightdesk'].map((name) =>
    stage.install(name, { accountId, patch: { Authenticated: true } }),
  ) as [ConnectorKey, ConnectorKey, ConnectorKey];
  await Promise.all([runs(removed, 1), runs(restored, 1)]);
  const { auth, sandbox } = stage;
  sandbox.fault({ match: { account: accountId }, times: 'always', then: { status: 404 } });
  await auth.monitor(restored);
  sandbox.clearFaults();
  await auth.monitor(restored);
  await auth.monitor(restored, { stop: true });
  for (const key of [removed, withoutFlow]) {
    await auth.monitor(key);
    sandbox.uninstall(accountId, key.connectorId);
    await auth.monitor(key, { every: '6 hours' });
  }
  const closed = `WorkflowId STARTS_WITH "connection/${accountId}/" AND ExecutionStatus = 'Completed'`;
  await eventually(
    () => stage.client.workflow.count(closed),
    ({ count }) => count === 4,
  );

  const pages = await pagesFrom((page) => auth.connections({ accountId, pageSize: 2, page }));

  const items = pages.flat();
  const { since } = await auth.connection(removed);
  expect(items).toHaveLength(3);
  expect(items).toEqual(
    expect.arrayContaining([
      { ...removed, name: 'Brightdesk', state: 'gone', since },
      { ...withoutFlow, name: 'Brightdesk', state: 'gone', since: expect.any(String) },
      { ...restored, name: 'Brightdesk', state: 'connected', since: expect.any(String) },
    ]),
  );
});
