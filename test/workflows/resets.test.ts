/**
 * Flows after an operator has reset their run. Temporal starts a new run that continues from an earlier workflow task
 * of the old run, and sends the messages that came after this workflow task to the new run again.
 */
import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { counted } from '../support/counting';
import { eventually } from '../support/eventually';
import { ofKind } from '../support/histories';
import { happens } from '../support/messages';
import { startReceiver, type Receiver } from '../support/receiver';
import { differencesOf } from '../support/replays';
import { bundlePath, openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;
let receiver: Receiver;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([openStage(), startReceiver()]);
  await stage.restartWorker({}, { default: { url: receiver.url, secrets: [receiver.secret] } });
});

afterAll(async () => {
  await stage.close();
  await receiver.close();
});

/** Resets a run to its first workflow task, as `temporal workflow reset` does. Returns the scene of the new run. */
async function resetToStart(scene: Scene): Promise<Scene> {
  const [first] = ofKind(await scene.history(), 'workflowTaskCompleted');
  const { runId } = await stage.connection.workflowService.resetWorkflowExecution({
    namespace: stage.namespace,
    workflowExecution: { workflowId: scene.workflowId, runId: scene.runId },
    workflowTaskFinishEventId: first!.eventId!,
    requestId: randomUUID(),
    reason: 'test',
  });
  const handle = stage.client.workflow.getHandle(scene.workflowId, runId);
  return {
    ...scene,
    runId,
    handle,
    signals: (name, ...args) => handle.signal(name, ...args),
    history: async () => (await handle.fetchHistory()).events ?? [],
  };
}

/** Lets a flow take its properties, and resets its run. So Temporal sends the property input to the new run again. */
async function resetAfterProperties(): Promise<Scene> {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');
  await scene.sets({ Domain: 'acme' });
  await scene.reaches('awaitingCredentials');
  return resetToStart(scene);
}

test.concurrent(
  'a property input that Temporal sends again after a reset is ignored, without a problem in the view',
  async () => {
    const again = await resetAfterProperties();

    const view = await again.reaches('awaitingCredentials');
    expect(view).toMatchObject({ runId: again.runId });
    expect(view).not.toHaveProperty('problem');
    const ignored = (await again.timeline()).find(({ event }) => event === 'reappliedInput');
    expect(ignored).toMatchObject({ from: 'awaitingCredentials', to: 'awaitingCredentials', note: 'propertyInput' });
    stage.record('reset-with-an-input', again.handle);
    await again.gives({ kind: 'apiKey', key: 'right' });
    expect(await stage.auth.result(again.key)).toMatchObject({ state: 'authenticated' });
  },
);

test.concurrent(
  'replaying the history of a reset flow gives the same commands, although the flow sent no event for the input that Temporal sent again',
  async () => {
    const again = await resetAfterProperties();
    await happens(again, 'reappliedInput');
    await again.signals('propertyInput', { submissionId: 'late', values: {} });
    await happens(again, 'inputRefused');
    await again.gives({ kind: 'apiKey', key: 'right' });
    await stage.auth.result(again.key);

    const history = await again.handle.fetchHistory();

    const run = { name: 'reset', workflowId: again.workflowId, history };
    expect(await differencesOf({ codePath: bundlePath }, [run])).toEqual({ reset: 'ok' });
    const sent = await eventually(
      () => receiver.eventsOf(again.workflowId).filter(({ data }) => data.runId === again.runId),
      (events) => events.length >= 3,
    );
    const types = ['connector.waiting', 'connector.problem', 'connector.authenticated'];
    expect(sent.map(({ type }) => type)).toEqual(types);
  },
);

test.concurrent('after a reset, a new input that the state does not wait for is refused as notNow', async () => {
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  const again = await resetToStart(scene);
  await again.reaches('awaitingCredentials');

  await again.signals('propertyInput', { submissionId: 'p-1', values: {} });

  await happens(again, 'inputRefused');
  expect(await again.view()).toMatchObject({ problem: { code: 'notNow' } });
});

test.concurrent('views() continues after the reset of an open run, until the new run ends', async () => {
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  const views = stage.auth.views(scene.key);
  await views.next();
  const pending = views.next();
  const again = await resetToStart(scene);

  const seen = [(await pending).value];
  await again.reaches('awaitingCredentials');
  await again.gives({ kind: 'apiKey', key: 'right' });
  for await (const view of views) seen.push(view);

  expect(seen.map((view) => view?.state)).not.toContain('failed');
  expect(seen.at(-1)).toMatchObject({ state: 'authenticated', runId: again.runId });
});

test.concurrent('result() waits for the end of the new run after the reset of an open run', async () => {
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  const { connection, polls } = counted(stage.connection);
  const result = new ConnectorAuth(new Client({ connection, namespace: stage.namespace })).result(scene.key);
  await eventually(() => polls.open > 0);

  const again = await resetToStart(scene);
  await again.reaches('awaitingCredentials');
  await again.gives({ kind: 'apiKey', key: 'right' });

  expect(await result).toMatchObject({ state: 'authenticated', runId: again.runId });
});
