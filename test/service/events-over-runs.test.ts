/** The event streams of flows that are not started yet, start again, or go on as another run. */
import { createEventHub } from '../../service/streams/event-stream';
import type { View } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { taskFailures } from '../support/histories';
import { read } from '../support/reading';
import { openStageOfShortHistories, type Scene, type Stage } from '../support/stage';

const HOUR_MS = 3_600_000;
const SOON_MS = 100;

let stage: Stage;

beforeAll(async () => {
  stage = await openStageOfShortHistories();
});

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

const right = { kind: 'apiKey', key: 'right' } as const;

async function asking(): Promise<Scene> {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  return scene;
}

/** The views, once the newest is this one. */
const sees = (views: () => View[], expected: Partial<View>): Promise<View[]> =>
  eventually(views, (seen) =>
    Object.entries(expected).every(([name, value]) => seen.at(-1)?.[name as 'state'] === value),
  );

test('a flow that is not started yet is waited for', async () => {
  const hub = createEventHub(stage.auth, { checkEveryMs: SOON_MS, heartbeatMs: SOON_MS });
  const key = stage.install('Brightdesk');
  const reader = read(hub, [key]);
  await eventually(
    () => reader.events.length,
    (heartbeats) => heartbeats >= 3,
  );

  const { runId } = await stage.auth.start(key);
  await sees(reader.views, { state: 'awaitingCredentials', runId });
  hub.close();
  await reader.ended;

  expect(reader.events.slice(0, 3)).toEqual(Array(3).fill({ comment: 'nothing new' }));
});

test('a flow that starts again is followed by those who still read it for another', async () => {
  const hub = createEventHub(stage.auth, { checkEveryMs: SOON_MS });
  const [one, other] = [await asking(), await asking()];
  const reader = read(hub, [one.key, other.key]);
  await one.gives(right);
  await sees(reader.views, { state: 'authenticated' });

  const { runId } = await stage.auth.start(one.key, { intent: 'reauthenticate' });
  await sees(reader.views, { state: 'awaitingCredentials', runId });
  await other.gives(right);
  await sees(reader.views, { state: 'authenticated', connectorId: other.key.connectorId });
  await one.gives(right);
  await reader.ended;

  expect(reader.views().at(-1)).toMatchObject({ state: 'authenticated', runId, intent: 'reauthenticate' });
  expect(reader.ids()).toEqual([...new Set(reader.ids())]);
  expect(reader.events.filter(({ event }) => event === 'final')).toHaveLength(1);
});

test('who begins to read after a new start sees that, though others have not heard of it', async () => {
  const hub = createEventHub(stage.auth, { checkEveryMs: HOUR_MS });
  const [one, other] = [await asking(), await asking()];
  const early = read(hub, [one.key, other.key]);
  await eventually(early.ids, (ids) => ids.length === 2);
  await one.gives(right);
  await sees(early.views, { state: 'authenticated' });

  const { runId } = await stage.auth.start(one.key, { intent: 'reauthenticate' });
  const late = read(hub, [one.key]);
  await eventually(late.ids, (ids) => ids.length > 0);
  await sees(early.views, { state: 'awaitingCredentials', runId });
  hub.close();
  await Promise.all([early.ended, late.ended]);

  expect(late.views().every((view) => view.runId === runId)).toBe(true);
  expect(late.events.map(({ event }) => event)).not.toContain('final');
});

test('a flow that goes on as another run is followed through all of them to its end', async () => {
  const hub = createEventHub(stage.auth, { checkEveryMs: HOUR_MS });
  const { key, workflowId } = await asking();
  const reader = read(hub, [key]);

  for (let run = 1; run <= 2; run++) {
    const [before] = (await sees(reader.views, { state: 'awaitingCredentials' })).slice(-1);
    while ((await stage.auth.view(key)).runId === before!.runId)
      await stage.client.workflow.getHandle(workflowId).signal('credentialInput', { submissionId: 'x' });
    await eventually(reader.views, (views) => views.at(-1)?.runId !== before!.runId);
  }
  const submissionId = 'right';
  await stage.auth.submitCredentials(key, { submissionId, credentials: await stage.sealed(key, submissionId, right) });
  await reader.ended;

  const views = reader.views();
  expect([...new Set(views.map(({ runId }) => runId))]).toHaveLength(3);
  expect(reader.ids()).toEqual([...new Set(reader.ids())]);
  const revisions = views.map(({ revision }) => revision);
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  expect(views.at(-1)).toEqual(await stage.auth.result(key));
});
