/** `views()` and `progress()` of ConnectorAuth. */
import type { View } from '../../workflows/messages';
import { asInResult } from '../support/messages';
import { eventually } from '../support/eventually';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const right = { kind: 'apiKey', key: 'right' } as const;

const asking = (): Promise<Scene> => stage.sceneIn('awaitingCredentials', 'Brightdesk');

test('views yields the current view first and the final view last', async () => {
  const scene = await asking();
  const views: View[] = [];
  const following = (async () => {
    for await (const view of stage.auth.views(scene.key)) views.push(view);
  })();
  await eventually(
    () => views,
    ([first]) => first !== undefined,
  );

  await scene.gives(right);
  await following;

  expect(views[0]?.state).toBe('awaitingCredentials');
  expect(asInResult(views.at(-1)!)).toEqual(await stage.auth.result(scene.key));
});

test('a slow reader of views gets the final view of the run that it reads, and no view of a later run', async () => {
  const scene = await asking();
  const views = stage.auth.views(scene.key);
  await views.next();

  await scene.gives(right);
  const end = await stage.auth.result(scene.key);
  await stage.auth.start(scene.key, { intent: 'reauthenticate' });
  const rest: View[] = [];
  for await (const view of views) rest.push(view);

  expect(asInResult(rest.at(-1)!)).toEqual(end);
  expect(rest.every(({ runId }) => runId === scene.runId)).toBe(true);
});

test('views ends when its AbortSignal aborts', async () => {
  const { key } = await asking();
  const abort = new AbortController();
  const views = stage.auth.views(key, abort.signal);
  await views.next();

  const next = views.next();
  abort.abort();

  expect(await next).toEqual({ done: true, value: undefined });
});

test('progress returns the run id, whether the run is open, and the history length, even without a worker', async () => {
  const scene = await asking();
  const before = await stage.auth.progress(scene.key);
  await scene.gives(right);
  await stage.auth.result(scene.key);
  await stage.stopWorker();

  const after = await stage.auth.progress(scene.key).finally(() => stage.restartWorker());

  expect(before).toEqual({ runId: scene.runId, open: true, historyLength: expect.any(Number) });
  expect(after).toEqual({ runId: scene.runId, open: false, historyLength: (await scene.history()).length });
  expect(after.historyLength).toBeGreaterThan(before.historyLength);
});
