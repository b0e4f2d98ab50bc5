/** A history that has grown too long: another run goes on, and whoever feeds or follows the flow does not notice. */
import { randomUUID } from 'node:crypto';
import { taskQueue, workflowIdOf, type Input, type TimelineEntry, type View } from '../../workflows/messages';
import { consentScene, type ConsentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { histories, ofKind, taskFailures } from '../support/histories';
import { isRead, keyInput, refusal, updates } from '../support/messages';
import { openStageOfShortHistories, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStageOfShortHistories();
});

afterEach(() => stage.sandbox.clearFaults());

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

/** The flow itself, whichever run it is in. */
const flow = ({ workflowId }: Scene) => stage.client.workflow.getHandle(workflowId);
const signals = (scene: Scene, name: string, body: unknown) => flow(scene).signal(name, body);
const wrong = { submissionId: 'wrong', values: { NoSuch: 'x' } };

/** Bothers the flow with inputs that change nothing, until another run has taken over. Its view. */
async function growsTooLong(scene: Scene): Promise<View> {
  const { runId } = await scene.view();
  for (;;) {
    await signals(scene, 'propertyInput', wrong);
    const view = await scene.view();
    if (view.runId !== runId) return view;
  }
}

async function asking(connector = 'Brightdesk', input: Partial<Input> = {}): Promise<Scene> {
  const scene = await stage.scene(connector, input);
  await eventually(scene.view, ({ deadline }) => deadline !== undefined);
  return scene;
}

async function consenting(input?: Partial<Input>): Promise<ConsentScene> {
  const scene = await consentScene(stage, 'Ledgerly', input);
  await scene.reaches('awaitingAuthorization');
  return scene;
}

const told = ({ at, ...entry }: TimelineEntry) => entry;

test('it goes on as another run: same state, deadline and timeline, and to its end', async () => {
  const scene = await asking('Shopwell');
  await signals(scene, 'propertyInput', wrong);
  const before = await eventually(scene.view, ({ problem }) => problem !== undefined);
  const past = await scene.timeline();

  const { runId, ...after } = await growsTooLong(scene);

  expect(runId).not.toBe(before.runId);
  expect(after).toEqual({ ...before, runId: undefined, revision: after.revision });
  expect(after.revision).toBeGreaterThanOrEqual(before.revision);
  expect((await scene.timeline()).slice(0, past.length)).toEqual(past);
  expect(past).not.toHaveLength(0);
  expect(await stage.auth.start(scene.key)).toMatchObject({ started: false, runId, intent: 'authenticate' });

  await stage.auth.submitProperties(scene.key, { submissionId: 'p', values: { Shop: 'acme' } });
  expect(await scene.reaches('awaitingAuthorization')).not.toHaveProperty('problem');
  expect(scene.calls().filter((call) => call === `GET ${scene.key.connectorId}`)).toHaveLength(2);
});

test('nothing is started a second time: nothing is read, applied or asked again', async () => {
  const scene = await asking();
  const calls = scene.calls();

  await growsTooLong(scene);

  expect(scene.calls()).toEqual(calls);
});

test('a submission that was taken stays known, and one that was not is taken', async () => {
  stage.sandbox.fault({ match: { method: 'PUT' }, then: { status: 400 } });
  const scene = await asking();
  const first = await keyInput(stage, scene, 'first');
  expect(await stage.auth.submitCredentials(scene.key, first)).toMatchObject({ problem: { code: 'refused' } });

  await growsTooLong(scene);
  const again = await stage.auth.submitCredentials(scene.key, first);
  const { code } = await refusal(
    updates({ handle: flow(scene) }, 'submitCredentials', { submissionId: 'no', credentials: 'clear' }),
  );
  const end = await stage.auth.submitCredentials(scene.key, await keyInput(stage, scene, 'second'));

  expect(again).toMatchObject({ state: 'awaitingCredentials' });
  expect(code).toBe('notSealed');
  expect(end).toMatchObject({ state: 'authenticated' });
  expect(scene.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(2);
});

test('the wait ends when it would have ended', async () => {
  const scene = await asking('Brightdesk', { patience: { credentials: '12s' } });
  const { deadline } = await scene.view();

  await growsTooLong(scene);
  await growsTooLong(scene);
  const end = await stage.auth.result(scene.key);
  const ended = (await flow(scene).describe()).closeTime!.getTime();

  expect(end.state).toBe('expired');
  expect(ended - Date.parse(deadline!)).toBeGreaterThanOrEqual(-1000); // timers are whole milliseconds of another clock
  expect(ended - Date.parse(deadline!)).toBeLessThan(8000);
});

test('a user who followed a link of an earlier run comes back to the next one', async () => {
  const scene = await consenting();
  const older = await scene.asks();
  const newer = await scene.asks();
  await scene.decides(older, 'approve');

  const { attempt } = await growsTooLong(scene);
  await signals(scene, 'oauthCallback', { attemptId: older.attemptId });
  const end = await stage.auth.result(scene.key);

  expect(attempt?.id).toBe(newer.attemptId);
  expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
});

test('an attempt that came back in an earlier run is verified no second time', async () => {
  const scene = await consenting();
  const older = await scene.asks();
  const newer = await scene.asks();
  await signals(scene, 'oauthCallback', { attemptId: older.attemptId });
  await eventually(scene.view, ({ problem }) => problem?.code === 'notAuthorized');
  const reads = scene.reads();

  await growsTooLong(scene);
  await signals(scene, 'oauthCallback', { attemptId: older.attemptId });
  await isRead({ ...scene, signals: (name) => signals(scene, name, undefined) });

  expect(scene.reads()).toBe(reads);
  expect(await scene.view()).toMatchObject({ state: 'awaitingAuthorization', attempt: { id: newer.attemptId } });
});

test('nobody who asks at that moment is lost, and each is answered once', async () => {
  const scene = await asking('Shopwell');
  const asked = Array.from({ length: 60 }, async (_, i) => {
    const submissionId = `s${i}`;
    if (i % 3 === 0) return signals(scene, 'propertyInput', { submissionId, values: { NoSuch: 'x' } });
    if (i % 3 === 1) return refusal(updates({ handle: flow(scene) }, 'submitProperties', { submissionId, values: {} }));
    return stage.auth
      .confirmAuthorization(scene.key, { attemptId: 'none' })
      .catch(({ code }: { code: string }) => code);
  });

  const answers = await Promise.all(asked);
  const view = await stage.auth.submitProperties(scene.key, { submissionId: randomUUID(), values: { Shop: 'acme' } });

  expect(answers.filter((_, i) => i % 3 === 1)).toEqual(
    Array(20).fill(expect.objectContaining({ code: 'missingProperty' })),
  );
  expect(answers.filter((_, i) => i % 3 === 2)).toEqual(Array(20).fill('notNow'));
  expect(view.state).toBe('awaitingAuthorization');
  const { entries, dropped } = await stage.auth.timeline(scene.key);
  expect(dropped).toBeUndefined();
  expect(
    entries
      .filter(({ note }) => note === 'unknownProperty')
      .map(({ id }) => id)
      .sort(),
  ).toEqual(Array.from({ length: 20 }, (_, i) => `s${3 * i}`).sort());
});

test('who watches sees every entry once, in order, over all runs', async () => {
  const scene = await asking();
  const seen: TimelineEntry[] = [];
  const watching = (async () => {
    for await (const entry of stage.auth.timelineEntries(scene.key)) seen.push(entry);
  })();

  await growsTooLong(scene);
  await growsTooLong(scene);
  await stage.auth.submitCredentials(scene.key, await keyInput(stage, scene));
  await watching;

  const runs = (await histories(stage)).filter(({ workflowId }) => workflowId === scene.workflowId);
  expect(runs).toHaveLength(3);
  expect(seen.map(told)).toEqual((await scene.timeline()).map(told));
  expect(seen.at(-1)).toMatchObject({ to: 'authenticated' });
});

test('Temporal Web and its lists show the run that goes on, and nothing sealed is handed on', async () => {
  const scene = await asking();
  await stage.auth.submitCredentials(scene.key, await keyInput(stage, scene, 'sealed', ''));

  const { runId } = await growsTooLong(scene);

  const query = `CyclrAccountId = "${scene.key.accountId}" AND ConnectorAuthState = "awaitingCredentials" AND ExecutionStatus = "Running"`;
  const listed = await eventually(
    async () => {
      const found: string[] = [];
      for await (const execution of stage.client.workflow.list({ query })) found.push(execution.runId);
      return found;
    },
    (found) => found.length > 0,
  );
  expect(listed).toEqual([runId]);
  const [started] = (await stage.client.workflow.getHandle(scene.workflowId, runId).fetchHistory()).events!;
  const given = JSON.stringify(
    started!.workflowExecutionStartedEventAttributes!.input!.payloads?.map(({ data }) => Buffer.from(data!).toString()),
  );
  expect(given).toContain('awaitingCredentials');
  expect(given).toContain('sealed'); // the id of the submission, in the list of those that were taken
  expect(given).not.toMatch(/eyJ/); // the beginning of every compact JWE
});

test('whoever starts a flow can not say where it stands', async () => {
  const key = stage.install('Brightdesk');
  const carried = {
    state: { name: 'awaitingAuthorization', connector: {} },
    revision: 9,
    deadline: 1,
    submissions: [],
  };

  const handle = await stage.client.workflow.start('authenticateConnector', {
    taskQueue,
    workflowId: workflowIdOf(key),
    args: [key, carried],
  });

  expect(
    await eventually(
      () => stage.auth.view(key),
      ({ state }) => state === 'awaitingCredentials',
    ),
  ).toMatchObject({
    revision: 2,
    connector: { name: expect.any(String) },
  });
  const { events } = await handle.fetchHistory();
  expect(ofKind(events ?? [], 'activityTaskScheduled')).toHaveLength(1);
});

test('a start with the key of the first run is that flow, also after its end', async () => {
  const key = stage.install('Brightdesk');
  await stage.auth.start(key, { idempotencyKey: 'k1' });
  const scene = await stage.scene(key);
  await eventually(scene.view, ({ deadline }) => deadline !== undefined);
  const { runId } = await growsTooLong(scene);
  await stage.auth.cancel(key);

  expect(await stage.auth.start(key, { idempotencyKey: 'k1' })).toMatchObject({ started: false, runId });
  expect(await stage.auth.start(key, { idempotencyKey: 'k2' })).toMatchObject({ started: true });
});
