/**
 * Messages at the same time. Each sender gets an answer, no message has its effect twice, and no workflow task fails. On
 * a busy machine, the library can fail before the flow has answered: then the sender repeats the message.
 */
import { WithStartWorkflowOperation, WorkflowNotFoundError } from '@temporalio/client';
import fc, { runs } from '../support/fast-check';
import type { Link } from '../../client/answers';
import { ConnectorAuth } from '../../client/connector-auth';
import type { ConnectorAuthError } from '../../client/connector-auth-error';
import type { FaultRule } from '../../sandbox/fault-rule';
import { persistently } from '../../scripts/user/persistent';
import { workflowIdOf, type ConnectorKey } from '../../workflows/connector';
import { requestAuthorization, submitCredentials, submitProperties, taskQueue } from '../../workflows/messages';
import type { View } from '../../workflows/view';
import { consentScene, signInPath, type ConsentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { kindOf, ofKind } from '../support/histories';
import { answered, asInResult, keyInput, linkRequest, refusal, sendUntilAnswered, updates } from '../support/messages';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const right = { kind: 'apiKey', key: 'right' } as const;
const wrongTokens = { kind: 'tokens', accessToken: 'wrong' } as const;

/** Starts a flow that waits for an API key. */
const asking = (): Promise<Scene> => stage.sceneIn('awaitingCredentials', 'Brightdesk');

/** Makes the sandbox hold the next request that matches `match`. Returns a function that releases this request. */
const hold = (match: FaultRule['match']) => stage.sandbox.fault({ match, then: 'held' });
const holdPut = ({ key }: Scene) => hold({ method: 'PUT', account: key.accountId });
const puts = (scene: Scene) => scene.calls().filter((call) => call.startsWith('PUT')).length;
const returned = async (scene: Scene) =>
  (await scene.timeline()).filter(({ event }) => event === 'authorizationReturned').length;
const isCancelling = (scene: Scene) =>
  eventually(scene.history, (events) => ofKind(events, 'activityTaskCancelRequested').length > 0);

/** Stops the worker, sends messages, and starts a new worker, so that one workflow task contains all these messages. */
async function inOneTask<T>(send: () => Promise<T>[]): Promise<T[]> {
  await stage.stopWorker();
  const sent = send();
  await stage.restartWorker();
  return Promise.all(sent);
}

describe('with many simultaneous messages', () => {
  test.concurrent(
    'each of ten updates gets an answer, although ten signals are sent at the same time and one update ends the flow',
    async () => {
      const scene = await asking();
      const inputs = await Promise.all([
        ...Array.from({ length: 9 }, (_, index) => keyInput(stage, scene, `wrong-${index}`, 'wrong')),
        keyInput(stage, scene, 'right'),
      ]);
      const signals = await Promise.all(inputs.map((_, index) => keyInput(stage, scene, `signal-${index}`, 'wrong')));

      const [views] = await Promise.all([
        Promise.all(inputs.map((input) => sendUntilAnswered(() => stage.auth.submitCredentials(scene.key, input)))),
        Promise.allSettled(signals.map((input) => scene.signals('credentialInput', input))),
      ]);
      const end = await stage.auth.result(scene.key);

      expect(end).toMatchObject({ state: 'authenticated' });
      // The answer to a refused input. The sender gets this view, although the flow already applies the next input.
      const refused = { state: 'awaitingCredentials', problem: expect.objectContaining({ code: 'refused' }) };
      const part = ({ state, problem }: View): Partial<View> => ({ state, problem });
      // The answer to an update that has no result after 10 s. On a slow machine, an update can take longer than 10 s.
      const present = { state: 'applyingCredentials', problem: undefined };
      for (const view of views)
        expect([refused, present, end]).toContainEqual(view.state === end.state ? asInResult(view) : part(view));
      expect(scene.cyclr().AuthValue).toBe('right');
      expect(puts(scene)).toBeLessThanOrEqual(20);
    },
  );

  test.concurrent('ten confirmations, ten requests for links and twenty returns start one verification', async () => {
    const scene = await consentScene(stage);
    const link = await scene.asks();
    await scene.decides(link, 'approve');

    const [views, links] = await Promise.all([
      Promise.all(Array.from({ length: 10 }, () => persistently(() => answered(scene.confirms(link))))),
      Promise.all(
        Array.from({ length: 10 }, () =>
          persistently(() => scene.asks()).then(
            () => 'made',
            ({ code }: ConnectorAuthError) => code,
          ),
        ),
      ),
      Promise.allSettled(Array.from({ length: 20 }, () => scene.returns(link))),
    ]);
    const end = await stage.auth.result(scene.key);

    expect(end).toMatchObject({ state: 'authenticated' });
    for (const view of views)
      expect([end.state, 'awaitingAuthorization', 'verifyingAuthorization']).toContain(view.state);
    for (const outcome of links) expect(['made', 'notNow', 'closed']).toContain(outcome);
    expect(await returned(scene)).toBe(1);
  });

  test.concurrent(
    'each of twenty updates of every kind gets an answer, although a cancellation ends the flow',
    async () => {
      const scene = await consentScene(stage);
      const link = await scene.asks();

      const outcomes = await Promise.allSettled([
        ...Array.from({ length: 5 }, () => persistently(() => answered(scene.confirms(link)))),
        ...Array.from({ length: 5 }, () => persistently(() => scene.asks())),
        ...Array.from({ length: 5 }, () => answered(scene.gives(wrongTokens))),
        ...Array.from({ length: 5 }, () => answered(scene.sets({ Any: 'x' }))),
        persistently(() => stage.auth.cancel(scene.key)),
      ]);

      const codes = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [(outcome.reason as ConnectorAuthError).code] : [],
      );
      expect((await stage.auth.result(scene.key)).state).toBe('cancelled');
      for (const code of codes) expect(['notNow', 'closed']).toContain(code);
    },
  );
});

describe('update-with-start', () => {
  const starting = (key: ConnectorKey) =>
    new WithStartWorkflowOperation('authenticateConnector', {
      taskQueue,
      workflowId: workflowIdOf(key),
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [key],
    });

  test.concurrent(
    'update-with-start that is sent three times at the same time starts one flow, and each update gets an answer',
    async () => {
      const key = stage.install('Brightdesk');
      const input = await keyInput(stage, { key }, 's');
      const send = () =>
        stage.client.workflow.executeUpdateWithStart(submitCredentials, {
          args: [input],
          updateId: 's',
          startWorkflowOperation: starting(key),
        });

      const views = await Promise.all([send(), send(), send()]);

      expect(views[0]).toMatchObject({ ...key, state: 'authenticated' });
      expect(new Set(views.map(({ runId }) => runId)).size).toBe(1);
    },
  );

  test.concurrent('update-with-start of a running flow sends its update to this flow', async () => {
    const scene = await stage.scene('Fernhill');

    const view = await stage.client.workflow.executeUpdateWithStart(submitProperties, {
      args: [{ submissionId: 's', values: { Domain: 'acme' } }],
      updateId: 's',
      startWorkflowOperation: starting(scene.key),
    });

    expect(view).toMatchObject({ runId: scene.runId, state: 'awaitingCredentials' });
  });

  test.concurrent(
    'update-with-start with an update that the first state does not accept is rejected as notNow, and the flow continues',
    async () => {
      const key = stage.install('Ledgerly');
      const { body } = await linkRequest();

      const refused = await refusal(
        stage.client.workflow.executeUpdateWithStart(requestAuthorization, {
          args: [body],
          startWorkflowOperation: starting(key),
        }),
      );

      expect(refused.code).toBe('notNow');
      await eventually(
        () => stage.auth.view(key),
        ({ state }) => state === 'awaitingAuthorization',
      );
    },
  );
});

test('after the end of a flow every update gets the final view and every signal is refused, even without a worker', async () => {
  const scene = await consentScene(stage);
  const link = await scene.asks();
  const submissionId = 'given';
  const credentials = await stage.sealed(scene.key, submissionId, { kind: 'tokens', accessToken: 'a' });
  const end = await stage.auth.submitCredentials(scene.key, { submissionId, credentials });
  await stage.stopWorker();

  const outcomes = await Promise.allSettled([
    scene.gives(wrongTokens),
    scene.sets({ Domain: 'acme' }),
    scene.asks(),
    scene.confirms(link),
  ]);
  const again = await stage.auth.submitCredentials(scene.key, { submissionId, credentials });
  const signals = await Promise.allSettled(
    ['propertyInput', 'credentialInput', 'oauthCallback', 'cancel'].map((signal) => scene.signals(signal)),
  );
  await stage.restartWorker();

  expect(end).toMatchObject({ state: 'authenticated' });
  const reason = { code: 'closed', view: asInResult(end) };
  expect(outcomes).toMatchObject(outcomes.map(() => ({ status: 'rejected', reason })));
  expect(asInResult(again)).toEqual(asInResult(end));
  for (const signal of signals)
    expect(signal.status === 'rejected' && signal.reason).toBeInstanceOf(WorkflowNotFoundError);
});

describe('a cancellation', () => {
  test.concurrent(
    'if a cancellation arrives during a write that Cyclr accepts, the flow ends as authenticated, and the senders of input and cancellation get the final view',
    async () => {
      const scene = await asking();
      stage.record('input-and-cancel', scene.handle);
      const release = holdPut(scene);

      const answer = scene.gives(right);
      await eventually(
        () => puts(scene),
        (count) => count === 1,
      );
      const cancelled = stage.auth.cancel(scene.key);
      await isCancelling(scene);
      release();

      expect([await cancelled, await answer]).toMatchObject(Array(2).fill({ state: 'authenticated' }));
    },
  );

  test.concurrent(
    'if a cancellation arrives during a re-read that finds the consent, the flow ends as authenticated, and the senders of confirmation and cancellation get the final view',
    async () => {
      const scene = await consentScene(stage);
      const link = await scene.asks();
      await scene.decides(link, 'approve');
      const release = hold({ method: 'GET', account: scene.key.accountId });

      const answer = scene.confirms(link);
      await eventually(scene.reads, (reads) => reads === 2);
      const cancelled = stage.auth.cancel(scene.key);
      await isCancelling(scene);
      release();

      expect([await cancelled, await answer]).toMatchObject(Array(2).fill({ state: 'authenticated' }));
    },
  );

  test.concurrent(
    "a request for a link that arrives after Temporal's cancel request, during a re-read, is refused as notNow",
    async () => {
      const scene = await consentScene(stage);
      const release = hold({ method: 'GET', account: scene.key.accountId });
      await scene.signals('recheck');
      await eventually(scene.reads, (reads) => reads === 2);
      await scene.handle.cancel();
      await isCancelling(scene);

      const refused = await refusal(updates(scene, 'requestAuthorization', (await linkRequest()).body));
      release();

      expect(refused).toMatchObject({ code: 'notNow' });
      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'cancelled' });
    },
  );

  test.concurrent.each<[string, (scene: Scene) => Promise<unknown>, string]>([
    ['the signal cancel', (scene) => scene.signals('cancel'), 'COMPLETED'],
    ["Temporal's cancel request", (scene) => scene.handle.cancel(), 'CANCELLED'],
  ])(
    'a cancellation by %s while Cyclr makes a link ends the flow, and the request for the link is refused as notNow',
    async (_name, cancel, status) => {
      const scene = await consentScene(stage);
      const release = hold({ path: signInPath(scene.key) });

      const refused = refusal(updates(scene, 'requestAuthorization', (await linkRequest()).body));
      await eventually(scene.mintings, (mintings) => mintings === 1);
      await cancel(scene);

      expect(await refused).toMatchObject({ code: 'notNow' });
      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'cancelled' });
      expect((await scene.handle.describe()).status.name).toBe(status);
      expect((await scene.history()).map(kindOf).at(-1)).toMatch(/^workflowExecution(Completed|Canceled)$/);
      release();
    },
  );
});

describe('terminations', () => {
  const terminated = { state: 'failed', failure: { code: 'terminated' } };

  test.concurrent(
    'a termination during a write of credentials ends the flow, and the sender of the credentials gets a view in the state failed',
    async () => {
      const scene = await asking();
      const release = holdPut(scene);

      const answer = answered(scene.gives(right));
      await scene.reaches('applyingCredentials');
      await scene.handle.terminate();
      release();

      expect(await answer).toMatchObject(terminated);
    },
  );

  test.concurrent(
    'if the run is terminated while Cyclr makes a link, the request for the link fails with the code closed and a view in the state failed',
    async () => {
      const scene = await consentScene(stage);
      const release = hold({ path: signInPath(scene.key) });

      const link = scene.asks();
      const refused = expect(link).rejects.toMatchObject({ code: 'closed', view: terminated });
      await eventually(scene.mintings, (mintings) => mintings === 1);
      await scene.handle.terminate();
      release();

      await refused;
    },
  );
});

describe('returns and confirmations', () => {
  test('a return and confirmations of one attempt in one workflow task start one verification, and each confirmation is answered', async () => {
    const scene = await consentScene(stage);
    stage.record('return-and-confirmation-in-one-task', scene.handle);
    const older = await scene.asks();
    await scene.asks();

    const [, ...views] = await inOneTask<unknown>(() => [
      scene.returns(older),
      sendUntilAnswered(() => scene.confirms(older)),
      sendUntilAnswered(() => scene.confirms(older)),
    ]);

    const view = { state: 'awaitingAuthorization', problem: { code: 'notAuthorized' } };
    expect(views).toMatchObject([view, view]);
    expect([await returned(scene), scene.reads()]).toEqual([1, 2]);
  });

  test.concurrent(
    'a return and a confirmation of one attempt that arrive at the same time find the consent by one verification',
    async () => {
      const scene = await consentScene(stage);
      const link = await scene.asks();
      await scene.decides(link, 'approve');

      const [, view] = await Promise.all([scene.returns(link), answered(scene.confirms(link))]);

      expect(view).toMatchObject({ state: 'authenticated' });
      expect(await returned(scene)).toBe(1);
    },
  );
});

describe('in two tabs', () => {
  test.concurrent('a flow with a declined newer link and an approved older link ends as authenticated', async () => {
    const scene = await consentScene(stage);
    const [older, newer] = [await scene.asks(), await scene.asks()];
    await scene.decides(newer, 'decline');
    await scene.decides(older, 'approve');

    await Promise.allSettled([scene.returns(older), scene.returns(newer)]);

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test('each of two requests for links in one workflow task gets an answer', async () => {
    const scene = await consentScene(stage);
    stage.record('two-links-in-one-task', scene.handle);

    const ask = () => persistently(() => scene.asks());
    const links = await inOneTask(() => [ask(), ask()]);
    for (const link of links) await scene.decides(link, 'approve');
    await scene.returns(links[0]!);

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test.concurrent(
    'a return ends the flow as authenticated, although another link is requested at the same time',
    async () => {
      const scene = await consentScene(stage);
      const first = await scene.asks();
      await scene.decides(first, 'approve');

      const [link] = await Promise.allSettled([scene.asks(), scene.returns(first)]);

      if (link.status === 'rejected') expect(['notNow', 'closed']).toContain((link.reason as ConnectorAuthError).code);
      expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
    },
  );

  test.concurrent(
    'of two API keys that are sent at the same time, Cyclr stores the first key, and each of the two inputs gets an answer',
    async () => {
      const scene = await asking();
      stage.record('two-keys-at-once', scene.handle);
      const inputs = await Promise.all([keyInput(stage, scene, 'a', 'one'), keyInput(stage, scene, 'b', 'two')]);

      const views = await Promise.all(inputs.map((input) => answered(stage.auth.submitCredentials(scene.key, input))));

      expect(views).toMatchObject(Array(2).fill({ state: 'authenticated' }));
      expect(puts(scene)).toBe(1);
    },
  );
});

test.concurrent('a submission sent by two updates and one signal is accepted once', async () => {
  const scene = await asking();
  const release = holdPut(scene);
  const other = new ConnectorAuth(stage.client);
  const input = await keyInput(stage, scene, 's');

  const sent = [stage.auth.submitCredentials(scene.key, input), other.submitCredentials(scene.key, input)];
  await scene.signals('credentialInput', input);
  release();

  expect(await Promise.all(sent)).toMatchObject(Array(2).fill({ state: 'authenticated' }));
  expect(puts(scene)).toBe(1);
});

test.concurrent(
  'the sender of a refused input gets the refusal, although the flow already applies the next input',
  async () => {
    const scene = await asking();
    const [releaseFirst, releaseSecond] = [holdPut(scene), holdPut(scene)];
    const next = await keyInput(stage, scene, 'next');

    const answer = scene.gives({ kind: 'apiKey', key: 'wrong' });
    await eventually(
      () => puts(scene),
      (count) => count === 1,
    );
    await scene.signals('credentialInput', next);
    releaseFirst();

    expect(await answer).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'refused' } });
    releaseSecond();
    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  },
);

test.concurrent(
  'an input that arrives at the deadline gets the final view, either authenticated or expired',
  async () => {
    const delays = [-60, -30, -15, 0, 15, 30];
    const scenes = await Promise.all(delays.map(() => stage.scene('Brightdesk', { patience: { credentials: 5000 } })));

    const views = await Promise.all(
      scenes.map(async (scene, index) => {
        const input = await keyInput(stage, scene, 's');
        const isWaiting = ({ deadline, state }: View) => deadline !== undefined || state === 'expired';
        const { deadline } = await eventually(scene.view, isWaiting);
        if (deadline)
          await eventually(
            () => Date.now(),
            (now) => now >= Date.parse(deadline) + delays[index]! - 50,
          );
        return sendUntilAnswered(() => stage.auth.submitCredentials(scene.key, input));
      }),
    );
    const ends = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));

    expect(views.map(asInResult)).toEqual(ends);
    for (const { state } of ends) expect(['authenticated', 'expired']).toContain(state);
    expect(ends.filter(({ state }) => state === 'authenticated').length).toBe(
      scenes.filter((scene) => scene.cyclr().Authenticated).length,
    );
  },
);

test('messages in any order are answered, and a flow with an approved consent ends as authenticated', async () => {
  const steps: { [step: string]: (scene: ConsentScene, link: Link) => Promise<unknown> } = {
    ask: (scene) => scene.asks(),
    return: (scene, link) => scene.returns(link),
    confirm: (scene, link) => scene.confirms(link),
    forge: (scene) => scene.returns({ attemptId: 'forged' }),
    tokens: (scene) => scene.gives(wrongTokens),
    key: (scene) => scene.gives(right),
    properties: (scene) => scene.sets({ Domain: 'acme' }),
    malformed: (scene) => scene.signals('oauthCallback', null),
    malformedUpdate: (scene) => updates(scene, 'confirmAuthorization', null),
  };
  const codes = (outcomes: PromiseSettledResult<unknown>[]) =>
    outcomes.flatMap((outcome) => {
      if (outcome.status === 'fulfilled') return [];
      const { code, cause } = outcome.reason as { code?: string; cause?: { type?: string } };
      return [code ?? cause?.type];
    });

  async function endsWell(names: string[]): Promise<void> {
    const scene = await consentScene(stage);
    const link = await scene.asks();
    const sent = names.map((name) => persistently(() => steps[name]!(scene, link)));
    await scene.decides(link, 'approve');
    const outcomes = await Promise.allSettled(sent);
    await eventually(
      () => answered(scene.confirms(link)),
      ({ state }) => state === 'authenticated',
    );

    for (const code of codes(outcomes)) expect(['notNow', 'closed', 'malformed', undefined]).toContain(code);
    expect(scene.cyclr().Authenticated).toBe(true);
  }

  const order = fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 12 });
  const flows = fc.array(order, { minLength: 8, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(flows, async (orders) => void (await Promise.all(orders.map(endsWell)))),
    { numRuns: runs(2), endOnFailure: true },
  );
});
