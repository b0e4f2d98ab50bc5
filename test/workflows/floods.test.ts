/** Thousands of messages at the same time, and large messages. The worker keeps running, and the flow continues. */
import { connectionWorkflowIdOf } from '../../workflows/connection';
import { connection } from '../../workflows/messages';
import type { View } from '../../workflows/view';
import { eventually } from '../support/eventually';
import { kindOf, ofKind } from '../support/histories';
import { keyInput, refusal, updates } from '../support/messages';
import { differencesOf } from '../support/replays';
import { bundlePath, cached, openStage, workerMetrics, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

/** The numbers of malformed inputs in the metrics, by the workflow type. */
async function malformedInputs(): Promise<(workflowType: string) => number> {
  const lines = (await workerMetrics()).split('\n');
  const counts = lines.filter((line) => /^cyclr_connect_refused_inputs_total{code="malformed"/.test(line));
  return (type) =>
    Number(
      counts
        .find((line) => line.includes(`"${type}"`))
        ?.split(' ')
        .at(-1) ?? 0,
    );
}

const unopenable = (characters: number) => ({ sealed: `a..${'b'.repeat(characters - 7)}.c.d` });

test('of 2,000 signals in one workflow task the flow reads 20, counts the other signals in one timeline entry, and continues', async () => {
  const [scene, other] = await Promise.all([0, 1].map(() => stage.sceneIn('awaitingCredentials', 'Brightdesk')));
  await stage.stopWorker();
  for (let i = 0; i < 2000; i += 50)
    await Promise.all(
      Array.from({ length: 50 }, (_, k) => scene!.signals('credentialInput', { submissionId: `s${i + k}` })),
    );
  const { length } = await scene!.history();

  await stage.restartWorker(cached); // without a cache, each query and each update replays 2,000 signals
  const entries = await eventually(scene!.timeline, (all) => all.length > 20);

  expect(entries.filter(({ note }) => note === 'malformed')).toHaveLength(20);
  expect(entries.filter(({ note }) => note === 'notNow')).toMatchObject([{ event: 'inputRefused', count: 1980 }]);
  const after = (await scene!.history()).slice(length).map(kindOf);
  // Temporal can give the task to the stopped worker first, and then repeats the task.
  expect(after.filter((kind) => !/^workflowTask(Scheduled|Started|TimedOut)$/.test(kind))).toEqual([
    'workflowTaskCompleted',
  ]);
  for (const flow of [scene!, other!])
    expect((await stage.auth.submitCredentials(flow.key, await keyInput(stage, flow))).state).toBe('authenticated');
  const { workflowId, handle } = scene!;
  const run = { name: 'flood', workflowId, history: await handle.fetchHistory() };
  expect(await differencesOf({ codePath: bundlePath }, [run])).toEqual({ flood: 'ok' });
  await stage.restartWorker();
});

test('a flow, an onboarding and a monitor log and count the ignored signals of one workflow task together', async () => {
  const flow = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  const { accountId, connectorId } = stage.install('Brightdesk');
  const scope = { connectorIds: [connectorId] };
  const { workflowId } = await stage.auth.startOnboarding({ accountId, onboardingId: 'o1', scope });
  const onboarding = stage.client.workflow.getHandle(workflowId);
  const progress = () => stage.auth.onboarding({ accountId, onboardingId: 'o1' });
  await eventually(progress, ({ connectors }) => connectors[0]?.state === 'running');
  await stage.auth.monitor({ accountId, connectorId });
  const monitor = stage.client.workflow.getHandle(connectionWorkflowIdOf({ accountId, connectorId }));
  await stage.stopWorker();
  for (let i = 0; i < 250; i++)
    await Promise.all([
      flow.signals('subscribe', {}),
      flow.signals(`unknown-${i}`),
      onboarding.signal(`unknown-${i}`),
      onboarding.signal('addConnectors', {}),
      monitor.signal(`unknown-${i}`),
    ]);
  const lines = stage.log.length;
  const before = await malformedInputs();

  await stage.restartWorker();
  await eventually(flow.timeline, (all) => all.length >= 200);
  await eventually(progress);
  await eventually(() => monitor.query(connection));

  const after = await malformedInputs();
  expect(after('authenticateConnector') - before('authenticateConnector')).toBe(250);
  expect(after('onboardAccount') - before('onboardAccount')).toBe(500);
  expect(after('monitorConnection') - before('monitorConnection')).toBe(250);
  expect(stage.log.slice(lines).filter((line) => line.includes('Ignored a signal'))).toHaveLength(3);
});

test('in an outage the inbox holds 512 KiB, further signals are refused as notNow, and further updates are rejected without a history event', async () => {
  const key = stage.install('Brightdesk');
  stage.sandbox.fault({ match: { account: key.accountId }, then: { kind: 'throttled', retryAfter: 3600 } });
  const scene = await stage.scene(key);
  await eventually(scene.view, ({ problem }: View) => problem?.code === 'cyclrUnavailable');
  const credentials = unopenable(32_000);

  for (let i = 0; i < 17; i++) await scene.signals('credentialInput', { submissionId: `s${i}`, credentials });
  const entries = await eventually(scene.timeline, (all) => all.some(({ note }) => note === 'notNow'));
  const { code } = await refusal(updates(scene, 'submitCredentials', { submissionId: 'u', credentials }));

  expect(entries.at(-1)).toMatchObject({ from: 'fetchingConnector', event: 'inputRefused', note: 'notNow' });
  expect(code).toBe('notNow');
  expect(ofKind(await scene.history(), 'workflowExecutionUpdateAccepted')).toEqual([]);
});

test('an update with credentials of more than 32 KiB is rejected as malformed', async () => {
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  const large = { submissionId: 'large', credentials: unopenable(32 * 1024 + 1) };

  expect((await refusal(updates(scene, 'submitCredentials', large))).code).toBe('malformed');
});
