/**
 * The signal `connectorFinished` that a flow sends to its subscribers when it ends, and the reports of
 * `transactionError` to monitors.
 */
import { connectionWorkflowIdOf } from '../../workflows/connection';
import { workflowIdOf } from '../../workflows/connector';
import { connectorFinished, subscribe, taskQueue, type ConnectorFinished } from '../../workflows/messages';
import { TRANSACTION_ERROR_TYPE, transactionErrorWorkflowIdOf } from '../../workflows/transaction-errors';
import { eventually } from '../support/eventually';
import { ofKind, timersOf } from '../support/histories';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const key = { kind: 'apiKey', key: 'right' } as const;

/** Returns the arguments of all signals `connectorFinished` that a subscriber, which is a flow here, has received. */
async function heard(subscriber: Scene): Promise<ConnectorFinished[]> {
  return ofKind(await subscriber.history(), 'workflowExecutionSignaled')
    .map(({ workflowExecutionSignaledEventAttributes: signal }) => signal!)
    .filter(({ signalName }) => signalName === connectorFinished.name)
    .map(({ input }) => JSON.parse(Buffer.from(input!.payloads![0]!.data!).toString()) as ConnectorFinished);
}

test.concurrent('a flow sends its state and its run id once to each subscriber when it ends', async () => {
  const subscribers = await Promise.all([1, 2].map(() => stage.sceneIn('awaitingProperties', 'Kestrel')));
  const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  stage.record('subscribers', flow.handle);
  for (const { workflowId } of [...subscribers, ...subscribers]) await flow.signals(subscribe.name, { workflowId });

  await flow.gives(key);
  await flow.handle.result();

  const finished = { connectorId: flow.key.connectorId, state: 'authenticated', runId: flow.runId };
  expect(await Promise.all(subscribers.map(heard))).toEqual([[finished], [finished]]);
});

test.concurrent.each([
  ['failed', { accountId: 'none' }],
  ['cancelled', {}],
  ["cancelled by Temporal's own cancellation", {}],
])('a flow that ends as %s reports its end to its subscriber', async (end, more) => {
  const subscriber = await stage.sceneIn('awaitingProperties', 'Kestrel');
  const of = { ...stage.install('Brightdesk'), ...more };
  const handle = await stage.client.workflow.signalWithStart('authenticateConnector', {
    taskQueue,
    workflowId: workflowIdOf(of),
    args: [of],
    signal: subscribe,
    signalArgs: [{ workflowId: subscriber.workflowId }],
  });
  if (end === 'cancelled') await stage.auth.cancel(of);
  else if (end !== 'failed') await handle.cancel();
  await handle.result().catch(() => undefined);

  const [state = ''] = end.split(' ');
  expect(await heard(subscriber)).toEqual([{ connectorId: of.connectorId, state, runId: handle.signaledRunId }]);
});

test.concurrent('a subscriber that does not exist does not change the end of a flow', async () => {
  const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  await flow.signals(subscribe.name, { workflowId: 'no-such-workflow' });

  expect(await flow.gives(key)).toMatchObject({ state: 'authenticated' });
  expect(await flow.handle.result()).toMatchObject({ state: 'authenticated' });
  expect(ofKind(await flow.history(), 'signalExternalWorkflowExecutionFailed')).toHaveLength(1);
});

test.concurrent(
  'a flow refuses malformed subscribers and each subscriber after the twentieth, and the timeline counts the refusals',
  async () => {
    const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    const malformed = [undefined, {}, { workflowId: '' }, { workflowId: 'ü' }, { workflowId: 'x'.repeat(1001) }];
    for (const body of malformed) await flow.signals(subscribe.name, body);
    for (let i = 0; i < 22; i++) await flow.signals(subscribe.name, { workflowId: `w${i}` });

    const entries = await eventually(flow.timeline, ([, , last]) => last?.count === 2);
    await flow.gives(key);
    await flow.handle.result();

    expect(entries.slice(1)).toMatchObject([
      { event: 'inputRefused', note: 'malformed', count: 5 },
      { event: 'inputRefused', note: 'notNow', count: 2 },
    ]);
    const told = ofKind(await flow.history(), 'signalExternalWorkflowExecutionInitiated');
    expect(told).toHaveLength(20);
  },
);

describe('the workflow transactionError', () => {
  test.concurrent(
    'the workflow transactionError reports a failed call to the monitor of the only connector of a cycle, and stays open',
    async () => {
      const connector = stage.install('Brightdesk', { patch: { Authenticated: true } });
      const { accountId, connectorId } = connector;
      const cycleId = stage.sandbox.createCycle(accountId, [connectorId]);
      await stage.auth.monitor(connector);
      await eventually(
        () => stage.auth.connections({ accountId }),
        ({ items }) => items.length === 1,
      );

      await stage.auth.reportTransactionError({ accountId, cycleId, transactionId: 't' });
      const handle = stage.client.workflow.getHandle(transactionErrorWorkflowIdOf({ accountId, cycleId }));
      stage.record('transaction-error', handle);
      const events = await eventually(
        async () => (await handle.fetchHistory()).events ?? [],
        (found) => ofKind(found, 'activityTaskCompleted').length === 1,
      );
      const broken = await eventually(
        () => stage.auth.connection(connector),
        ({ state }) => state === 'broken',
      );
      await stage.client.workflow.getHandle(connectionWorkflowIdOf(connector)).terminate();

      expect(broken).toMatchObject({ ...connector, name: 'Brightdesk' });
      expect(timersOf(events)).toEqual([60]);
      expect((await handle.describe()).status.name).toBe('RUNNING');
    },
  );

  test.concurrent(
    'a start of the workflow transactionError with the id of another cycle fails as invalidInput',
    async () => {
      const { accountId } = stage.install('Brightdesk');
      const handle = await stage.client.workflow.start(TRANSACTION_ERROR_TYPE, {
        taskQueue,
        workflowId: transactionErrorWorkflowIdOf({ accountId, cycleId: 'other' }),
        args: [{ accountId, cycleId: 'cycle' }],
      });
      stage.record('transaction-error-of-another-cycle', handle);

      await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'invalidInput' } });
    },
  );
});
