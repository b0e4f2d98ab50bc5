/** Monitored connections over days and months: reads, breaks, repairs, automatic re-authentication. */
import type { WorkflowHandle } from '@temporalio/client';
import { Policies, policiesOf } from '../../activities/policies/policies';
import {
  connectionWorkflowIdOf,
  MONITOR_TYPE,
  type ConnectionState,
  type ConnectionView,
} from '../../workflows/connection';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { ConnectorKey } from '../../workflows/connector';
import {
  checkConnection,
  connection,
  connectorFinished,
  reportFailure,
  stopMonitor,
  taskQueue,
} from '../../workflows/messages';
import { monitorStart } from '../../workflows/monitor-connection/start';
import { endActivity, holding } from '../support/activities';
import { eventually } from '../support/eventually';
import { kindOf, ofKind } from '../support/histories';
import { keyInput } from '../support/messages';
import { startReceiver, type Receiver } from '../support/receiver';
import { openSkippingStage, workerMetrics, type Scene, type SkippingStage } from '../support/stage';

const policies = new Policies(
  policiesOf(`policies:
  - match: { name: Plainfield }
    reauthenticate: automatic
    monitor: 6 hours
  - match: { name: Openrates }
    monitor: off
`),
);

let stage: SkippingStage;
let receiver: Receiver;
const targets = () => ({ default: { url: receiver.url, secrets: [receiver.secret] } });
const monitors: WorkflowHandle[] = [];

beforeAll(async () => {
  [stage, receiver] = await Promise.all([openSkippingStage(), startReceiver()]);
  await stage.restartWorker({}, targets(), policies, '1 day');
});

afterEach(async () => {
  // Each monitor is stopped by a signal and not terminated: after a termination of a run with an open activity, the
  // clock of the time-skipping server stands still.
  for (const monitor of monitors.splice(0)) {
    await monitor.signal(stopMonitor).catch(() => undefined); // the monitor may have ended
    await monitor.result().catch(() => undefined);
  }
  await stage.reset();
});

afterAll(async () => {
  await stage.close();
  await receiver.close();
});

interface Monitor {
  handle: WorkflowHandle;
  view(): Promise<ConnectionView>;
  /** Waits until the connection is in the state `state`. */
  reaches(state: ConnectionState): Promise<ConnectionView>;
  /** Waits for the first read of the connector that is later than `checkedAt`. */
  isReadAfter(checkedAt: string | undefined): Promise<ConnectionView>;
}

function monitorOf(key: ConnectorKey): Monitor {
  const handle = stage.client.workflow.getHandle(connectionWorkflowIdOf(key));
  monitors.push(handle);
  // The server can lose a query that arrives during a workflow task.
  const query = () => stage.client.withDeadline(Date.now() + 2_500, () => handle.query(connection));
  const view = () => eventually(query, () => true);
  return {
    handle,
    view,
    reaches: (state) => eventually(query, (seen) => seen.state === state),
    isReadAfter: (checkedAt) => eventually(query, (seen) => seen.checkedAt !== checkedAt),
  };
}

/** Runs a flow that ends as authenticated, and waits until its monitor has read the connector once. */
async function monitored(connector = 'Brightdesk'): Promise<Scene & { monitor: Monitor; id: string }> {
  const flow = await stage.sceneIn('awaitingCredentials', connector);
  await gives(flow);
  const monitor = monitorOf(flow.key);
  await eventually(monitor.view, ({ checkedAt }) => checkedAt !== undefined);
  return { ...flow, monitor, id: connectionWorkflowIdOf(flow.key) };
}

const gives = (flow: Scene) => flow.gives({ kind: 'apiKey', key: 'right' });

const setAuthenticated = ({ accountId, connectorId }: ConnectorKey, Authenticated: boolean) =>
  stage.sandbox.update(accountId, connectorId, { Authenticated });

/** The requests of the account that Cyclr has not answered yet. */
const openRequests = ({ accountId }: ConnectorKey) =>
  stage.sandbox.requests.filter(({ account, status }) => account === accountId && !status);

test('a connection that Cyclr no longer reports as authenticated becomes broken at the next read, and connected when Cyclr reports it as authenticated again', async () => {
  const { monitor, key, id, runId } = await monitored();
  const first = await monitor.view();
  stage.record('monitor-broken-and-restored', monitor.handle);

  setAuthenticated(key, false);
  await stage.sleep('1 day');
  const broken = await monitor.reaches('broken');
  setAuthenticated(key, true);
  await stage.sleep('1 day');
  const restored = await monitor.reaches('connected');

  expect(first).toMatchObject({ ...key, state: 'connected', lastOutcome: { runId, state: 'authenticated' } });
  expect(broken.revision).toBe(first.revision + 1);
  expect(restored.since! > broken.since!).toBe(true);
  const [told, back] = await receiver.gets(id, ['connection.broken', 'connection.restored']);
  expect(told!.data).toMatchObject({ ...broken, id: expect.stringMatching(/\.1$/), sequence: 1, workflowId: id });
  expect(back!.data).toMatchObject({ state: 'connected', sequence: 2 });
  await monitor.handle.signal(stopMonitor);
  expect(await monitor.handle.result()).toMatchObject({ state: 'connected' });
});

test('a read that Cyclr answered before a flow authenticated the connector does not break the connection', async () => {
  const { monitor, key, id } = await monitored();
  const first = await monitor.view();
  const match = { account: key.accountId, path: `/connectors/${key.connectorId}$` };
  const releases = [1, 2].map(() => stage.sandbox.fault({ match, then: 'held' }));
  const open = () => openRequests(key);

  setAuthenticated(key, false);
  await monitor.handle.signal(checkConnection, { every: '2 days' });
  const [early] = await eventually(open, ({ length }) => length === 1);
  await monitor.handle.signal(connectorFinished, {
    connectorId: key.connectorId,
    ...{ runId: 'another', state: 'authenticated' },
  });
  await eventually(monitor.view, ({ lastOutcome }) => lastOutcome?.runId === 'another');
  releases[0]!();
  await eventually(open, ([request]) => request !== undefined && request !== early);
  setAuthenticated(key, true);
  releases[1]!();
  const read = await monitor.isReadAfter(first.checkedAt);

  expect(read).toMatchObject({ state: 'connected', since: first.since });
  expect(receiver.eventsOf(id)).toEqual([]);
});

test('a late report that a flow authenticated the connector before the break makes the monitor read the connector again at once', async () => {
  const { monitor, key } = await monitored();
  setAuthenticated(key, false);
  await stage.sleep('1 day');
  const { since } = await monitor.reaches('broken');
  setAuthenticated(key, true);

  const outcome = { runId: 'another', state: 'authenticated', at: new Date(Date.parse(since!) - 1).toISOString() };
  await monitor.handle.signal(connectorFinished.name, { connectorId: key.connectorId, ...outcome });

  await monitor.reaches('connected');
  await monitor.handle.signal(stopMonitor);
});

test('a start that arrives after `stop`, but before the end of the run, continues the monitor', async () => {
  const { monitor, key } = await monitored();
  const { checkedAt } = await monitor.view();
  stage.record('monitor-start-after-stop', monitor.handle);
  const match = { account: key.accountId, path: `/connectors/${key.connectorId}$` };
  const release = stage.sandbox.fault({ match, then: 'held' });
  const open = () => openRequests(key);

  await monitor.handle.signal(checkConnection, { every: '2 days' });
  await eventually(open, ({ length }) => length === 1); // so the run can't end yet
  await monitor.handle.signal(stopMonitor);
  await monitor.handle.signal(checkConnection, { every: '3 days' });
  release();
  await monitor.isReadAfter(checkedAt);
  await stage.sleep('4 days');
  const later = await monitor.view();

  expect((await monitor.handle.describe()).status.name).toBe('RUNNING');
  expect(Date.parse(later.checkedAt!) - Date.parse(checkedAt!)).toBeGreaterThan(86_400_000);
});

test('a flow ends although an operator has ended the activity that reports to the monitor', async () => {
  const { options, release } = holding('reportToMonitor');
  await stage.restartWorker(options, targets(), policies, '1 day');
  try {
    const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    stage.record('report-to-monitor-ended', flow.handle);
    await flow.signals('credentialInput', await keyInput(stage, flow));

    await endActivity(stage.client, flow.handle, 'reportToMonitor');

    expect(await flow.handle.result()).toMatchObject({ state: 'authenticated' });
  } finally {
    release();
    await stage.restartWorker({}, targets(), policies, '1 day');
  }
});

test("Temporal's own cancellation ends a monitor with the status Canceled, after its events are sent", async () => {
  const { monitor, key, id } = await monitored();
  setAuthenticated(key, false);
  await stage.sleep('1 day');
  await monitor.reaches('broken');

  await monitor.handle.cancel();

  await expect(monitor.handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  expect(await receiver.gets(id, ['connection.broken'])).toHaveLength(1);
});

test('each read that finds no change adds 11 history events, and changes only `checkedAt` of the connection, even after months', async () => {
  const { monitor, key } = await monitored();
  const { runId } = await monitor.handle.describe();
  stage.record('monitor-for-months', stage.client.workflow.getHandle(monitor.handle.workflowId, runId));
  const first = await monitor.view();
  const lengthAfterDays = async (days: number) => {
    const { checkedAt } = await monitor.view();
    await stage.sleep(`${days} days`);
    await monitor.isReadAfter(checkedAt);
    return (
      await eventually(
        () => monitor.handle.describe(),
        ({ raw }) => !raw.pendingWorkflowTask,
      )
    ).historyLength;
  };

  const afterOne = await lengthAfterDays(1);
  const afterTwo = await lengthAfterDays(1);
  for (let month = 0; month < 3; month++) await lengthAfterDays(31);
  const last = await monitor.view();

  expect(afterTwo - afterOne).toBe(11);
  expect(last).toEqual({ ...first, checkedAt: expect.any(String) });
  const days = (Date.parse(last.checkedAt!) - Date.parse(first.checkedAt!)) / 86_400_000;
  expect(days).toBeGreaterThan(90);
  const latest = await monitor.handle.describe();
  expect(latest.runId).not.toBe(runId);
  expect(latest.historyLength).toBeLessThan(31 * 11 + 20);
  expect(latest.typedSearchAttributes.getAll()).toHaveLength(5);
  expect(stage.sandbox.requests.filter(({ account }) => account === key.accountId).length).toBeGreaterThan(90);
});

test('a failed call of a cycle that has only this connector breaks the connection, although Cyclr reports it as authenticated', async () => {
  const { monitor, key, id } = await monitored();
  stage.record('monitor-failed-call', monitor.handle);
  const reads = () => stage.sandbox.requests.filter(({ account, method }) => account === key.accountId && method === 'GET').length; // prettier-ignore
  const { since, checkedAt } = await monitor.view();
  const before = reads();
  const old = new Date(Date.parse(since!) - 1000).toISOString();

  await monitor.handle.signal(reportFailure, { at: old, onlyConnector: true });
  await monitor.handle.signal(reportFailure, { cycleId: 'c', transactionId: 't' });
  const read = await monitor.isReadAfter(checkedAt);
  for (let count = 0; count < 50; count++) await monitor.handle.signal(reportFailure, { onlyConnector: true });
  const unread = await monitor.view();
  await stage.sleep('61s');
  const broken = await monitor.reaches('broken');
  await monitor.handle.signal(reportFailure, { onlyConnector: true });
  await stage.sleep('2 days');

  expect(read.state).toBe('connected'); // the report has no onlyConnector, so Cyclr's `Authenticated` decides
  expect(unread).toEqual(read);
  expect(reads() - before).toBe(4); // two reads for reports of failed calls, and one read on each of the two days
  expect(await monitor.view()).toMatchObject({ state: 'broken', since: broken.since });
  const again = await stage.sceneIn('awaitingCredentials', key, { intent: 'reauthenticate', by: 'jo' });
  await gives(again);
  const restored = await monitor.reaches('connected');
  expect(restored.lastOutcome).toMatchObject({ runId: again.runId, state: 'authenticated', by: 'jo' });
  await receiver.gets(id, ['connection.broken', 'connection.restored']);
});

test('a monitor ends as gone if Cyclr no longer has its connector', async () => {
  const { monitor, key, id } = await monitored();
  stage.record('monitor-gone', monitor.handle);

  stage.sandbox.uninstall(key.accountId, key.connectorId);

  expect(await monitor.handle.result()).toMatchObject({ ...key, state: 'gone', name: 'Brightdesk' });
  const [gone] = await receiver.gets(id, ['connection.gone']);
  expect(gone!.data.id).toMatch(/\.final$/);
});

describe('a read that fails', () => {
  /** A name, a fault that all calls for the account get, and the error code that the worker logs for this fault. */
  const faults: [string, FaultRule['then'], string][] = [
    ['an outage of Cyclr (500)', { status: 500 }, 'CyclrUnavailable'],
    ['the error page of a proxy', 'html500', 'CyclrUnavailable'],
    ['no answer of Cyclr', 'reset', 'CyclrUnavailable'],
    ['401 for the account', 'unauthorized', 'CyclrAccessDenied'],
    ['403', { status: 403 }, 'CyclrForbidden'],
  ];
  const warnings = (code: string) =>
    stage.log.filter((line) => line.includes('A connection was not read') && line.includes(code)).length;
  // The time-skipping server can hold a query that arrives during a workflow task.
  const currentDetails =
    ({ handle }: Monitor) =>
    async () => {
      const query = () => handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
      return (await stage.client.withDeadline(Date.now() + 2_500, query)).currentDetails;
    };
  const fails = ({ accountId }: ConnectorKey, then: FaultRule['then']) =>
    stage.sandbox.fault({ match: { account: accountId }, times: 'always', then });

  test.each(faults)(
    'if a read fails (%s), the monitor sends no event, and the connection keeps its state until the next read',
    async (_cause, then, code) => {
      const { monitor, key, id } = await monitored();
      const first = await monitor.view();
      const before = warnings(code);
      fails(key, then);

      await stage.sleep('1 day');
      await stage.sleep('2m'); // the activity repeats its call for a minute
      await eventually(
        () => warnings(code),
        (count) => count > before,
      );
      const unread = await monitor.view();
      const details = await eventually(currentDetails(monitor), (text) => text.includes(code));
      stage.sandbox.clearFaults();
      setAuthenticated(key, false);
      await stage.sleep('1 day');
      const broken = await monitor.reaches('broken');

      expect(unread).toEqual(first);
      expect(details).toContain('`connected`');
      expect(details).toContain(`- Last read: ${first.checkedAt}\n- A later read failed: \`${code}\``);
      expect(await eventually(currentDetails(monitor), () => true)).not.toContain('read failed');
      expect(broken.since! > first.since!).toBe(true);
      await receiver.gets(id, ['connection.broken']);
    },
  );

  test('after the report of a failed call, the next successful read changes the connection to broken', async () => {
    const { monitor, key, id } = await monitored();
    const before = warnings('CyclrForbidden');
    fails(key, { status: 403 });

    await monitor.handle.signal(reportFailure, { onlyConnector: true });
    await eventually(
      () => warnings('CyclrForbidden'),
      (count) => count > before,
    );
    const unread = await monitor.view();
    stage.sandbox.clearFaults();
    await stage.sleep('1 day');
    await monitor.reaches('broken'); // Cyclr reports the connector as authenticated

    expect(unread.state).toBe('connected');
    await receiver.gets(id, ['connection.broken']);
  });
});

describe('a policy with reauthenticate: automatic', () => {
  test('with reauthenticate: automatic, a break starts one flow, and the connection becomes connected when this flow ends as authenticated', async () => {
    const { monitor, key, id, runId } = await monitored('Plainfield');
    stage.record('monitor-automatic', monitor.handle);

    setAuthenticated(key, false);
    await stage.sleep('6 hours');
    await monitor.reaches('reauthenticating');
    const flow = await eventually(
      () => stage.auth.view(key),
      ({ state }) => state === 'awaitingCredentials',
    );
    const input = await stage.sealed(key, 's1', { kind: 'apiKey', key: 'new' });
    await stage.auth.submitCredentials(key, { submissionId: 's1', credentials: input, by: 'jo' });
    const restored = await monitor.reaches('connected');

    expect(flow).toMatchObject({ intent: 'reauthenticate', state: 'awaitingCredentials' });
    expect(flow.runId).not.toBe(runId);
    expect(restored.lastOutcome).toMatchObject({ runId: flow.runId, by: 'jo' });
    await receiver.gets(id, ['connection.broken', 'connection.restored']);
  });

  test('with reauthenticate: automatic, a late report of the end of a flow that the monitor found open ends the state reauthenticating', async () => {
    const { monitor, key } = await monitored('Plainfield');
    stage.record('monitor-late-end', monitor.handle);
    setAuthenticated(key, false);
    await stage.sleep('6 hours');
    const { since } = await monitor.reaches('reauthenticating');
    const { runId } = await stage.auth.view(key);

    const outcome = { runId, state: 'expired', at: new Date(Date.parse(since!) - 1).toISOString() };
    await monitor.handle.signal(connectorFinished.name, { connectorId: key.connectorId, ...outcome });

    expect(await monitor.reaches('broken')).toMatchObject({ lastOutcome: outcome });
    await stage.auth.cancel(key);
  });

  test('with reauthenticate: automatic, the connection becomes broken again when the flow expires, and no other flow starts', async () => {
    const { monitor, key, id } = await monitored('Plainfield');
    setAuthenticated(key, false);
    await stage.sleep('6 hours');
    await monitor.reaches('reauthenticating');
    const { runId } = await stage.auth.view(key);

    await stage.sleep('8 days');
    const broken = await monitor.reaches('broken');

    expect(broken.lastOutcome).toMatchObject({ runId, state: 'expired' });
    expect((await stage.auth.view(key)).runId).toBe(runId);
    await receiver.gets(id, ['connection.broken']);
  });
});

test('a failed read counts as overdue if no read has succeeded for 1.5 intervals', async () => {
  const { monitor } = await monitored();
  const before = await overdueReads();
  stage.sandbox.fault({ match: { path: '/v1.0/account/connectors/' }, times: 'always', then: { status: 403 } });
  const failsAgain = async (times: number) => {
    await stage.sleep('1 day');
    await eventually(
      async () => (await monitor.handle.fetchHistory()).events ?? [],
      (events) => ofKind(events, 'activityTaskFailed').length === times,
    );
    await monitor.view(); // the query is answered after the workflow task that handles the failure
  };

  await failsAgain(1);
  const afterOne = await overdueReads();
  await failsAgain(2); // this read fails between 1 and 2 days after the last read that succeeded
  await failsAgain(3);
  await eventually(overdueReads, (count) => count > before);

  expect(afterOne).toBe(before);
});

/** The number of overdue reads of all monitors of this file. */
async function overdueReads(): Promise<number> {
  const line = /^cyclr_connect_monitor_reads_total{.*result="overdue".*} (\d+)$/m.exec(await workerMetrics());
  return Number(line?.[1] ?? 0);
}

test('no monitor starts if the policy has monitor: off, or if the flow does not end as authenticated', async () => {
  const off = await stage.sceneIn('authenticated', 'Openrates');
  const cancelled = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  await stage.auth.cancel(cancelled.key);

  for (const { key } of [off, cancelled])
    await expect(monitorOf(key).handle.describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
});

test('malformed signals do not change a monitor, and a right signal `check` changes the time between two reads', async () => {
  const { monitor, key } = await monitored();
  stage.record('monitor-signals', monitor.handle);
  const first = await monitor.view();
  const finished = { connectorId: key.connectorId, state: 'authenticated', runId: 'r' };
  const bodies: [string, unknown[]][] = [
    ['connectorFinished', []],
    ['connectorFinished', [{ ...finished, connectorId: 999_999 }]],
    ['connectorFinished', [{ ...finished, state: 'awaitingCredentials' }]],
    ['connectorFinished', [{ ...finished, runId: 7 }]],
    ['check', [{ every: '1 second' }]],
    ['check', []],
    ['noSuchSignal', [{}]],
  ];

  for (const [name, args] of bodies) await monitor.handle.signal(name, ...args);
  expect(await monitor.view()).toEqual(first);
  await monitor.handle.signal(checkConnection, { every: '1 hour' });
  const { checkedAt } = await monitor.isReadAfter(first.checkedAt);
  await stage.sleep('1 hour');

  await monitor.isReadAfter(checkedAt);
});

test.each([
  ['without an argument', []],
  ['with the id of another account', [{ accountId: 'other', connectorId: 1 }]],
  ['with an interval below a minute', [{ accountId: 'acme', connectorId: 1, every: '59s' }]],
])('a monitor that is started %s fails as invalidInput', async (_name, args) => {
  const start = monitorStart({ accountId: 'acme', connectorId: 1 }, taskQueue);
  const handle = await stage.client.workflow.start(MONITOR_TYPE, { ...start, args });

  await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'invalidInput' } });
});

test('a read of a monitor adds only events of timers, of one activity and of workflow tasks to the history', async () => {
  const { monitor } = await monitored();
  const { checkedAt } = await monitor.view();
  const { historyLength } = await eventually(
    () => monitor.handle.describe(),
    ({ raw }) => !raw.pendingWorkflowTask,
  );

  await stage.sleep('1 day');
  await monitor.isReadAfter(checkedAt);
  await eventually(
    () => monitor.handle.describe(),
    ({ raw }) => !raw.pendingWorkflowTask,
  );

  const events = (await monitor.handle.fetchHistory()).events!.slice(historyLength);
  expect(events.map(kindOf)).toEqual([
    'timerFired',
    ...['workflowTaskScheduled', 'workflowTaskStarted', 'workflowTaskCompleted'],
    ...['activityTaskScheduled', 'activityTaskStarted', 'activityTaskCompleted'],
    ...['workflowTaskScheduled', 'workflowTaskStarted', 'workflowTaskCompleted'],
    'timerStarted',
  ]);
});
