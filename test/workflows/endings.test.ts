/** How a flow can end, other than authenticated. */
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { ConnectorKey } from '../../workflows/connector';
import { taskQueue, workflowIdOf, type StateName, type View } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { taskFailures } from '../support/histories';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterEach(() => stage.sandbox.clearFaults());

afterAll(async () => {
  const failures = await taskFailures(stage);
  await stage.close();
  expect(failures).toEqual([]);
});

const right = { kind: 'apiKey', key: 'right' } as const;

/** What the list of workflows says of a run. */
async function listed(scene: Pick<Scene, 'handle'>): Promise<{ status: string; state: unknown }> {
  const { status, searchAttributes } = await scene.handle.describe();
  return { status: status.name, state: searchAttributes?.ConnectorAuthState?.[0] };
}

/** Sends the credentials, and does not wait for what becomes of them. */
async function hands(scene: Scene, key = 'right'): Promise<void> {
  const credentials = await stage.sealed(scene.key, 's', { kind: 'apiKey', key });
  await scene.signals('credentialInput', { submissionId: 's', credentials });
}

const slow = (method: 'GET' | 'POST' | 'PUT', { accountId }: ConnectorKey): FaultRule => ({
  match: { method, account: accountId },
  then: { kind: 'slow', ms: 700 },
});

describe.each([
  ['our signal', (scene: Scene) => stage.auth.cancel(scene.key, { reason: 'moved away', by: 'jo' }), 'COMPLETED'],
  [
    'Temporal',
    async (scene: Scene) => {
      await scene.handle.cancel();
      await scene.handle.result().catch(() => undefined);
      return stage.auth.view(scene.key);
    },
    'CANCELLED',
  ],
])('cancelled by %s', (by, cancel, status) => {
  const waits: [string, StateName][] = [
    ['Fernhill', 'awaitingProperties'],
    ['Brightdesk', 'awaitingCredentials'],
    ['Ledgerly', 'awaitingAuthorization'],
  ];

  test.each(waits)('%s while it is %s ends at once', async (connector, state) => {
    const scene = await stage.scene(connector);
    await scene.reaches(state);

    const view = await cancel(scene);

    expect(view).toMatchObject({ ...scene.key, runId: scene.runId, state: 'cancelled', intent: 'authenticate' });
    expect(view).not.toHaveProperty('deadline');
    expect(await listed(scene)).toEqual({ status, state: 'cancelled' });
    const [last] = (await scene.timeline()).slice(-1);
    expect(last).toMatchObject({ from: state, event: 'cancelled', to: 'cancelled' });
    if (status === 'COMPLETED') expect(last).toMatchObject({ by: 'jo', note: 'moved away' });
  });

  test('before its first step, it asks Cyclr nothing', async () => {
    await stage.stopWorker();
    const scene = await stage.scene('Brightdesk');

    await (status === 'COMPLETED' ? scene.signals('cancel') : scene.handle.cancel());
    await stage.restartWorker();
    await scene.handle.result().catch(() => undefined);

    expect(await stage.auth.view(scene.key)).toMatchObject({ state: 'cancelled' });
    expect(await listed(scene)).toEqual({ status, state: 'cancelled' });
    expect(scene.requests()).toEqual([]);
  });

  test('while the connector is read, it ends after that', async () => {
    const on = stage.install('Brightdesk');
    stage.sandbox.fault(slow('GET', on));
    const scene = await stage.scene(on);
    await eventually(scene.requests, (requests) => requests.length === 1);

    const view = await cancel(scene);

    expect(view.state).toBe('cancelled');
    expect(scene.requests()).toMatchObject([{ status: 200 }]);
  });

  test('while properties are set, it ends after that', async () => {
    const scene = await stage.scene('Fernhill');
    await scene.reaches('awaitingProperties');
    stage.sandbox.fault(slow('POST', scene.key));
    await scene.signals('propertyInput', { submissionId: 's', values: { Domain: 'acme' } });
    await eventually(scene.calls, (calls) => calls.includes('POST properties'));

    const view = await cancel(scene);

    expect(view.state).toBe('cancelled');
    expect(scene.cyclr().Properties).toMatchObject([{ Name: 'Domain', Value: 'acme' }]);
  });

  test('while Cyclr takes the credentials, authenticated wins', async () => {
    const scene = await stage.scene('Brightdesk');
    await scene.reaches('awaitingCredentials');
    stage.sandbox.fault(slow('PUT', scene.key));
    await hands(scene);
    await eventually(scene.calls, (calls) => calls.some((call) => call.startsWith('PUT')));

    const view = await cancel(scene);

    expect(view).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(await listed(scene)).toEqual({ status: 'COMPLETED', state: 'authenticated' });
  });

  test('while Cyclr refuses the credentials, it is cancelled', async () => {
    const scene = await stage.scene('Brightdesk');
    await scene.reaches('awaitingCredentials');
    stage.sandbox.fault(slow('PUT', scene.key));
    await hands(scene, 'wrong');
    await eventually(scene.calls, (calls) => calls.some((call) => call.startsWith('PUT')));

    const view = await cancel(scene);

    expect(view.state).toBe('cancelled');
    expect(await listed(scene)).toEqual({ status, state: 'cancelled' });
  });

  test('between two attempts, it ends at once', async () => {
    const on = stage.install('Brightdesk');
    stage.sandbox.fault({ match: { account: on.accountId }, times: 'always', then: { status: 503 } });
    const scene = await stage.scene(on);
    await eventually(scene.requests, (requests) => requests.length === 2);

    const view = await cancel(scene);

    expect(view.state).toBe('cancelled');
  });

  test('while it sits out that Cyclr refuses us, it ends at once', async () => {
    const on = stage.install('Brightdesk');
    stage.sandbox.fault({ match: { account: on.accountId }, times: 'always', then: { status: 403 } });
    const scene = await stage.scene(on);
    await eventually(scene.view, ({ problem }) => problem?.code === 'cyclrUnavailable');

    const view = await cancel(scene);

    expect(view.state).toBe('cancelled');
    expect(await listed(scene)).toEqual({ status, state: 'cancelled' });
  });

  test('while Cyclr is asked whether the properties are enough, it ends before the next question', async () => {
    const values = ['ClientId', 'ClientSecret'].map((Name) => ({ Name, Value: 'expired' }));
    const scene = await stage.scene(stage.install('Quartz', { patch: { Properties: values } }));
    await eventually(scene.requests, (requests) => requests.length >= 3);

    const view = await cancel(scene);

    expect(view.state).toBe('cancelled');
    expect(scene.requests().length).toBeLessThan(6);
  });
});

test('cancelling twice, by both ways, and in any shape is cancelling', async () => {
  const shapes = [
    undefined,
    null,
    'reason',
    5,
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
});

test('inputs that came with the cancellation are recorded as notNow', async () => {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  await stage.stopWorker();

  await scene.signals('cancel');
  await hands(scene);
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

describe('ended by Temporal', () => {
  test('terminated, it is failed in a view made of what is known, and can be started again', async () => {
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
      revision: 0,
    });
    expect(again).toMatchObject({ started: true, workflowId: scene.workflowId, intent: 'authenticate' });
    expect(again.runId).not.toBe(scene.runId);
    expect(await stage.auth.result(scene.key)).toMatchObject({ runId: again.runId, state: 'authenticated' });
  });

  test('cancelled, it is cancelled in a view made of what is known', async () => {
    const scene = await stage.scene('Brightdesk');
    await scene.reaches('awaitingCredentials');

    await scene.handle.cancel();
    const view = await stage.auth.result(scene.key);

    expect(view).toEqual({ ...scene.key, runId: scene.runId, intent: 'authenticate', state: 'cancelled', revision: 0 });
  });

  test('timed out, it is failed in a view made of what is known', async () => {
    const on = stage.install('Brightdesk');
    const { client } = stage;

    const handle = await client.workflow.start('authenticateConnector', {
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
      revision: 0,
    });
  });
});

describe('an input that can not be that of an authentication', () => {
  const on: ConnectorKey = { accountId: 'acme', connectorId: 7 };
  const inputs: [string, unknown[]][] = [
    ['none', []],
    ['null', [null]],
    ['a text', ['acme']],
    ['a list', [[on]]],
    ['an empty object', [{}]],
    ['no account', [{ connectorId: 7 }]],
    ['an empty account', [{ ...on, accountId: '' }]],
    ['an account that axios would cut', [{ ...on, accountId: 'アカ1' }]],
    ['an account with a space before', [{ ...on, accountId: ' acme' }]],
    ['an account with a line end', [{ ...on, accountId: 'acme\n' }]],
    ['an account that is a path', [{ ...on, accountId: '..' }]],
    ['an account of 201 characters', [{ ...on, accountId: 'x'.repeat(201) }]],
    ['an account that is a number', [{ ...on, accountId: 5 }]],
    ['a connector that is a text', [{ ...on, connectorId: '7' }]],
    ['a connector that is no integer', [{ ...on, connectorId: 7.5 }]],
    ['a negative connector', [{ ...on, connectorId: -7 }]],
    ['connector 0', [{ ...on, connectorId: 0 }]],
    ['a connector beyond all integers', [{ ...on, connectorId: 1e21 }]],
    ['an unknown intent', [{ ...on, intent: 'deauthenticate' }]],
    ['an intent of null', [{ ...on, intent: null }]],
    ['patience that is a text', [{ ...on, patience: '7 days' }]],
    ['an unknown patience', [{ ...on, patience: { consent: '7 days' } }]],
    ['no patience at all', [{ ...on, patience: { credentials: 0 } }]],
    ['negative patience', [{ ...on, patience: { credentials: '-1 day' } }]],
    ['unreadable patience', [{ ...on, patience: { credentials: 'soon' } }]],
    ['empty patience', [{ ...on, patience: { credentials: '' } }]],
    ['patience for 91 days', [{ ...on, patience: { properties: '91 days' } }]],
    ['null for patience', [{ ...on, patience: { properties: null } }]],
    ['reminders that are none', [{ ...on, remindAfter: '1 day' }]],
    ['a reminder that is none', [{ ...on, remindAfter: ['1 day', 'soon'] }]],
    ['somebody with a long name', [{ ...on, by: 'x'.repeat(101) }]],
    ['somebody without a name', [{ ...on, by: null }]],
  ];

  async function ends(workflowId: string, args: unknown[]): Promise<View> {
    const handle = await stage.client.workflow.start('authenticateConnector', { taskQueue, workflowId, args });
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
    return view;
  }

  test.each(inputs)('%s: fails as invalidInput', async (_name, args) => {
    const [input] = args as [ConnectorKey | undefined];
    const text = typeof input?.accountId === 'string' && input.accountId !== '' ? input.accountId : 'acme';

    await ends(`connector-auth/${encodeURIComponent(text)}/${input?.connectorId ?? 7}`, args);
  });

  const ids = [
    'acme',
    'connector-auth/acme/8',
    'connector-auth/ACME/7',
    'connector-auth/acme/7/',
    'connector-auth/acme/07',
  ];
  test.each(ids)('and the id %s fails as invalidInput, and shows nobody’s flow', async (workflowId) => {
    const view = await ends(workflowId, [on]);

    expect(view).not.toHaveProperty('connector');
    expect(stage.sandbox.requests.filter(({ account }) => account === 'acme')).toEqual([]);
  });
});

describe('not Cyclr’s', () => {
  test('a connector that is not there fails as connectorNotFound', async () => {
    const { accountId, connectorId } = stage.install('Brightdesk');
    const scene = await stage.scene({ accountId, connectorId: connectorId + 100_000 });

    const view = await stage.auth.result(scene.key);

    expect(view).toMatchObject({ ...scene.key, state: 'failed', failure: { code: 'connectorNotFound' } });
    expect(await listed(scene)).toEqual({ status: 'FAILED', state: 'failed' });
    expect(scene.requests()).toHaveLength(1);
  });

  test('another account’s connector fails as connectorNotFound', async () => {
    const { connectorId } = stage.install('Brightdesk');
    const { accountId } = stage.install('Brightdesk');
    const scene = await stage.scene({ accountId, connectorId });

    expect(await stage.auth.result(scene.key)).toMatchObject({ failure: { code: 'connectorNotFound' } });
  });

  test('an account that Cyclr does not know fails as accessDenied, after a new token', async () => {
    const scene = await stage.scene({ accountId: 'nobody', connectorId: 7 });

    const view = await stage.auth.result(scene.key);

    const [first, second, ...more] = scene.requests();
    expect(view).toMatchObject({ state: 'failed', failure: { code: 'accessDenied' } });
    expect(await listed(scene)).toEqual({ status: 'FAILED', state: 'failed' });
    expect(more).toEqual([]);
    expect(second!.tokenId).toBeGreaterThan(first!.tokenId!);
  });

  test('an old token is no trouble', async () => {
    const scene = await stage.scene('Brightdesk');
    await scene.reaches('awaitingCredentials');
    stage.sandbox.revokeTokens();

    await hands(scene);

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test('one that is removed while it waits fails as connectorNotFound', async () => {
    const scene = await stage.scene('Brightdesk');
    await scene.reaches('awaitingCredentials');
    stage.sandbox.fault({ match: { method: 'PUT', account: scene.key.accountId }, then: { status: 404 } });

    const view = await scene.gives(right);

    expect(view).toMatchObject({ state: 'failed', failure: { code: 'connectorNotFound' } });
    expect(view.connector?.name).toBe('Brightdesk');
  });
});

test('every final view is read without a worker', async () => {
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
