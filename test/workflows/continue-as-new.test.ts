/** Continue-as-new: a new run continues the flow, and callers see no difference. */
import { randomUUID } from 'node:crypto';
import { Client, type WorkflowClientInterceptor } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { onboardingActivities } from '../../activities/onboarding';
import { policiesOf, Policies } from '../../activities/policies/policies';
import { isBusy } from '../../client/connector-auth-error';
import { entryOf } from '../../sandbox/catalogue';
import { persistently } from '../../scripts/user/persistent';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { fairnessOf } from '../../workflows/fairness';
import type { Input } from '../../workflows/input';
import { taskQueue } from '../../workflows/messages';
import type { TimelineEntry, View } from '../../workflows/view';
import { consentScene, signInPath } from '../support/consent';
import { eventually } from '../support/eventually';
import { ofKind, timersOf, type HistoryEvent } from '../support/histories';
import { isRead, keyInput, refusal, sendUntilAnswered, updates } from '../support/messages';
import { startReceiver, type Receiver } from '../support/receiver';
import { settled } from '../support/scene';
import { openStageOfShortHistories, SUGGESTED_AT, type Scene, type Stage } from '../support/stage';

// This limit only ends a test that hangs. Without a workflow cache, a test takes up to 20 s even on an idle machine.
jest.setTimeout(600_000);

/**
 * The policy with which the worker checks credentials at the third party. No other part of this file calls a method of
 * a connector.
 */
const policies = new Policies(
  policiesOf(`policies:
  - match: { name: Posterity }
    verify: { method: whoami-${entryOf('Posterity').definition.Id} }
`),
);

let stage: Stage;
/** The receiver of the target `crm`. This receiver gets only the events of flows that name the target `crm`. */
let receiver: Receiver;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([openStageOfShortHistories(), startReceiver()]);
  await stage.restartWorker({}, { crm: { url: receiver.url, secrets: [receiver.secret] } }, policies);
});

afterAll(async () => {
  await stage.close();
  await receiver.close();
});

/** The newest run of the flow. */
const newest = ({ workflowId }: Scene) => stage.client.workflow.getHandle(workflowId);
const signals = (scene: Scene, name: string, body: unknown) => newest(scene).signal(name, body);
const wrong = { submissionId: 'wrong', values: { NoSuch: 'x' } };

/** Sends inputs that the flow refuses, until the flow continues as new. Returns the view of the new run. */
async function continued(scene: Scene): Promise<View> {
  const { runId } = await scene.view();
  for (;;) {
    await signals(scene, 'propertyInput', wrong);
    const view = await scene.view();
    if (view.runId !== runId) return view;
  }
}

/** Starts a flow, and returns when the flow waits for an input. */
async function asking(connector: string | ConnectorKey = 'Brightdesk', input: Partial<Input> = {}): Promise<Scene> {
  const scene = await stage.scene(connector, input);
  await eventually(scene.view, ({ deadline }) => deadline !== undefined);
  return scene;
}

const withoutTime = ({ at: _at, ...entry }: TimelineEntry) => entry;

test.concurrent(
  'after continue-as-new the next run keeps state, deadline and timeline, and calls Cyclr only for new input',
  async () => {
    const scene = await asking('Shopwell');
    await signals(scene, 'propertyInput', wrong);
    const before = await eventually(scene.view, ({ problem }) => problem !== undefined);
    const past = await scene.timeline();
    const calls = scene.calls();
    const { startedAt } = await stage.auth.latestRun(scene.key);

    const { runId, ...after } = await continued(scene);

    expect(runId).not.toBe(before.runId);
    expect((await newest(scene).describe()).priority).toMatchObject(fairnessOf(scene.key.accountId));
    expect(after).toEqual({ ...before, runId: undefined, revision: after.revision });
    expect(after.revision).toBeGreaterThanOrEqual(before.revision);
    expect((await scene.timeline()).slice(0, past.length)).toEqual(past);
    expect(past).not.toHaveLength(0);
    expect(scene.calls()).toEqual(calls);
    expect(await stage.auth.start(scene.key)).toMatchObject({ started: false, runId, intent: 'authenticate' });
    expect(await stage.auth.latestRun(scene.key)).toMatchObject({ runId, startedAt });
    const reads = () => scene.calls().filter((call) => call === `GET ${scene.key.connectorId}`).length;
    // The second read comes from the recheck that the second start has sent.
    await eventually(reads, (count) => count === 2);

    await stage.auth.submitProperties(scene.key, { submissionId: 'p', values: { Shop: 'acme' } });
    expect(await scene.reaches('awaitingAuthorization')).not.toHaveProperty('problem');
    // The reads at the start, at the recheck, and before and after the properties. A worker without policies does not
    // read before the properties.
    expect(reads()).toBe(4);
  },
);

test.concurrent(
  'after continue-as-new the next run ignores known submission ids, and accepts new submission ids',
  async () => {
    const scene = await asking();
    stage.record('continued-as-new', scene.handle);
    const first = await keyInput(stage, scene, 'first', 'wrong');
    expect(await stage.auth.submitCredentials(scene.key, first)).toMatchObject({ problem: { code: 'refused' } });

    await continued(scene);
    const again = await stage.auth.submitCredentials(scene.key, first);
    const { code } = await refusal(
      updates({ handle: newest(scene) }, 'submitCredentials', { submissionId: 'no', credentials: 'clear' }),
    );
    await continued(scene);
    const end = await stage.auth.submitCredentials(scene.key, await keyInput(stage, scene, 'second'));

    expect(again).toMatchObject({ state: 'awaitingCredentials' });
    expect(code).toBe('notSealed');
    expect(end).toMatchObject({ state: 'authenticated' });
    expect(scene.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(2);
  },
);

test.concurrent(
  'after continue-as-new a re-read does not end the wait if the third party refused the stored credentials in the previous run',
  async () => {
    stage.sandbox.switches.methodCalls = 'refusing';
    const scene = await asking('Posterity');
    const input = await keyInput(stage, scene, 'first');
    expect(await stage.auth.submitCredentials(scene.key, input)).toMatchObject({ problem: { code: 'refused' } });

    const before = await continued(scene);
    const after = await stage.auth.recheck(scene.key);

    expect(before).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'notNow' }, connected: true });
    expect(after).toEqual(before);
  },
);

test.concurrent('if the history is full while a link is made, the next run has the attempt of this link', async () => {
  const scene = await consentScene(stage);
  const { runId } = await scene.view();
  const release = stage.sandbox.fault({ match: { path: signInPath(scene.key) }, then: 'held' });
  const link = persistently(() => scene.asks());
  await eventually(scene.mintings, (count) => count === 1);
  await Promise.all(Array.from({ length: SUGGESTED_AT }, () => signals(scene, 'propertyInput', wrong)));
  // The unanswered request for the link postpones Continue-As-New.
  const full = await eventually(
    () => scene.handle.describe(),
    ({ raw }) => !raw.pendingWorkflowTask,
  );

  release();
  const { attemptId } = await link;
  const next = await eventually(scene.view, (view) => view.runId !== runId);

  expect(full.status.name).toBe('RUNNING');
  expect(next.attempt).toMatchObject({ id: attemptId });
});

test.concurrent(
  'after continue-as-new the next run has the same deadline, and its timer fires at this deadline',
  async () => {
    const scene = await asking('Brightdesk', { patience: { credentials: '1 hour' } });
    const { deadline } = await scene.view();

    await continued(scene);
    const view = await continued(scene);
    const { events = [] } = await newest(scene).fetchHistory();

    const [timer] = ofKind(events!, 'timerStarted');
    const [seconds] = timersOf(events!);
    const firesMs = (Number(timer!.eventTime!.seconds) + seconds!) * 1000;
    expect(view.deadline).toBe(deadline);
    // Timer and deadline can differ by some seconds, because the workflow task may have waited for the worker.
    expect(Math.abs(firesMs - Date.parse(deadline!))).toBeLessThan(30_000);
    await stage.auth.cancel(scene.key);
  },
);

test.concurrent('after continue-as-new the flow verifies a return from a link of the previous run', async () => {
  const scene = await consentScene(stage);
  stage.record('continued-as-new-with-links', scene.handle);
  const older = await scene.asks();
  const newer = await scene.asks();
  await scene.decides(older, 'approve');

  const { attempt } = await continued(scene);
  await signals(scene, 'oauthCallback', { attemptId: older.attemptId });
  const end = await stage.auth.result(scene.key);

  expect(attempt?.id).toBe(newer.attemptId);
  expect(end).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
});

test.concurrent('after continue-as-new the flow ignores a return that the previous run has verified', async () => {
  const scene = await consentScene(stage);
  const older = await scene.asks();
  const newer = await scene.asks();
  await signals(scene, 'oauthCallback', { attemptId: older.attemptId });
  await eventually(scene.view, ({ problem }) => problem?.code === 'notAuthorized');
  const reads = scene.reads();

  await continued(scene);
  await signals(scene, 'oauthCallback', { attemptId: older.attemptId });
  await isRead({ ...scene, signals: (name) => signals(scene, name, undefined) });

  expect(scene.reads()).toBe(reads);
  expect(await scene.view()).toMatchObject({ state: 'awaitingAuthorization', attempt: { id: newer.attemptId } });
  await stage.auth.cancel(scene.key);
});

/**
 * Repeats an update whose workflow task has failed. After a query, the guard `ReadAhead` of workflows/read-ahead.ts can
 * fail a workflow task.
 */
const acrossTaskFailures = async (send: () => Promise<unknown>): Promise<unknown> =>
  send().catch((err: unknown) => (isBusy(err) ? acrossTaskFailures(send) : Promise.reject(err)));

test.concurrent(
  'if sixty messages arrive during continue-as-new, the timeline counts each signal, and each update gets an answer',
  async () => {
    const scene = await asking('Shopwell');
    // The test sends only ten updates, because Temporal accepts no more updates at the same time. Temporal's client
    // waits up to ten seconds before it repeats a refused update.
    const send = [
      (submissionId: string) => signals(scene, 'propertyInput', { submissionId, values: { NoSuch: 'x' } }),
      (submissionId: string) =>
        refusal(
          acrossTaskFailures(() =>
            updates({ handle: newest(scene) }, 'submitProperties', { submissionId, values: {} }),
          ),
        ),
      () =>
        // On a busy machine, the library can fail after 10 s without an answer of the flow.
        persistently(() => stage.auth.confirmAuthorization(scene.key, { attemptId: 'none' })).catch(
          ({ code }: { code: string }) => code,
        ),
    ];
    const { runId } = await scene.view();
    const kindOf = (i: number) => (i % 6 === 0 ? 1 + ((i / 6) % 2) : 0);

    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => send[kindOf(i)]!(`s${i}`)));
    await scene.sets({ Shop: 'acme' });
    const view = await scene.reaches('awaitingAuthorization');

    expect(answers.filter((_, i) => kindOf(i) === 1)).toEqual(
      Array(5).fill(expect.objectContaining({ code: 'missingProperty' })),
    );
    expect(answers.filter((_, i) => kindOf(i) === 2)).toEqual(Array(5).fill('notNow'));
    expect(view.runId).not.toBe(runId);
    const { entries, dropped } = await stage.auth.timeline(scene.key);
    expect(dropped).toBeUndefined();
    const read = entries.filter(({ note }) => note === 'unknownProperty').map(({ id }) => id);
    const unread = entries.filter(({ note }) => note === 'notNow').reduce((sum, { count = 1 }) => sum + count, 0);
    expect(new Set(read).size).toBe(read.length);
    expect(read.length + unread).toBe(50); // the inbox keeps at most 20 signals of one workflow task
  },
);

test.concurrent('after continue-as-new the next run reports its end to the subscribers of the first run', async () => {
  const subscriber = await asking('Kestrel');
  const scene = await asking();
  await signals(scene, 'subscribe', { workflowId: subscriber.workflowId });

  await continued(scene);
  await stage.auth.cancel(scene.key);

  const heard = await eventually(subscriber.timeline, (entries) =>
    entries.some(({ event }) => event === 'unknownSignal'),
  );
  expect(heard.filter(({ event }) => event === 'unknownSignal')).toMatchObject([{ note: 'connectorFinished' }]);
});

test.concurrent('after continue-as-new the next run continues the sequence of events and the reminders', async () => {
  const scene = await asking('Brightdesk', { notify: ['crm'], remindAfter: ['1 second', '10 seconds'] });
  stage.record('continued-as-new-with-events', scene.handle);
  const remindersOf = () =>
    receiver.eventsOf(scene.workflowId).filter(({ type }) => type === 'connector.reminder').length;
  await eventually(remindersOf);

  await continued(scene);
  await eventually(remindersOf, (count) => count === 2);
  const { runId } = await continued(scene);
  await stage.auth.cancel(scene.key);

  const events = await eventually(
    () => receiver.eventsOf(scene.workflowId),
    (all) => all.at(-1)?.type === 'connector.cancelled' && all.length === all.at(-1)?.data.sequence,
  );
  expect(remindersOf()).toBe(2);
  const [began, ...reminders] = events
    .filter(({ type }) => type === 'connector.waiting' || type === 'connector.reminder')
    .map(({ timestamp }) => Date.parse(timestamp));
  expect(reminders.at(-1)! - began!).toBeGreaterThanOrEqual(10_000);
  expect(events.map(({ data }) => data.sequence)).toEqual(events.map((_, index) => index + 1));
  expect(events[0]!.data.id).toBe(`${scene.runId}.1`);
  expect(events.at(-1)!.data.id).toBe(`${runId}.final`);
});

test.concurrent(
  'after continue-as-new an onboarding keeps its progress, its next check of the flows, and the sequence of events',
  async () => {
    const accountId = `account-${randomUUID()}`;
    const ids = stage.sandbox
      .createAccount(accountId, { connectors: ['Brightdesk', 'Brightdesk', 'Openrates'] })
      .map(({ id }) => id);
    const [first, second] = ids.map((connectorId) => ({ accountId, connectorId }));
    const one = { accountId, onboardingId: 'o1', metadata: { order: '17' }, notify: ['crm'] };
    const start = await stage.auth.startOnboarding({ ...one, scope: { connectorIds: ids } });
    const handle = stage.client.workflow.getHandle(start.workflowId);
    const run = stage.client.workflow.getHandle(start.workflowId, start.runId);
    stage.record('onboarding-continued-as-new', run);
    await eventually(
      () => stage.auth.onboarding(one),
      ({ done, connectors }) => done === 1 && connectors.every(({ state }) => state !== 'waiting'),
    );
    await stage.auth.cancel(first!);
    const before = await eventually(
      () => settled(handle, () => stage.auth.onboarding(one)),
      ({ connectors }) => connectors[0]?.state === 'cancelled',
    );

    while ((await handle.describe()).runId === start.runId) await handle.signal('noSuchSignal');
    const after = await stage.auth.onboarding(one);
    const [due, later] = await Promise.all([run, handle].map(checkOf));
    await stage.auth.cancel(second!);
    const { runId } = await handle.describe();
    const types = [...Array<string>(3).fill('onboarding.progress'), 'onboarding.incomplete'];
    const events = await receiver.gets(start.workflowId, types);

    expect(after).toEqual(before);
    // The two times can differ by some seconds, because the check may have waited for the worker.
    expect(Math.abs(later! - due!)).toBeLessThan(30_000);
    expect(events.map(({ data }) => data.sequence)).toEqual([1, 2, 3, 4]);
    expect(events.at(-1)!.data).toMatchObject({ id: `${runId}.final`, total: 3, done: 1, metadata: one.metadata });
  },
);

/** Returns the time, in milliseconds, at which the timer of the hourly check of an onboarding fires. */
async function checkOf(run: { fetchHistory(): Promise<{ events?: HistoryEvent[] | null }> }): Promise<number> {
  const { events } = await run.fetchHistory();
  const [timer] = ofKind(events!, 'timerStarted');
  return (Number(timer!.eventTime!.seconds) + timersOf(events!)[0]!) * 1000;
}

test.concurrent('timelineEntries() yields every entry of three continued runs once, in order', async () => {
  const scene = await asking();
  const seen: TimelineEntry[] = [];
  const reading = (async () => {
    for await (const entry of stage.auth.timelineEntries(scene.key)) seen.push(entry);
  })();

  const [second, third] = [await continued(scene), await continued(scene)];
  const input = await keyInput(stage, scene);
  const end = await sendUntilAnswered(() => stage.auth.submitCredentials(scene.key, input));
  await reading;

  expect(new Set([scene.runId, second.runId, third.runId]).size).toBe(3);
  expect(end.runId).toBe(third.runId);
  expect(seen.map(withoutTime)).toEqual((await scene.timeline()).map(withoutTime));
  expect(seen.at(-1)).toMatchObject({ to: 'authenticated' });
});

test.concurrent(
  'after continue-as-new the list of workflows shows the next run, whose input contains no sealed value',
  async () => {
    const scene = await asking();
    await stage.auth.submitCredentials(scene.key, await keyInput(stage, scene, 'sealed', ''));

    const { runId } = await continued(scene);

    const query = `CyclrAccountId = "${scene.key.accountId}" AND ConnectorAuthState = "awaitingCredentials" AND ExecutionStatus = "Running"`;
    const listed = await eventually(
      async () => {
        const found: string[] = [];
        for await (const execution of stage.client.workflow.list({ query })) found.push(execution.runId);
        return found;
      },
      (found) => found.join() === runId, // for a moment, the list can show the run that has continued as new
    );
    expect(listed).toEqual([runId]);
    const [started] = (await stage.client.workflow.getHandle(scene.workflowId, runId).fetchHistory()).events!;
    const input = JSON.stringify(
      started!.workflowExecutionStartedEventAttributes!.input!.payloads?.map(({ data }) =>
        Buffer.from(data!).toString(),
      ),
    );
    expect(input).toContain('awaitingCredentials');
    // The input of the next run lists the ids of the accepted submissions. In this test, the id is the text `sealed`.
    expect(input).toContain('sealed');
    expect(input).not.toMatch(/eyJ/); // every sealed value begins with eyJ
  },
);

test.concurrent('a start input cannot set the state of a flow', async () => {
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
  const view = await eventually(
    () => stage.auth.view(key),
    ({ state }) => state === 'awaitingCredentials',
  );

  expect(view).toMatchObject({ revision: 2, connector: { name: expect.any(String) } });
  const { events } = await handle.fetchHistory();
  expect(ofKind(events ?? [], 'activityTaskScheduled')).toHaveLength(1);
});

test.concurrent(
  'after continue-as-new a start with the idempotencyKey of the first run finds the flow, even after the end of the flow',
  async () => {
    const key = stage.install('Brightdesk');
    await stage.auth.start(key, { idempotencyKey: 'k1' });
    const scene = await stage.scene(key);
    await eventually(scene.view, ({ deadline }) => deadline !== undefined);
    const { runId } = await continued(scene);
    await stage.auth.cancel(key);

    expect(await stage.auth.start(key, { idempotencyKey: 'k1' })).toMatchObject({ started: false, runId });
    expect(await stage.auth.start(key, { idempotencyKey: 'k2' })).toMatchObject({ started: true });
  },
);

test.concurrent(
  'an onboarding cancels a flow even if the flow continues as new before the signal arrives',
  async () => {
    const key = stage.install('Brightdesk');
    const { accountId, connectorId } = key;
    const onboarding = { accountId, onboardingId: 'crm' };
    await stage.auth.startOnboarding({ ...onboarding, scope: { connectorIds: [connectorId] } });
    await eventually(
      () => stage.auth.onboarding(onboarding),
      ({ connectors }) => connectors[0]?.state === 'running',
    );
    const scene = await asking(key);
    let isFirst = true;
    const signal: WorkflowClientInterceptor['signal'] = async (input, next) => {
      if (isFirst) await continued(scene);
      isFirst = false;
      return next(input);
    };
    const { connection, namespace } = stage;
    const client = new Client({ connection, namespace, interceptors: { workflow: [{ signal }] } });
    const { cancelFlows } = onboardingActivities(undefined as never, {});

    await new MockActivityEnvironment({}, { client }).run(cancelFlows, onboarding, { connectorIds: [connectorId] });

    await eventually(scene.view, ({ state }) => state === 'cancelled');
  },
);

test.concurrent('the audit has each flow once, with the last run that started before `to`', async () => {
  const scene = await asking();
  const { accountId } = scene.key;
  const to = new Date().toISOString();
  const { runId } = await continued(scene);
  await eventually(
    () => stage.client.workflow.count(`WorkflowId = "${scene.workflowId}" AND ExecutionStatus = 'ContinuedAsNew'`),
    ({ count }) => count === 1,
  );
  const runIdsOf = async (request: { to?: string }) => {
    const runIds = new Set<string>();
    for await (const entry of stage.auth.audit({ accountId, ...request })) runIds.add(entry.runId);
    return [...runIds];
  };

  expect(await runIdsOf({ to })).toEqual([scene.runId]);
  expect(await runIdsOf({})).toEqual([runId]);
});
