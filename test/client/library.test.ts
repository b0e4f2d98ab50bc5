/**
 * The methods of ConnectorAuth: their answers, and the codes of their errors. The tests of `views()` are in
 * views.test.ts.
 */
import { Client, Connection, QueryNotRegisteredError, type WorkflowClientInterceptor } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import type { ConnectorAuthError } from '../../client/connector-auth-error';
import { freePort } from '../../scripts/local/ports';
import type { interceptors } from '../../temporal/grpc-retry';
import { connectionWorkflowIdOf } from '../../workflows/connection';
import type { ConnectorKey } from '../../workflows/connector';
import { onboardingWorkflowIdOf } from '../../workflows/onboarding';
import { transactionErrorWorkflowIdOf } from '../../workflows/transaction-errors';
import { transition } from '../../workflows/authenticate-connector/machine';
import { workflowIdOf, type TimelineEntry } from '../../workflows/messages';
import { READ_AHEAD } from '../../workflows/problems';
import { eventually } from '../support/eventually';
import { allEvents, allStates } from '../../scripts/faults/machine-samples';
import { RETURN_TO, asInResult, happens, keyInput } from '../support/messages';
import { cached, openStage, type Stage } from '../support/stage';

let stage: Stage;
/** The errors of calls to a Temporal whose port is closed. The calls take 15 s, so they start before the tests. */
let away: Promise<unknown[]>;

beforeAll(async () => {
  stage = await openStage();
  away = refusalsFromNowhere();
});

afterEach(() => stage.sandbox.clearFaults());

afterAll(() => stage.close());

/** The gRPC status of Temporal's answer if the workflow code of the flow throws an error for a query. */
const INVALID_ARGUMENT = 3;
const right = { kind: 'apiKey', key: 'right' } as const;
const nobody: ConnectorKey = { accountId: 'nobody', connectorId: 7 };

/** An input whose credentials have the shape of a sealed value, but cannot be opened. */
const sealedSomehow = { submissionId: 's', credentials: { sealed: 'a..b.c.d' } };

/** One call of each library method that needs a flow. */
const calls: [string, (auth: ConnectorAuth, key: ConnectorKey) => Promise<unknown>][] = [
  ['view', (auth, key) => auth.view(key)],
  ['timeline', (auth, key) => auth.timeline(key)],
  ['timelineEntries', async (auth, key) => collect(auth.timelineEntries(key))],
  ['views', (auth, key) => auth.views(key).next()],
  ['progress', (auth, key) => auth.progress(key)],
  ['result', (auth, key) => auth.result(key)],
  ['submitProperties', (auth, key) => auth.submitProperties(key, { submissionId: 's', values: {} })],
  ['submitCredentials', (auth, key) => auth.submitCredentials(key, sealedSomehow)],
  ['requestAuthorization', (auth, key) => auth.requestAuthorization(key, { returnTo: RETURN_TO })],
  ['confirmAuthorization', (auth, key) => auth.confirmAuthorization(key, { attemptId: 'a' })],
  ['cancel', (auth, key) => auth.cancel(key)],
  ['recheck', (auth, key) => auth.recheck(key)],
  ['latestRun', (auth, key) => auth.latestRun(key)],
  ['connection', (auth, key) => auth.connection(key)],
];

/** A library without a server: a call that sends something fails as temporalUnavailable. */
const unreachable = () => new ConnectorAuth(new Client({ connection: Connection.lazy({ address: '127.0.0.1:1' }) }));

async function refusalsFromNowhere(): Promise<unknown[]> {
  const connection = Connection.lazy({ address: `127.0.0.1:${await freePort()}` });
  const auth = new ConnectorAuth(new Client({ connection }));
  const refusals = [...calls.map(([, call]) => call(auth, nobody)), auth.start(nobody)];
  return Promise.all(refusals.map((refusal) => refusal.catch((err: unknown) => err))).finally(() => connection.close());
}

async function collect(entries: AsyncIterable<TimelineEntry>, into: TimelineEntry[] = []): Promise<TimelineEntry[]> {
  for await (const entry of entries) into.push(entry);
  return into;
}

describe('start', () => {
  test('start uses the task queue of the options, or connector-auth by default', async () => {
    const other = new ConnectorAuth(stage.client, { taskQueue: 'other-queue' });
    const [there, here] = [stage.install('Brightdesk'), stage.install('Brightdesk')];

    await other.start(there);
    await stage.auth.start(here);

    const queueOf = async (key: ConnectorKey) =>
      (await stage.client.workflow.getHandle(workflowIdOf(key)).describe()).taskQueue;
    expect([await queueOf(there), await queueOf(here)]).toEqual(['other-queue', 'connector-auth']);
  });

  test('each workflow of an account starts with the fairness key of the account', async () => {
    const { accountId, connectorId } = stage.install('Brightdesk');
    const key = { accountId, connectorId };
    const onboarding = { accountId, onboardingId: 'crm', scope: { connectorIds: [connectorId] } };
    const error = { accountId, cycleId: 'cycle' };

    await stage.auth.start(key);
    await stage.auth.startOnboarding(onboarding);
    await stage.auth.reportTransactionError(error);
    await stage.auth.monitor(key, {});

    const ids = [workflowIdOf(key), onboardingWorkflowIdOf(onboarding), transactionErrorWorkflowIdOf(error)];
    for (const id of [...ids, connectionWorkflowIdOf(key)])
      expect((await stage.client.workflow.getHandle(id).describe()).priority).toMatchObject({ fairnessKey: accountId });
    await stage.auth.monitor(key, { stop: true });
  });

  test('five simultaneous starts start one flow', async () => {
    const on = stage.install('Brightdesk');

    const answers = await Promise.all(Array.from({ length: 5 }, () => stage.auth.start(on)));

    expect(new Set(answers.map(({ runId }) => runId)).size).toBe(1);
    expect(answers.filter(({ started }) => started)).toHaveLength(1);
    expect(answers[0]).toMatchObject({ workflowId: workflowIdOf(on), intent: 'authenticate' });
  });

  test('two simultaneous starts with one idempotency key start one run, even if the run ends between the starts', async () => {
    const on = stage.install('Openrates');
    let held!: (release: () => void) => void;
    const isHeld = new Promise<() => void>((resolve) => (held = resolve));
    const hold: WorkflowClientInterceptor = {
      start: (input, next) => new Promise<void>(held).then(() => next(input)),
    };
    const { connection, namespace } = stage;
    const slow = new ConnectorAuth(new Client({ connection, namespace, interceptors: { workflow: [hold] } }));

    const second = slow.start(on, { idempotencyKey: 'order 1' });
    // From now on, the start `second` waits: it has searched for a run, and has found no run.
    const release = await isHeld;
    const first = await stage.auth.start(on, { idempotencyKey: 'order 1' });
    const end = await stage.auth.result(on);
    release();

    expect((await second).runId).toBe(first.runId);
    expect(end).toMatchObject({ state: 'authenticated', runId: first.runId });
    expect((await stage.auth.latestRun(on)).runId).toBe(first.runId);
  });

  test('a start of a running flow returns the intent of the running flow', async () => {
    const scene = await stage.scene('Evergreen', { intent: 'reauthenticate' });
    const { key, workflowId, runId } = scene;

    const answers = [
      await stage.auth.start(key, { intent: 'reauthenticate' }),
      await stage.auth.start(key, { intent: 'authenticate' }),
      await stage.auth.start(key),
    ];

    expect(answers).toEqual(
      answers.map(() => ({ workflowId, runId, started: false, intent: 'reauthenticate' as const })),
    );
  });

  test('a re-authentication is refused as alreadyRunning during an authentication, and starts a run after the authentication has ended', async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    const again = { intent: 'reauthenticate' } as const;

    const refused = await stage.auth.start(scene.key, again).catch((err: unknown) => err);
    await scene.gives(right);
    const started = await stage.auth.start(scene.key, again);

    expect(refused).toMatchObject({ name: 'ConnectorAuthError', code: 'alreadyRunning' });
    expect(started).toMatchObject({ started: true, workflowId: scene.workflowId, intent: 'reauthenticate' });
    expect(started.runId).not.toBe(scene.runId);
    expect((await scene.reaches('awaitingCredentials')).runId).toBe(started.runId);
  });

  test.each([
    ['an invalid account id', { ...nobody, accountId: 'アカ1' }, {}],
    ['a connector id that is not positive', { ...nobody, connectorId: 0 }, {}],
    ['a patience that is no duration', nobody, { patience: { credentials: 'soon' } }],
    ['an unknown kind of patience', nobody, { patience: { coffee: '1 day' } as never }],
    ['an unknown intent', nobody, { intent: 'authorise' as never }],
    ['a `by` that is too long', nobody, { by: 'x'.repeat(101) }],
  ])('a start with %s is refused as invalidInput, and nothing is sent', async (_name, key, options) => {
    await expect(unreachable().start(key, options)).rejects.toMatchObject({
      name: 'ConnectorAuthError',
      code: 'invalidInput',
    });
  });
});

test.each(calls)(
  'the call %s with an invalid account id is refused as invalidInput, and nothing is sent',
  async (_name, call) => {
    for (const accountId of ['アカ1', '\ud800'])
      await expect(call(unreachable(), { ...nobody, accountId })).rejects.toMatchObject({
        name: 'ConnectorAuthError',
        code: 'invalidInput',
      });
  },
);

test('the calls for an onboarding with an invalid id are refused as invalidInput, and nothing is sent', async () => {
  const auth = unreachable();

  for (const key of [
    { accountId: '\ud800', onboardingId: 'crm' },
    { accountId: 'acme', onboardingId: 'アカ1' },
  ])
    for (const call of [
      auth.onboarding(key),
      auth.onboardingChanges(key).next(),
      auth.cancelOnboarding(key),
      auth.addConnectors(key, { connectorIds: [1] }),
    ])
      await expect(call).rejects.toMatchObject({ name: 'ConnectorAuthError', code: 'invalidInput' });
});

test.each(calls)('the call %s for a connector without a flow fails as notStarted', async (_name, call) => {
  await expect(call(stage.auth, nobody)).rejects.toMatchObject({ name: 'ConnectorAuthError', code: 'notStarted' });
});

describe('an input', () => {
  test.each([
    ['a malformed submission id', { submissionId: 'a b' }, 'malformed'],
    ['a `by` that is too long', { by: 'x'.repeat(101) }, 'malformed'],
    ['values that are no object', { values: [] }, 'malformed'],
    ['an unknown property', { values: { Domain: 'acme', Other: 'x' } }, 'unknownProperty'],
    ['a missing property', { values: { Domain: '' } }, 'missingProperty'],
  ])('an input with %s is rejected, and the code of the error names the fault', async (_name, more, code) => {
    const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');
    const input = { submissionId: 's', values: { Domain: 'acme' }, ...more };

    const refused = stage.auth.submitProperties(scene.key, input as never);

    await expect(refused).rejects.toMatchObject({ name: 'ConnectorAuthError', code });
    expect((await scene.view()).state).toBe('awaitingProperties');
  });

  test('an input for another state is rejected as notNow, and its submission id can be used again', async () => {
    const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');

    await expect(scene.gives(right, 'c')).rejects.toMatchObject({ code: 'notNow' });
    await scene.sets({ Domain: 'acme' });
    const end = await scene.gives(right, 'c');

    expect(end.state).toBe('authenticated');
  });

  test('if an input is sent twice at the same time, each call gets an answer, and Cyclr gets the input only once', async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

    const views = await Promise.all([scene.gives(right, 'c'), scene.gives(right, 'c')]);
    const end = await stage.auth.result(scene.key);

    expect(views.every(({ problem }) => problem === undefined)).toBe(true);
    expect(end.state).toBe('authenticated');
    expect(scene.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(1);
  });

  test.each(['retries refused calls', 'does not retry'])(
    'over a connection that %s, each of 16 simultaneous updates gets an answer, although Temporal accepts only ten at the same time',
    async (kind) => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      const { address } = stage.connection.options;
      const plain = await Connection.connect({ address, ...(kind === 'does not retry' && { interceptors: [] }) });
      const auth = new ConnectorAuth(new Client({ connection: plain, namespace: stage.namespace }));
      const slow = {
        match: { account: scene.key.accountId, method: 'PUT' },
        then: { kind: 'slow', ms: 1000 },
      } as const;
      stage.sandbox.fault(slow);

      const answers = await Promise.all(
        Array.from({ length: 16 }, async (_, index) => {
          const submissionId = `s-${index}`;
          const credentials = await stage.sealed(scene.key, submissionId, right);
          const update = auth.submitCredentials(scene.key, { submissionId, credentials });
          return update.then(
            ({ state }) => state,
            ({ code, message }: ConnectorAuthError) => (code === 'closed' ? code : `${code}: ${message}`),
          );
        }),
      ).finally(() => plain.close());

      expect(answers).toContain('authenticated');
      expect(answers.filter((answer) => answer !== 'authenticated' && answer !== 'closed')).toEqual([]);
    },
  );

  test('an input after the end of the flow fails as closed, with the final view, in each final state and without a worker', async () => {
    const scenes = await Promise.all([
      stage.scene('Openrates'),
      stage.scene('Brightdesk'),
      stage.scene('Brightdesk'),
      stage.scene({ ...stage.install('Brightdesk'), connectorId: 999_999 }),
    ]);
    const [, cancelled, terminated] = scenes;
    await Promise.all([stage.auth.cancel(cancelled.key), terminated.handle.terminate()]);
    const ends = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));
    await stage.stopWorker();

    const refusals = await Promise.all(
      scenes.flatMap(({ key }) => [
        stage.auth.submitCredentials(key, sealedSomehow).catch((err: unknown) => err),
        stage.auth.submitProperties(key, { submissionId: 's', values: {} }).catch((err: unknown) => err),
      ]),
    ).finally(() => stage.restartWorker());

    expect(ends.map(({ state }) => state)).toEqual(['authenticated', 'cancelled', 'failed', 'failed']);
    expect(refusals).toMatchObject(
      ends.flatMap((view) => [
        { code: 'closed', view },
        { code: 'closed', view },
      ]),
    );
  });
});

test('an update whose call to Cyclr does not succeed within 10 s is answered with the current view', async () => {
  const [one, two] = await Promise.all([
    stage.sceneIn('awaitingCredentials', 'Brightdesk'),
    stage.sceneIn('awaitingProperties', 'Fernhill'),
  ]);
  for (const { key } of [one, two])
    stage.sandbox.fault({ match: { account: key.accountId }, times: 'always', then: { status: 503 } });

  const since = Date.now();
  const given = one.gives(right);
  const set = two.sets({ Domain: 'acme' });
  await Promise.all([one.reaches('applyingCredentials'), two.reaches('applyingProperties')]);
  const views = await Promise.all([given, set]);

  expect(views.map(({ state }) => state)).toEqual(['applyingCredentials', 'applyingProperties']);
  expect(Date.now() - since).toBeGreaterThan(9000);
  await Promise.all([one, two].map(({ key }) => stage.auth.cancel(key)));
});

// These tests need a workflow cache. Without a cache, many simultaneous updates can fail a workflow task with "History
// is out of order" (SDK 1.24, dev server 1.9.1).
describe('with a workflow cache', () => {
  beforeAll(() => stage.restartWorker(cached));
  afterAll(() => stage.restartWorker());

  test.each([
    ['retries refused calls', {}],
    ['does not retry', { interceptors: [] }],
  ])(
    'over a connection that %s, each of 26 simultaneous inputs is accepted and answered, or fails with an error code',
    async (_, options) => {
      const plain = await Connection.connect({ address: stage.connection.options.address, ...options });
      const auth = new ConnectorAuth(new Client({ connection: plain, namespace: stage.namespace }));
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      stage.sandbox.fault({ match: { account: scene.key.accountId }, times: 'always', then: { status: 503 } });

      const inputs = await Promise.all(Array.from({ length: 26 }, () => keyInput(stage, scene)));
      const outcomes = await Promise.allSettled(
        inputs.map((input) => auth.submitCredentials(scene.key, input)),
      ).finally(() => plain.close());

      const accepted = (await scene.history()).flatMap(
        ({ workflowExecutionUpdateAcceptedEventAttributes: event }) => event?.acceptedRequest?.meta?.updateId ?? [],
      );
      for (const [index, outcome] of outcomes.entries()) {
        const isAccepted = accepted.includes(inputs[index]!.submissionId);
        if (outcome.status === 'fulfilled')
          expect([outcome.value.state, isAccepted]).toEqual(['applyingCredentials', true]);
        else
          expect(['temporalUnavailable', 'noWorker', 'notNow']).toContain((outcome.reason as ConnectorAuthError).code);
      }
      await stage.auth.cancel(scene.key);
    },
  );
});

describe('timelineEntries', () => {
  beforeAll(() => stage.restartWorker(cached));
  afterAll(() => stage.restartWorker());

  test('timelineEntries yields to each reader the past entries, then the new entries until the end of the flow', async () => {
    const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');
    const early: TimelineEntry[] = [];
    const late: TimelineEntry[] = [];

    const first = collect(stage.auth.timelineEntries(scene.key), early);
    await eventually(
      () => early.length,
      (length) => length === 1,
    );
    await scene.sets({ Domain: 'acme' });
    const second = collect(stage.auth.timelineEntries(scene.key), late);
    await scene.gives(right);
    await Promise.all([first, second]);

    expect(early.map(({ event }) => event)).toEqual([
      'connectorFetched',
      'propertiesSubmitted',
      'propertiesApplied',
      'credentialsSubmitted',
      'credentialsApplied',
    ]);
    expect(late).toEqual(early);
    expect(early).toEqual(await scene.timeline());
    expect(await collect(stage.auth.timelineEntries(scene.key))).toEqual(early);
  });

  test('timelineEntries yields no entry twice, even if the timeline has dropped old entries', async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    await Promise.all(Array.from({ length: 220 }, (_, index) => scene.signals(`signal-${index}`)));
    await eventually(
      () => stage.auth.timeline(scene.key),
      ({ dropped }) => dropped === 21,
    );
    const told: TimelineEntry[] = [];

    const watching = collect(stage.auth.timelineEntries(scene.key), told);
    await eventually(
      () => told.length,
      (length) => length === 200,
    );
    await stage.auth.cancel(scene.key);
    await watching;

    expect(told).toHaveLength(201);
    expect(new Set(told.map(({ note }) => note)).size).toBe(201);
    expect(told.at(-1)).toMatchObject({ event: 'cancelled' });
  });

  test('timelineEntries ends when its AbortSignal aborts, although the flow has not ended', async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
    const abort = new AbortController();
    const told: TimelineEntry[] = [];

    const watching = collect(stage.auth.timelineEntries(scene.key, abort.signal), told);
    await eventually(
      () => told.length,
      (length) => length === 1,
    );
    abort.abort();
    await watching;

    expect(await collect(stage.auth.timelineEntries(scene.key, abort.signal))).toEqual([]);
    expect((await scene.view()).state).toBe('awaitingCredentials');
  });
});

test('cancel answers with the final view, and a second cancel answers with the same view', async () => {
  const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');

  const first = await stage.auth.cancel(scene.key, { reason: 'test' });
  const second = await stage.auth.cancel(scene.key);

  expect(first).toMatchObject({ state: 'cancelled', runId: scene.runId });
  expect(second).toEqual(first);
});

test('if Temporal does not answer with the result of a failed flow, view fails as temporalUnavailable', async () => {
  const { key } = await stage.scene({ ...stage.install('Brightdesk'), connectorId: 999_999 });
  const end = await stage.auth.result(key);
  let isLate = true;
  const late: (typeof interceptors)[number] = (options, next) => {
    const isHistory = options.method_definition.path.endsWith('/GetWorkflowExecutionHistory');
    const deadline = isHistory && isLate ? Date.now() - 1 : options.deadline;
    if (isHistory) isLate = false;
    return next({ ...options, deadline }) as never;
  };
  const connection = await Connection.connect({ address: stage.connection.options.address, interceptors: [late] });
  const auth = new ConnectorAuth(new Client({ connection, namespace: stage.namespace }));

  const answers = await Promise.allSettled([auth.view(key)]);
  const again = await auth.view(key).finally(() => connection.close());

  expect(answers).toMatchObject([{ reason: { code: 'temporalUnavailable' } }]);
  expect(again).toEqual(end);
  expect(end).toMatchObject({ state: 'failed', failure: { code: 'connectorNotFound' } });
});

describe('result', () => {
  test('result waits for the end of the run', async () => {
    const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

    const result = stage.auth.result(scene.key);
    const end = await scene.gives(right);

    expect(await result).toEqual(asInResult(end));
    expect(end).toMatchObject({ state: 'authenticated', runId: scene.runId });
  });

  test('result is the final view of a failed and of a cancelled run', async () => {
    const failing = await stage.scene({ ...stage.install('Brightdesk'), connectorId: 999_999 });
    const cancelled = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

    const results = Promise.all([stage.auth.result(failing.key), stage.auth.result(cancelled.key)]);
    await cancelled.handle.cancel();

    expect(await results).toMatchObject([{ state: 'failed' }, { state: 'cancelled' }]);
  });
});

test('each timeline entry is a transition of the state machine, from the state to which the previous entry leads', async () => {
  const arrows = new Set(
    allStates.flatMap((state) =>
      allEvents.map((event) => `${state.name} ${event.type} ${transition(state, event).name}`),
    ),
  );
  const scene = await stage.sceneIn('awaitingProperties', 'Kestrel');
  await scene.signals('propertyInput', null);
  await happens(scene, 'inputRefused');
  await scene.signals('unknown');
  await happens(scene, 'unknownSignal');
  await scene.signals('credentialInput', await keyInput(stage, scene));
  await happens(scene, 'inputRefused', 2);
  await expect(scene.gives(right)).rejects.toMatchObject({ code: 'notNow' });
  for (const [submissionId, value] of [
    ['p-1', 'wrong'],
    ['p-2', 'right'],
  ] as const) {
    const SigningSecret = await stage.sealedProperty(scene.key, submissionId, 'SigningSecret', value);
    await stage.auth.submitProperties(scene.key, {
      submissionId,
      values: { Environment: 'x', SigningSecret },
      by: 'jo',
    });
  }
  await scene.gives({ kind: 'basic', username: 'a', password: 'b' }, 'c-1');
  await scene.gives({ kind: 'apiKey', key: 'wrong' }, 'c-2');
  const end = await scene.gives(right, 'c-3');

  const entries = await scene.timeline();
  expect(entries.map(({ event }) => event)).toEqual([
    'connectorFetched',
    'inputRefused',
    'unknownSignal',
    'inputRefused',
    'propertiesSubmitted',
    'refused',
    'propertiesSubmitted',
    'propertiesApplied',
    'credentialsSubmitted',
    'inputRefused',
    'credentialsSubmitted',
    'refused',
    'credentialsSubmitted',
    'credentialsApplied',
  ]);
  expect(entries[0]?.from).toBe('fetchingConnector');
  expect(entries.slice(1).map(({ from }) => from)).toEqual(entries.slice(0, -1).map(({ to }) => to));
  expect(entries.at(-1)?.to).toBe(end.state);
  const known = ({ event, from, to }: TimelineEntry) =>
    event === 'unknownSignal' || arrows.has(`${from} ${event} ${to}`);
  expect(entries.filter((entry) => !known(entry))).toEqual([]);
  expect(entries.filter(({ id }) => id === 'p-2')).toMatchObject([{ by: 'jo' }, { event: 'propertiesApplied' }]);
  const times = entries.map(({ at }) => at);
  expect(times).toEqual([...times].sort());
});

test('if each query for 10 s fails because it reads events of a pending workflow task, view fails as noWorker', async () => {
  const { key } = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  const { connection, namespace } = stage;
  const query: WorkflowClientInterceptor['query'] = async () => {
    throw new QueryNotRegisteredError(READ_AHEAD, INVALID_ARGUMENT);
  };
  const auth = new ConnectorAuth(new Client({ connection, namespace, interceptors: { workflow: [{ query }] } }));

  await expect(auth.view(key)).rejects.toMatchObject({ name: 'ConnectorAuthError', code: 'noWorker' });
});

test('each call that needs a worker fails as noWorker if no worker runs', async () => {
  // This test leaves out `progress`, `latestRun` and `connection`, which need no worker here, and `result`, `cancel` and
  // `requestAuthorization`, which would wait too long.
  const slow = ['result', 'cancel', 'requestAuthorization', 'progress', 'latestRun', 'connection'];
  const seen = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  await stage.stopWorker();
  const fresh = await stage.scene('Brightdesk');

  const refusals = await Promise.all(
    [seen, fresh].flatMap(({ key }) =>
      calls
        .filter(([name]) => !slow.includes(name))
        .map(([, call]) =>
          // On a busy machine, Temporal can also be slow, and the code is then temporalUnavailable.
          eventually(
            () => call(stage.auth, key).catch((err: ConnectorAuthError) => err),
            (answer) => (answer as Partial<ConnectorAuthError>).code === 'noWorker',
          ),
        ),
    ),
  ).finally(() => stage.restartWorker());

  expect(refusals).toMatchObject(refusals.map(() => ({ name: 'ConnectorAuthError', code: 'noWorker' })));
});

test('view waits 10 s for the first workflow task of a flow, then fails as noWorker', async () => {
  await stage.stopWorker();
  const { key } = await stage.scene('Brightdesk');
  const since = performance.now();

  const refusal = await stage.auth.view(key).catch((err: unknown) => err);
  const tookMs = performance.now() - since;
  await stage.restartWorker();

  expect(refusal).toMatchObject({ code: 'noWorker' });
  expect(tookMs).toBeGreaterThan(9_000);
});

describe('outages of Temporal', () => {
  test('without Temporal, each call fails as temporalUnavailable', async () => {
    const refusals = await away;

    expect(refusals).toMatchObject(
      refusals.map(() => ({ name: 'ConnectorAuthError', code: 'temporalUnavailable', message: expect.any(String) })),
    );
  });

  test('if the namespace does not exist in Temporal, the error names the namespace', async () => {
    const lost = new ConnectorAuth(new Client({ connection: stage.connection, namespace: 'not-there' }));

    const refusals = await Promise.all(
      [...calls.map(([, call]) => call(lost, nobody)), lost.start(nobody)].map((call) =>
        call.catch((err: unknown) => err),
      ),
    );

    expect(refusals).toMatchObject(
      refusals.map(() => ({
        name: 'ConnectorAuthError',
        code: 'temporalUnavailable',
        message: expect.stringContaining('not-there'),
      })),
    );
  });
});
