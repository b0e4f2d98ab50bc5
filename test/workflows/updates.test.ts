/** Inputs that are sent as updates, which get an answer. */
import type { ConnectorKey, Sealed } from '../../workflows/connector';
import type { Problem, ProblemCode, View } from '../../workflows/view';
import { consentScene } from '../support/consent';
import { eventually } from '../support/eventually';
import { kindOf, ofKind } from '../support/histories';
import { keyInput, linkRequest, refusal, sendUntilAnswered, updates } from '../support/messages';
import { openStage, type Scene, type Stage } from '../support/stage';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterAll(() => stage.close());

const key = { kind: 'apiKey', key: 'right' } as const;

/** A connector for each waiting state. */
const connectors = {
  awaitingProperties: 'Fernhill',
  awaitingCredentials: 'Brightdesk',
  awaitingAuthorization: 'Ledgerly',
} as const;
type Waiting = keyof typeof connectors;

/** Starts a flow and waits until the flow is in the state `state`. */
const at = (state: Waiting, connector: string | ConnectorKey = connectors[state]): Promise<Scene> =>
  stage.sceneIn(state, connector);

/**
 * Makes the sandbox hold the account's next request with the method `method`. Returns a function that releases the
 * request.
 */
const hold = (method: 'GET' | 'POST' | 'PUT', { accountId }: ConnectorKey) =>
  stage.sandbox.fault({ match: { method, account: accountId }, then: 'held' });

const sealedLook: Sealed = { sealed: 'eyJhbGciOiJFQ0RILUVTIn0..iv.text.tag' };
const puts = (scene: Scene): number => scene.calls().filter((call) => call.startsWith('PUT')).length;
const accepted = async (scene: Scene) => ofKind(await scene.history(), 'workflowExecutionUpdateAccepted').length;
const eventsOf = async (scene: Scene) => (await scene.timeline()).map(({ event }) => event);

describe('rejected updates', () => {
  /**
   * Sends an update with each body, and expects that the flow rejects it with `code` and does not change. Returns the
   * names of the fields of each problem.
   */
  async function rejects(scene: Scene, update: string, bodies: unknown[], code: ProblemCode) {
    const state = async () => [await scene.view(), await scene.timeline(), (await scene.history()).length];
    const before = await state();

    const problems: Problem[] = [];
    for (const body of bodies) {
      const refused = await refusal(updates(scene, update, body, 'the-same'));
      expect({ body, code: refused.code }).toEqual({ body, code });
      problems.push(refused.problem);
    }

    expect(problems).toMatchObject(bodies.map(() => ({ code, message: expect.any(String) })));
    expect(await state()).toEqual(before);
    return problems.map(({ fields }) => fields?.map(({ name }) => name));
  }

  test.concurrent(
    'an update is rejected without a history event as malformed if its properties have a wrong shape, and its update id can be used again',
    async () => {
      const scene = await at('awaitingProperties');
      const values = { Domain: 'acme' };
      const big = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`name-${index}`, '']));

      await rejects(
        scene,
        'submitProperties',
        [undefined, null, { submissionId: 'a b', values }, { submissionId: 's', values: big }],
        'malformed',
      );
      const taken = await updates(scene, 'submitProperties', { submissionId: 's', values }, 'the-same');

      expect(taken).toMatchObject({ state: 'awaitingCredentials' });
    },
  );

  test.concurrent(
    'an update is rejected without a history event as malformed if its credentials have a wrong shape',
    async () => {
      const scene = await at('awaitingCredentials');

      await rejects(
        scene,
        'submitCredentials',
        [undefined, [], { submissionId: 's' }, { submissionId: 's', credentials: sealedLook, by: 5 }],
        'malformed',
      );
      const taken = await updates(scene, 'submitCredentials', await keyInput(stage, scene, 's'), 'the-same');

      expect(taken).toMatchObject({ state: 'authenticated' });
    },
  );

  test.concurrent(
    'an update is rejected without a history event as malformed if it requests a link with a wrong reply key, address or attempt id',
    async () => {
      const scene = await at('awaitingAuthorization');
      const { body: right } = await linkRequest();
      const { x, y } = right.replyKey;

      await rejects(
        scene,
        'requestAuthorization',
        [
          undefined,
          { ...right, attemptId: '../..' },
          // A key with exchanged x and y, which is no point on the curve.
          { ...right, replyKey: { ...right.replyKey, x: y, y: x } },
          { ...right, returnTo: 'http://done.example/' },
        ],
        'malformed',
      );
      const made = await updates(scene, 'requestAuthorization', right, 'the-same');
      await expect(refusal(updates(scene, 'requestAuthorization', right))).resolves.toMatchObject({
        code: 'malformed',
      });

      expect(made).toMatchObject({ attemptId: right.attemptId });
      expect(stage.sandbox.signIns(scene.key.accountId)).toHaveLength(1);
    },
  );

  test.concurrent(
    'an update is rejected without a history event as malformed if it is a confirmation of a wrong shape',
    async () => {
      const scene = await at('awaitingAuthorization');

      await rejects(scene, 'confirmAuthorization', [undefined, {}, { attemptId: 'a b' }], 'malformed');

      expect(scene.requests()).toHaveLength(1);
    },
  );

  test.concurrent(
    'an update is rejected without a history event as notSealed if its credentials are in clear, and histories and logs do not have them',
    async () => {
      const scene = await at('awaitingCredentials');
      const clear = 'in-clear-4721';
      const bodies = [{ submissionId: 's', credentials: { kind: 'apiKey', key: clear } }, { credentials: clear }];

      await rejects(scene, 'submitCredentials', bodies, 'notSealed');
      const history = JSON.stringify(await scene.history(), (_name, part: unknown) =>
        part instanceof Uint8Array ? Buffer.from(part).toString() : part,
      );

      expect(history + stage.log.join('\n')).not.toContain(clear);
      expect(await scene.gives(key, 's')).toMatchObject({ state: 'authenticated' });
    },
  );

  test.concurrent(
    'an update is rejected without a history event as notSealed if a sensitive property is in clear, and the problem names the property',
    async () => {
      const scene = await at('awaitingProperties', 'Quartz');
      const values = { ClientId: 'app-1', ClientSecret: 'in-clear-4722' };

      const fields = await rejects(scene, 'submitProperties', [{ submissionId: 's', values }], 'notSealed');

      expect(fields).toEqual([['ClientSecret']]);
      expect(stage.log.join('\n')).not.toContain('in-clear-4722');
    },
  );

  test.concurrent(
    'an update is rejected without a history event as unknownProperty or missingProperty, and the problem names the properties',
    async () => {
      const scene = await at('awaitingProperties');
      const send = (values: object) => ({ submissionId: 's', values });

      const unknown = await rejects(
        scene,
        'submitProperties',
        [send({ Domain: 'acme', domain: 'x' })],
        'unknownProperty',
      );
      const missing = await rejects(scene, 'submitProperties', [send({}), send({ Domain: '' })], 'missingProperty');

      expect([unknown, missing]).toEqual([[['domain']], [['Domain'], ['Domain']]]);
      expect(await scene.sets({ Domain: 'acme' }, 's')).toMatchObject({ state: 'awaitingCredentials' });
    },
  );

  const bodies: { [update: string]: (scene: Scene) => Promise<unknown> } = {
    submitProperties: async () => ({ submissionId: 's', values: { Domain: 'acme' } }),
    submitCredentials: (scene) => keyInput(stage, scene, 's'),
    requestAuthorization: async () => (await linkRequest({ attemptId: 's' })).body,
    confirmAuthorization: async () => ({ attemptId: 's' }),
  };
  test.concurrent.each<[Waiting, string[]]>([
    ['awaitingProperties', ['submitCredentials', 'requestAuthorization', 'confirmAuthorization']],
    ['awaitingCredentials', ['submitProperties', 'requestAuthorization', 'confirmAuthorization']],
    ['awaitingAuthorization', ['submitProperties']],
  ])('in the state %s, each update in %j is rejected as notNow without a history event', async (state, names) => {
    const scene = await at(state);

    for (const update of names) await rejects(scene, update, [await bodies[update]!(scene)], 'notNow');
  });

  test.concurrent(
    'an update is rejected without a history event if the flow has no update with this name',
    async () => {
      const scene = await at('awaitingCredentials');
      const before = (await scene.history()).length;

      await expect(updates(scene, 'submitKey', { key: 'in-clear-4723' })).rejects.toThrow(/Workflow Update failed/);

      expect(await scene.history()).toHaveLength(before);
      expect(stage.log.join('\n')).not.toContain('in-clear-4723');
    },
  );

  test.concurrent('an update is rejected without a history event if its argument cannot be decoded', async () => {
    const scene = await at('awaitingCredentials');
    const before = [await scene.view(), await scene.timeline(), (await scene.history()).length];
    const payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{ in-clear-4724') };

    const { outcome } = await stage.client.workflowService.updateWorkflowExecution({
      namespace: stage.namespace,
      workflowExecution: { workflowId: scene.workflowId },
      waitPolicy: { lifecycleStage: 3 },
      request: { meta: { updateId: 'u' }, input: { name: 'submitCredentials', args: { payloads: [payload] } } },
    });

    expect(outcome?.failure).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toContain('4724');
    expect([await scene.view(), await scene.timeline(), (await scene.history()).length]).toEqual(before);
  });
});

describe('answers with a problem', () => {
  test.concurrent(
    'an update is answered by a view with a problem if Cyclr refuses the credentials, and the next credentials are accepted',
    async () => {
      const scene = await at('awaitingCredentials');
      stage.record('credentials-refused-twice', scene.handle);

      const refused = await scene.gives({ kind: 'apiKey', key: 'wrong-key' }, 's');
      const [update, ...more] = ofKind(await scene.history(), 'workflowExecutionUpdateAccepted');
      const again = await scene.gives({ kind: 'apiKey', key: 'wrong-key' });
      const end = await scene.gives(key);

      const problem = { code: 'refused' };
      expect([refused, again]).toMatchObject(Array(2).fill({ state: 'awaitingCredentials', problem }));
      expect(refused.deadline).toBeDefined();
      expect(JSON.stringify(refused)).not.toContain('wrong-key');
      expect(update?.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.meta?.updateId).toBe('s');
      expect(more).toEqual([]);
      expect(again.revision).toBeGreaterThan(refused.revision);
      expect(end).toMatchObject({ state: 'authenticated' });
      expect(end).not.toHaveProperty('problem');
    },
  );

  test.concurrent(
    'an update is answered by a view with a problem if Cyclr refuses a property, and the problem names the property',
    async () => {
      const scene = await at('awaitingProperties');
      stage.record('property-refused', scene.handle);

      const view = await scene.sets({ Domain: 'wrong' });
      await stage.auth.cancel(scene.key);

      expect(view).toMatchObject({
        state: 'awaitingProperties',
        problem: { code: 'refused', fields: [{ name: 'Domain', code: 'refused' }] },
      });
    },
  );

  test.concurrent(
    'an update is answered by a view with a problem if the activity cannot open the credentials, or if the kind of the credentials does not fit the connector',
    async () => {
      const [closed, other] = [await at('awaitingCredentials'), await at('awaitingCredentials')];
      stage.record('credentials-of-another-kind', other.handle);

      const views = [
        await updates<View>(closed, 'submitCredentials', { submissionId: 's', credentials: sealedLook }),
        await other.gives({ kind: 'basic', username: 'jo', password: 'pw' }),
      ];

      expect(views).toMatchObject([
        { state: 'awaitingCredentials', problem: { code: 'notOpenable' } },
        { state: 'awaitingCredentials', problem: { code: 'wrongKind' } },
      ]);
      expect([puts(closed), puts(other)]).toEqual([0, 0]);
    },
  );
});

describe('repeated updates', () => {
  test.concurrent(
    'a repeated update with the same update id, at the same time or after the end of the flow, is accepted once and gets the same answer',
    async () => {
      const scene = await at('awaitingCredentials');
      const release = hold('PUT', scene.key);
      const input = await keyInput(stage, scene);
      const send = () => stage.auth.submitCredentials(scene.key, input);

      const sent = [send(), send(), send()];
      await eventually(
        () => puts(scene),
        (count) => count === 1,
      );
      release();
      const views = [...(await Promise.all(sent)), await send()];

      expect(views).toEqual(Array(4).fill(views[0]));
      expect(views[0]).toMatchObject({ state: 'authenticated' });
      expect([puts(scene), await accepted(scene)]).toEqual([1, 1]);
    },
  );

  test.concurrent(
    'a repeated update with the same update id gets the same answer although its input differs',
    async () => {
      const scene = await at('awaitingCredentials');
      const refused = await scene.gives({ kind: 'apiKey', key: 'wrong' }, 's');

      const again = await scene.gives(key, 's');

      expect(again).toEqual(refused);
      expect([puts(scene), await accepted(scene)]).toEqual([1, 1]);
    },
  );

  test.concurrent(
    'an input that is sent again, by an update with another update id or by a signal, changes nothing if its submission id is known',
    async () => {
      const scene = await at('awaitingCredentials');
      stage.record('same-submission-twice', scene.handle);
      const refused = await scene.gives({ kind: 'apiKey', key: 'wrong' }, 's');
      const right = await keyInput(stage, scene, 's');

      const again = await updates<View>(scene, 'submitCredentials', right, 'another');
      await scene.signals('credentialInput', right);
      const end = await scene.gives(key, 't');

      expect(again).toEqual(refused);
      expect(end).toMatchObject({ state: 'authenticated' });
      expect(puts(scene)).toBe(2);
      expect(await eventsOf(scene)).toEqual([
        'connectorFetched',
        'credentialsSubmitted',
        'refused',
        'credentialsSubmitted',
        'credentialsApplied',
      ]);
    },
  );

  test.concurrent(
    'a repeated update with the submission id of an input in progress gets the result of that input',
    async () => {
      const scene = await at('awaitingCredentials');
      const release = hold('PUT', scene.key);
      const wrong = await keyInput(stage, scene, 's', 'wrong');

      await scene.signals('credentialInput', wrong);
      await scene.reaches('applyingCredentials');
      const answer = updates<View>(scene, 'submitCredentials', wrong);
      await eventually(
        () => accepted(scene),
        (count) => count === 1,
      );
      release();

      expect(await answer).toMatchObject({ state: 'awaitingCredentials', problem: { code: 'refused' } });
      expect(puts(scene)).toBe(1);
    },
  );
});

describe('updates in working states', () => {
  /** Sends an update, waits until the flow has accepted the update, then releases the held request to Cyclr. */
  async function keeps(scene: Scene, send: () => Promise<View>, release: () => void): Promise<View> {
    const before = await accepted(scene);
    const answer = send();
    await eventually(
      () => accepted(scene),
      (count) => count > before,
    );
    release();
    return answer;
  }

  test.concurrent(
    'an update in a working state waits for the end of the read of the connector, and is then applied',
    async () => {
      const on = stage.install('Brightdesk');
      const release = hold('GET', on);
      const scene = await stage.scene(on);
      stage.record('early-update', scene.handle);

      const view = await keeps(scene, () => scene.gives(key), release);

      expect(view).toMatchObject({ state: 'authenticated' });
      expect(await eventsOf(scene)).toEqual(['connectorFetched', 'credentialsSubmitted', 'credentialsApplied']);
    },
  );

  test.concurrent(
    'an update in a working state waits for the end of applyProperties, and is then applied',
    async () => {
      const scene = await at('awaitingProperties');
      const release = hold('POST', scene.key);
      await scene.signals('propertyInput', { submissionId: 'p', values: { Domain: 'acme' } });
      await scene.reaches('applyingProperties');

      const view = await keeps(scene, () => scene.gives(key), release);

      expect(view).toMatchObject({ state: 'authenticated' });
    },
  );

  test.concurrent('an update in a working state waits for the end of a verification, and is then applied', async () => {
    const scene = await consentScene(stage);
    const older = await scene.asks();
    await scene.asks();
    const release = hold('GET', scene.key);
    await scene.returns(older);
    await scene.reaches('verifyingAuthorization');

    const view = await keeps(scene, () => scene.gives({ kind: 'tokens', accessToken: 'at-1' }), release);

    expect(view).toMatchObject({ state: 'authenticated' });
    expect(scene.cyclr().AuthValue).toBe('{"AccessToken":"at-1"}');
  });

  test.concurrent(
    'an update in a working state is refused as notNow if the next state waits for another input',
    async () => {
      const on = stage.install('Fernhill');
      const release = hold('GET', on);
      const scene = await stage.scene(on);

      const view = await keeps(scene, () => scene.gives(key, 's'), release);

      expect(view).toMatchObject({ state: 'awaitingProperties', problem: { code: 'notNow' } });
      expect((await scene.timeline()).at(-1)).toMatchObject({ event: 'inputRefused', id: 's', note: 'notNow' });
    },
  );

  test.concurrent('an update in a working state gets the cancelled view if a cancellation ends the flow', async () => {
    const scene = await at('awaitingCredentials');
    const release = hold('PUT', scene.key);
    await scene.signals('credentialInput', await keyInput(stage, scene, 's', 'wrong'));
    await scene.reaches('applyingCredentials');

    const view = await keeps(
      scene,
      () => scene.gives(key),
      () => void scene.signals('cancel').then(release),
    );

    expect(view).toMatchObject({ state: 'cancelled' });
    expect(puts(scene)).toBe(1);
  });
});

describe('number of history events', () => {
  /**
   * The number of history events without the events of workflow tasks, because a slow server makes more workflow tasks.
   */
  async function eventsAfter(scene: Scene, send: () => Promise<unknown>): Promise<number> {
    await send();
    await stage.auth.result(scene.key);
    return (await scene.history()).filter((event) => !kindOf(event).startsWith('workflowTask')).length;
  }

  test.concurrent(
    'an update with credentials adds at most three history events more than a signal with credentials',
    async () => {
      const [one, other] = [await at('awaitingCredentials'), await at('awaitingCredentials')];
      const input = await keyInput(stage, one);

      const bySignal = await eventsAfter(one, () => one.signals('credentialInput', input));
      const byUpdate = await eventsAfter(other, () => other.gives(key));

      expect(byUpdate - bySignal).toBeLessThanOrEqual(3);
    },
  );

  test.concurrent(
    'an update with a confirmation adds at most three history events more than a signal with a return',
    async () => {
      const [one, other] = [await consentScene(stage), await consentScene(stage)];
      const links = [await one.asks(), await other.asks()] as const;
      await one.decides(links[0], 'approve');
      await other.decides(links[1], 'approve');

      const bySignal = await eventsAfter(one, () => one.returns(links[0]));
      const byUpdate = await eventsAfter(other, () => other.confirms(links[1]));

      expect(byUpdate - bySignal).toBeLessThanOrEqual(3);
    },
  );
});

/**
 * A workflow task that the old worker had polled begins again only after 30 s. During these 30 s, a caller can get
 * `noWorker`.
 */
describe('without a worker', () => {
  test('an update that is sent while no worker runs is answered after a worker has started', async () => {
    const scene = await at('awaitingCredentials');
    await stage.stopWorker();

    const answer = sendUntilAnswered(() => scene.gives(key, 'one'));
    await stage.restartWorker();

    expect(await answer).toMatchObject({ state: 'authenticated' });
  });

  test('an update that the flow accepted before its worker stopped is answered by the next worker', async () => {
    const scene = await at('awaitingCredentials');
    const release = hold('PUT', scene.key);

    const answer = sendUntilAnswered(() => scene.gives(key, 'one'));
    await scene.reaches('applyingCredentials');
    const restarted = stage.restartWorker();
    release();
    await restarted;

    expect(await answer).toMatchObject({ state: 'authenticated' });
  });
});
