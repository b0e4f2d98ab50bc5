/** The event streams of flows that have not started, that start again, or that continue as new. */
import { Client } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { createEventHub } from '../../service/streams/event-stream';
import type { View } from '../../workflows/messages';
import { counted } from '../support/counting';
import { asInResult } from '../support/messages';
import { eventually } from '../support/eventually';
import { read } from '../support/reading';
import { openStageOfShortHistories, type Scene, type Stage } from '../support/stage';

const HOUR_MS = 3_600_000;
const SOON_MS = 100;

let stage: Stage;

beforeAll(async () => {
  // With this setting, a long poll without an event ends after 1 s, not after Temporal's default of 20 s.
  stage = await openStageOfShortHistories({ 'history.longPollExpirationInterval': 1 });
});

afterAll(() => stage.close());

const right = { kind: 'apiKey', key: 'right' } as const;

const asking = (): Promise<Scene> => stage.sceneIn('awaitingCredentials', 'Brightdesk');

/** Waits until the newest view has all members of `expected`. */
const sees = (views: () => View[], expected: Partial<View>): Promise<View[]> =>
  eventually(views, (seen) =>
    Object.entries(expected).every(([name, value]) => seen.at(-1)?.[name as 'state'] === value),
  );

test('if a flow starts after its stream has opened, the stream sends the first view when the flow starts', async () => {
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

test('the hub repeats a long poll that ends without an event, and makes no other call to Temporal', async () => {
  const { connection, polls, queries, descriptions } = counted(stage.connection);
  const auth = new ConnectorAuth(new Client({ connection, namespace: stage.namespace }));
  const hub = createEventHub(auth, { checkEveryMs: HOUR_MS });
  const { key } = await asking();
  const reader = read(hub, [key]);
  await eventually(reader.ids, (ids) => ids.length === 1);

  const [polled, asked] = [polls.answered, [queries.started, descriptions.started]];
  await eventually(
    () => polls.answered,
    (now) => now >= polled + 2,
  );
  hub.close();
  await reader.ended;

  expect([queries.started, descriptions.started]).toEqual(asked);
  expect(reader.ids()).toHaveLength(1);
});

test('a stream of an open flow and an ended flow gets the views of a new run of the ended flow', async () => {
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

test('if a stream opens after a new start of its flow, this stream and the older streams of the flow get the views of the new run', async () => {
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

test('a stream gets all views up to the end of a flow that continues as new twice', async () => {
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
  expect(asInResult(views.at(-1)!)).toEqual(await stage.auth.result(key));
});
