/**
 * Queries that wait while no worker runs, answered by a worker that has not cached the flow: they read also what a task
 * is still to do. Which comes first is chance, and one flow in three met it before it was mended: so there are many.
 */
import { READ_AHEAD } from '../../workflows/read-ahead';
import { eventually } from '../support/eventually';
import { histories, kindOf, ofKind, taskFailures, type HistoryEvent } from '../support/histories';
import { keyInput, sendUntilAnswered } from '../support/messages';
import { differencesOf } from '../support/replays';
import { bundlePath, cached, openStage, type Scene, type Stage } from '../support/stage';

const FLOWS = 12;
const QUERIES = 5;

jest.setTimeout(180_000);

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const come = (scenes: Scene[], kind: string) =>
  Promise.all(
    scenes.map((scene) => eventually(scene.history, (events) => events.some((event) => kindOf(event) === kind))),
  );

const messagesOf = (events: HistoryEvent[] | null | undefined) =>
  ofKind(events ?? [], 'workflowTaskFailed').map((event) => event.workflowTaskFailedEventAttributes?.failure?.message);

test('nothing is lost by it, whoever sends it again is answered, and every history replays', async () => {
  await stage.restartWorker({ activities: undefined });
  const scenes = await Promise.all(Array.from({ length: FLOWS }, () => stage.scene('Brightdesk')));
  await come(scenes, 'activityTaskScheduled');
  await stage.stopWorker();
  // Several each: where a task has failed so, the next query can read ahead of it again. The SDK loses some of them.
  for (const { handle } of scenes.flatMap((scene) => Array<Scene>(QUERIES).fill(scene)))
    void stage.client.withDeadline(Date.now() + 50_000, () => handle.query('view')).catch(() => undefined);
  await stage.restartWorker({ workflowBundle: undefined });
  await come(scenes, 'activityTaskCompleted');
  await stage.stopWorker();
  const given = scenes.map(async (scene, i) => {
    const input = await keyInput(stage, scene, `s${i}`);
    await scene.signals('credentialInput', input);
    return sendUntilAnswered(() => stage.auth.submitCredentials(scene.key, input)); // a task that is done again takes its time
  });
  await come(scenes, 'workflowExecutionSignaled');

  await stage.restartWorker(cached); // it takes a cache
  const views = await Promise.all(given);
  const ends = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));

  expect(views.map(({ accountId }) => accountId)).toEqual(scenes.map(({ key }) => key.accountId));
  expect(ends.map(({ state }) => state)).toEqual(Array(FLOWS).fill('authenticated'));
  for (const scene of scenes) expect(scene.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(1);
  expect(await taskFailures(stage)).toEqual([]);
  const runs = (await histories(stage)).map((run) => ({ name: run.workflowId, ...run }));
  expect(runs.flatMap(({ history }) => messagesOf(history.events))).toContain(READ_AHEAD);
  expect(await differencesOf({ codePath: bundlePath }, runs)).toEqual(
    Object.fromEntries(scenes.map(({ workflowId }) => [workflowId, 'ok'])),
  );
});
