/** Everything at once: whoever asks is answered, nothing is done twice, and no task fails. */
import { WithStartWorkflowOperation, WorkflowNotFoundError } from '@temporalio/client';
import fc from 'fast-check';
import type { Link } from '../../client/answers';
import { ConnectorAuth } from '../../client/connector-auth';
import type { ConnectorAuthError } from '../../client/connector-auth-error';
import type { FaultRule } from '../../sandbox/fault-rule';
import type { ConnectorKey } from '../../workflows/connector';
import {
  requestAuthorization,
  submitCredentials,
  submitProperties,
  taskQueue,
  workflowIdOf,
  type Input,
  type View,
} from '../../workflows/messages';
import { consentScene, signInPath, type ConsentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { kindOf, taskFailures } from '../support/histories';
import { answered, keyInput, linkRequest, sendUntilAnswered, refusal, updates } from '../support/messages';
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

async function asking(): Promise<Scene> {
  const scene = await stage.scene('Brightdesk');
  await scene.reaches('awaitingCredentials');
  return scene;
}

async function waiting(input?: Partial<Input>): Promise<ConsentScene> {
  const scene = await consentScene(stage, 'Ledgerly', input);
  await scene.reaches('awaitingAuthorization');
  return scene;
}

const slow = (match: FaultRule['match'], ms = 500) => stage.sandbox.fault({ match, then: { kind: 'slow', ms } });
const slowPut = ({ key }: Scene) => slow({ method: 'PUT', account: key.accountId });
const puts = (scene: Scene) => scene.calls().filter((call) => call.startsWith('PUT')).length;
const returned = async (scene: Scene) =>
  (await scene.timeline()).filter(({ event }) => event === 'authorizationReturned').length;

const part = ({ state, problem }: View): Partial<View> => ({ state, problem });

/** What is sent meanwhile is read by one and the same workflow task. */
async function atOnce<T>(send: () => Promise<T>[]): Promise<T[]> {
  await stage.stopWorker();
  const sent = send();
  await stage.restartWorker();
  return Promise.all(sent);
}

describe('twenty updates and twenty signals at once', () => {
  test('where the last of them ends it: all are answered', async () => {
    const scene = await asking();
    const wrong = Array.from({ length: 19 }, (_, index) => keyInput(stage, scene, `wrong-${index}`, 'wrong'));
    const inputs = [...(await Promise.all(wrong)), await keyInput(stage, scene, 'right')];
    const signals = await Promise.all(inputs.map((_, index) => keyInput(stage, scene, `signal-${index}`, 'wrong')));

    const [views] = await Promise.all([
      Promise.all(inputs.map((input) => sendUntilAnswered(() => stage.auth.submitCredentials(scene.key, input)))),
      Promise.allSettled(signals.map((input) => scene.signals('credentialInput', input))),
    ]);
    const end = await stage.auth.result(scene.key);

    expect(end).toMatchObject({ state: 'authenticated' });
    expect(views.at(-1)).toEqual(end);
    // Who was refused is told so, though the next input is applied already.
    const refused = { state: 'awaitingCredentials', problem: expect.objectContaining({ code: 'refused' }) };
    for (const view of views) expect([refused, end]).toContainEqual(view.state === end.state ? view : part(view));
    expect(scene.cyclr().AuthValue).toBe('right');
    expect(puts(scene)).toBeLessThanOrEqual(40);
  });

  test('about a consent: all are answered, and Cyclr is asked once', async () => {
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');

    const [views, links] = await Promise.all([
      Promise.all(Array.from({ length: 10 }, () => answered(scene.confirms(link)))),
      Promise.all(
        Array.from({ length: 10 }, () =>
          scene.asks().then(
            () => 'made',
            ({ code }: ConnectorAuthError) => code,
          ),
        ),
      ),
      Promise.allSettled(Array.from({ length: 20 }, () => scene.returns(link))),
    ]);
    const end = await stage.auth.result(scene.key);

    expect(end).toMatchObject({ state: 'authenticated' });
    for (const view of views) expect([end.state, 'awaitingAuthorization']).toContain(view.state);
    for (const outcome of links) expect(['made', 'notNow', 'closed']).toContain(outcome);
    expect(await returned(scene)).toBe(1);
  });

  test('of everything there is, against a cancellation: all are answered', async () => {
    const scene = await waiting();
    const link = await scene.asks();

    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 5 }, () => answered(scene.confirms(link))),
      ...Array.from({ length: 5 }, () => scene.asks()),
      ...Array.from({ length: 5 }, () => answered(scene.gives({ kind: 'tokens', accessToken: 'wrong' }))),
      ...Array.from({ length: 5 }, () => answered(scene.sets({ Any: 'x' }))),
      stage.auth.cancel(scene.key),
    ]);

    const codes = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [(outcome.reason as ConnectorAuthError).code] : [],
    );
    expect((await scene.view()).state).toBe('cancelled');
    for (const code of codes) expect(['notNow', 'closed']).toContain(code);
  });
});

describe('before the start', () => {
  const starting = (key: ConnectorKey) =>
    new WithStartWorkflowOperation('authenticateConnector', {
      taskQueue,
      workflowId: workflowIdOf(key),
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [key],
    });

  test('an update can start the flow that answers it', async () => {
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
  });

  test('and finds the one that runs', async () => {
    const scene = await stage.scene('Fernhill');

    const view = await stage.client.workflow.executeUpdateWithStart(submitProperties, {
      args: [{ submissionId: 's', values: { Domain: 'acme' } }],
      updateId: 's',
      startWorkflowOperation: starting(scene.key),
    });

    expect(view).toMatchObject({ runId: scene.runId, state: 'awaitingCredentials' });
  });

  test('one that can not be known yet is rejected, and the flow waits', async () => {
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
  });

  test('a signal can start it, and what it brings is kept', async () => {
    const key = stage.install('Brightdesk');

    const handle = await stage.client.workflow.signalWithStart('authenticateConnector', {
      taskQueue,
      workflowId: workflowIdOf(key),
      args: [key],
      signal: 'credentialInput',
      signalArgs: [await keyInput(stage, { key }, 's')],
    });

    expect(await handle.result()).toMatchObject({ state: 'authenticated' });
  });

  test('ten starts at once start one', async () => {
    const key = stage.install('Brightdesk');

    const starts = await Promise.all(Array.from({ length: 10 }, () => stage.auth.start(key)));

    expect(starts.filter(({ started }) => started)).toHaveLength(1);
    expect(new Set(starts.map(({ runId }) => runId)).size).toBe(1);
  });

  test('what was never started says so', async () => {
    const key = stage.install('Ledgerly');
    const notStarted = { code: 'notStarted' };

    await expect(stage.auth.view(key)).rejects.toMatchObject(notStarted);
    await expect(stage.auth.submitProperties(key, { submissionId: 's', values: {} })).rejects.toMatchObject(notStarted);
    await expect(stage.auth.requestAuthorization(key, { returnTo: 'https://a.example/' })).rejects.toMatchObject(
      notStarted,
    );
    await expect(stage.auth.confirmAuthorization(key, { attemptId: 'a' })).rejects.toMatchObject(notStarted);
  });
});

test('after the end, every update is answered by the final view, and every signal finds nothing; also without a worker', async () => {
  const scene = await waiting();
  const link = await scene.asks();
  const input = {
    submissionId: 'given',
    credentials: await stage.sealed(scene.key, 'given', { kind: 'tokens', accessToken: 'a' }),
  };
  const end = await stage.auth.submitCredentials(scene.key, input);
  await stage.stopWorker();

  const outcomes = await Promise.allSettled([
    scene.gives({ kind: 'tokens', accessToken: 'b' }),
    scene.sets({ Domain: 'acme' }),
    scene.asks(),
    scene.confirms(link),
  ]);
  const again = await stage.auth.submitCredentials(scene.key, input);
  const signals = await Promise.allSettled(
    ['propertyInput', 'credentialInput', 'oauthCallback', 'cancel'].map((signal) => scene.signals(signal)),
  );
  await stage.restartWorker();

  expect(end).toMatchObject({ state: 'authenticated' });
  expect(outcomes).toMatchObject(outcomes.map(() => ({ status: 'rejected', reason: { code: 'closed', view: end } })));
  expect(again).toEqual(end);
  for (const signal of signals)
    expect(signal.status === 'rejected' && signal.reason).toBeInstanceOf(WorkflowNotFoundError);
});

describe('a cancellation', () => {
  test('against a running PUT: authenticated wins, and both are told', async () => {
    const scene = await asking();
    slowPut(scene);

    const answer = scene.gives(right);
    await eventually(scene.calls, () => puts(scene) === 1);
    const cancelled = await stage.auth.cancel(scene.key);

    expect([cancelled, await answer]).toMatchObject(Array(2).fill({ state: 'authenticated' }));
  });

  test('against a verification: authenticated wins where Cyclr says so', async () => {
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');
    slow({ method: 'GET', account: scene.key.accountId });

    const answer = scene.confirms(link);
    await eventually(scene.reads, (reads) => reads === 2);
    const cancelled = await stage.auth.cancel(scene.key);

    expect([cancelled, await answer]).toMatchObject(Array(2).fill({ state: 'authenticated' }));
  });

  test('against a verification between two looks: it ends at once, and whoever asked is told', async () => {
    const scene = await waiting();
    const link = await scene.asks();

    const answer = scene.confirms(link);
    await eventually(scene.reads, (reads) => reads >= 3);
    const cancelled = await stage.auth.cancel(scene.key);

    expect([cancelled, await answer]).toMatchObject(Array(2).fill({ state: 'cancelled' }));
    expect(scene.reads()).toBeLessThan(6);
  });

  test.each<[string, (scene: Scene) => Promise<unknown>, string]>([
    ['our signal', (scene) => scene.signals('cancel'), 'COMPLETED'],
    ['Temporal', (scene) => scene.handle.cancel(), 'CANCELLED'],
  ])('by %s against a link in the making: it is dropped, and ended', async (_name, cancel, status) => {
    const scene = await waiting();
    slow({ path: signInPath(scene.key) }, 3000);

    const refused = refusal(updates(scene, 'requestAuthorization', (await linkRequest()).body));
    await eventually(scene.mintings, (mintings) => mintings === 1);
    await cancel(scene);

    expect(await refused).toMatchObject({ code: 'notNow' });
    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'cancelled' });
    expect((await scene.handle.describe()).status.name).toBe(status);
    expect((await scene.history()).map(kindOf).at(-1)).toMatch(/^workflowExecution(Completed|Canceled)$/);
  });
});

describe('a termination', () => {
  const terminated = { state: 'failed', failure: { code: 'terminated' } };

  test('against an input: whoever gave it is told', async () => {
    const scene = await asking();
    slowPut(scene);

    const answer = answered(scene.gives(right));
    await scene.reaches('applyingCredentials');
    await scene.handle.terminate();

    expect(await answer).toMatchObject(terminated);
  });

  test('against a link in the making: whoever asked is told', async () => {
    const scene = await waiting();
    slow({ path: signInPath(scene.key) }, 1000);

    const link = scene.asks();
    const asked = expect(link).rejects.toMatchObject({ code: 'closed', view: terminated });
    await eventually(scene.mintings, (mintings) => mintings === 1);
    await scene.handle.terminate();

    await asked;
  });
});

describe('a return against a confirmation', () => {
  test('is one verification, and whoever asked is told', async () => {
    const scene = await waiting();
    const older = await scene.asks();
    await scene.asks();

    const [, view] = await atOnce<unknown>(() => [scene.returns(older), scene.confirms(older)]);

    expect(view).toMatchObject({ state: 'awaitingAuthorization', problem: { code: 'notAuthorized' } });
    expect([await returned(scene), scene.reads()]).toEqual([1, 2]);
  });

  test('finds the consent, and both are told', async () => {
    const scene = await waiting();
    const link = await scene.asks();
    await scene.decides(link, 'approve');

    const [, view] = await Promise.all([scene.returns(link), answered(scene.confirms(link))]);

    expect(view).toMatchObject({ state: 'authenticated' });
    expect(await returned(scene)).toBe(1);
  });
});

describe('two tabs', () => {
  test('two links, consent in the older: both come back, and it is found', async () => {
    const scene = await waiting();
    const [older, newer] = [await scene.asks(), await scene.asks()];
    await scene.decides(newer, 'decline');
    await scene.decides(older, 'approve');

    await Promise.allSettled([scene.returns(older), scene.returns(newer)]);

    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test('a link is asked for in the second while the first comes back: nothing is lost', async () => {
    const scene = await waiting();
    const first = await scene.asks();
    await scene.decides(first, 'approve');

    const [link] = await Promise.allSettled([scene.asks(), scene.returns(first)]);

    if (link.status === 'rejected') expect(['notNow', 'closed']).toContain((link.reason as ConnectorAuthError).code);
    expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
  });

  test('of an API key: the first wins, and the second is told', async () => {
    const scene = await asking();
    const [first, second] = await Promise.all([keyInput(stage, scene, 'a', 'one'), keyInput(stage, scene, 'b', 'two')]);

    const views = await Promise.all(
      [first, second].map((input) => answered(stage.auth.submitCredentials(scene.key, input))),
    );

    expect(views).toMatchObject(Array(2).fill({ state: 'authenticated' }));
    expect(puts(scene)).toBe(1);
  });
});

test('the same submission from two clients at once, and by signal, is taken once', async () => {
  const scene = await asking();
  slowPut(scene);
  const other = new ConnectorAuth(stage.client);
  const input = await keyInput(stage, scene, 's');

  const [one, two] = await Promise.all([
    stage.auth.submitCredentials(scene.key, input),
    other.submitCredentials(scene.key, input),
    scene.signals('credentialInput', input),
  ]);

  expect([one, two]).toMatchObject(Array(2).fill({ state: 'authenticated' }));
  expect(puts(scene)).toBe(1);
});

test('a refusal is told to whoever it is about, though the next input is being applied already', async () => {
  const scene = await asking();
  slowPut(scene);
  slowPut(scene);
  const next = await keyInput(stage, scene, 'next');

  const answer = scene.gives({ kind: 'apiKey', key: 'wrong' });
  await eventually(scene.calls, () => puts(scene) === 1);
  await scene.signals('credentialInput', next);

  expect(await answer).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'refused' } });
  expect(await stage.auth.result(scene.key)).toMatchObject({ state: 'authenticated' });
});

test('an input at the very deadline is taken or refused, and answered', async () => {
  const delays = [-60, -30, -15, 0, 15, 30];
  const scenes = await Promise.all(delays.map(() => stage.scene('Brightdesk', { patience: { credentials: 5000 } })));

  const views = await Promise.all(
    scenes.map(async (scene, index) => {
      const input = await keyInput(stage, scene, 's');
      const { deadline } = await scene.reaches('awaitingCredentials');
      await eventually(
        () => Date.now(),
        (now) => now >= Date.parse(deadline!) + delays[index]! - 50,
      );
      return answered(stage.auth.submitCredentials(scene.key, input));
    }),
  );
  const ends = await Promise.all(scenes.map(({ key }) => stage.auth.result(key)));

  expect(views).toEqual(ends);
  for (const { state } of ends) expect(['authenticated', 'expired']).toContain(state);
  expect(ends.filter(({ state }) => state === 'authenticated').length).toBe(
    scenes.filter((scene) => scene.cyclr().Authenticated).length,
  );
});

test('whatever comes in whatever order, everybody is answered, and a consent leads to the end', async () => {
  const steps: { [step: string]: (scene: ConsentScene, link: Link) => Promise<unknown> } = {
    ask: (scene) => scene.asks(),
    return: (scene, link) => scene.returns(link),
    confirm: (scene, link) => scene.confirms(link),
    forge: (scene) => scene.returns({ attemptId: 'forged' }),
    tokens: (scene) => scene.gives({ kind: 'tokens', accessToken: 'wrong' }),
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

  async function goesWell(names: string[]): Promise<void> {
    const scene = await waiting();
    const link = await scene.asks();
    const sent = names.map((name) => steps[name]!(scene, link));
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
    fc.asyncProperty(flows, async (orders) => void (await Promise.all(orders.map(goesWell)))),
    { numRuns: 2, endOnFailure: true },
  );
});
