/**
 * Queries that are sent before a worker runs. A new worker does not have the run in its cache, so a query also applies
 * the events of a workflow task that is scheduled, but has not completed. The order of query and workflow task is
 * random, so the test starts many flows.
 */
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { READ_AHEAD } from '../../workflows/problems';
import { eventually } from '../support/eventually';
import { histories, kindOf, taskFailures } from '../support/histories';
import { keyInput, sendUntilAnswered } from '../support/messages';
import { differencesOf } from '../support/replays';
import { bundlePath, cached, openStage, type Scene, type Stage } from '../support/stage';

/** The number of flows. With 12 flows, a query applies the events of a scheduled workflow task in several flows. */
const FLOWS = 12;
/** The number of queries for each flow. The test does not repeat a failed query. */
const QUERIES = 5;

/** After this time Temporal repeats a workflow task that a stopped worker had polled. The library sets it to 30 s. */
const workflowTaskTimeout = msToTs('5s');
const shortTasks: WorkflowClientInterceptor = {
  start: (input, next) => next({ ...input, options: { ...input.options, workflowTaskTimeout } }),
};

let stage: Stage;

beforeAll(async () => {
  stage = await openStage(undefined, { workflow: [shortTasks] });
});

afterAll(() => stage.close());

/** Waits until the history of each flow has an event of the kind `kind`. */
const haveEvent = (scenes: Scene[], kind: string) =>
  Promise.all(
    scenes.map((scene) => eventually(scene.history, (events) => events.some((event) => kindOf(event) === kind))),
  );

test('after queries on uncached runs no message is lost, every update is answered and every history replays', async () => {
  await stage.restartWorker({ activities: undefined });
  const scenes = await Promise.all(Array.from({ length: FLOWS }, () => stage.scene('Brightdesk')));
  await haveEvent(scenes, 'activityTaskScheduled');
  await stage.stopWorker();
  const refused: string[] = [];
  for (const { handle } of scenes.flatMap((scene) => Array<Scene>(QUERIES).fill(scene)))
    void stage.client
      .withDeadline(Date.now() + 50_000, () => handle.query('view'))
      .catch(({ message }: Error) => void refused.push(message));
  await stage.restartWorker({ workflowBundle: undefined });
  await haveEvent(scenes, 'activityTaskCompleted');
  await stage.stopWorker();
  const given = scenes.map(async (scene, i) => {
    const input = await keyInput(stage, scene, `s${i}`);
    await scene.signals('credentialInput', input);
    return sendUntilAnswered(() => stage.auth.submitCredentials(scene.key, input));
  });
  await haveEvent(scenes, 'workflowExecutionSignaled');

  await stage.restartWorker(cached);
  const views = await Promise.all(given);
  const ends = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));

  expect(views.map(({ accountId }) => accountId)).toEqual(scenes.map(({ key }) => key.accountId));
  expect(ends.map(({ state }) => state)).toEqual(Array(FLOWS).fill('authenticated'));
  for (const scene of scenes) expect(scene.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(1);
  expect(await taskFailures(stage)).toEqual([]);
  // If this check fails, the guard is not active, or the SDK no longer reads ahead (see
  // docs/upstream/query-reads-ahead.md).
  expect(refused).toContain(READ_AHEAD);
  const runs = (await histories(stage)).map((run) => ({ name: run.workflowId, ...run }));
  expect(await differencesOf({ codePath: bundlePath }, runs)).toEqual(
    Object.fromEntries(scenes.map(({ workflowId }) => [workflowId, 'ok'])),
  );
});
