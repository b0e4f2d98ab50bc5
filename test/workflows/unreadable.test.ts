/** Payloads that can't be decoded: broken ones, those of another SDK's converter, those that somebody has encrypted. */
import { taskQueue } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { failedTasks, kindOf, type HistoryEvent } from '../support/histories';
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
