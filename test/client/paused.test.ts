/**
 * A flow that an operator has paused in Temporal. A paused flow is open, but Temporal gives its worker no query and no
 * update.
 */
import { randomUUID } from 'node:crypto';
import { Client, type WorkflowClientInterceptor } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { historyGrowth } from '../../client/flow-history';
import { ViewCache } from '../../service/view-cache';
import { connectionWorkflowIdOf } from '../../workflows/connection';
import { workflowIdOf, type View } from '../../workflows/messages';
import { onboardingWorkflowIdOf, type OnboardingKey } from '../../workflows/onboarding';
import { counted } from '../support/counting';
import { eventually } from '../support/eventually';
import { openStageOfShortHistories, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStageOfShortHistories({ 'frontend.WorkflowPauseEnabled': true });
});

afterAll(() => stage.close());

const request = ({ workflowId }: Pick<Scene, 'workflowId'>) => ({
  ...{ namespace: stage.namespace, workflowId, identity: 'operator', reason: 'looking at it' },
});

async function paused(): Promise<Scene> {
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  await pause(scene);
  return scene;
}

const pause = (scene: Pick<Scene, 'workflowId'>) =>
  stage.client.workflowService.pauseWorkflowExecution({ ...request(scene), requestId: randomUUID() });

const unpause = (scene: Pick<Scene, 'workflowId'>) =>
  stage.client.workflowService.unpauseWorkflowExecution({ ...request(scene), requestId: randomUUID() });

test.concurrent('a call that needs an answer of a paused flow fails as paused, with the last known state', async () => {
  const { key } = await paused();
  const expected = { code: 'paused', state: 'awaitingCredentials' };

  await expect(stage.auth.view(key)).rejects.toMatchObject(expected);
  await expect(stage.auth.timeline(key)).rejects.toMatchObject(expected);
  await expect(stage.auth.recheck(key)).rejects.toMatchObject(expected);
  await expect(stage.auth.submitProperties(key, { submissionId: 'p', values: {} })).rejects.toMatchObject(expected);
});

test.concurrent(
  'ViewCache fails as paused for a paused flow, although the cache has a view from before the pause',
  async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    const cache = new ViewCache(stage.auth);
    const before = await cache.view(scene.key);
    await pause(scene);

    expect(before.state).toBe('awaitingCredentials');
    await expect(cache.view(scene.key)).rejects.toMatchObject({ code: 'paused' });
  },
);

test.concurrent('a start finds the run of a paused flow, and list() and flows() contain the paused flow', async () => {
  const { key, runId } = await paused();

  expect(await stage.auth.start(key)).toMatchObject({ started: false, runId });
  expect(await stage.auth.progress(key)).toMatchObject({ open: true, runId });
  const { accountId } = key;
  const lists = () => Promise.all([stage.auth.list({ accountId }), stage.auth.flows({ accountId })]);
  const [list, flows] = await eventually(lists, (pages) => pages.every(({ items }) => items.length > 0));
  expect([list.items, flows.items]).toMatchObject([[{ state: 'awaitingCredentials' }], [{ runId }]]);
});

/** Makes a ConnectorAuth that counts its calls to Temporal. */
function counting() {
  const { connection, ...counts } = counted(stage.connection);
  return { ...counts, auth: new ConnectorAuth(new Client({ connection, namespace: stage.namespace })) };
}

test.concurrent('the worker handles a signal to a paused flow after the pause', async () => {
  const scene = await paused();
  const { auth, polls } = counting();

  const answer = auth.cancel(scene.key, { reason: 'no longer needed' });
  await expect(answer).rejects.toMatchObject({ code: 'paused' });
  await unpause(scene);

  expect(polls.started).toBe(1); // Temporal answers each poll of a paused run at once
  expect((await stage.auth.result(scene.key)).state).toBe('cancelled');
});

test.concurrent('result polls a paused run only once, and returns the final view after the pause', async () => {
  const scene = await paused();
  const { auth, polls, descriptions } = counting();

  const result = auth.result(scene.key);
  await eventually(() => descriptions.answered > 3);
  const polled = polls.started;
  await scene.signals('cancel', {});
  await unpause(scene);

  expect(polled).toBe(1);
  expect(await result).toMatchObject({ state: 'cancelled', runId: scene.runId });
});

/**
 * Waits until an onboarding awaits its flows. A pause must not come while a workflow task waits for a worker: see
 * "stopped by a pause" in docs/operating.md.
 */
const awaitsFlows = (key: OnboardingKey) =>
  eventually(
    () => stage.auth.onboarding(key),
    ({ connectors }) => connectors[0]?.state === 'running',
  );

test.concurrent('cancelOnboarding polls a paused onboarding only once', async () => {
  const { accountId, connectorId } = stage.install('Brightdesk');
  const key = { accountId, onboardingId: 'onboarding-1' };
  const run = { workflowId: onboardingWorkflowIdOf(key) };
  await stage.auth.startOnboarding({ ...key, scope: { connectorIds: [connectorId] } });
  await awaitsFlows(key);
  await pause(run);
  const { auth, polls } = counting();

  await expect(auth.cancelOnboarding(key, { cancelFlows: true })).rejects.toMatchObject({ code: 'paused' });
  await unpause(run);

  expect(polls.started).toBe(1);
  const end = await eventually(
    () => stage.auth.onboarding(key),
    ({ state }) => state !== 'running',
  );
  expect(end.state).toBe('cancelled');
});

/** Makes a ConnectorAuth that ends the pause of `run` before each request to describe a run. */
function unpausing(run: Pick<Scene, 'workflowId'>): ConnectorAuth {
  const describe: WorkflowClientInterceptor['describe'] = async (input, next) => {
    await unpause(run).catch(() => undefined); // `unpause` fails if the run is not paused
    return next(input);
  };
  const { connection, namespace } = stage;
  return new ConnectorAuth(new Client({ connection, namespace, interceptors: { workflow: [{ describe }] } }));
}

test.concurrent(
  'a read of a connection gets an answer, even if the monitor was paused just before the read',
  async () => {
    const key = stage.install('Brightdesk');
    const before = await stage.auth.monitor(key);
    const monitor = { workflowId: connectionWorkflowIdOf(key) };
    await pause(monitor);

    const view = await unpausing(monitor).connection(key);

    expect(view).toEqual(before);
    await stage.auth.monitor(key, { stop: true });
  },
);

test.concurrent('the worker handles the signals of monitor() to a paused monitor after the pause', async () => {
  const key = stage.install('Brightdesk');
  const before = await stage.auth.monitor(key);
  const monitor = { workflowId: connectionWorkflowIdOf(key) };

  await pause(monitor);
  await expect(stage.auth.monitor(key, { every: '6 hours' })).rejects.toMatchObject({ code: 'paused' });
  await unpause(monitor);
  await eventually(
    () => stage.auth.connection(key),
    ({ checkedAt }) => checkedAt !== before.checkedAt,
  );
  await pause(monitor);
  await expect(stage.auth.monitor(key, { stop: true })).rejects.toMatchObject({ code: 'paused' });
  await unpause(monitor);
  const { status } = await eventually(
    () => stage.client.workflow.getHandle(monitor.workflowId).describe(),
    ({ closeTime }) => closeTime !== undefined,
  );

  expect(status.name).toBe('COMPLETED');
});

test.concurrent('the cancellation of an onboarding with cancelFlows does not wait for a paused flow', async () => {
  const { accountId, connectorId } = stage.install('Brightdesk');
  const onboarding = { accountId, onboardingId: 'crm' };
  await stage.auth.startOnboarding({ ...onboarding, scope: { connectorIds: [connectorId] } });
  await awaitsFlows(onboarding);
  await eventually(
    () => stage.auth.view({ accountId, connectorId }),
    ({ state }) => state === 'awaitingCredentials',
  );
  await pause({ workflowId: workflowIdOf({ accountId, connectorId }) });

  const end = await stage.auth.cancelOnboarding(onboarding, { cancelFlows: true });

  expect(end).toMatchObject({ state: 'cancelled', connectors: [{ state: 'running' }] });
});

test.concurrent('views continues after a short pause of the flow', async () => {
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  const views = unpausing(scene).views(scene.key);
  const seen: (View | void)[] = [(await views.next()).value];

  const next = views.next();
  await pause(scene);
  seen.push((await next).value);
  await scene.signals('cancel', {});
  for await (const view of views) seen.push(view);

  expect(seen[1]).toMatchObject({ state: 'awaitingCredentials' });
  expect(seen.at(-1)).toMatchObject({ state: 'cancelled', runId: scene.runId });
});

test.concurrent('historyGrowth reads the history of a paused run only once', async () => {
  const { workflowId, runId } = await paused();
  const { connection, polls, descriptions } = counted(stage.connection);
  const client = new Client({ connection, namespace: stage.namespace });
  const stop = new AbortController();
  const growth = historyGrowth(client, { workflowId, runId, historyLength: 0 }, stop.signal);

  const first = await growth.next();
  const second = growth.next();
  await eventually(() => descriptions.answered > 2);
  const polled = polls.started;
  stop.abort();

  expect(first.value).toEqual({ runId, open: true });
  expect(polled).toBe(1);
  expect((await second).done).toBe(true);
});
