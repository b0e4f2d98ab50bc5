/** Onboardings with many connectors and signals, each over several runs by continue-as-new. */
import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { each } from '../../scripts/each';
import { connectionWorkflowIdOf } from '../../workflows/connection';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import type { OnboardingKey, OnboardingProgress } from '../../workflows/onboarding';
import { eventually } from '../support/eventually';
import { keyInput } from '../support/messages';
import { startReceiver, type Receiver } from '../support/receiver';
import { openStageOfShortHistories, type Stage } from '../support/stage';

type Onboard = () => Promise<OnboardingProgress>;

jest.setTimeout(1_800_000); // this limit only ends a test that hangs
const WITHIN_MS = 1_500_000; // the time limit of one wait for hundreds of flows

let stage: Stage;
let receiver: Receiver;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([openStageOfShortHistories(), startReceiver()]);
  await startWorker();
});

afterAll(async () => {
  await stage.close();
  await receiver.close();
});

const startWorker = () => stage.restartWorker({}, { crm: { url: receiver.url, secrets: [receiver.secret] } });

interface Onboarding {
  key: OnboardingKey;
  flows: ConnectorKey[];
  runId: string;
  handle: WorkflowHandle<Onboard>;
}

/** Starts an onboarding of `count` connectors that need an API key, and waits until their flows are started. */
async function onboarding(count: number): Promise<Onboarding> {
  const accountId = `account-${randomUUID()}`;
  const installed = stage.sandbox.createAccount(accountId, { connectors: Array<string>(count).fill('Brightdesk') });
  const key = { accountId, onboardingId: 'o1' };
  const connectorIds = installed.map(({ id }) => id);
  const { runId, workflowId } = await stage.auth.startOnboarding({ ...key, scope: { connectorIds }, notify: ['crm'] });
  await eventually(
    () => stage.auth.onboarding(key),
    ({ total, connectors }) => total === count && connectors.every(({ state }) => state === 'running'),
    WITHIN_MS,
  );
  const flows = connectorIds.map((connectorId) => ({ accountId, connectorId }));
  return { key, flows, runId, handle: stage.client.workflow.getHandle<Onboard>(workflowId) };
}

/** Sends the right API key by a signal. The flow keeps the signal until the flow has read its connector. */
async function connect(key: ConnectorKey): Promise<void> {
  await stage.client.workflow.getHandle(workflowIdOf(key)).signal('credentialInput', await keyInput(stage, { key }));
}

test('an onboarding of 500 connectors completes over several runs, with one event for each connector, even after 5,000 signals in one workflow task', async () => {
  const { key, flows, runId, handle } = await onboarding(500);
  await each(flows.slice(0, 100), 20, connect);
  const before = await eventually(
    () => stage.auth.onboarding(key),
    ({ done }) => done === 100,
    WITHIN_MS,
  );
  await stage.stopWorker();
  const known = before.connectors.filter(({ state }) => state === 'authenticated');
  const bodies = [
    ...repeat(3000, (i) => known[i % known.length]!),
    ...repeat(1000, (i) => ({ connectorId: 1_000_000 + i, state: 'authenticated', runId: 'r' })),
    ...repeat(1000, (i) => ({ connectorId: flows[i % 500]!.connectorId, state: 'running', runId: i })),
  ];

  await each(bodies, 50, (body) => handle.signal('connectorFinished', body));
  await startWorker();
  const after = await eventually(
    () => stage.auth.onboarding(key),
    () => true,
    WITHIN_MS,
  );
  await each(flows.slice(100), 20, connect);
  const end = await handle.result();

  expect(after).toEqual(before);
  expect(end).toMatchObject({ state: 'completed', total: 500, done: 500 });
  const { workflowId } = handle;
  const { runId: lastRunId } = await handle.describe();
  expect(lastRunId).not.toBe(runId);
  const types = [...Array<string>(500).fill('onboarding.progress'), 'onboarding.completed'];
  const events = await eventually(
    () => receiver.eventsOf(workflowId),
    ({ length }) => length === types.length,
    WITHIN_MS,
  );
  expect(events.map(({ type }) => type)).toEqual(types);
  expect(events.map(({ data }) => data.sequence)).toEqual(types.map((_, index) => index + 1));
  expect(events.at(-1)!.data.id).toBe(`${lastRunId}.final`);
});

test('an onboarding and a monitor answer every query while they continue as new', async () => {
  const { key, handle } = await onboarding(1);
  const connection = stage.install('Brightdesk');
  await stage.auth.monitor(connection, { every: '90 days' }); // so the monitor makes no read during the test
  const monitor = stage.client.workflow.getHandle(connectionWorkflowIdOf(connection));
  const answers = () => Promise.all([stage.auth.onboarding(key), stage.auth.connection(connection)]);
  const before = await answers();
  let isOver = false;
  const untilOver = async (step: () => Promise<unknown>) => {
    while (!isOver) await step();
  };
  // The next signal waits for the end of the workflow task, because a run can't continue as new while signals arrive.
  const send = async (run: WorkflowHandle) => {
    await run.signal('noSuchSignal');
    await eventually(
      () => run.describe(),
      ({ raw }) => !raw.pendingWorkflowTask,
    );
  };
  // On a busy machine, a query can end without an answer.
  const isBusy = ({ code }: { code?: unknown }) => expect(['noWorker', 'temporalUnavailable']).toContain(code);
  const ask = () => answers().then((found) => expect(found).toEqual(before), isBusy);

  const senders = [handle, monitor].map((run) => untilOver(() => send(run)));
  const callers = Promise.all([...senders, ...repeat(10, () => untilOver(ask))]);
  const runIds = new Set<string>();
  const countRuns = async () => {
    for (const run of [handle, monitor]) runIds.add((await run.describe()).runId);
    isOver = runIds.size >= 20;
  };
  await Promise.all([callers, untilOver(countRuns)]).finally(() => (isOver = true));
});

test('an onboarding that gets signals without a pause continues as new, and loses no report of the end of a flow', async () => {
  const { flows, runId, handle } = await onboarding(20);
  const signal = { connectorId: 1_000_000, state: 'failed', runId: 'r' };
  const stream = async () => {
    for (;;) await handle.signal('connectorFinished', signal);
  };
  const streams = Promise.allSettled(repeat(2, stream)); // each `stream` fails when the onboarding has ended

  await eventually(async () => (await handle.describe()).runId !== runId);
  await each(flows, 5, connect);
  const end = await handle.result();
  await streams;

  expect(end).toMatchObject({ state: 'completed', total: 20, done: 20 });
});

const repeat = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
