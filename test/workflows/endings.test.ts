/** Cancellations, and flows that do not end as authenticated: cancelled, failed, terminated and timed-out flows. */
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { taskQueue } from '../../workflows/messages';
import type { StateName, View } from '../../workflows/view';
import { consentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { ofKind } from '../support/histories';
import { answered, keyInput } from '../support/messages';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

/** The status and the state of the flow in Temporal's list of workflows. */
async function listed({ handle }: Pick<Scene, 'handle'>): Promise<{ status: string; state: unknown }> {
  const { status, searchAttributes } = await handle.describe();
  return { status: status.name, state: searchAttributes?.ConnectorAuthState?.[0] };
}

const waits: [StateName, string][] = [
  ['awaitingProperties', 'Fernhill'],
  ['awaitingCredentials', 'Brightdesk'],
  ['awaitingAuthorization', 'Ledgerly'],
];

/** Sends an API key as a signal. */
const sendsKey = async (scene: Scene, value = 'right') =>
  scene.signals('credentialInput', await keyInput(stage, scene, 's', value));

/**
 * Makes the sandbox hold the account's next request with the method `method`. Returns a function that releases the
 * request.
 */
const hold = (method: 'GET' | 'POST' | 'PUT', { accountId }: ConnectorKey) =>
  stage.sandbox.fault({ match: { method, account: accountId }, then: 'held' });

describe.each([
  [
    'the signal cancel',
    'cancelled',
    (scene: Scene) => stage.auth.cancel(scene.key, { reason: 'moved away', by: 'jo' }),
    'COMPLETED',
  ],
  [
    "Temporal's cancel request",
    'cancelled-by-temporal',
    async (scene: Scene) => {
      await scene.handle.cancel();
      await scene.handle.result().catch(() => undefined);
      return stage.auth.view(scene.key);
    },
    'CANCELLED',
  ],
])('a cancellation by %s', (_by, prefix, cancel, status) => {
  const record = (name: string, { handle }: Scene) => stage.record(`${prefix}-${name}`, handle);

  /** Cancels the flow while the sandbox holds a request of an activity. Then calls `release`, so that Cyclr answers. */
  async function cancelDuring(scene: Scene, release: () => void): Promise<View> {
    const cancelled = cancel(scene);
    await eventually(scene.history, (events) => ofKind(events, 'activityTaskCancelRequested').length > 0);
    release();
    return cancelled;
  }

  test('a cancellation before the first workflow task ends the flow without a request to Cyclr', async () => {
    await stage.stopWorker();
    const scene = await stage.scene('Brightdesk');
    record('before-the-first-task', scene);

    await (status === 'COMPLETED' ? scene.signals('cancel') : scene.handle.cancel());
    await stage.restartWorker();
    await scene.handle.result().catch(() => undefined);

    expect(await stage.auth.view(scene.key)).toMatchObject({ state: 'cancelled' });
    expect(await listed(scene)).toEqual({ status, state: 'cancelled' });
    expect(scene.requests()).toEqual([]);
  });

  test.concurrent.each(waits)('a cancellation in the state %s ends the flow at once', async (state, connector) => {
    const scene = await stage.sceneIn(state, connector);
    record(`in-${state}`, scene);

    const view = await cancel(scene);

    expect(view).toMatchObject({ ...scene.key, runId: scene.runId, state: 'cancelled', intent: 'authenticate' });
    expect(view).not.toHaveProperty('deadline');
    expect(await listed(scene)).toEqual({ status, state: 'cancelled' });
    const [last] = (await scene.timeline()).slice(-1);
    expect(last).toMatchObject({ from: state, event: 'cancelled', to: 'cancelled' });
    if (status === 'COMPLETED') expect(last).toMatchObject({ by: 'jo', note: 'moved away' });
  });

  test.concurrent('a cancellation during the read of the connector ends the flow after this read', async () => {
    const on = stage.install('Brightdesk');
    const release = hold('GET', on);
    const scene = await stage.scene(on);
    await eventually(scene.requests, (requests) => requests.length === 1);

    const view = await cancelDuring(scene, release);

    expect(view.state).toBe('cancelled');
    expect(scene.requests()).toMatchObject([{ status: 200 }]);
  });

  test.concurrent(
    'a cancellation during applyProperties ends the flow as soon as Cyclr has stored the properties',
    async () => {
      const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');
      const release = hold('POST', scene.key);
      await scene.signals('propertyInput', { submissionId: 's', values: { Domain: 'acme' } });
      await eventually(scene.calls, (calls) => calls.includes('POST properties'));

      const view = await cancelDuring(scene, release);

      expect(view.state).toBe('cancelled');
      expect(scene.cyclr().Properties).toMatchObject([{ Name: 'Domain', Value: 'acme' }]);
    },
  );

  test.concurrent(
    'a cancellation during applyCredentials ends the flow as authenticated if Cyclr accepts the credentials',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      const release = hold('PUT', scene.key);
      await sendsKey(scene);
      await eventually(scene.calls, (calls) => calls.some((call) => call.startsWith('PUT')));

      const view = await cancelDuring(scene, release);

      expect(view).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
      expect(await listed(scene)).toEqual({ status: 'COMPLETED', state: 'authenticated' });
    },
  );

  test.concurrent(
    'a cancellation during applyCredentials ends the flow as cancelled if Cyclr refuses the credentials',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      record('in-applyingCredentials', scene);
      const release = hold('PUT', scene.key);
      await sendsKey(scene, 'wrong');
      await eventually(scene.calls, (calls) => calls.some((call) => call.startsWith('PUT')));

      const view = await cancelDuring(scene, release);

      expect(view.state).toBe('cancelled');
      expect(await listed(scene)).toEqual({ status, state: 'cancelled' });
    },
  );

  test.concurrent('a cancellation between two activity attempts ends the flow at once', async () => {
    const on = stage.install('Brightdesk');
    stage.sandbox.fault({ match: { account: on.accountId }, times: 'always', then: { status: 503 } });
    const scene = await stage.scene(on);
    await eventually(scene.requests, (requests) => requests.length >= 2);

    const view = await cancel(scene);

    expect(view.state).toBe('cancelled');
  });

  test.concurrent(
    'a cancellation ends the flow at once if the flow pauses because Cyclr answered 403 to properties',
    async () => {
      const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');
      record('in-applyingProperties', scene);
      stage.sandbox.fault({ match: { account: scene.key.accountId }, times: 'always', then: { status: 403 } });
      await scene.signals('propertyInput', { submissionId: 's', values: { Domain: 'acme' } });
      await eventually(scene.view, ({ problem }) => problem?.code === 'cyclrUnavailable');

      const view = await cancel(scene);

      expect(view.state).toBe('cancelled');
      expect((await scene.timeline()).at(-1)).toMatchObject({ from: 'applyingProperties', to: 'cancelled' });
    },
  );

  test.concurrent(
    'a cancellation ends the flow at once if the flow pauses because Cyclr answered 403 to the first read',
    async () => {
      const on = stage.install('Brightdesk');
      stage.sandbox.fault({ match: { account: on.accountId }, times: 'always', then: { status: 403 } });
      const scene = await stage.scene(on);
      record('in-fetchingConnector', scene);
      await eventually(scene.view, ({ problem }) => problem?.code === 'cyclrUnavailable');

      const view = await cancel(scene);

      expect(view.state).toBe('cancelled');
      expect(await listed(scene)).toEqual({ status, state: 'cancelled' });
    },
  );

  test.concurrent(
    'a cancellation between two re-reads of a verification ends the flow at once, and the confirmation gets the cancelled view',
    async () => {
      const scene = await consentScene(stage);
      record('in-verifyingAuthorization', scene);
      const answer = scene.confirms(await scene.asks());
      await eventually(scene.reads, (reads) => reads >= 3);

      const view = await cancel(scene);

      expect([view, await answered(answer)]).toMatchObject(Array(2).fill({ state: 'cancelled' }));
      // Without a cancellation, there would be 8 reads (the read at the start, and seven re-reads).
      expect(scene.reads()).toBeLessThan(8);
    },
  );

  test.concurrent(
    'a cancellation between two re-reads after the PUT of client credentials ends the flow before the next re-read',
    async () => {
      const Properties = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'expired' }));
      const scene = await stage.scene(stage.install('Quartz', { patch: { Properties } }));
      record('between-two-re-reads', scene);
      await eventually(scene.requests, (requests) => requests.length >= 3);

      const view = await cancel(scene);

      expect(view.state).toBe('cancelled');
      // Without a cancellation, there would be 9 requests (the read at the start, the PUT, and seven re-reads).
      expect(scene.requests().length).toBeLessThan(9);
    },
  );
});

test.concurrent(
  'the signal cancel with any argument ends the flow, and a second cancellation gets the same view',
  async () => {
    const shapes = [
      undefined,
      null,
      'reason',
      [],
      { reason: 5, by: {} },
      { reason: 'x'.repeat(999), by: 'y'.repeat(101) },
    ];
    const scenes = await Promise.all(shapes.map(() => stage.scene('Brightdesk')));

    await Promise.all(scenes.map((scene, index) => scene.signals('cancel', shapes[index])));
    const ends = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));
    const again = await Promise.all(scenes.map(({ key }) => stage.auth.cancel(key)));
    const [last] = (await scenes.at(-1)!.timeline()).slice(-1);

    expect(ends.map(({ state }) => state)).toEqual(shapes.map(() => 'cancelled'));
    expect(again).toEqual(ends);
    expect(last).toMatchObject({ event: 'cancelled', note: 'x'.repeat(200) });
    expect(last).not.toHaveProperty('by');
  },
);

test('inputs that arrive together with a cancellation are recorded as refused', async () => {
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  await stage.stopWorker();

  await scene.signals('cancel');
  await sendsKey(scene);
  await scene.signals('propertyInput', null);
  await stage.restartWorker();
  await stage.auth.result(scene.key);

  expect((await scene.timeline()).slice(-3)).toMatchObject([
    { event: 'cancelled', to: 'cancelled' },
    { event: 'inputRefused', from: 'cancelled', id: 's', note: 'notNow' },
    { event: 'inputRefused', from: 'cancelled', note: 'malformed' },
  ]);
  expect(scene.cyclr().AuthValue).toBeNull();
});

describe('runs without a result', () => {
  test.concurrent(
    'the view of a run without a result has the state failed if the run was terminated, and the flow can be started again',
    async () => {
      const scene = await stage.scene('Evergreen', { intent: 'reauthenticate' });
      await scene.reaches('awaitingCredentials');

      await scene.handle.terminate('because');
      const view = await scene.view();
      const again = await stage.auth.start(scene.key);

      expect(view).toEqual({
        ...scene.key,
        runId: scene.runId,
        intent: 'reauthenticate',
        state: 'failed',
        failure: { code: 'terminated', message: expect.any(String) },
        since: expect.any(String),
        revision: 0,
      });
      expect(again).toMatchObject({ started: true, workflowId: scene.workflowId, intent: 'authenticate' });
      expect(again.runId).not.toBe(scene.runId);
      expect(await stage.auth.result(scene.key)).toMatchObject({ runId: again.runId, state: 'authenticated' });
    },
  );

  test.concurrent(
    'the view of a run without a result has the state cancelled if Temporal cancelled the run',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');

      await scene.handle.cancel();
      const view = await stage.auth.result(scene.key);

      expect(view).toEqual({
        ...scene.key,
        runId: scene.runId,
        intent: 'authenticate',
        state: 'cancelled',
        since: expect.any(String),
        revision: 0,
      });
    },
  );

  test.concurrent('the view of a run without a result has the state failed if the run timed out', async () => {
    const on = stage.install('Brightdesk');

    const handle = await stage.client.workflow.start('authenticateConnector', {
      taskQueue,
      workflowId: workflowIdOf(on),
      workflowRunTimeout: '1s',
      args: [on],
    });
    const view = await stage.auth.result(on);

    expect(view).toEqual({
      ...on,
      runId: handle.firstExecutionRunId,
      intent: 'authenticate',
      state: 'failed',
      failure: { code: 'timedOut', message: expect.any(String) },
      since: expect.any(String),
      revision: 0,
    });
  });
});

describe('a flow fails as invalidInput', () => {
  const on: ConnectorKey = { accountId: 'acme', connectorId: 7 };
  const starts: [name: string, workflowId: string, args: unknown[]][] = [
    ['input-missing', 'connector-auth/acme/7', []],
    [
      'account-id-that-http-would-change',
      `connector-auth/${encodeURIComponent('アカ1')}/7`,
      [{ ...on, accountId: 'アカ1' }],
    ],
    ['patience-too-long', 'connector-auth/acme/9', [{ ...on, connectorId: 9, patience: { properties: '91 days' } }]],
    ['id-of-another-connector', 'connector-auth/acme/8', [on]],
    ['id-of-another-account', 'connector-auth/ACME/7', [on]],
  ];

  test.concurrent.each(starts)(
    'a flow fails as invalidInput without a request to Cyclr if the start has the fault %s',
    async (name, workflowId, args) => {
      const handle = await stage.client.workflow.start('authenticateConnector', { taskQueue, workflowId, args });
      stage.record(name, handle);
      const error = await handle.result().catch((err: unknown) => err);

      expect(error).toBeInstanceOf(WorkflowFailedError);
      const { cause } = error as WorkflowFailedError;
      expect(cause).toBeInstanceOf(ApplicationFailure);
      expect(cause).toMatchObject({ type: 'invalidInput', nonRetryable: true });
      expect(await listed({ handle })).toEqual({ status: 'FAILED', state: 'failed' });
      const [view] = (cause as ApplicationFailure).details as [View];
      expect(view).toMatchObject({
        runId: handle.firstExecutionRunId,
        state: 'failed',
        failure: { code: 'invalidInput', message: cause!.message },
      });
      expect(view).not.toHaveProperty('connector');
      expect(stage.sandbox.requests.filter(({ account }) => account === 'acme')).toEqual([]);
    },
  );
});

describe('connectorNotFound', () => {
  const gone = async (scene: Scene, name: string) => {
    stage.record(`connector-not-found-in-${name}`, scene.handle);
    stage.sandbox.fault({ match: { account: scene.key.accountId }, then: { status: 404 } });
  };

  test.concurrent('a flow fails as connectorNotFound if the account has no such connector', async () => {
    const { accountId, connectorId } = stage.install('Brightdesk');
    const scene = await stage.scene({ accountId, connectorId: connectorId + 100_000 });
    stage.record('connector-not-found-in-fetchingConnector', scene.handle);

    const view = await stage.auth.result(scene.key);

    expect(view).toMatchObject({ ...scene.key, state: 'failed', failure: { code: 'connectorNotFound' } });
    expect(await listed(scene)).toEqual({ status: 'FAILED', state: 'failed' });
    expect(scene.requests()).toHaveLength(1);
  });

  test.concurrent('a flow fails as connectorNotFound if the connector belongs to another account', async () => {
    const { connectorId } = stage.install('Brightdesk');
    const { accountId } = stage.install('Brightdesk');
    const scene = await stage.scene({ accountId, connectorId });

    expect(await stage.auth.result(scene.key)).toMatchObject({ failure: { code: 'connectorNotFound' } });
  });

  test.concurrent(
    'a flow fails as connectorNotFound if the connector is removed before the properties are applied',
    async () => {
      const scene = await stage.sceneIn('awaitingProperties', 'Fernhill');
      await gone(scene, 'applyingProperties');

      expect(await scene.sets({ Domain: 'acme' })).toMatchObject({ failure: { code: 'connectorNotFound' } });
    },
  );

  test.concurrent(
    'a flow fails as connectorNotFound if the connector is removed before the credentials are applied',
    async () => {
      const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
      await gone(scene, 'applyingCredentials');

      const view = await scene.gives({ kind: 'apiKey', key: 'right' });

      expect(view).toMatchObject({ state: 'failed', failure: { code: 'connectorNotFound' } });
      expect(view.connector?.name).toBe('Brightdesk');
    },
  );

  test.concurrent(
    'a flow fails as connectorNotFound if the connector is removed before a consent is verified',
    async () => {
      const scene = await consentScene(stage);
      const link = await scene.asks();
      await gone(scene, 'verifyingAuthorization');

      expect(await scene.confirms(link)).toMatchObject({ failure: { code: 'connectorNotFound' } });
    },
  );
});

test.concurrent('a flow fails as accessDenied if Cyclr answers 401 for its account to two access tokens', async () => {
  const scene = await stage.scene({ accountId: 'nobody', connectorId: 7 });
  stage.record('access-denied', scene.handle);

  const view = await stage.auth.result(scene.key);

  const [first, second, ...more] = scene.requests();
  expect(view).toMatchObject({ state: 'failed', failure: { code: 'accessDenied' } });
  expect(await listed(scene)).toEqual({ status: 'FAILED', state: 'failed' });
  expect(more).toEqual([]);
  expect(second!.tokenId).toBeGreaterThan(first!.tokenId!);
});

test('if the access token for Cyclr has expired, the flow requests a new token and continues', async () => {
  const scene = await stage.sceneIn('awaitingCredentials', 'Brightdesk');
  stage.sandbox.revokeTokens();

  await sendsKey(scene);

  expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
});

test('the view of an ended flow can be read without a worker', async () => {
  const [authenticated, unsupported, cancelled, ended, failed] = await Promise.all([
    stage.scene('Openrates'),
    stage.scene('Fieldstone'),
    stage.scene('Brightdesk'),
    stage.scene('Brightdesk'),
    stage.scene({ accountId: stage.install('Brightdesk').accountId, connectorId: 999_999 }),
  ]);
  await stage.auth.cancel(cancelled.key);
  await ended.handle.terminate();
  const scenes = [authenticated, unsupported, cancelled, ended, failed];
  const states = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));

  await stage.stopWorker();
  const views = await Promise.all(scenes.map(({ view }) => view())).finally(() => stage.restartWorker());

  expect(views).toEqual(states);
  expect(views.map(({ state }) => state)).toEqual(['authenticated', 'unsupported', 'cancelled', 'failed', 'failed']);
});
