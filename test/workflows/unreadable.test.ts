/** What the SDK itself fails at: payloads that can't be decoded, names that it keeps for itself. */
import { taskQueue } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { failedTasks, kindOf, type HistoryEvent } from '../support/histories';
import { happens } from '../support/messages';
import { openStage, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const payload = (encoding: string, data: string) => ({
  metadata: { encoding: Buffer.from(encoding) },
  data: Buffer.from(data),
});
const payloads: [string, string, ReturnType<typeof payload>][] = [
  ['no JSON', 'credentialInput', payload('json/plain', '{ no JSON')],
  ['Protobuf', 'oauthCallback', payload('json/protobuf', '{}')],
  ['encrypted', 'propertyInput', payload('binary/encrypted', 'xyz')],
];

/** The history, once the task that comes after this event is done, or has failed. */
const answered = (look: () => Promise<HistoryEvent[]>, kind: string) =>
  eventually(look, (events) => {
    const kinds = events.map(kindOf);
    return kinds.slice(kinds.indexOf(kind)).some((kind) => /^workflowTask(Completed|Failed)$/.test(kind));
  });

test.each(payloads)('a signal that is %s is malformed, and does no harm', async (_name, signalName, unreadable) => {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');

  const workflowExecution = { workflowId: scene.workflowId };
  const request = { namespace: stage.namespace, workflowExecution, signalName, input: { payloads: [unreadable] } };
  await stage.client.workflowService.signalWorkflowExecution(request);
  const events = await answered(scene.history, 'workflowExecutionSignaled');

  expect(failedTasks(events)).toEqual([]);
  expect((await scene.timeline()).at(-1)).toMatchObject({ event: 'inputRefused', note: 'malformed' });
});

test("a signal with one of Temporal's own names is unknown, and does no harm", async () => {
  const scene = await stage.scene('Brightdesk');
  await scene.signals('__temporal_before');
  await scene.reaches('awaitingCredentials');

  await scene.signals('__temporal_workflow_metadata', { secret: 'x' });
  const entries = await happens(scene, 'unknownSignal', 2);

  expect(entries.filter(({ event }) => event === 'unknownSignal').map(({ note }) => note)).toEqual([
    "'__temporal_before'",
    "'__temporal_workflow_metadata'",
  ]);
  expect(failedTasks(await scene.history())).toEqual([]);
  expect(JSON.stringify(entries)).not.toContain('secret');
});

test.each(payloads)('an input that is %s fails as invalidInput', async (name, _signal, unreadable) => {
  const workflowId = `connector-auth/${encodeURIComponent(name)}/7`;
  const { client, namespace } = stage;

  await client.workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    requestId: workflowId,
    workflowType: { name: 'authenticateConnector' },
    taskQueue: { name: taskQueue },
    input: { payloads: [unreadable] },
  });
  const handle = client.workflow.getHandle(workflowId);
  const events = await answered(async () => (await handle.fetchHistory()).events ?? [], 'workflowExecutionStarted');

  expect(failedTasks(events)).toEqual([]);
  expect((await handle.describe()).status.name).toBe('FAILED');
});
