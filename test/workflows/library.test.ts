import { Client, Connection } from '@temporalio/client';
import { ConnectorAuth } from '../../client/connector-auth';
import { transition } from '../../workflows/machine';
import type { Input, TimelineEntry } from '../../workflows/messages';
import { eventually } from '../support/eventually';
import { allEvents, allStates } from '../support/machine-samples';
import { openStage, type Stage } from '../support/stage';

let stage: Stage;
beforeAll(async () => (stage = await openStage()), 60_000);
afterAll(() => stage.close());

const nobody = { accountId: 'nobody', connectorId: 1 };

describe('start', () => {
  test('twice is once: the second finds the first', async () => {
    const scene = await stage.scene('Fernhill');

    const second = await stage.auth.start({ ...scene.key });

    expect(second).toEqual({
      workflowId: scene.workflowId,
      runId: scene.runId,
      started: false,
      intent: 'authenticate',
    });
  });

  test('many at once are one', async () => {
    const key = { accountId: 'many-at-once', connectorId: 0 };
    key.connectorId = stage.sandbox.createAccount(key.accountId, { connectors: ['Fernhill'] })[0]!.id;

    const answers = await Promise.all(Array.from({ length: 20 }, () => stage.auth.start(key)));

    expect(new Set(answers.map(({ runId }) => runId)).size).toBe(1);
    expect(answers.filter(({ started }) => started)).toHaveLength(1);
  });

  test('of a re-authentication is refused while an authentication runs, and not the other way round', async () => {
    const scene = await stage.scene('Fernhill');
    const again = await stage.scene('Evergreen', { intent: 'reauthenticate' });

    await expect(stage.auth.start({ ...scene.key, intent: 'reauthenticate' })).rejects.toMatchObject({
      code: 'alreadyRunning',
    });
    const found = await stage.auth.start(again.key);

    expect(found).toMatchObject({ started: false, intent: 'reauthenticate', runId: again.runId });
  });

  test('after the end begins anew under the same id', async () => {
    const scene = await stage.scene('Fernhill');
    await stage.auth.cancel(scene.key);

    const again = await stage.auth.start(scene.key);

    expect(again).toMatchObject({ started: true, workflowId: scene.workflowId });
    expect(again.runId).not.toBe(scene.runId);
  });

  test.each<[string, object]>([
    ['an account id that a header can not carry', { accountId: 'アカ1' }],
    ['an account id with a space at its end', { accountId: 'acme ' }],
    ['no connector id', { connectorId: 0 }],
    ['an unknown intent', { intent: 'authorise' }],
    ['no patience at all', { patience: { credentials: 0 } }],
    ['patience beyond 90 days', { patience: { credentials: '91 days' } }],
    ['an unknown wait', { patience: { coffee: '1 day' } }],
    ['a by that is too long', { by: 'x'.repeat(101) }],
  ])('with %s is refused before anything is sent', async (_what, wrong) => {
    const input = { accountId: 'acme', connectorId: 1, ...wrong } as Input;

    await expect(stage.auth.start(input)).rejects.toMatchObject({ code: 'invalidInput' });
    expect(stage.sandbox.requests.filter(({ account }) => account === input.accountId)).toEqual([]);
  });
});

test('what was never started is notStarted, whatever is asked', async () => {
  const { auth } = stage;
  const asked: [string, () => Promise<unknown>][] = [
    ['view', () => auth.view(nobody)],
    ['timeline', () => auth.timeline(nobody)],
    ['result', () => auth.result(nobody)],
    ['cancel', () => auth.cancel(nobody)],
    ['watch', () => auth.watch(nobody).next()],
    ['submitProperties', () => auth.submitProperties(nobody, { submissionId: 's', values: {} })],
    ['requestAuthorization', () => auth.requestAuthorization(nobody, { returnTo: 'https://app.example/' })],
    ['confirmAuthorization', () => auth.confirmAuthorization(nobody, { attemptId: 'a' })],
  ];

  for (const [name, ask] of asked) expect([name, await ask().catch((err) => err.code)]).toEqual([name, 'notStarted']);
});

describe('watch', () => {
  test('tells what was, then what comes, until the end', async () => {
    const scene = await stage.scene('Fernhill');
    await scene.reaches('awaitingProperties');
    const seen: string[] = [];

    const watching = (async () => {
      for await (const { event } of stage.auth.watch(scene.key)) seen.push(event);
    })();
    await eventually(
      () => seen,
      (events) => events.includes('connectorFetched'),
    );
    await scene.sets({ Domain: 'acme' });
    await scene.gives({ kind: 'apiKey', key: 'good' });
    await watching;

    expect(seen).toEqual([
      'connectorFetched',
      'propertiesSubmitted',
      'propertiesApplied',
      'credentialsSubmitted',
      'credentialsApplied',
    ]);
  });

  test('ends when it is aborted', async () => {
    const scene = await stage.scene('Fernhill');
    await scene.reaches('awaitingProperties');
    const abort = new AbortController();
    const watching = stage.auth.watch(scene.key, abort.signal);
    await watching.next();

    const next = watching.next();
    abort.abort();

    expect(await next).toEqual({ done: true, value: undefined });
  });
});

test('result waits for the end', async () => {
  const scene = await stage.scene('Brightdesk');
  const result = stage.auth.result(scene.key);
  await scene.reaches('awaitingCredentials');

  await scene.gives({ kind: 'apiKey', key: 'good' });

  expect(await result).toEqual(await scene.view());
});

test('cancel answers with the final view, also the second time', async () => {
  const scene = await stage.scene('Fernhill');
  await scene.reaches('awaitingProperties');

  const [first, second] = [await stage.auth.cancel(scene.key, { reason: 'test' }), await stage.auth.cancel(scene.key)];

  expect(first.state).toBe('cancelled');
  expect(second).toEqual(first);
});

describe('the timeline', () => {
  const arrows = new Set(
    allStates.flatMap((state) =>
      allEvents.map((event) => [state.name, event.type, transition(state, event).name].join()),
    ),
  );

  test('is a chain of arrows that the machine has', async () => {
    const scene = await stage.scene('Fernhill');
    await scene.reaches('awaitingProperties');
    await scene.signals('propertyInput', { submissionId: 's0', values: { Nope: 'x' } });
    await scene.sets({ Domain: 'wrong' });
    await scene.sets({ Domain: 'acme' });
    await scene.gives({ kind: 'apiKey', key: 'wrong' });
    await scene.gives({ kind: 'apiKey', key: 'good' });

    const { entries } = await stage.auth.timeline(scene.key);

    expect(entries.length).toBeGreaterThan(8);
    expect(entries[0]?.from).toBe('fetchingConnector');
    expect(entries.at(-1)?.to).toBe('authenticated');
    entries.reduce((before: TimelineEntry, entry) => {
      expect(entry.from).toBe(before.to);
      expect(entry.at >= before.at).toBe(true);
      return entry;
    });
    for (const { from, event, to } of entries) expect(arrows).toContain([from, event, to].join());
  });

  test('keeps the last 200 entries, and counts the others', async () => {
    const scene = await stage.scene('Fernhill');
    await scene.reaches('awaitingProperties');
    for (let i = 0; i < 205; i++)
      await scene.signals('propertyInput', { submissionId: `s${i}`, values: { Nope: 'x' } });

    const { entries, dropped } = await eventually(
      () => stage.auth.timeline(scene.key),
      ({ dropped: gone }) => gone === 6,
    );

    expect(entries).toHaveLength(200);
    expect(entries.at(-1)).toMatchObject({ id: 's204', note: 'unknownProperty' });
    expect(dropped).toBe(6);
  });
});

test('without a worker a running flow is noWorker, and a closed one is read from its result', async () => {
  const running = await stage.scene('Fernhill');
  await running.reaches('awaitingProperties');
  const closed = await stage.scene('Openrates');
  await closed.reaches('authenticated');
  await stage.stopWorker();
  try {
    const view = await stage.auth.view(closed.key);
    const asked = await stage.auth.view(running.key).catch((err) => err);

    expect(view).toMatchObject({ state: 'authenticated', verification: 'notChecked' });
    expect(asked).toMatchObject({ code: 'noWorker' });
  } finally {
    await stage.restartWorker();
  }
}, 60_000);

test.each([
  ['a namespace that is not there', { namespace: 'no-such-namespace' }],
  ['a server that is not there', { address: '127.0.0.1:1' }],
])(
  '%s is temporalUnavailable, in bounded time',
  async (_what, where) => {
    const { address, namespace } = {
      address: process.env.TEST_TEMPORAL_ADDRESS!,
      namespace: stage.namespace,
      ...where,
    };
    const connection = Connection.lazy({ address });
    const auth = new ConnectorAuth(new Client({ connection, namespace }));

    const error = await auth.view(nobody).catch((err) => err);
    await connection.close();

    expect(error).toMatchObject({ name: 'ConnectorAuthError', code: 'temporalUnavailable' });
  },
  30_000,
);
