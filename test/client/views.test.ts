/** Following a flow by the library: its views, as they come. */
import { Client, Connection } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { freePort } from '../../scripts/local/ports';
import type { View } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const nobody = { accountId: 'nobody', connectorId: 7 };
const right = { kind: 'apiKey', key: 'right' } as const;

async function asking(): Promise<Scene> {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  return scene;
}

test('the present view comes first, the final one last, and then no more', async () => {
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
  expect(views.at(-1)).toEqual(await stage.auth.result(scene.key));
});

test('who falls behind still sees the end of the run that was followed, not of the next', async () => {
  const scene = await asking();
  const views = stage.auth.views(scene.key);
  await views.next();

  await scene.gives(right);
  const end = await stage.auth.result(scene.key);
  await stage.auth.start(scene.key, { intent: 'reauthenticate' });
  const rest: View[] = [];
  for await (const view of views) rest.push(view);

  expect(rest.at(-1)).toEqual(end);
  expect(rest.every(({ runId }) => runId === scene.runId)).toBe(true);
});

test('it ends when the signal aborts', async () => {
  const { key } = await asking();
  const abort = new AbortController();
  const views = stage.auth.views(key, abort.signal);
  await views.next();

  const next = views.next();
  abort.abort();

  expect(await next).toEqual({ done: true, value: undefined });
});

test('progress tells the present run, whether it is open, and that it has grown: without a worker', async () => {
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

test('of what was never started, and without Temporal, both say so', async () => {
  const connection = Connection.lazy({ address: `127.0.0.1:${await freePort()}` });
  const away = new ConnectorAuth(new Client({ connection }));
  const calls = (auth: ConnectorAuth) => [auth.progress(nobody), auth.views(nobody).next()];

  const refusals = await Promise.all(
    [...calls(stage.auth), ...calls(away)].map((call) => call.catch((err: unknown) => err)),
  ).finally(() => connection.close());

  expect(refusals).toMatchObject([
    { code: 'notStarted' },
    { code: 'notStarted' },
    { code: 'temporalUnavailable' },
    { code: 'temporalUnavailable' },
  ]);
});
