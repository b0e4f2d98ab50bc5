/** The workflow onboardAccount, with real flows: it starts the flows of a scope and waits for their ends. */
import { randomUUID } from 'node:crypto';
import type { Info } from '@temporalio/activity';
import { Client, type WorkflowClientInterceptor } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { onboardingActivities } from '../../activities/onboarding';
import { persistently } from '../../scripts/user/persistent';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { taskQueue } from '../../workflows/messages';
import {
  ONBOARDING_TYPE,
  onboardingWorkflowIdOf,
  type OnboardingInput,
  type OnboardingKey,
  type OnboardingProgress,
} from '../../workflows/onboarding';
import { eventually } from '../support/eventually';
import { type ofKind } from '../support/histories';
import { keyInput } from '../support/messages';
import { settled } from '../support/scene';
import { openStage, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

/** Installs connectors of the catalogue in a new account. */
function account(...connectors: string[]): { accountId: string; keys: ConnectorKey[]; ids: number[] } {
  const accountId = `account-${randomUUID()}`;
  const installed = stage.sandbox.createAccount(accountId, { connectors });
  const ids = installed.map(({ id }) => id);
  return { accountId, ids, keys: ids.map((connectorId) => ({ accountId, connectorId })) };
}

interface Onboarding extends OnboardingKey {
  runId: string;
  /** Waits until the run has no pending workflow task. Returns the progress of the onboarding. */
  progress(): Promise<OnboardingProgress>;
  /** Waits until the progress satisfies `is`. */
  until(is: (progress: OnboardingProgress) => boolean): Promise<OnboardingProgress>;
  ends(): Promise<OnboardingProgress>;
  history(): Promise<Parameters<typeof ofKind>[0]>;
}

async function onboarding(
  accountId: string,
  scope: OnboardingInput['scope'],
  more: Partial<OnboardingInput> & { record?: string } = {},
): Promise<Onboarding> {
  const { record, ...options } = more;
  const key = { accountId, onboardingId: options.onboardingId ?? 'o1' };
  const { runId, workflowId } = await stage.auth.startOnboarding({ ...key, scope, ...options });
  const handle = stage.client.workflow.getHandle(workflowId, runId);
  if (record) stage.record(record, handle);
  const newest = stage.client.workflow.getHandle(workflowId);
  const now = () => stage.auth.onboarding(key);
  const until: Onboarding['until'] = (is) => eventually(now, is);
  return {
    ...key,
    runId,
    progress: () => settled(newest, now),
    until,
    ends: () => until(({ state }) => state !== 'running'),
    history: async () => (await handle.fetchHistory()).events ?? [],
  };
}

/** True if the flows of all connectors run or have ended. */
const isStarted = ({ total, connectors }: OnboardingProgress): boolean =>
  total > 0 && connectors.every(({ state }) => state !== 'waiting');
const statesOf = ({ connectors }: OnboardingProgress): string[] => connectors.map(({ state }) => state);

const awaitsKey = (key: ConnectorKey) =>
  eventually(
    () => stage.auth.view(key),
    ({ state }) => state === 'awaitingCredentials',
  );

/** Sends a right API key to a flow, as soon as the flow waits for the key. */
async function connect(key: ConnectorKey): Promise<void> {
  await awaitsKey(key);
  await stage.auth.submitCredentials(key, await keyInput(stage, { key }));
}

test.concurrent(
  'an onboarding of a list of connectors starts each flow, waits for the ends, and completes',
  async () => {
    const { accountId, keys, ids } = account('Brightdesk', 'Brightdesk', 'Openrates');
    const metadata = { order: '17' };

    const one = await onboarding(accountId, { connectorIds: ids }, { metadata, record: 'onboarding-list' });
    await connect(keys[0]!);
    const half = await one.until(({ done }) => done === 2);
    await connect(keys[1]!);
    const end = await one.ends();

    expect(half).toMatchObject({ state: 'running', total: 3, done: 2, metadata });
    expect(half.connectors.map(({ connectorId, state }) => [connectorId, state])).toEqual([
      [ids[0], 'authenticated'],
      [ids[1], 'running'],
      [ids[2], 'authenticated'],
    ]);
    expect(end).toMatchObject({ state: 'completed', accountId, onboardingId: 'o1', total: 3, done: 3, metadata });
    expect(end.connectors[0]).toEqual({
      connectorId: ids[0],
      name: 'Brightdesk',
      state: 'authenticated',
      runId: (await stage.auth.view(keys[0]!)).runId,
      since: expect.any(String),
    });
    expect(end.revision).toBeGreaterThan(half.revision);
  },
);

test.concurrent(
  'an onboarding of a whole account starts only the flows of connectors that are not authenticated',
  async () => {
    const { accountId, keys, ids } = account('Brightdesk', 'Brightdesk');
    stage.sandbox.update(accountId, ids[1]!, { Authenticated: true });

    const one = await onboarding(accountId, { all: true }, { record: 'onboarding-account' });
    await connect(keys[0]!);

    expect(await one.ends()).toMatchObject({ state: 'completed', connectors: [{ connectorId: ids[0] }] });
    await expect(stage.auth.view(keys[1]!)).rejects.toMatchObject({ code: 'notStarted' });
  },
);

test.concurrent('a listed connector that is already authenticated counts as done at once, without a flow', async () => {
  const { accountId, keys, ids } = account('Brightdesk');
  stage.sandbox.update(accountId, ids[0]!, { Authenticated: true });

  const { connectors, state } = await (await onboarding(accountId, { connectorIds: ids })).ends();

  expect(state).toBe('completed');
  expect(connectors).toEqual([
    { connectorId: ids[0], name: 'Brightdesk', state: 'authenticated', since: expect.any(String) },
  ]);
  await expect(stage.auth.view(keys[0]!)).rejects.toMatchObject({ code: 'notStarted' });
});

test.concurrent(
  'an onboarding with the intent reauthenticate also starts the flows of authenticated connectors',
  async () => {
    const { accountId, keys, ids } = account('Brightdesk');
    stage.sandbox.update(accountId, ids[0]!, { Authenticated: true });

    const one = await onboarding(accountId, { connectorIds: ids }, { intent: 'reauthenticate' });
    await one.until(isStarted);
    await connect(keys[0]!);

    expect(await one.ends()).toMatchObject({ state: 'completed', connectors: [{ runId: expect.any(String) }] });
  },
);

describe('cycles', () => {
  test.concurrent(
    'a cycle is activated when all its connectors are authenticated, including a connector that the cycle gets later',
    async () => {
      const { accountId, keys, ids } = account('Brightdesk', 'Brightdesk');
      const cycleId = stage.sandbox.createCycle(accountId, [ids[0]!]);

      const one = await onboarding(accountId, { cycleId }, { activateCycle: true, record: 'onboarding-cycle' });
      const before = await one.until(isStarted);
      stage.sandbox.updateCycle(accountId, cycleId, { connectorIds: ids });
      await connect(keys[0]!);
      await connect(keys[1]!);
      const end = await one.ends();

      expect(before).toMatchObject({ total: 1, cycle: { id: cycleId, state: 'paused' } });
      expect(end).toMatchObject({ state: 'completed', total: 2, done: 2, cycle: { id: cycleId, state: 'active' } });
      expect(stage.sandbox.cycleOf(accountId, cycleId).status).toBe('Active');
    },
  );

  test.concurrent(
    'a cycle is blocked by an unmet prerequisite that is no connector, and the progress names the prerequisite',
    async () => {
      const { accountId, keys, ids } = account('Brightdesk');
      const cycleId = stage.sandbox.createCycle(accountId, ids, [40, 61]);

      const one = await onboarding(accountId, { cycleId }, { activateCycle: true, record: 'onboarding-blocked' });
      await connect(keys[0]!);

      const lacks = [{ reasonCode: 40, objectType: 'Step', objectId: expect.any(String) }, { reasonCode: 61 }];
      expect(await one.ends()).toMatchObject({ state: 'incomplete', done: 1, cycle: { state: 'blocked', lacks } });
      expect(stage.sandbox.cycleOf(accountId, cycleId).status).toBe('Paused');
    },
  );

  test.concurrent('a cycle is not activated without activateCycle in the input', async () => {
    const { accountId, keys, ids } = account('Brightdesk');
    const cycleId = stage.sandbox.createCycle(accountId, ids);

    const one = await onboarding(accountId, { cycleId });
    await connect(keys[0]!);

    expect(await one.ends()).toMatchObject({ state: 'completed', cycle: { id: cycleId, state: 'paused' } });
    expect(stage.sandbox.cycleOf(accountId, cycleId).status).toBe('Paused');
  });

  test.concurrent('an onboarding of a cycle that does not exist fails', async () => {
    const { accountId } = account('Brightdesk');

    const one = await onboarding(accountId, { cycleId: 'none' }, { record: 'onboarding-no-cycle' });

    expect(await one.ends()).toMatchObject({ state: 'failed', failure: { code: 'cycleNotFound' } });
  });

  test.concurrent('a cycle whose activation Cyclr refuses is blocked', async () => {
    const { accountId, keys, ids } = account('Brightdesk');
    const cycleId = stage.sandbox.createCycle(accountId, ids);
    stage.sandbox.fault({ match: { account: accountId, method: 'PUT', path: '/v1.0/cycles/' }, then: { status: 400 } });

    const one = await onboarding(accountId, { cycleId }, { activateCycle: true, record: 'onboarding-refused' });
    await connect(keys[0]!);

    expect(await one.ends()).toMatchObject({ state: 'incomplete', cycle: { state: 'blocked' } });
  });
});

test.concurrent('an onboarding uses a flow that another caller has started', async () => {
  const { accountId, keys, ids } = account('Brightdesk');
  const { runId } = await stage.auth.start(keys[0]!);

  const one = await onboarding(accountId, { connectorIds: ids });
  const started = await one.until(isStarted);
  await connect(keys[0]!);

  expect(started.connectors).toMatchObject([{ state: 'running', runId }]);
  expect(await one.ends()).toMatchObject({ state: 'completed' });
});

test.concurrent('two onboardings of the same connector use one flow, and both onboardings complete', async () => {
  const { accountId, keys, ids } = account('Brightdesk');

  const one = await onboarding(accountId, { connectorIds: ids }, { onboardingId: 'one' });
  const two = await onboarding(accountId, { all: true }, { onboardingId: 'two' });
  const started = await Promise.all([one.until(isStarted), two.until(isStarted)]);
  await connect(keys[0]!);
  const ends = await Promise.all([one.ends(), two.ends()]);

  expect(ends.map(({ state }) => state)).toEqual(['completed', 'completed']);
  expect(started[0].connectors[0]!.runId).toBe(started[1].connectors[0]!.runId);
});

test.concurrent(
  'a second start of an onboarding finds the open run, and a start after the end of this run starts a new run',
  async () => {
    const { accountId, ids } = account('Brightdesk');
    const input = { accountId, onboardingId: 'o1', scope: { connectorIds: ids } };
    const one = await onboarding(accountId, input.scope);

    expect(await stage.auth.startOnboarding(input)).toMatchObject({ started: false, runId: one.runId });
    await stage.auth.cancelOnboarding(input);
    const again = await stage.auth.startOnboarding(input);

    expect(again.started).toBe(true);
    expect(again.runId).not.toBe(one.runId);
  },
);

describe('cancel', () => {
  test.concurrent('the signal cancel ends the onboarding, and its flows continue', async () => {
    const { accountId, keys, ids } = account('Brightdesk');
    const one = await onboarding(accountId, { connectorIds: ids }, { record: 'onboarding-cancelled' });
    await one.until(isStarted);

    const end = await stage.auth.cancelOnboarding(one);

    expect(end).toMatchObject({ state: 'cancelled', connectors: [{ state: 'running' }] });
    expect(await stage.auth.latestRun(keys[0]!)).toMatchObject({ open: true });
  });

  test.concurrent(
    'the signal cancel with cancelFlows ends exactly the open flows that the onboarding started',
    async () => {
      const { accountId, keys, ids } = account('Brightdesk', 'Brightdesk', 'Brightdesk');
      await stage.auth.start(keys[0]!); // another caller has started this flow, and not the onboarding
      const other = await onboarding(accountId, { connectorIds: [ids[1]!] }, { onboardingId: 'other' });
      await other.until(isStarted);
      const one = await onboarding(accountId, { connectorIds: ids }, { record: 'onboarding-cancelled-flows' });
      await one.until(isStarted);

      const end = await stage.auth.cancelOnboarding(one, { cancelFlows: true, by: 'jo' });
      await stage.auth.result(keys[2]!);

      expect(end).toMatchObject({ state: 'cancelled', total: 3 });
      const flows = await Promise.all(keys.map((key) => stage.auth.latestRun(key)));
      expect(flows.map(({ open }) => open)).toEqual([true, true, false]);
      expect((await stage.auth.timeline(keys[2]!)).entries.at(-1)).toMatchObject({ to: 'cancelled', by: 'jo' });
    },
  );

  test.concurrent.each([
    ['the same id', 'o1'],
    ['another id', 'o2'],
  ])(
    'with cancelFlows, the onboarding ends after its flows, and the next onboarding with %s starts the flows again',
    async (_ids, onboardingId) => {
      const { accountId, keys, ids } = account('Brightdesk');
      const path = `/v1.0/account/connectors/${ids[0]}`;
      stage.sandbox.fault({ match: { account: accountId, path }, then: { kind: 'slow', ms: 2000 } });
      const one = await onboarding(accountId, { connectorIds: ids });
      const started = await one.until(isStarted);

      await stage.auth.cancelOnboarding(one, { cancelFlows: true });
      const end = await one.ends();
      const next = await onboarding(accountId, { connectorIds: ids }, { onboardingId });

      const { runId } = started.connectors[0]!;
      expect(end).toMatchObject({ state: 'cancelled', connectors: [{ state: 'cancelled', runId }] });
      await connect(keys[0]!);
      expect(await next.ends()).toMatchObject({ state: 'completed', connectors: [{ state: 'authenticated' }] });
    },
  );

  test.concurrent(
    "Temporal's own cancellation ends the onboarding with the status Canceled, and the flows continue",
    async () => {
      const { accountId, keys, ids } = account('Brightdesk');
      const one = await onboarding(accountId, { connectorIds: ids });
      await one.until(isStarted);

      const handle = stage.client.workflow.getHandle(onboardingWorkflowIdOf(one));
      await handle.cancel();

      await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
      expect(await one.progress()).toMatchObject({ state: 'cancelled', revision: 0 });
      expect(await stage.auth.latestRun(keys[0]!)).toMatchObject({ open: true });
    },
  );
});

describe('addConnectors', () => {
  test.concurrent('addConnectors adds each connector only once to an open onboarding', async () => {
    const { accountId, keys, ids } = account('Brightdesk', 'Brightdesk', 'Brightdesk');
    stage.sandbox.update(accountId, ids[2]!, { Authenticated: true });
    const one = await onboarding(accountId, { connectorIds: [ids[0]!] }, { record: 'onboarding-added' });
    await one.until(isStarted);

    const added = await stage.auth.addConnectors(one, { connectorIds: [...ids, ids[1]!] });
    await one.until(isStarted);
    await Promise.all([connect(keys[0]!), connect(keys[1]!)]);
    const end = await one.ends();

    expect(added.total).toBe(3);
    expect(end).toMatchObject({ state: 'completed', total: 3 });
    expect(end.connectors.map(({ connectorId }) => connectorId)).toEqual(ids);
    expect(end.connectors[2]).not.toHaveProperty('runId');
  });

  test.concurrent('addConnectors fails if the onboarding would have more than 500 connectors', async () => {
    const { accountId, connectorId } = stage.install('Brightdesk');
    const one = { accountId, onboardingId: 'full' };
    await stage.auth.startOnboarding({ ...one, scope: { connectorIds: [connectorId] } });
    const isWhole = ({ total }: OnboardingProgress) => total === 1;
    await eventually(() => stage.auth.onboarding(one), isWhole);
    const connectorIds = Array.from({ length: 500 }, (_, index) => 900_000 + index);

    const err = await persistently(() => stage.auth.addConnectors(one, { connectorIds })).catch((err: unknown) => err);

    expect(err).toMatchObject({ code: 'invalidInput', message: expect.stringContaining('more than 500 connectors') });
    await eventually(() => stage.auth.onboarding(one), isWhole);
  });

  test.concurrent(
    'addConnectors fails for an empty list of connectors, for an ended onboarding and for an unknown onboarding',
    async () => {
      const { accountId, ids } = account('Openrates');
      const one = await onboarding(accountId, { connectorIds: ids });
      await one.ends();

      await expect(stage.auth.addConnectors(one, { connectorIds: [] })).rejects.toMatchObject({ code: 'invalidInput' });
      await expect(stage.auth.addConnectors(one, { connectorIds: ids })).rejects.toMatchObject({ code: 'closed' });
      const none = { ...one, onboardingId: 'none' };
      await expect(stage.auth.addConnectors(none, { connectorIds: ids })).rejects.toMatchObject({ code: 'notStarted' });
    },
  );
});

describe('a connector of the account', () => {
  test.concurrent(
    'a connector of the account that is uninstalled during the onboarding is removed from the list, and the onboarding completes',
    async () => {
      const { accountId, keys, ids } = account('Brightdesk', 'Brightdesk');
      const one = await onboarding(accountId, { all: true }, { record: 'onboarding-vanished' });
      await one.until(isStarted);
      await awaitsKey(keys[0]!); // in an earlier state, the flow does not re-read for a recheck

      stage.sandbox.uninstall(accountId, ids[0]!);
      await stage.auth.recheck(keys[0]!);
      await one.until(({ connectors }) => connectors[0]?.state === 'failed');
      await connect(keys[1]!);

      const left = [{ connectorId: ids[1], state: 'authenticated' }];
      expect(await one.ends()).toMatchObject({ state: 'completed', total: 1, connectors: left });
    },
  );

  test.concurrent(
    'a connector of the account whose flow was cancelled counts as authenticated if Cyclr later reports the connector as authenticated',
    async () => {
      const { accountId, keys, ids } = account('Brightdesk', 'Brightdesk');
      const one = await onboarding(accountId, { connectorIds: ids });
      await one.until(isStarted);

      await stage.auth.cancel(keys[0]!);
      await one.until(({ connectors }) => connectors[0]?.state === 'cancelled');
      stage.sandbox.update(accountId, ids[0]!, { Authenticated: true });
      await connect(keys[1]!);

      expect(await one.ends()).toMatchObject({ state: 'completed', done: 2 });
    },
  );

  test.concurrent(
    'if a flow is cancelled and Cyclr does not report its connector as authenticated, the onboarding ends as incomplete and does not start the flow again',
    async () => {
      const { accountId, keys, ids } = account('Brightdesk', 'Ledgerly');
      const one = await onboarding(accountId, { connectorIds: ids }, { record: 'onboarding-incomplete' });
      await one.until(isStarted);

      await Promise.all(keys.map((key) => stage.auth.cancel(key)));
      const end = await one.ends();

      expect(end.state).toBe('incomplete');
      expect(statesOf(end)).toEqual(['cancelled', 'cancelled']);
      const runs = await Promise.all(keys.map((key) => stage.auth.latestRun(key)));
      expect(runs.map(({ open, runId }) => ({ open, runId }))).toEqual(
        end.connectors.map(({ runId }) => ({ open: false, runId })),
      );
    },
  );
});

describe('malformed start inputs', () => {
  const scope = { connectorIds: [1] };
  const faults: [string, object][] = [
    ['no scope', {}],
    ['two scopes', { scope: { ...scope, all: true } }],
    ['no connector', { scope: { connectorIds: [] } }],
    ['501 connectors', { scope: { connectorIds: Array.from({ length: 501 }, (_, i) => i + 1) } }],
    ['a re-authentication of an account', { scope: { all: true }, intent: 'reauthenticate' }],
    ['an activation without a cycle', { scope, activateCycle: true }],
    ['metadata over 2 KiB', { scope, metadata: { a: 'x'.repeat(2048) } }],
    ['metadata that is no text', { scope, metadata: { a: 1 } }],
    ['11 targets', { scope, notify: Array(11).fill('a') }],
    ['a malformed patience', { scope, patience: { credentials: '91 days' } }],
  ];
  test.concurrent.each(faults)('a start input with %s is refused by the library', async (_name, more) => {
    const input = { accountId: 'acme', onboardingId: 'o1', ...more } as OnboardingInput;

    await expect(stage.auth.startOnboarding(input)).rejects.toMatchObject({ code: 'invalidInput' });
  });

  test.concurrent.each([
    ['without an argument', []],
    ['with the id of another account', [{ accountId: 'other', onboardingId: 'o1', scope }]],
  ])('a workflow that is started %s fails as invalidInput', async (name, args) => {
    const handle = await stage.client.workflow.start(ONBOARDING_TYPE, {
      taskQueue,
      workflowId: `onboarding/acme/${name.length}`,
      args,
    });

    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'invalidInput', details: [expect.objectContaining({ state: 'failed', connectors: [] })] },
    });
  });
});

test.concurrent('malformed signals and signals about unknown connectors do not change an onboarding', async () => {
  const { accountId, keys, ids } = account('Brightdesk');
  const one = await onboarding(accountId, { connectorIds: ids }, { record: 'onboarding-signals' });
  await one.until(isStarted);
  const before = await one.progress();
  const handle = stage.client.workflow.getHandle(onboardingWorkflowIdOf(one));
  const finished = { connectorId: ids[0], state: 'authenticated', runId: 'r' };
  const bodies: [string, unknown[]][] = [
    ['connectorFinished', []],
    ['connectorFinished', [{ ...finished, connectorId: 999_999 }]],
    ['connectorFinished', [{ ...finished, state: 'awaitingCredentials' }]],
    ['connectorFinished', [{ ...finished, runId: 7 }]],
    ['addConnectors', [{ connectorIds: [0] }]],
    ['addConnectors', [{ connectorIds: Array.from({ length: 500 }, (_, i) => 1_000_000 + i) }]],
    ['noSuchSignal', [{}]],
  ];

  for (const [name, args] of bodies) await handle.signal(name, ...args);

  expect(await one.progress()).toEqual(before);
  await connect(keys[0]!);
  expect(await one.ends()).toMatchObject({ state: 'completed' });
});

test.concurrent(
  'list() and flows() of the library show the flows of an onboarding, but not the onboarding itself',
  async () => {
    const { accountId, keys, ids } = account('Brightdesk');
    const one = await onboarding(accountId, { connectorIds: ids });
    await one.until(isStarted);
    await eventually(
      () => stage.client.workflow.count(`CyclrAccountId = "${accountId}" AND CloseTime IS NULL`),
      ({ count }) => count === 2,
    );

    const items = [{ connectorId: keys[0]!.connectorId }];
    expect(await stage.auth.list({ accountId })).toMatchObject({ items });
    expect(await stage.auth.flows({ accountId })).toMatchObject({ items });
  },
);

test.concurrent('onboardingChanges() yields the progress until the onboarding ends', async () => {
  const { accountId, keys, ids } = account('Brightdesk');
  const one = await onboarding(accountId, { connectorIds: ids });
  const seen: OnboardingProgress[] = [];
  const reading = (async () => {
    for await (const progress of stage.auth.onboardingChanges(one)) seen.push(progress);
  })();

  await connect(keys[0]!);
  await reading;

  expect(seen.at(-1)).toMatchObject({ state: 'completed', done: 1 });
  const revisions = seen.map(({ revision }) => revision);
  expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
});

test('the hourly check reports flows that ended without a signal, and subscribes to the new run of a restarted flow', async () => {
  const { accountId, keys } = account('Brightdesk', 'Plainfield', 'Nullarbor', 'Posterity');
  const [running, terminated, waiting, restarted] = keys as [ConnectorKey, ConnectorKey, ConnectorKey, ConnectorKey];
  const flowOf = (key: ConnectorKey) => stage.client.workflow.getHandle(workflowIdOf(key));
  const signalsOf = async (key: ConnectorKey) => {
    const { events } = await flowOf(key).fetchHistory();
    return (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? []);
  };
  const runs = await Promise.all(keys.map((key) => stage.auth.start(key)));
  await flowOf(terminated).terminate();
  await stage.auth.cancel(restarted);
  const again = await stage.auth.start(restarted);
  const removed = { connectorId: 999_999, runId: 'gone', state: 'running' as const };
  const flows = [
    ...[running, terminated, waiting].map(({ connectorId }, index) => ({
      connectorId,
      runId: runs[index]!.runId,
      state: 'running' as const,
    })),
    { connectorId: restarted.connectorId, runId: runs[3]!.runId, state: 'cancelled' as const },
    removed,
  ];

  const open = [runs[0]!, runs[2]!, again].map(({ runId }) => runId).sort();
  const query = `CyclrAccountId = "${accountId}" AND ExecutionStatus = "Running"`;
  await eventually(
    async () => {
      const listed: string[] = [];
      for await (const { runId } of stage.client.workflow.list({ query })) listed.push(runId);
      return listed.sort();
    },
    (listed) => listed.join() === open.join(),
  );

  const { checkFlows } = onboardingActivities(undefined as never, {});
  const environment = new MockActivityEnvironment({}, { client: stage.client });
  const request = { flows, subscriber: 'onboarding/nobody/o1' };
  const found: unknown[] = await environment.run(checkFlows, { accountId, onboardingId: 'o1' }, request);
  // Temporal adds a signal to the history only when the workflow task in progress has ended.
  const signals = await eventually(
    () => signalsOf(restarted),
    (names) => names.length > 0,
  );

  expect(found).toMatchObject([
    { connectorId: terminated.connectorId, state: 'failed' },
    { connectorId: restarted.connectorId, state: 'running', runId: again.runId },
    { connectorId: removed.connectorId, state: 'failed' },
  ]);
  expect(signals).toEqual(['subscribe']);
});

describe('the calls of an activity to Temporal', () => {
  /** Runs activities of an onboarding with a client that has this interceptor. */
  const environmentOf = (interceptor: WorkflowClientInterceptor, info: Partial<Info> = {}) => {
    const { connection, namespace } = stage;
    const client = new Client({ connection, namespace, interceptors: { workflow: [interceptor] } });
    return new MockActivityEnvironment(info, { client });
  };
  const { startFlows, checkFlows, cancelFlows, awaitEnds } = onboardingActivities(undefined as never, {});

  test.concurrent('if one call fails, the activity fails after its open calls, and sends no further call', async () => {
    let [sent, open] = [0, 0];
    const describe: WorkflowClientInterceptor['describe'] = async (input, next) => {
      if (++sent === 1) throw new Error('no answer');
      open++;
      return next(input).finally(() => open--);
    };
    const connectorIds = Array.from({ length: 100 }, (_, i) => i + 1);
    const onboarding = { accountId: `account-${randomUUID()}`, onboardingId: 'o1' };

    const ended = environmentOf({ describe }).run(cancelFlows, onboarding, { connectorIds });

    await expect(ended).rejects.toThrow('no answer');
    expect({ sent, open }).toEqual({ sent: 20, open: 0 });
  });

  test.concurrent(
    'a second attempt of startFlows does not start a flow that has ended since the first attempt',
    async () => {
      const { accountId, keys, ids } = account('Brightdesk');
      const before = Date.now();
      const { runId } = await stage.auth.start(keys[0]!);
      await stage.auth.cancel(keys[0]!);
      const environment = environmentOf({}, { attempt: 2, scheduledTimestampMs: before, taskQueue });
      const request = { connectorIds: ids, subscriber: 'onboarding/nobody/o1', firstRunId: 'r', options: {} };

      const started = await environment.run(startFlows, { accountId, onboardingId: 'o1' }, request);

      expect(started).toEqual([{ connectorId: ids[0], runId, state: 'cancelled' }]);
    },
  );

  test.concurrent(
    'startFlows, checkFlows, cancelFlows and awaitEnds send a heartbeat after each call to Temporal',
    async () => {
      const { accountId, ids } = account('Brightdesk');
      const connectorId = ids[0]!;
      const steps: string[] = [];
      const noted =
        (call: string) =>
        <I, R>(input: I, next: (input: I) => R): R => {
          steps.push(call);
          return next(input);
        };
      const interceptor = { describe: noted('describe'), signal: noted('signal'), signalWithStart: noted('start') };
      const run = async <A extends unknown[]>(activity: (...args: A) => Promise<unknown>, ...args: A) => {
        const environment = environmentOf(interceptor, { attempt: 2, taskQueue });
        environment.on('heartbeat', () => steps.push('heartbeat'));
        await environment.run(activity, ...args);
        return steps.splice(0);
      };
      const key = { accountId, onboardingId: 'o1' };
      const subscriber = 'onboarding/nobody/o1';
      const flow = { connectorId, state: 'cancelled', runId: 'earlier' } as const;

      const starting = await run(startFlows, key, { connectorIds: ids, subscriber, firstRunId: 'r', options: {} });
      await eventually(
        () => stage.client.workflow.count(`CyclrAccountId = "${accountId}" AND ExecutionStatus = "Running"`),
        ({ count }) => count === 1,
      );
      const checking = await run(checkFlows, key, { flows: [flow], subscriber });
      const cancelling = await run(cancelFlows, key, { connectorIds: ids });
      const ended = await run(awaitEnds, key, [{ connectorId, runId: 'earlier' }]);

      expect(starting).toEqual(['describe', 'heartbeat', 'start', 'heartbeat']);
      expect(checking).toEqual(['heartbeat', 'describe', 'heartbeat', 'signal', 'heartbeat']);
      expect(cancelling).toEqual(['describe', 'heartbeat', 'signal', 'heartbeat']);
      expect(ended).toEqual(['describe', 'heartbeat']);
    },
  );
});
